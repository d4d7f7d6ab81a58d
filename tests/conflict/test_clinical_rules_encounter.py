"""The rules of CLINICAL.md §3 for care at a role: notes, consultations, orders, results, missions.

Anna and Ben are two providers who have not seen each other's entries.
"""

from __future__ import annotations

from itertools import permutations

import pytest

from conflict.statement import Json, Statement
from tests.conflict.conflict_said import (
    ANNA,
    BEN,
    folded,
    say,
    shown,
    the_finding,
    values,
)

NOON, LATER = "2026-11-23T12:00Z", "2026-11-23T12:10Z"


# Notes and consultations ------------------------------------------------------------------------


@pytest.mark.parametrize(("slot", "field"), [("soap", "plan"), ("consult", "text")])
def test_a_signed_note_stays_legible_beside_its_correction(slot: str, field: str) -> None:
    signed = say(slot, {field: "Left leg", "signed": True})
    corrected = say(slot, {field: "Right leg", "signed": True}, signed, by=BEN)
    assert shown(signed, corrected) == [(corrected.value, "stands"), (signed.value, "amended")]


def test_an_unsigned_draft_is_replaced_by_its_next_version() -> None:
    draft = say("soap", {"plan": "Rest"})
    signed = say("soap", {"plan": "Rest, fluids", "signed": True}, draft)
    assert shown(draft, signed) == [(signed.value, "stands")]


def test_drafts_of_one_note_on_two_devices_are_both_kept() -> None:
    started = say("soap", {"plan": "Rest"})
    one = say("soap", {"plan": "Rest, fluids"}, started)
    other = say("soap", {"plan": "Evacuate"}, started, by=BEN)
    assert len(shown(started, one, other)) == 2
    assert the_finding(started, one, other).rule == "corrected-apart"


def test_addenda_stand_after_the_note_that_they_name_whatever_the_clocks_said() -> None:
    note = say("soap", {"plan": "Rest", "signed": True}, ms=9)
    first = say("soap", {"plan": "Fluids", "addendum_to": note.id}, by=BEN, ms=5)
    other = say("soap", {"plan": "Another day"}, ms=7)
    for order in permutations((note, first, other)):
        plans = [value["plan"] for value in values(*order)]
        assert plans.index("Rest") < plans.index("Fluids")


def test_answers_to_one_question_are_all_kept_after_it() -> None:
    question = say("consult", {"kind": "question", "text": "Debride?"}, ms=9)
    yes, no = (
        say("consult", {"kind": "answer", "of": question.id, "text": text}, by=by)
        for text, by in (("Yes", ANNA), ("Wait", BEN))
    )
    assert values(yes, question, no)[0] == question.value
    assert len(shown(yes, question, no)) == 3


# Orders and results -----------------------------------------------------------------------------


def test_the_same_order_by_two_is_kept_twice_and_flagged() -> None:
    order = {"kind": "imaging", "what": "CT head", "priority": "stat"}
    one, other = (say("order", order, by=by, at=at) for by, at in ((ANNA, NOON), (BEN, LATER)))
    assert len(shown(one, other)) == 2
    assert the_finding(one, other).kind == "possible-duplicate"


def course(slot: str, *said: str) -> list[Statement]:
    """What several wrote of one thing's status, none having seen the others."""
    return [
        say(slot, {"of": "aa.1", "status": status}, by=by)
        for status, by in zip(said, (ANNA, BEN, ANNA), strict=False)
    ]


@pytest.mark.parametrize(
    ("slot", "steps"),
    [
        ("order_event", ("placed", "accepted", "completed")),
        ("medevac_status", ("requested", "launched", "on-scene")),
    ],
)
def test_steps_of_one_course_do_not_contradict_each_other(slot: str, steps: tuple[str]) -> None:
    for order in permutations(steps):
        said = course(slot, *order)
        assert values(*said)[0]["status"] == steps[-1]
        assert not folded(*said).findings


@pytest.mark.parametrize(
    ("slot", "ended", "step"),
    [
        ("order_event", "cancelled", "completed"),
        ("order_event", "held", "accepted"),
        ("medevac_status", "denied", "launched"),
        ("medevac_status", "cancelled", "wheels-up"),
    ],
)
def test_that_nobody_comes_or_gives_it_is_shown_first_and_is_a_finding(
    slot: str, ended: str, step: str
) -> None:
    said = course(slot, step, ended)
    assert [value["status"] for value in values(*said)] == [ended, step]
    assert the_finding(*said).kind == "contradiction"
    saw = say(slot, {"of": "aa.1", "status": ended}, said[0], by=BEN)
    assert shown(said[0], saw) == [(saw.value, "stands")]


def test_statuses_of_two_requests_have_nothing_to_do_with_each_other() -> None:
    one = say("medevac_status", {"of": "aa.1", "status": "denied"})
    other = say("medevac_status", {"of": "aa.2", "status": "launched"}, by=BEN)
    assert not folded(one, other).findings


def lactate(value: str, status: str = "final", of: str = "aa.1") -> dict[str, Json]:
    """A result of one order."""
    return {"of": of, "what": "Lactate", "value": value, "unit": "mmol/L", "status": status}


def test_different_results_of_one_order_are_both_shown_and_a_finding() -> None:
    one, other = say("result", lactate("2.0")), say("result", lactate("2.00"), by=BEN)
    assert len(shown(one, other)) == 2
    assert the_finding(one, other).rule == "results-differ"
    amended = say("result", lactate("2.0", "amended"), one, other)
    assert shown(one, other, amended) == [(amended.value, "stands")]
    assert not folded(one, other, amended).findings


@pytest.mark.parametrize(
    "other",
    [
        lactate("2.0"),
        lactate("7.7", of="aa.2"),
        lactate("7.7", "cancelled"),
        lactate("7.7") | {"what": "Glucose"},
        lactate("7.7") | {"of": None},
    ],
)
def test_equal_results_and_those_of_other_orders_contradict_nothing(other: Json) -> None:
    statements = say("result", lactate("2.0")), say("result", other, by=BEN)
    assert len(shown(*statements)) == 2
    assert not folded(*statements).findings
