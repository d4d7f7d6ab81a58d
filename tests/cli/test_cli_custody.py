"""`aidstation custody`: safe to wipe or not and why, who holds one record, exit codes."""

from __future__ import annotations

from pathlib import Path

from node.demo.founding import Member, found
from node.errors import EXIT_DEGRADED
from node.home import find_home
from tests.cli.cli_lab import Answer, aidstation, made, running
from tests.cli.test_cli_sync import address_of, introduce

WORDS = ("triage", "--new", "episode", "category=immediate", "--by", "Ruiz", "--json")


def _garrison(home: Path) -> Path:
    made(home, "role3")
    config = home / "config.toml"
    config.write_text(config.read_text().replace('role = "field"', 'role = "garrison"'))
    return home


def _opened(home: Path) -> Answer:
    """What it says once everything is opened, receipted and audit rows are up, for equality is proved
    before the receipt is here: until then it is in doubt, and says so."""
    for _ in range(1000):
        answer = aidstation(home, "custody", "--json")
        if not answer.result["reasons"]:
            break
    return answer


def test_a_node_alone_is_never_safe_to_wipe_and_says_why(tmp_path: Path) -> None:
    home = made(tmp_path / "alpha")
    saved = aidstation(home, "record", *WORDS).result
    answer = aidstation(home, "custody")
    assert answer.code == EXIT_DEGRADED
    assert "Safe to wipe: no" in answer.out
    assert "No garrison is known here" in answer.out
    assert "1 change in 1 document known to be at no garrison" in answer.out
    record = aidstation(home, "custody", saved["document"])
    assert record.code == EXIT_DEGRADED
    assert "Nobody else is known to hold any of it." in record.out


def test_a_garrison_s_receipt_makes_it_safe_and_a_new_statement_unsafe_again(
    tmp_path: Path,
) -> None:
    alpha, garrison = made(tmp_path / "alpha", "alpha"), _garrison(tmp_path / "role3")
    found((Member("alpha", find_home(alpha)), Member("role3", find_home(garrison))))
    with running(garrison):
        introduce(alpha, garrison, "role3", address_of(garrison))
        saved = aidstation(alpha, "record", *WORDS).result
        with running(alpha):
            assert aidstation(alpha, "sync", "role3", "--timeout", "60").code == 0
            answer = _opened(alpha)
            assert answer.result["safe_to_wipe"], answer.out
            assert answer.code == 0
            assert "At garrison as of" in aidstation(alpha, "status").out
            held = aidstation(alpha, "custody", saved["document"])
            assert held.code == 0
            assert "Also on garrison role3: 1 of 1, told directly" in held.out
        own = aidstation(garrison, "custody")
        assert own.code == EXIT_DEGRADED
        for said in (
            "This is a garrison",
            "No other garrison is known here",
            "Last backup: none yet",
        ):
            assert said in own.out
        ended = aidstation(garrison, "close-out", "--zeroize", "--yes")
        assert (ended.code, (garrison / "node.key").exists()) == (EXIT_DEGRADED, True)
        assert "aidstation backup FILE" in ended.out
        aidstation(alpha, "record", *WORDS)
        answer = aidstation(alpha, "custody", "--json")
        assert answer.code == EXIT_DEGRADED
        assert answer.result["documents"] == 1
