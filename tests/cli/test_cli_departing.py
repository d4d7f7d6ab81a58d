"""Hand-over and close-out at the command line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.cli.cli_lab import Answer, aidstation, made, running

WORDS = "correct horse battery"


def typed(home: Path, monkeypatch: pytest.MonkeyPatch, words: str, secret: str = "") -> Answer:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{secret}\n"))
    return aidstation(home, *words.split())


def test_a_hand_over_ends_sessions_and_pin_and_is_written_in_the_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = made(tmp_path / "one")
    assert typed(home, monkeypatch, "account add ada --role admin", WORDS).code == 0
    (tmp_path / "pin").write_text("582914\n")
    pin = ("--pin-file", str(tmp_path / "pin"))
    with running(home):
        assert aidstation(home, "vault", "pin", *pin).code == 0
        assert typed(home, monkeypatch, "sign-in ada", WORDS).code == 0
        assert aidstation(home, "who", "--json").result["role"] == "admin"
        token = (home / "session").read_bytes()
        answer = aidstation(home, "handover", "--to", "SGT Cole", "--by", "SGT Ruiz", "--json")
        assert answer.code == 0, answer.err
        assert not answer.result["custody"]["safe_to_wipe"]
        (home / "session").write_bytes(token)  # whoever kept a copy of it
        assert aidstation(home, "who", "--json").result["role"] == "owner"
        assert aidstation(home, "lock").code == 0
        refused = aidstation(home, "unlock", "--pin", "--passphrase-file", str(tmp_path / "pin"))
        assert "No PIN is set" in refused.err
        assert aidstation(home, "unlock").code == 0
        assert typed(home, monkeypatch, "sign-in ada", WORDS).code == 0
        unit = aidstation(home, "show", answer.result["unit"]).out
        assert "handed over by SGT Ruiz to SGT Cole" in unit
        rows = aidstation(home, "audit", "list", "--json").result["rows"]
        assert "device handed over" in {row["purpose"] for row in rows}


def test_a_hand_over_without_a_node_that_runs_or_a_theatre_is_done_all_the_same(
    tmp_path: Path,
) -> None:
    home = made(tmp_path / "one")
    answer = aidstation(home, "handover", "--to", "SGT Cole", "--by", "SGT Ruiz")
    assert answer.code == 0
    assert "No garrison is known here" in answer.out


def test_close_out_lists_a_casualty_once_with_all_that_is_left_and_destroys_nothing(
    tmp_path: Path,
) -> None:
    home = made(tmp_path / "one")
    words = ("name", "--new", "person", "family=Okafor", "--by", "Ruiz", "--json")
    person = aidstation(home, "record", *words).result["document"]
    episode = aidstation(home, "record", "note", "--new", "episode", "text=x", "--json").result
    link = ("link", episode["document"], f"document={person}", "relation=casualty")
    assert aidstation(home, "record", *link, "--by", "Ruiz").code == 0
    answer = aidstation(home, "close-out", "--zeroize", "--yes", "--json")
    assert answer.code == 3
    (casualty,) = answer.result["casualties"]
    assert casualty["label"] == "Okafor"
    assert sorted(casualty["documents"]) == sorted([person, episode["document"]])
    assert casualty["changes"] == 3
    assert "enrol request" in answer.result["next_step"]
    assert (home / "node.key").exists()
    assert "Okafor: 3 changes in 2 documents" in aidstation(home, "close-out").out
