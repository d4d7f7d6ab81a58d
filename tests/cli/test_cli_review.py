"""Review and identity on the command line, with and without a running node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.errors import EXIT_USAGE
from tests.cli.cli_lab import aidstation, made

AT = ("--at", "2026-11-20T13:58Z")


def ask(home: Path, *words: str) -> Any:
    answer = aidstation(home, *words, "--json")
    assert answer.code == 0, answer.err
    return answer.result


def contradiction(home: Path) -> tuple[str, str]:
    """Document and finding."""
    made_first = ask(
        home, "record", "triage", "--new", "episode", "category=delayed", "--by", "Ruiz", *AT
    )
    document = made_first["document"]
    ask(home, "record", "triage", document, "category=immediate", "--beside", "--by", "Okafor", *AT)
    (found,) = ask(home, "review", "list")
    return document, found["id"]


def test_a_contradiction_is_listed_shown_and_settled_by_a_named_person(home: Path) -> None:
    document, finding = contradiction(home)
    listed = aidstation(home, "review", "list", document, "--severity", "high")
    assert finding in listed.out
    assert "Ruiz 13:58Z wrote delayed; Okafor 13:58Z wrote immediate" in listed.out
    shown = aidstation(home, "review", "show", finding[:6]).out
    assert "1. Triage: immediate  ← shown, the safer reading" in shown
    assert "2. Triage: delayed" in shown
    assert "To close it:" in shown
    done = aidstation(home, "review", "resolve", finding, "--choose", "2", "--by", "Chen")
    assert (done.code, done.out) == (0, "Saved here.\n")
    assert ask(home, "review", "list") == []
    chart = ask(home, "show", document)["documents"][0]["slots"]
    assert [one["value"] for one in chart["triage"]] == [{"category": "delayed"}]
    assert chart["resolution"][0]["by"] == "Chen"


def test_a_decision_in_words_closes_it_and_leaves_both(home: Path) -> None:
    document, finding = contradiction(home)
    ask(home, "review", "resolve", finding, "two casualties, see notes", "--by", "Chen")
    assert ask(home, "review", "list") == []
    assert len(ask(home, "show", document)["documents"][0]["slots"]["triage"]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--choose", "3"),
        ("--choose", "0", "in words as well"),
        ("--value", "{"),
        ("--record",),
        (),
    ],
)
def test_a_decision_that_cannot_be_read_is_refused_with_a_cause(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    home = made(tmp_path)
    _, finding = contradiction(home)
    answer = aidstation(home, "review", "resolve", finding, *words, "--by", "Chen")
    assert answer.code == EXIT_USAGE
    assert "error:" in answer.err
    assert len(ask(home, "review", "list")) == 1


def test_an_unknown_finding_says_what_to_do(tmp_path: Path) -> None:
    home = made(tmp_path)
    answer = aidstation(home, "review", "show", "ffffffff")
    assert answer.code != 0
    assert "list them again" in answer.err


def test_an_unknown_casualty_gets_a_name_and_is_later_linked_moved_and_unlinked(
    home: Path,
) -> None:
    one, two = (ask(home, "casualty", "--by", "Ruiz") for _ in range(2))
    assert one["trauma_identity"] != two["trauma_identity"]
    words = ("family=Okafor", "given=Anna", "evidence=self")
    for each in (one, two):
        ask(home, "record", "name", each["person"], *words)
        ask(home, "record", "birth_date", each["person"], "date=1999-04-30", "evidence=self")
    (candidate,) = ask(home, "candidates", one["person"])
    assert candidate["document"] == two["person"]
    assert "birth date equal" in aidstation(home, "candidates", one["person"]).out
    ask(home, "same", one["person"], two["person"], "--reason", "same tag", "--by", "Ruiz")
    assert len(ask(home, "show", one["episode"])["documents"]) == 4
    saved = ask(home, "record", "vitals", one["episode"], "pulse=88", *AT)
    moved = ask(home, "move", one["episode"], *saved["statements"], "--to", two["episode"])
    assert set(moved["statements"]) == {one["episode"], two["episode"]}
    ask(home, "not-same", one["person"], two["person"], "--by", "Chen")
    left, right = (ask(home, "show", each["episode"])["documents"] for each in (one, two))
    assert (len(left), len(right)) == (2, 2)
    assert ["vitals" in shown["slots"] for shown in left] == [False, False]
    assert sorted("vitals" in shown["slots"] for shown in right) == [False, True]
    assert [one["rule"] for one in ask(home, "review", "list")] == []
