"""Recording and reading back: typed fields, corrections that name what was shown, mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import EXIT_USAGE
from tests.cli.cli_lab import Answer, aidstation, made


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    return made(tmp_path)


def record(home: Path, *words: str) -> Answer:
    answer = aidstation(home, "record", *words, "--json")
    assert answer.code == 0, answer.err
    return answer


def readings(home: Path, document: str, slot: str) -> list[dict[str, object]]:
    chart = aidstation(home, "show", document, "--json").result
    (found,) = (one for one in chart["documents"] if one["document"] == document)
    listed: list[dict[str, object]] = found["slots"][slot]
    return listed


def test_fields_get_the_types_of_their_slot(home: Path) -> None:
    words = ("pulse=88", "temperature=36.60", "avpu=A", "--at", "2026-11-23T03:10Z", "--by", "Ruiz")
    saved = record(home, "vitals", "--new", "episode", *words).result
    (reading,) = readings(home, saved["document"], "vitals")
    assert reading["value"] == {"pulse": 88, "temperature": "36.60", "avpu": "A"}
    assert reading["statements"] == saved["statements"]
    assert (reading["by"], reading["at"]) == ("Ruiz", "2026-11-23T03:10Z")


def test_a_list_is_given_with_commas_and_anything_as_json(home: Path) -> None:
    saved = record(home, "mechanism", "--new", "episode", "mechanisms=blunt,fall").result
    value = '{"mechanisms": ["gsw"], "other": "x=1"}'
    record(home, "mechanism", saved["document"], "--value", value)
    values = [one["value"] for one in readings(home, saved["document"], "mechanism")]
    assert values == [{"mechanisms": ["blunt", "fall"]}, {"mechanisms": ["gsw"], "other": "x=1"}]


def test_a_correction_replaces_what_is_shown(home: Path) -> None:
    first = record(home, "triage", "--new", "episode", "category=delayed").result
    second = record(home, "triage", first["document"], "category=immediate").result
    assert second["supersedes"] == first["statements"]
    (reading,) = readings(home, first["document"], "triage")
    assert reading["value"] == {"category": "immediate"}
    assert aidstation(home, "review", "list", "--json").result == []


def test_beside_replaces_nothing_and_both_are_shown_safer_first(home: Path) -> None:
    document = record(home, "triage", "--new", "episode", "category=minimal").result["document"]
    saved = record(home, "triage", document, "category=immediate", "--beside").result
    assert saved["supersedes"] == []
    shown = aidstation(home, "show", document).out
    assert shown.index("Review 1") < shown.index("SAFER READING: immediate")
    assert "also said: minimal" in shown


def test_events_replace_nothing(home: Path) -> None:
    document = record(home, "vitals", "--new", "episode", "pulse=80").result["document"]
    assert record(home, "vitals", document, "pulse=90").result["supersedes"] == []
    assert len(readings(home, document, "vitals")) == 2


def test_entered_in_error_takes_a_reason_and_names_statements(home: Path) -> None:
    saved = record(home, "vitals", "--new", "episode", "pulse=8").result
    refused = aidstation(home, "record", "vitals", saved["document"], "--void", "typing slip")
    assert refused.code == EXIT_USAGE
    (wrong,) = saved["statements"]
    record(home, "vitals", saved["document"], "--void", "typing slip", "--supersedes", wrong)
    chart = aidstation(home, "show", saved["document"], "--json").result
    assert "vitals" not in chart["documents"][0]["slots"]


def test_a_document_is_found_by_prefix_and_a_wrong_one_is_refused(home: Path) -> None:
    document = record(home, "triage", "--new", "episode", "category=delayed").result["document"]
    record(home, "triage", document[:14], "category=minimal")
    answer = aidstation(home, "record", "triage", "person", "category=minimal")
    assert "error:" in answer.err
    assert answer.code != 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("vitls --new episode pulse=8", "did you mean vitals"),
        ("vitals --new episode puls=8", "did you mean pulse"),
        ("vitals --new episode pulse=fast", "whole number"),
        ("vitals --new episode pulse=999", "0 to 350"),
        ("vitals --new person pulse=80", "kind episode"),
        ("vitals --new ship pulse=80", "person, episode, unit, theatre"),
        ("vitals --new episode", "value once"),
        ("vitals pulse=80", "give --new"),
        ("vitals a b pulse=80", "2 documents"),
        ("vitals --new episode --value {", "not JSON"),
        ("vitals --new episode pulse=80 --at yesterday", "is not a time"),
    ],
)
def test_what_cannot_be_recorded_names_the_cause(home: Path, words: str, said: str) -> None:
    answer = aidstation(home, "record", *words.split())
    assert answer.code == EXIT_USAGE
    assert said in answer.err
    assert "next:" in answer.err
    assert aidstation(home, "status", "--json").result["statements"] == 0


def test_terminal_control_characters_in_a_record_are_not_shown(home: Path) -> None:
    text = "\x1b[2J\u202egnp.exe\nline"
    saved = record(home, "note", "--new", "episode", f"text={text}").result
    shown = aidstation(home, "show", saved["document"]).out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\N{REPLACEMENT CHARACTER}[2J" in shown


def test_one_value_for_each_key_replaces_only_that_keys_value(home: Path) -> None:
    first = record(home, "tooth", "--new", "person", "tooth=14", "state=present").result
    person = first["document"]
    record(home, "tooth", person, "tooth=15", "state=missing")
    again = record(home, "tooth", person, "tooth=14", "state=missing").result
    assert again["supersedes"] == first["statements"]
    shown = [one["value"] for one in readings(home, person, "tooth")]
    assert shown == [{"tooth": "14", "state": "missing"}, {"tooth": "15", "state": "missing"}]


def test_one_unit_begun_on_two_nodes_is_one_document(tmp_path: Path) -> None:
    documents = {
        record(
            made(tmp_path / name), "scope", "--new", "unit", "--called", code, f"name={name}"
        ).result["document"]
        for name, code in (("a", "WH7AA0"), ("b", " wh7aa0 "))
    }
    assert len(documents) == 1
    assert next(iter(documents)).startswith("unit-")
    shown = aidstation(tmp_path / "a", "find", "unit-", "--json").result
    assert [one["label"] for one in shown] == ["a"]
    for words in (("--new", "unit"), ("--new", "person", "--called", "x"), ("--new", "ship")):
        assert aidstation(tmp_path / "a", "record", "scope", *words, "name=x").code == EXIT_USAGE


def test_another_persons_entry_is_replaced_only_when_asked(home: Path) -> None:
    """It may have arrived a second ago: its author never saw it."""
    words = ("evacuation", "--new", "episode", "precedence=urgent", "--by", "Ruiz")
    first = record(home, *words).result
    document = first["document"]
    later = aidstation(
        home, "record", "evacuation", document, "precedence=routine", "--by", "Okafor"
    )
    assert "stands beside 1 by others" in later.err
    shown = [one["value"]["precedence"] for one in readings(home, document, "evacuation")]
    assert shown == ["urgent", "routine"]
    own = record(home, "evacuation", document, "precedence=priority", "--by", "Okafor").result
    assert len(own["supersedes"]) == 1
    record(home, "evacuation", document, "precedence=routine", "--by", "Okafor", "--replace")
    shown = [one["value"]["precedence"] for one in readings(home, document, "evacuation")]
    assert shown == ["routine"]


def test_a_blood_type_never_silently_replaces_another_persons(home: Path) -> None:
    lab = ("method=two-lab-samples",)
    first = record(
        home, "blood_type", "--new", "person", "abo=A", "rh=+", *lab, "--by", "Ruiz"
    ).result
    record(home, "blood_type", first["document"], "abo=O", "rh=-", *lab, "--by", "Okafor")
    states = [one.get("state") for one in readings(home, first["document"], "blood_type")]
    assert states[0] == "discrepant"
