"""A damaged, cut or lost database: `doctor` finds it, says what to do, and what it says works."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from node import doctor
from node.doctor import FAIL, INTEGRITY, Check, examine
from node.errors import EXIT_INTEGRITY
from node.home import find_home
from tests.cli.cli_lab import Answer, aidstation, made, running, store_of
from tests.cli.enrol_lab import Theatre, ok
from tests.contracts.store_samples import admit_all, document, hold, sample_lane

FLIPS = 40
FILES = ("store.db", "store.db-wal", "store.db-shm")
PHOTO = random.Random(1).randbytes(100_000)


def _filled(home: Path) -> bytes:
    """A store with records and an attachment; its one file."""
    assert aidstation(home, "enrol", "list").code == 0  # a start, so that there is a witness
    store = store_of(home)
    hold(store, *(sample_lane(seed, document(seed), 3).whole() for seed in range(40)))
    admit_all(store)
    with store.write() as transaction:
        transaction.put_blob(PHOTO)
    store.close()
    assert aidstation(home, "enrol", "list").code == 0  # it remembers how far the store came
    return (home / FILES[0]).read_bytes()


@pytest.fixture(params=["sealed", "plain"])
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    if request.param == "sealed":
        return made(tmp_path / "sealed")
    return Theatre(tmp_path).device("plain")


def _put(home: Path, content: bytes) -> None:
    for name in FILES:
        (home / name).unlink(missing_ok=True)
    (home / FILES[0]).write_bytes(content)


def _damage(answer: Answer) -> list[tuple[str, str]]:
    """Cause and cure of what is damaged."""
    checks = answer.result["checks"]
    return [
        (one["cause"], one["cure"])
        for one in checks
        if (one["name"], one["verdict"]) == (INTEGRITY, FAIL)
    ]


def _told(home: Path, said: str) -> str:
    """What the real command says of a damaged store: once, with a way out; its cure."""
    answer = aidstation(home, "doctor", "--json")
    assert answer.code == EXIT_INTEGRITY
    ((cause, cure),) = _damage(answer)
    assert said in cause
    assert "damaged-store.md" in cure
    return cure


def test_a_cut_an_overwritten_an_empty_and_a_missing_file_are_told_with_the_way_out(
    home: Path,
) -> None:
    raw = _filled(home)
    assert _damage(aidstation(home, "doctor", "--json")) == []
    for content in (raw[: len(raw) // 2], raw[:-8192], raw[:100], bytes(len(raw)), b"text" * 999):
        _put(home, content)
        _told(home, "The database is damaged")
        assert (home / FILES[0]).read_bytes() == content
    _put(home, b"")
    _told(home, "is empty")
    for name in FILES:
        (home / name).unlink(missing_ok=True)
    cure = _told(home, "is gone")
    assert "restore" in cure
    assert not (home / FILES[0]).exists()


def test_a_log_that_was_removed_is_missed(home: Path) -> None:
    _filled(home)
    store = store_of(home)  # a process that is killed leaves its log
    hold(store, *(sample_lane(seed, document(seed), 3).whole() for seed in range(100, 103)))
    kept = {name: (home / name).read_bytes() for name in FILES[:2]}
    store.close()
    assert aidstation(home, "enrol", "list").code == 0  # this machine knows of them
    _put(home, kept[FILES[0]])
    _told(home, "a log (store.db-wal) that was removed")


def _flips(raw: bytes, count: int) -> Iterator[bytes]:
    dice = random.Random("flips")
    for _ in range(count):
        flipped = bytearray(raw)
        flipped[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
        yield bytes(flipped)


def _found(home: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes, count: int) -> int:
    """How many of so many single flipped bits the doctor finds, looking at what is kept alone."""
    kept = [one for one in doctor._CHECKS if one[0] not in {"multicast", "workers", "ports"}]
    monkeypatch.setattr(doctor, "_CHECKS", tuple(kept))
    found = 0
    for content in _flips(raw, count):
        _put(home, content)
        damage = [one for one in examine(find_home(home)) if one.name == INTEGRITY]
        assert all(isinstance(one, Check) and one.cure for one in damage if one.verdict == FAIL)
        found += any(one.verdict == FAIL for one in damage)
    return found


def test_every_flipped_bit_of_an_encrypted_store_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = made(tmp_path / "sealed")
    assert _found(home, monkeypatch, _filled(home), FLIPS) == FLIPS


@pytest.mark.nightly
def test_every_flipped_bit_of_an_encrypted_store_is_found_at_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = made(tmp_path / "sealed")
    assert _found(home, monkeypatch, _filled(home), 600) == 600


def test_flipped_bits_of_records_and_attachments_in_a_plain_store_are_found_and_mended(
    tmp_path: Path,
) -> None:
    home = Theatre(tmp_path).device("plain")
    raw = _filled(home)
    places = {
        "broken-attachment": raw.index(PHOTO[:32]) + 5,
        "broken-run": raw.index(sample_lane(7, document(7), 3).written[1].raw) + 30,
    }
    for code, at in places.items():
        flipped = bytearray(raw)
        flipped[at] ^= 4
        _put(home, bytes(flipped))
        answer = aidstation(home, "doctor", "--json")
        assert answer.code == EXIT_INTEGRITY
        found = dict(_damage(answer))
        assert "aidstation db rebuild" in next(
            cure for cause, cure in found.items() if code in cause
        )
        assert aidstation(home, "db", "rebuild").code == EXIT_INTEGRITY
        assert _damage(aidstation(home, "doctor", "--json")) == []


def test_a_statement_that_was_changed_where_it_is_shown_from_is_found_and_made_anew(
    tmp_path: Path,
) -> None:
    home = Theatre(tmp_path).device("plain")
    raw = _filled(home)
    said = b'\\"pulse\\":61'  # of a lane's admitted statements, not of its signed change
    assert said in raw
    at = raw.index(said) + len(said) - 1
    _put(home, raw[:at] + b"9" + raw[at + 1 :])
    answer = aidstation(home, "doctor", "--json")
    ((cause, cure),) = _damage(answer)
    assert cause.startswith("lane-statements")
    assert "aidstation db rebuild" in cure
    assert aidstation(home, "db", "rebuild").code == 0
    assert _damage(aidstation(home, "doctor", "--json")) == []


def test_a_lost_store_is_refilled_from_a_peer_as_the_runbook_says(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path)
    home = theatre.admit("bas-1", "BAS-1")
    document_id = ok(
        aidstation(home, "record", "triage", "--new", "episode", "category=immediate", "--json")
    ).result["document"]
    with running(theatre.home):
        _know(home, theatre.home)
        with running(home):
            ok(aidstation(home, "sync", "role3"))
        _put(home, b"not a database" * 999)
        _told(home, "The database is damaged")
        for name in FILES:
            (home / name).unlink(missing_ok=True)
        # the authority's home is in use: its commands go through the running node
        approval = theatre.approval(theatre.request(home, "--scope", "BAS-1"))
        ok(aidstation(home, "enrol", "import", approval, "--yes"))
        with running(home):
            ok(aidstation(home, "sync", "role3"))
            assert document_id in aidstation(home, "find", document_id[:14], "--json").out


def _know(home: Path, other: Path) -> None:
    import json

    from tests.cli.cli_lab import node_of

    address = json.loads((other / "running.json").read_text())["sync"]
    with (home / "config.toml").open("a") as file:
        file.write(
            f'\n[[peers]]\nname = "role3"\nnode = "{node_of(other)}"\naddress = "{address}"\n'
        )


def test_a_home_that_never_had_a_store_has_lost_none(tmp_path: Path) -> None:
    home = made(tmp_path / "new")
    shutil.rmtree(home / "log", ignore_errors=True)
    assert _damage(aidstation(home, "doctor", "--json")) == []
