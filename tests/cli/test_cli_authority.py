"""The authority's key and log: founded, kept in escrow, moved, cut off, restored, forked."""

from __future__ import annotations

import io
import json
import secrets
from pathlib import Path

import pytest

from node import authority_key, founding, signing
from node.authority import CLOCK_LEAP_MS, Authority
from node.errors import EXIT_INTEGRITY, EXIT_LOCKED, EXIT_USAGE
from node.home import find_home
from sync.trust import authority
from sync.trust.authority import Head, Time
from tests.cli.cli_lab import Answer, aidstation
from tests.cli.enrol_lab import PASSPHRASE, Theatre, membership, ok

NOW_MS = 1_800_000_000_000


@pytest.fixture(name="theatre")
def _theatre(tmp_path: Path) -> Theatre:
    return Theatre(tmp_path)


def head(theatre: Theatre) -> Head:
    entries = theatre.log()
    return Head(entries[-1]["number"], bytes.fromhex(entries[-1]["link"]), entries[-1]["at_ms"])


def test_a_theatre_begins_with_its_garrison(theatre: Theatre) -> None:
    here = membership(theatre.home)
    (own,) = here["devices"]
    assert (own["node"], own["role"], own["scopes"], own["number"]) == (
        here["node"],
        "garrison",
        None,
        1,
    )
    assert here["standing"] == "enrolled"
    key = theatre.home / "authority.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert json.loads(key.read_text())["iterations"] >= 600_000
    again = theatre.tries("garrison", "init")
    assert again.code == EXIT_USAGE
    assert "in a theatre already" in again.err


def test_a_field_node_founds_no_theatre(theatre: Theatre) -> None:
    home = theatre.device("bas-1")
    refused = aidstation(
        home, "garrison", "init", "--authority-passphrase-file", theatre.passphrase
    )
    assert refused.code == EXIT_USAGE
    assert 'role = "garrison"' in refused.err
    assert not (home / "authority.key").exists()


def test_a_short_passphrase_founds_nothing(theatre: Theatre) -> None:
    home = theatre.device("role4", "garrison")
    short = theatre.secret("short", "letmein")
    refused = aidstation(home, "garrison", "init", "--authority-passphrase-file", short)
    assert refused.code == EXIT_USAGE
    assert not (home / "authority.key").exists()
    assert membership(home)["theatre"] == ""


def test_an_interrupted_founding_is_completed_with_the_same_key(theatre: Theatre) -> None:
    home = theatre.device("role4", "garrison")
    made = founding.make_key(find_home(home), "Other", PASSPHRASE.encode(), NOW_MS)
    wrong = theatre.secret("wrong", "another passphrase")
    assert (
        aidstation(home, "garrison", "init", "--authority-passphrase-file", wrong).code
        == EXIT_LOCKED
    )
    ok(aidstation(home, "garrison", "init", "--authority-passphrase-file", theatre.passphrase))
    assert membership(home)["root"] == made.certificate.hex()


def test_an_account_made_at_a_garrison_says_of_which_unit(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(home: Path, *words: str) -> Answer:
        monkeypatch.setattr("sys.stdin", io.StringIO("a passphrase of ada\n"))
        return aidstation(home, "account", "add", "ada", "--role", "admin", *words)

    refused = add(theatre.home)
    assert (refused.code, "--scope CODE" in refused.err) == (EXIT_USAGE, True)
    assert ok(aidstation(theatre.home, "account", "list", "--json")).result == []
    assert "Saved here: ada in BAS-1" in ok(add(theatre.home, "--scope", "BAS-1")).out
    assert "ada in BAS-2" in ok(add(theatre.admit("bas-1", "BAS-2"))).out


# Escrow -------------------------------------------------------------------------------------------


def test_the_key_in_escrow_makes_another_machine_the_authority(theatre: Theatre) -> None:
    theatre.admit("bas-1")
    escrow, log = str(theatre.root / "escrow"), str(theatre.root / "log")
    assert theatre.signed("garrison", "export-key", escrow)["verified"]
    assert (theatre.root / "escrow").read_bytes() == (theatre.home / "authority.key").read_bytes()
    ok(aidstation(theatre.home, "garrison", "log", "--out", log))
    ok(aidstation(theatre.home, "garrison", "log", "--out", log))  # the same once more
    theatre.admit("bas-2")
    refused = aidstation(theatre.home, "garrison", "log", "--out", log)
    assert (refused.code, "name another file" in refused.err) == (EXIT_USAGE, True)
    (theatre.root / "log").unlink()
    ok(aidstation(theatre.home, "garrison", "log", "--out", log))
    before, theatre.home = theatre.home, theatre.device("role4", "garrison")
    refused = theatre.tries("garrison", "import-key", escrow)
    assert "garrison log --out FILE" in refused.err
    assert not (theatre.home / "authority.key").exists()
    theatre.signed("garrison", "import-key", escrow, "--log", log)
    assert membership(theatre.home)["theatre"] == membership(before)["theatre"]
    assert "authority's key imported" in purposes(theatre.home)
    assert "authority's key exported" in purposes(before)
    assert [one["act"] for one in theatre.log()] == ["enrol"] * 4
    theatre.admit("bas-3")
    assert len(theatre.log()) == 5


def purposes(home: Path) -> set[str]:
    """What the audit log of that node says of commands."""
    found = ok(aidstation(home, "audit", "list", "--json")).result
    return {one["purpose"] for one in found["rows"]}


def test_a_key_is_never_exported_over_another_file(theatre: Theatre) -> None:
    file = theatre.root / "escrow"
    theatre.signed("garrison", "export-key", str(file))
    before = file.read_bytes()
    for content in (before, b"the key of another theatre"):
        file.write_bytes(content)
        refused = theatre.tries("garrison", "export-key", str(file))
        assert (refused.code, "name another file" in refused.err) == (EXIT_USAGE, True)
        assert file.read_bytes() == content


def test_a_changed_passphrase_opens_and_the_old_one_does_not(theatre: Theatre) -> None:
    new = theatre.secret("new", "a better passphrase")
    ok(theatre.tries("garrison", "passphrase", "--new-passphrase-file", new))
    assert theatre.tries("garrison", "stamp").code == EXIT_LOCKED
    theatre.passphrase = new
    assert "authority's key under a new passphrase" in purposes(theatre.home)
    theatre.signed("garrison", "stamp")


def test_a_damaged_key_file_is_told(theatre: Theatre) -> None:
    file = theatre.home / "authority.key"
    body = json.loads(file.read_text())
    for damage in (b"", b"{}", json.dumps({**body, "wrap": "!"}).encode(), b'{"authority-key": 1}'):
        file.write_bytes(damage)
        refused = theatre.tries("garrison", "stamp")
        assert refused.code == EXIT_USAGE
        assert "escrow" in refused.err
    for change in ({"iterations": 1}, {"theatre": "Another"}, {"salt": "00" * 16}):
        file.write_text(json.dumps(body | change))
        assert theatre.tries("garrison", "stamp").code == EXIT_LOCKED


# The log ------------------------------------------------------------------------------------------


def signed_behind(theatre: Theatre, *, ahead: int = 0) -> bytes:
    """What a command signed that was cut off before it reached the store; `ahead`: entries more."""
    closed = authority_key.read(find_home(theatre.home))
    at = head(theatre)
    for _ in range(ahead + 1):
        entry = authority.next_entry(
            closed.open(PASSPHRASE.encode()).root, at, Time(), at.at_ms + 1
        )
        at = entry.head
    data = authority.to_bytes(entry)
    signing.remember(find_home(theatre.home), [data])
    return data


def test_what_was_signed_before_a_crash_is_made_good(theatre: Theatre) -> None:
    lost = authority.from_bytes(signed_behind(theatre))
    assert len(theatre.log()) == 1
    assert theatre.signed("garrison", "stamp")["number"] == 3
    assert theatre.log()[1]["link"] == lost.link.hex()


def test_a_store_from_a_backup_signs_no_number_twice(theatre: Theatre) -> None:
    signed_behind(theatre, ahead=1)
    refused = theatre.tries("garrison", "stamp")
    assert "came back from a backup" in refused.err
    assert len(theatre.log()) == 1


def test_two_authorities_are_found_out(theatre: Theatre) -> None:
    home = theatre.admit("bas-1")
    escrow, log = str(theatre.root / "escrow"), str(theatre.root / "log")
    theatre.signed("garrison", "export-key", escrow)
    ok(aidstation(theatre.home, "garrison", "log", "--out", log))
    theatre.signed("garrison", "stamp")
    ok(
        aidstation(
            home,
            "enrol",
            "import",
            theatre.approval(theatre.request(home, "--scope", "A")),
            "--yes",
        )
    )
    theatre.home = theatre.device("role4", "garrison")
    theatre.signed("garrison", "import-key", escrow, "--log", log)
    second = theatre.approval(theatre.request(home, "--scope", "B"))
    refused = aidstation(home, "enrol", "import", second, "--yes", "--json")
    assert (refused.code, refused.error["code"]) == (EXIT_INTEGRITY, "authority-forked")
    assert "two entries" in refused.error["message"]
    assert membership(home)["log"] == 4


def test_a_log_that_is_cut_or_of_another_theatre_is_refused(
    theatre: Theatre, tmp_path: Path
) -> None:
    escrow, log = theatre.root / "escrow", theatre.root / "log"
    theatre.signed("garrison", "export-key", str(escrow))
    (tmp_path / "elsewhere").mkdir()
    foreign = tmp_path / "elsewhere" / "log"
    other = Theatre(tmp_path / "elsewhere", "role9")
    ok(aidstation(other.home, "garrison", "log", "--out", str(foreign)))
    ok(aidstation(theatre.home, "garrison", "log", "--out", str(log)))
    cut = theatre.root / "cut"
    cut.write_bytes(log.read_bytes()[:-9])
    theatre.home = theatre.device("role4", "garrison")
    for file, words in ((cut, "cut off"), (foreign, "not signed by this theatre")):
        refused = theatre.tries("garrison", "import-key", str(escrow), "--log", str(file))
        assert refused.code != 0
        assert words in refused.err
        assert not (theatre.home / "authority.key").exists()
        assert membership(theatre.home)["theatre"] == ""


def test_a_clock_that_leapt_is_doubted(theatre: Theatre) -> None:
    closed = authority_key.read(find_home(theatre.home)).open(PASSPHRASE.encode())
    first = authority.to_bytes(authority.next_entry(closed.root, Head(), Time(), NOW_MS))
    for ahead_ms, doubted in (
        (CLOCK_LEAP_MS, False),
        (CLOCK_LEAP_MS + 1, True),
        (-CLOCK_LEAP_MS, False),
    ):
        working = Authority(closed, [first], NOW_MS + ahead_ms, secrets.token_bytes)
        assert bool(working.leap_ms) is doubted
