"""How a drug, an allergy and a blood type are read out: nothing that matters is left unsaid."""

from __future__ import annotations

import pytest

from conflict.card import card_of
from conflict.slot import CATALOGUE
from conflict.statement import Json
from tests.conflict.conflict_charted import charted, found, write
from tests.conflict.conflict_lab import PERSON
from tests.conflict.conflict_said import BEN, readings, say

MORPHINE: dict[str, Json] = {"drug": "morphine", "dose": "10", "unit": "mg", "route": "IV"}
UNIVERSAL = "unknown: universal products only"


def words(slot: str, value: Json) -> str:
    return CATALOGUE[slot].words(value)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "morphine 10 mg IV"),
        ({"status": "given"}, "morphine 10 mg IV"),
        ({"status": "completed"}, "morphine 10 mg IV"),
        ({"status": "refused"}, "morphine 10 mg IV: refused"),
        ({"status": "not-done"}, "morphine 10 mg IV: not-done"),
        ({"status": ["held"]}, "morphine 10 mg IV: held"),
        ({"adverse_reaction": "rash"}, "morphine 10 mg IV; adverse reaction: rash"),
        ({"drug": None, "code": "7052"}, "7052 10 mg IV"),
    ],
)
def test_a_drug_is_read_out_with_its_status_and_its_reaction(more: Json, text: str) -> None:
    assert isinstance(more, dict)
    assert words("medication_given", {**MORPHINE, **more}) == text


@pytest.mark.parametrize("status", ["refused", "not-done", "held", "Withheld"])
def test_the_card_does_not_print_a_drug_that_was_not_given(status: str) -> None:
    refused = write("medication_given", {**MORPHINE, "status": status}, at="12:00")
    assert "medications" not in card_of(charted(refused))


def test_the_card_prints_what_was_perhaps_given_with_its_status() -> None:
    given = write("medication_given", {**MORPHINE, "status": "completed"}, at="12:00")
    (row,) = card_of(charted(given))["medications"]
    assert row["drug"] == "morphine"
    stopped = write("medication_given", {**MORPHINE, "status": "stopped"}, at="12:00")
    (row,) = card_of(charted(stopped))["medications"]
    assert row["drug"] == "morphine (stopped)"


def test_an_allergy_is_read_out_with_all_that_tells_two_entries_apart() -> None:
    value = {
        "substance": "penicillin",
        "category": "drug",
        "reactions": ["anaphylaxis", "rash"],
        "criticality": "high",
        "verification": "unconfirmed",
    }
    assert words("allergy", value) == (
        "penicillin (active, drug, unconfirmed, criticality high): anaphylaxis, rash"
    )
    assert words("allergy", {"substance": "latex", "status": "refuted"}) == "latex (refuted)"
    assert words("allergy", {"status": "none-known-drug"}) == "no known drug allergies"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"abo": "A", "rh": "+", "method": "lab"}, "A+ (lab)"),
        ({"abo": "A", "rh": "unknown"}, "A, Rh unknown"),
        ({"abo": "unknown", "rh": "unknown", "discrepant": True}, UNIVERSAL),
        ({"abo": "O", "rh": "-", "discrepant": True}, UNIVERSAL),
        ({}, UNIVERSAL),
        ({"rh": "-", "method": "tag"}, f"{UNIVERSAL}, Rh - (tag)"),
    ],
)
def test_a_blood_type_that_is_not_known_is_never_read_out_as_one(value: Json, text: str) -> None:
    assert words("blood_type", value) == text


def test_an_end_that_a_peer_wrote_on_an_active_problem_is_shown_with_its_problem() -> None:
    peer = say("problem", {"key": "asthma", "abatement": "2026-11-23"})
    (shown,) = readings(peer)
    assert "beside an abatement" in str(shown.body(CATALOGUE["problem"])["problems"])
    active = say("problem", {"key": "asthma", "status": "active"}, by=BEN)
    for one in readings(peer, active):
        value = one.value if isinstance(one.value, dict) else {}
        assert not (value.get("status") == "active" and value.get("abatement"))


def test_an_allergy_in_a_flood_of_drugs_is_bounded_and_says_how_many_more() -> None:
    allergies = [
        write("allergy", {"substance": "penicillin", "code": str(place)}, document=PERSON)
        for place in range(20)
    ]
    drugs = [write("medication_given", {"drug": f"penicillin {place}"}) for place in range(250)]
    others = [write("medication_given", {"drug": "penicillin 0"}, ms=9) for _ in range(32)]
    latex = write("allergy", {"substance": "penicillin V"}, document=PERSON)
    statements = (*allergies, latex, *drugs, *others[:20])
    listed = found("allergy-against-drug", *statements)
    assert len(listed) == 256
    (more,) = found("allergies-against-more-drugs", *statements)
    assert "times more" in more.text
    assert max(len(one.statements) for one in (*listed, more)) <= 256


def test_many_late_doses_and_many_times_of_injury_are_one_finding() -> None:
    injuries = [write("injury_time", {"time": f"2026-11-23T08:{place:02}Z"}) for place in range(40)]
    doses = [
        write("medication_given", {"drug": "TXA"}, at="13:00", ms=place) for place in range(40)
    ]
    (late,) = found("txa-late", *injuries, *doses)
    assert set(late.statements) == {one.name for one in (*injuries, *doses)}
    assert len(late.text) < 3_000


def test_many_findings_on_a_missing_tooth_are_one_finding() -> None:
    missing = [
        write("tooth", {"tooth": "19", "state": "missing"}, document=PERSON) for _ in range(200)
    ]
    caries = [
        write(
            "dental_finding",
            {"tooth": "19", "finding": "caries", "surface": str(place)},
            document=PERSON,
        )
        for place in range(200)
    ]
    (clash,) = found("finding-on-missing-tooth", *missing, *caries)
    assert len(clash.statements) <= 256
    assert len(clash.text) < 4_000
