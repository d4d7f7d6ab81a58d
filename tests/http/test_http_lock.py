"""A locked node at its API: every route but a listed few is refused, and only secrets open it again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.engine import Engine
from node.errors import Locked, TryLater, WrongSecret
from node.home import Home, find_home, init, read_running, read_token
from node.http.guards import OPEN
from node.http.lock import NO_USE, WHILE_LOCKED, LockRoutes
from node.locker import Locker
from node.remote_desk import RemoteDesk
from node.unlocking import by_key_file, by_passphrase, fresh_vault
from tests.cli.cli_lab import SCRIPT, environment, made
from tests.http.http_lab import Ends, Lab, application, engine, lab

WORDS, PIN = "correct horse battery", "4711"
MINUTE_MS = 60_000
CALL_S_MAX = 60
DOCUMENT = "episode-" + "a" * 24
READS = {"/api/find", "/api/documents", "/api/findings"}


class Clock:
    """Stands still until it is set."""

    ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def guarded(tmp_path: Path, clock: Clock, ends: Ends) -> Iterator[Lab]:
    home = find_home(tmp_path)
    fresh = fresh_vault([by_passphrase(WORDS.encode(), 2), by_key_file(home, None)])
    init(home, None, fresh)

    def lock(own: Engine) -> LockRoutes:
        locker = Locker(own.store, home, fresh.data, clock, 15 * MINUTE_MS, own.audit)
        locker.set_pin(PIN, 2)
        return LockRoutes(locker, ends)

    with lab(lock=lock) as found:
        yield found


def routes() -> list[tuple[str, str]]:
    """Method and path of every route."""
    with engine() as own:
        from node.app import now_ms
        from node.http.app import Readiness
        from node.local_desk import LocalDesk

        locker = Locker(own.store, find_home(Path("/nowhere/at/all")), None, now_ms)
        app = application(LocalDesk(own, "a", "field"), Readiness(True), LockRoutes(locker, Ends()))
        return sorted(
            (route.method, route.resource.canonical)
            for route in app.router.routes()
            if route.resource and route.method != "HEAD"
        )


def test_every_route_is_refused_while_locked_unless_it_is_listed(guarded: Lab) -> None:
    guarded.remote.lock()
    asked = set()
    for method, path in routes():
        if path in WHILE_LOCKED:
            continue
        place = path.replace("{document}", DOCUMENT).replace("{finding}", "ab")
        answer = guarded.allowed(method, place.replace("{slot}", "vitals"), {})
        assert (answer.status, answer.body["error"]["code"]) == (423, "locked"), path
        asked.add(path)
    assert len(asked) >= 18
    assert asked >= READS
    unknown = guarded.allowed("GET", "/api/no-such-route")
    assert unknown.status == 423


def test_what_answers_while_locked_is_this_and_names_no_record(guarded: Lab) -> None:
    listed = {path for _, path in routes()}
    assert listed >= WHILE_LOCKED
    assert listed >= NO_USE
    assert {
        *("/api/status", "/api/lock", "/api/unlock", "/api/lock-pin", "/api/zeroize"),
        "/api/silence",
    } == WHILE_LOCKED - OPEN
    guarded.remote.lock()
    assert guarded.remote.status()["documents"] == 0


def test_a_locked_route_asks_for_the_token_first(guarded: Lab) -> None:
    guarded.remote.lock()
    for path in ("/api/unlock", "/api/zeroize", "/api/find"):
        answer = guarded.ask("POST", path, {}, Content_Type="application/json")
        assert answer.status == 401, path


def test_only_the_right_secret_unlocks(guarded: Lab) -> None:
    guarded.remote.lock()
    for way, secret in (("passphrase", "not this one"), ("pin", "0815"), ("key", "00" * 32)):
        with pytest.raises(WrongSecret):
            guarded.remote.unlock(way, secret)
        with pytest.raises(Locked):
            guarded.remote.find("")
    assert guarded.remote.unlock("pin", PIN) == {"was": "locked"}
    assert guarded.remote.find("") == []


def test_guessing_is_delayed(guarded: Lab, clock: Clock) -> None:
    guarded.remote.lock()
    for _ in range(3):
        with pytest.raises(WrongSecret):
            guarded.remote.unlock("pin", "0815")
    with pytest.raises(TryLater, match="30 s"):
        guarded.remote.unlock("pin", PIN)
    clock.ms += 30_000
    guarded.remote.unlock("pin", PIN)


def test_looking_at_the_state_is_no_use_reading_records_is(guarded: Lab, clock: Clock) -> None:
    for _ in range(3):
        clock.ms += 14 * MINUTE_MS
        guarded.remote.find("")
    clock.ms += 14 * MINUTE_MS
    guarded.remote.status()
    guarded.remote.peers()
    clock.ms += MINUTE_MS
    with pytest.raises(Locked):
        guarded.remote.find("")
    guarded.remote.status()


def test_a_pin_is_set_by_whoever_knows_the_passphrase(guarded: Lab) -> None:
    with pytest.raises(WrongSecret):
        guarded.remote.set_lock_pin("9028", "passphrase", "not this one")
    guarded.remote.set_lock_pin("9028", "passphrase", WORDS)
    guarded.remote.lock()
    guarded.remote.unlock("pin", "9028")


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"way": "pin"}, {"way": 1, "secret": "x"}, {"way": "pin", "secret": "1" * 9999}],
)
def test_a_body_that_is_none_is_refused_and_not_quoted(guarded: Lab, body: Any) -> None:
    guarded.remote.lock()
    answer = guarded.allowed("POST", "/api/unlock", body)
    assert answer.status == 400
    assert "1111" not in str(answer.body)
    with pytest.raises(Locked):
        guarded.remote.find("")


def test_a_locked_node_can_be_zeroized(guarded: Lab, ends: Ends) -> None:
    guarded.remote.lock()
    assert guarded.allowed("POST", "/api/zeroize", {}).status == 200
    assert ends.destroyed == 1


def noted(found: Lab) -> list[tuple[str, str, str]]:
    """Action, purpose and outcome of each row about the lock."""
    rows = found.local.audit_rows()
    kinds = {"lock", "unlock", "settings", "zeroize"}
    return [
        (row["action"], row["purpose"], row["outcome"]) for row in rows if row["action"] in kinds
    ]


def test_what_the_lock_does_is_noted(guarded: Lab, clock: Clock) -> None:
    guarded.remote.lock()
    with pytest.raises(WrongSecret):
        guarded.remote.unlock("pin", "4712")
    guarded.remote.unlock("pin", PIN)
    clock.ms += 15 * MINUTE_MS
    with pytest.raises(Locked):
        guarded.remote.find("")
    assert guarded.allowed("POST", "/api/zeroize", {}).status == 200
    assert noted(guarded) == [
        ("settings", "PIN of the lock", "ok"),
        ("lock", "", "ok"),
        ("unlock", "", "wrong-secret"),
        ("unlock", "pin", "ok"),
        ("lock", "idle", "ok"),
        ("zeroize", "", "ok"),
    ]


def test_a_real_node_ends_itself_and_leaves_nothing(tmp_path: Path) -> None:
    root = made(tmp_path / "home")
    home: Home = find_home(root)
    with subprocess.Popen(
        [*SCRIPT, "--home", str(root), "run"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(root),
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"Running as process")
        running = read_running(home)
        assert running is not None
        RemoteDesk(running.api, read_token(running)).zeroize()
        assert process.wait(CALL_S_MAX) == 0
        process.stderr.read()
    assert list(root.rglob("*")) == []
