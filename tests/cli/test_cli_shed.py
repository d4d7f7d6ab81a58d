"""`aidstation shed` and `fetch`: what goes, what stays and why, and how it comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.config import load
from node.demo.founding import Member, found
from node.errors import EXIT_DEGRADED, EXIT_USAGE, BadConfiguration
from node.hold_policy import HoldPolicy
from node.home import find_home
from tests.cli.cli_lab import aidstation, made, running
from tests.cli.test_cli_custody import WORDS, _garrison, _opened
from tests.cli.test_cli_sync import address_of, introduce


def test_a_record_goes_stays_in_lists_and_comes_back(tmp_path: Path) -> None:
    alpha, garrison = made(tmp_path / "alpha", "alpha"), _garrison(tmp_path / "role3")
    introduce(garrison, alpha, "alpha")
    found((Member("alpha", find_home(alpha)), Member("role3", find_home(garrison))))
    saved = aidstation(alpha, "record", *WORDS).result["document"]
    with running(garrison):
        introduce(alpha, garrison, "role3", address_of(garrison))
        with running(alpha):
            assert aidstation(alpha, "sync", "role3", "--timeout", "60").code == 0
            assert _opened(alpha).result["safe_to_wipe"]
            tried = aidstation(alpha, "shed", saved, "--dry-run")
            assert tried.out.startswith("Would let go: 1 document")
            done = aidstation(alpha, "shed", saved)
            assert done.code == 0
            assert done.out.startswith("Let go: 1 document")
            assert "Its file does not shrink" in done.out
            assert "(let go " in aidstation(alpha, "find", saved).out
            held = aidstation(alpha, "show", saved).out
            assert "Not here any more: " in held
            assert "role3" in held
            assert "Saved here" not in held
            custody = aidstation(alpha, "custody", saved)
            assert custody.code == 0
            assert "Saved here" not in custody.out
            assert "Also on garrison role3: 1 of 1" in custody.out
            assert aidstation(alpha, "sync", "role3", "--timeout", "60").code == 0
            assert _opened(alpha).code == 0
            assert "shed 1," in aidstation(alpha, "status").out
        asked = aidstation(alpha, "fetch", saved)
        assert asked.out.startswith("To be fetched: 1 document. Now: this node is not running")
        assert aidstation(alpha, "status", "--json").result["wanted"] == 1
        with running(alpha):
            for _ in range(200):
                status = aidstation(alpha, "status", "--json").result
                if not status["shed"] and not status["waiting"]:
                    break
            chart = aidstation(alpha, "show", saved, "--json").result
            assert chart["shed"] == []
            assert chart["documents"][0]["slots"]["triage"]
            assert aidstation(alpha, "fetch", saved).out.startswith("Nothing of it was let go")


def test_what_no_garrison_holds_stays_and_says_what_to_do(tmp_path: Path) -> None:
    home = made(tmp_path / "alpha")
    saved = aidstation(home, "record", *WORDS).result["document"]
    answer = aidstation(home, "shed", saved)
    assert answer.code == EXIT_DEGRADED
    assert "No garrison is known here" in answer.out
    assert "Nothing was let go" in answer.out
    assert aidstation(home, "shed").code == EXIT_USAGE
    assert aidstation(home, "shed", "--older-than", "30 days").code == EXIT_USAGE
    nothing = aidstation(home, "shed", "--older-than", "30d", "--json").result
    assert (nothing["shed_count"], nothing["kept_count"]) == (0, 0)


def test_the_policy_is_read_and_checked(tmp_path: Path) -> None:
    home = made(tmp_path / "alpha")
    config = home / "config.toml"
    plain = config.read_text()
    assert load(find_home(home)).settings.hold.policy == HoldPolicy()
    config.write_text(plain + '\n[hold]\nage = "30d"\nquota = "2GB"\n')
    policy = load(find_home(home)).settings.hold.policy
    assert policy == HoldPolicy(30 * 86_400_000, 2_000_000_000)
    config.write_text(plain + '\n[hold]\nage = "30"\n')
    with pytest.raises(BadConfiguration, match="an age as 12h, 30d or 8w"):
        load(find_home(home))
