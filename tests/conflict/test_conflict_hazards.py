"""A hazard leaves only by a statement that names it: triage, evacuation, allergies, blood type."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.policies import Single
from conflict.slot import CATALOGUE
from conflict.statement import Json, Statement, canonical
from tests.conflict.conflict_said import (
    ANNA,
    BEN,
    allergy,
    blood,
    drawn_statements,
    error,
    folded,
    readings,
    say,
    shown,
)
from tests.conflict.conflict_values import plain_text

# Triage and evacuation: the safer reading ----------------------------------------------------

SAFER = {
    "triage": ("category", ("immediate", "delayed", "minimal", "expectant")),
    "evacuation": (
        "precedence",
        ("urgent-surgical", "urgent", "priority", "routine", "convenience"),
    ),
}
PAIRS = [
    (slot, field, high, low)
    for slot, (field, codes) in SAFER.items()
    for high, low in combinations(codes, 2)
]


@pytest.mark.parametrize(("slot", "field", "high", "low"), PAIRS)
@pytest.mark.parametrize("later", [1, 1_000_000])
def test_the_safer_of_two_concurrent_decisions_is_shown_and_both_are_listed(
    slot: str, field: str, high: str, low: str, later: int
) -> None:
    one = say(slot, {field: high}, ms=1)
    other = say(slot, {field: low}, by=BEN, ms=later)
    assert shown(one, other) == [({field: high}, "safer"), ({field: low}, "also")]
    (found,) = folded(one, other).findings
    assert set(found.statements) == {one.name, other.name}
    assert found.kind == "contradiction"
    assert high in found.text
    assert low in found.text


@pytest.mark.parametrize(("slot", "field", "high", "low"), PAIRS)
def test_a_downgrade_by_someone_who_saw_the_higher_one_stands_alone(
    slot: str, field: str, high: str, low: str
) -> None:
    one = say(slot, {field: high})
    assert shown(one, say(slot, {field: low}, one, by=BEN)) == [({field: low}, "stands")]


def test_expectant_never_wins_over_anything_by_merge() -> None:
    expectant = say("triage", {"category": "expectant"}, by=BEN, ms=9)
    for value in ({"category": "minimal"}, {"category": "delayed"}, {"category": "immediate"}):
        first, *_ = shown(say("triage", value), expectant)
        assert first == (value, "safer")


def test_two_who_agree_make_one_reading_that_names_both() -> None:
    one, other = (
        say("triage", {"category": "delayed"}),
        say("triage", {"category": "delayed"}, by=BEN),
    )
    (reading,) = readings(one, other)
    assert {each.id for each in reading.statements} == {one.id, other.id}
    assert not folded(one, other).findings


@pytest.mark.parametrize("slot", sorted(SAFER))
@given(data=st.data())
@settings(deadline=None, max_examples=100)
def test_what_names_nothing_never_lowers_what_is_shown(slot: str, data: st.DataObject) -> None:
    """The law of hazards for triage and evacuation, over any history."""
    field, codes = SAFER[slot]
    policy = CATALOGUE[slot].policy
    assert isinstance(policy, Single)
    assert (policy.field, policy.safer) == (field, codes)
    before = drawn_statements(data, slot)
    value = {field: data.draw(st.sampled_from(codes))}
    new = say(
        slot, value, by=data.draw(st.sampled_from((ANNA, BEN))), ms=data.draw(st.integers(0, 9))
    )
    old, now = shown(*before), shown(*before, new)
    ranks = [codes.index(one[field]) for one, _ in old if isinstance(one, dict) and one.get(field)]
    first = now[0][0]
    assert isinstance(first, dict)
    assert codes.index(first[field]) == min([*ranks, codes.index(value[field])])


# Allergies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("negative", ["refuted", "inactive", "resolved"])
@pytest.mark.parametrize("later", [1, 1_000_000])
def test_a_positive_allergy_beats_every_concurrent_negative(negative: str, later: int) -> None:
    yes = say("allergy", allergy("penicillin"))
    no = say("allergy", allergy(" Penicillin", negative), by=BEN, ms=later)
    assert shown(yes, no) == [(allergy("penicillin"), "disputed")]
    (reading,) = readings(yes, no)
    assert {one.id for one in reading.statements} == {yes.id, no.id}
    (found,) = folded(yes, no).findings
    assert set(found.statements) == {yes.name, no.name}


@pytest.mark.parametrize("status", ["none-known-drug", "none-known"])
def test_a_later_nkda_never_removes_an_allergy(status: str) -> None:
    yes = say("allergy", allergy("penicillin"), ms=1)
    none = say("allergy", allergy(None, status), by=BEN, ms=1_000_000)
    assert shown(yes, none) == [
        (allergy("penicillin"), "stands"),
        (allergy(None, status), "inactive"),
    ]
    assert len(folded(yes, none).findings) == 1


def test_only_a_statement_about_that_allergy_removes_it() -> None:
    yes = say("allergy", allergy("penicillin"))
    other = say("allergy", allergy("latex"), by=BEN)
    refuted = say("allergy", allergy("penicillin", "refuted"), yes, by=BEN)
    assert shown(yes, other, refuted) == [
        (allergy("latex"), "stands"),
        (allergy("penicillin", "refuted"), "inactive"),
    ]
    assert shown(yes, other, error(yes)) == [(allergy("latex"), "stands")]


def test_what_was_concurrent_with_an_entry_in_error_survives_it() -> None:
    yes, again = say("allergy", allergy("latex")), say("allergy", allergy("latex"), by=BEN)
    (reading,) = readings(yes, again, error(yes))
    assert [one.id for one in reading.statements] == [again.id]
    assert reading.state == "stands"


def test_details_of_one_allergy_join_and_the_worse_one_wins() -> None:
    low = allergy("latex", reactions=["rash"], criticality="low", verification="confirmed")
    high = allergy("latex", reactions=["shock"], criticality="high", verification="unconfirmed")
    unsure = allergy("latex", criticality="unable-to-assess")
    for order in ((low, high, unsure), (unsure, high, low), (high, low, unsure)):
        said = [
            say("allergy", value, by=who, ms=place)
            for place, (value, who) in enumerate(zip(order, (ANNA, BEN, ANNA), strict=True))
        ]
        (reading,) = readings(*said)
        assert reading.value == allergy(
            "latex", reactions=["rash", "shock"], criticality="high", verification="confirmed"
        )


def test_allergies_without_a_name_are_never_taken_for_one() -> None:
    one = say("allergy", {"code": "7980", "status": "active"})
    other = say("allergy", {"code": "2670", "status": "active"}, by=BEN)
    nothing = say("allergy", {"substance": "  ", "code": "1191", "status": "active"}, by=BEN)
    assert {value["code"] for value, _ in shown(one, other, nothing)} == {"7980", "2670", "1191"}


@pytest.mark.parametrize("slot", ["problem", "medication"])
def test_items_without_a_key_are_never_taken_for_one(slot: str) -> None:
    one = say(slot, {"display": "first", "status": "active"})
    other = say(slot, {"display": "second", "status": "active"}, by=BEN)
    assert {value["display"] for value, _ in shown(one, other)} == {"first", "second"}


@pytest.mark.parametrize(
    "odd",
    [
        {"criticality": []},
        {"criticality": {"a": 1}},
        {"verification": [1]},
        {"reactions": 5},
        {"reactions": True},
        {"reactions": "rash"},
        {"reactions": {"rash": 1}},
        {"reactions": [[], {}]},
    ],
)
def test_odd_details_of_a_peer_do_not_hide_an_allergy(odd: dict[str, Json]) -> None:
    one = say("allergy", allergy("latex", reactions=["shock"], criticality="high"))
    other = say("allergy", allergy("latex", **odd), by=BEN)
    (reading,) = readings(one, other)
    assert isinstance(reading.value, dict)
    assert reading.value["criticality"] == "high"
    assert "shock" in reading.value["reactions"]


CRITICALITY = ("high", "unable-to-assess", "low")


@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_what_names_nothing_never_takes_an_allergy_away_or_makes_it_milder(
    data: st.DataObject,
) -> None:
    statements = [one for one in drawn_statements(data, "allergy") if one.source is None]
    status = st.sampled_from(("active", "refuted", "resolved", "none-known-drug", "none-known"))
    new = say(
        "allergy",
        {
            "substance": data.draw(st.sampled_from(("penicillin", "morphine", "DOE", ""))),
            "status": data.draw(status),
            "criticality": data.draw(st.sampled_from(CRITICALITY)),
            "reactions": data.draw(st.lists(plain_text, max_size=2)),
        },
        ms=data.draw(st.integers(0, 9)),
    )
    before, after = _active(statements), _active([*statements, new])
    assert before.keys() <= after.keys()
    for substance, (criticality, reactions) in before.items():
        assert after[substance][0] <= criticality
        assert after[substance][1] >= reactions


def _active(statements: list[Statement]) -> dict[str, tuple[int, set[str]]]:
    """Shown allergies: by statement that stands for each, how grave and which reactions."""
    found: dict[str, tuple[int, set[str]]] = {}
    for reading in readings(*statements) if statements else ():
        if reading.state == "inactive" or not isinstance(reading.value, dict):
            continue
        level = reading.value.get("criticality")
        grave = CRITICALITY.index(level) if level in CRITICALITY else len(CRITICALITY)
        for one in reading.statements:
            if one.value["status"] == "active" if "status" in one.value else True:
                found[one.id] = (grave, set(map(canonical, reading.value.get("reactions") or [])))
    return found


# Blood type ----------------------------------------------------------------------------------


UNKNOWN = {"abo": "unknown", "rh": "unknown", "discrepant": True}


@pytest.mark.parametrize("method", ["two-lab-samples", "lab", "field-card", "tag", "self"])
@pytest.mark.parametrize("other", [("B", "+"), ("A", "-"), ("unknown", "+")])
def test_any_disagreement_on_blood_is_unknown_and_a_hazard(
    method: str, other: tuple[str, str]
) -> None:
    one = say("blood_type", blood("A", "+", "two-lab-samples"))
    two = say("blood_type", blood(*other, method), by=BEN)
    first, *rest = shown(one, two)
    assert first == (UNKNOWN, "discrepant")
    assert {state for _, state in rest} == {"also"}
    (found,) = folded(one, two).findings
    assert (found.kind, found.severity) == ("hazard", "high")


def test_a_weaker_method_never_replaces_a_stronger_even_when_it_names_it() -> None:
    lab = say("blood_type", blood("A", "+", "lab"))
    tag = say("blood_type", blood("B", "+", "tag"), lab, by=BEN)
    assert shown(lab, tag)[0] == (UNKNOWN, "discrepant")
    assert shown(tag, say("blood_type", blood("A", "+", "lab"), tag)) == [
        (blood("A", "+", "lab"), "stands")
    ]


@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_what_names_nothing_never_makes_a_blood_type_look_safer(data: st.DataObject) -> None:
    statements = [one for one in drawn_statements(data, "blood_type") if one.source is None]
    value = blood(
        data.draw(st.sampled_from(("A", "O"))), "+", data.draw(st.sampled_from(("lab", "tag")))
    )
    before = shown(*statements) if statements else []
    after = shown(*statements, say("blood_type", value, ms=data.draw(st.integers(0, 9))))
    if before and before[0][1] == "discrepant":
        assert after[0] == (UNKNOWN, "discrepant")
    elif before:
        old = before[0][0]
        assert isinstance(old, dict)
        same = (old.get("abo"), old.get("rh")) == (value["abo"], value["rh"])
        if same:
            assert after[0][1] == before[0][1]
        else:
            assert after[0] == (UNKNOWN, "discrepant")
