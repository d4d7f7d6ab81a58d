"""A device joins a theatre by file, text and code; what is wrong is told and changes nothing."""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import replace
from pathlib import Path

import pytest

from node import authority_key
from node.authority import Authority, Decision
from node.errors import EXIT_DEGRADED, EXIT_LOCKED, EXIT_USAGE
from node.home import find_home
from sync.trust import authority
from sync.trust.authority import Head, Time
from sync.trust.certificate import DeviceRole
from sync.trust.enrolment import approval_bytes, read_request
from tests.cli.cli_lab import aidstation, running
from tests.cli.enrol_lab import PASSPHRASE, Theatre, membership, ok, typing

CODE = re.compile(r"Check code ([0-9A-Z]{3}-[0-9A-Z]{3})")


@pytest.fixture(name="theatre")
def _theatre(tmp_path: Path) -> Theatre:
    return Theatre(tmp_path)


@pytest.fixture(name="asked", scope="module")
def _asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Theatre, str]:
    """A theatre in which nothing changes, and a request that names no scopes."""
    found = Theatre(tmp_path_factory.mktemp("theatre"))
    return found, found.request(found.device("bas-1"))


@pytest.mark.parametrize("runs", [False, True], ids=["alone", "running"])
def test_a_device_joins_by_file_and_both_sides_show_the_same_codes(
    theatre: Theatre, runs: bool
) -> None:
    home = theatre.device("bas-1")
    request, approval = str(theatre.root / "q"), str(theatre.root / "a")
    asked = ok(aidstation(home, "enrol", "request", "--scope", "BAS-1", "--out", request))
    shown = ok(aidstation(theatre.home, "enrol", "show", request, "--json")).result
    assert CODE.findall(asked.err) == [shown["check_code"]]
    assert (shown["name"], shown["role"], shown["scopes"]) == ("bas-1", "field", ["BAS-1"])
    approved = ok(theatre.tries("enrol", "approve", request, "--yes", "--out", approval))
    assert CODE.findall(approved.err)[0] == shown["check_code"]

    def joins() -> None:
        for _ in range(2):  # once more changes nothing
            joined = ok(aidstation(home, "enrol", "import", approval, "--yes"))
            assert CODE.findall(joined.err) == CODE.findall(approved.err)[1:]
        here = membership(home)
        assert (here["standing"], here["log"]) == ("enrolled", 2)
        assert {one["name"]: one["scopes"] for one in here["devices"]} == {
            "role3": None,
            "bas-1": ["BAS-1"],
        }
        assert "bas-1" in ok(aidstation(home, "enrol", "list")).out

    if runs:
        with running(home):
            joins()
    joins()
    granted = ok(aidstation(home, "enrol", "show", approval, "--json")).result
    assert granted["check_code"] == CODE.findall(approved.err)[1]


def test_a_device_joins_by_text_without_the_log(theatre: Theatre) -> None:
    home, paste = theatre.device("bas-1"), theatre.root / "paste"
    paste.write_text(ok(aidstation(home, "enrol", "request", "--scope", "BAS-1")).out)
    answer = theatre.signed("enrol", "approve", str(paste), "--yes", "--expires", "30d")
    paste.write_text(answer["text"].lower())
    ok(aidstation(home, "enrol", "import", str(paste), "--yes"))
    here = membership(home)
    assert (here["standing"], here["log"]) == ("enrolled", 0)  # the log comes at first contact
    assert [one["name"] for one in here["devices"]] == [""]
    days = (here["devices"][0]["expires_ms"] - here["devices"][0]["issued_ms"]) / 86_400_000
    assert days == 30


def test_a_request_and_an_approval_are_shown_as_codes_for_a_camera(theatre: Theatre) -> None:
    home = theatre.device("bas-1")
    shown = ok(aidstation(home, "enrol", "request", "--scope", "BAS-1", "--qr")).out
    assert "\N{FULL BLOCK}" in shown
    request = theatre.request(home, "--scope", "BAS-1")
    lines = ok(theatre.tries("enrol", "approve", request, "--yes", "--qr")).out.splitlines()
    assert len(set(map(len, lines))) == 1
    assert len(lines[0]) <= 2 * len(lines) <= 140


def test_the_question_about_the_check_code_must_be_answered(theatre: Theatre) -> None:
    home = theatre.device("bas-1")
    request = theatre.request(home, "--scope", "BAS-1")
    words = "enrol", "approve", request, "--authority-passphrase-file", theatre.passphrase
    for text in ("n\n", ""):
        refused = typing(text, theatre.home, *words)
        assert refused.code == EXIT_USAGE
        assert "Nothing was changed" in refused.err
    assert len(theatre.log()) == 1
    agreed = typing("y\n", theatre.home, *words, "--out", f"{request}.approval")
    assert ok(agreed).out.startswith("Written")
    assert typing("n\n", home, "enrol", "import", f"{request}.approval").code == EXIT_USAGE
    assert membership(home)["theatre"] == ""
    pasted = typing("AIDSTATION", theatre.home, "enrol", "approve", "-")
    assert pasted.code == EXIT_USAGE


# What is wrong ------------------------------------------------------------------------------------


def test_what_does_not_belong_is_told_and_changes_nothing(theatre: Theatre) -> None:
    home, other = theatre.device("bas-1"), theatre.device("bas-2")
    request = theatre.request(home, "--scope", "BAS-1")
    good = Path(theatre.approval(request))
    foreign = Path(theatre.approval(theatre.request(other, "--scope", "BAS-2")))
    cut, odd = theatre.root / "cut", theatre.root / "odd"
    cut.write_bytes(good.read_bytes()[:-300])
    odd.write_bytes(b"holiday.jpg")
    for file, words in (
        (cut, "copy it again"),
        (foreign, "for another device"),
        (odd, "no enrolment request or approval"),
        (Path(request), "an enrolment request, not an enrolment approval"),
        (theatre.root / "missing", "cannot be read"),
    ):
        refused = aidstation(home, "enrol", "import", str(file), "--yes")
        assert refused.code == EXIT_USAGE, refused.err
        assert words in refused.err
        assert "Nothing was changed" in refused.err
        assert "next:" in refused.err
        assert "config check" not in refused.err  # nothing here is about the configuration
        assert membership(home)["theatre"] == ""
    for file in (home / "requests").iterdir():
        file.unlink()
    forgotten = aidstation(home, "enrol", "import", str(good), "--yes")
    assert "answers no request" in forgotten.err
    assert membership(home)["theatre"] == ""


def test_an_approval_from_another_theatre_is_refused(theatre: Theatre, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    elsewhere = Theatre(tmp_path / "elsewhere", "role9")
    home = theatre.admit("bas-1")
    foreign = elsewhere.approval(theatre.request(home, "--scope", "BAS-1"))
    refused = aidstation(home, "enrol", "import", foreign, "--yes", "--json")
    assert (refused.code, refused.error["code"]) == (EXIT_USAGE, "other-theatre")
    assert membership(home)["theatre"] == membership(theatre.home)["theatre"]


def test_a_wrong_passphrase_signs_nothing(theatre: Theatre) -> None:
    request = theatre.request(theatre.device("bas-1"), "--scope", "BAS-1")
    theatre.passphrase = theatre.secret("wrong", "correct horse batterY")
    for words in (
        ("enrol", "approve", request, "--yes"),
        ("garrison", "stamp"),
        ("garrison", "passphrase"),
    ):
        refused = theatre.tries(*words)
        assert refused.code == EXIT_LOCKED
        assert "Nothing was changed" in refused.err
    assert len(theatre.log()) == 1


def test_only_the_authoritys_machine_signs(theatre: Theatre) -> None:
    home = theatre.admit("bas-1")
    refused = aidstation(
        home, "garrison", "stamp", "--authority-passphrase-file", theatre.passphrase
    )
    assert refused.code == EXIT_USAGE
    assert "The authority's key is not on this machine" in refused.err


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ((), "Give --scope CODE, or --everything"),
        (("--everything", "--scope", "A"), "exclude one another"),
        (("--scope", "A", "--name", "ROLE3"), "called 'role3' already"),
        (("--scope", "A", "--role", "boss"), "field or garrison"),
        (("--scope", "A", "--expires", "soon"), "an age as"),
        (("--scope", "A", "--expires", "600w"), "up to ten years"),
        (("--scope", "A" * 61), "1 to 60 letters"),
    ],
)
def test_terms_that_cannot_be_are_refused(
    asked: tuple[Theatre, str], words: tuple[str, ...], cause: str
) -> None:
    theatre, request = asked
    refused = theatre.tries("enrol", "approve", request, "--yes", *words)
    assert refused.code == EXIT_USAGE, refused.err
    assert cause in refused.err
    assert len(theatre.log()) == 1


# Afterwards ---------------------------------------------------------------------------------------


def test_a_device_is_renewed_granted_revoked_and_judged(theatre: Theatre) -> None:
    home = theatre.admit("bas-1")
    node = membership(home)["node"]
    renewed = theatre.signed("enrol", "renew", "bas-1", "--expires", "10d")
    assert (renewed["number"], renewed["scopes"]) == (3, ["BAS-1"])
    assert renewed["expires_ms"] - renewed["issued_ms"] == 10 * 86_400_000
    granted = theatre.signed("enrol", "grant", node[:6], "--scope", "ROLE2", "--scope", "BAS-1")
    assert granted["scopes"] == ["ROLE2", "BAS-1"]
    assert granted["expires_ms"] - granted["issued_ms"] == 10 * 86_400_000
    wide = theatre.signed("enrol", "grant", "bas-1", "--everything", "--role", "garrison")
    assert (wide["scopes"], wide["role"]) == (None, "garrison")
    refused = theatre.tries("release", "bas-1", "--yes")
    assert "not revoked" in refused.err
    theatre.signed("revoke", "bas-1", "--reason", "left in a taxi", "--yes")
    assert "revoked already" in theatre.tries("revoke", "bas-1", "--reason", "x", "--yes").err
    assert "wrote and no garrison had is shown" in theatre.tries("release", "bas-1", "--yes").out
    theatre.signed("condemn", "bas-1", "--yes")
    theatre.signed("garrison", "stamp")
    acts = ["enrol", "enrol", "enrol", "enrol", "enrol", "revoke", "release", "condemn", "time"]
    assert [one["act"] for one in theatre.log()] == acts
    for words in (("renew", "bas-1"), ("grant", "bas-1", "--scope", "A")):
        assert "needs a new key" in theatre.tries("enrol", *words).err
    rows = {one["name"]: one for one in membership(theatre.home)["devices"]}
    assert (rows["bas-1"]["standing"], rows["bas-1"]["reason"]) == ("revoked", "left in a taxi")
    again = theatre.tries("enrol", "approve", theatre.request(home, "--scope", "A"), "--yes")
    assert "make a new node" in again.err


def test_a_revocation_is_asked_about_and_never_of_the_authoritys_own_node(theatre: Theatre) -> None:
    theatre.admit("bas-1")
    words = "revoke", "bas-1", "--reason", "lost", "--authority-passphrase-file", theatre.passphrase
    assert "Not confirmed" in typing("n\n", theatre.home, *words).err
    assert "authority's own" in theatre.tries("revoke", "role3", "--reason", "x", "--yes").err
    assert "called 'nobody'" in theatre.tries("revoke", "nobody", "--reason", "x", "--yes").err
    assert (
        "lost-after" in theatre.tries("revoke", "bas-1", "--reason", "x", "--lost-after", "x").err
    )
    assert len(theatre.log()) == 2


@pytest.mark.parametrize("word", ["release", "condemn"])
def test_a_judgement_of_what_a_revoked_device_wrote_is_asked_about(
    theatre: Theatre, word: str
) -> None:
    theatre.admit("bas-1")
    theatre.signed("revoke", "bas-1", "--reason", "lost", "--yes")
    words = word, "bas-1", "--authority-passphrase-file", theatre.passphrase
    refused = typing("n\n", theatre.home, *words)
    assert "Not confirmed" in refused.err
    assert "bas-1" in refused.err
    assert theatre.log()[-1]["act"] == "revoke"
    ok(typing("y\n", theatre.home, *words))
    assert theatre.log()[-1]["act"] == word


def test_a_running_garrison_takes_what_a_command_signs(theatre: Theatre) -> None:
    with running(theatre.home):
        home = theatre.admit("bas-1")
        assert membership(theatre.home)["log"] == 2
        theatre.signed("garrison", "stamp")
        assert membership(theatre.home)["log"] == 3
    assert membership(theatre.home)["log"] == 3
    assert membership(home)["log"] == 2


def test_a_renewed_certificate_travels_in_the_log_and_is_adopted(theatre: Theatre) -> None:
    home = theatre.admit("bas-1")
    with running(theatre.home):
        at = json.loads((theatre.home / "running.json").read_text())["sync"]
        with (home / "config.toml").open("a") as file:
            node = membership(theatre.home)["node"]
            file.write(f'\n[[peers]]\nname = "role3"\nnode = "{node}"\naddress = "{at}"\n')
        theatre.signed("enrol", "renew", "bas-1", "--expires", "50d")
        with running(home):
            ok(aidstation(home, "sync", "role3"))  # the log is first in every session
            own = membership(home)
    (row,) = (one for one in own["devices"] if one["name"] == "bas-1")
    assert (own["log"], row["number"]) == (3, 3)
    assert own["expires_ms"] == row["issued_ms"] + 50 * 86_400_000


def test_an_expired_device_says_so_and_records_on(theatre: Theatre) -> None:
    """The authority's time has passed its end; that comes with the log, here in an approval."""
    home = theatre.device("bas-1")
    request = theatre.request(home, "--scope", "BAS-1")
    closed = authority_key.read(find_home(theatre.home)).open(PASSPHRASE.encode())
    asked, now_ms = read_request(Path(request).read_bytes()), int(time.time() * 1000)
    entries = [authority.to_bytes(authority.next_entry(closed.root, Head(), Time(), now_ms))]
    working = Authority(closed, entries, now_ms, secrets.token_bytes)
    decided = Decision("bas-1", DeviceRole.FIELD, ("BAS-1",), 1000)
    approval = working.approve(asked, decided)
    later = authority.next_entry(closed.root, working.theatre.head, Time(), now_ms + 5000)
    log = (*entries, *working.signed, authority.to_bytes(later))
    file = theatre.root / "late"
    file.write_bytes(approval_bytes(replace(approval, entries=log)))
    ok(aidstation(home, "enrol", "import", str(file), "--yes"))
    status = aidstation(home, "status")
    assert status.code == EXIT_DEGRADED
    assert "Stopped: certificate expired" in status.out
    assert "enrol renew" in status.out
    (check,) = (
        one
        for one in json.loads(aidstation(home, "doctor", "--json").out)["result"]["checks"]
        if one["name"] == "enrolment"
    )
    assert check["verdict"] == "fail"
    assert "receives nothing new" in check["cause"]
    ok(aidstation(home, "casualty", "--wristband", "W-1", "--by", "Ruiz"))
