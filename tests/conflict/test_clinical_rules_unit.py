"""The rules of units and of the theatre: roster, strength, membership, alerts, content packs.

Two nodes that could not talk may each have opened a copy: what one wrote is never taken back by the
other without having been seen.
"""

from __future__ import annotations

import pytest

from conflict.fold import Folded, fold_statements
from conflict.identity import DocumentKind, document_text, new_document
from conflict.slot import CATALOGUE
from conflict.statement import Json, Statement
from tests.conflict.conflict_lab import PERSON
from tests.conflict.conflict_said import BEN, say

SOMEBODY = document_text(PERSON)


def folded(*statements: Statement) -> Folded:
    """Their unit or theatre document."""
    kind = CATALOGUE[statements[0].slot].kinds[0]
    return fold_statements(new_document(kind, b"a unit, a place"), statements)


def shown(*statements: Statement) -> list[tuple[Json, str]]:
    """Values and states of what is shown."""
    return [(one.value, one.state) for one in folded(*statements).readings(statements[0].slot)]


def test_slots_of_units_and_of_the_theatre_are_in_no_other_document() -> None:
    for names, kind in (
        (("roster_entry", "strength", "member_document"), DocumentKind.UNIT),
        (("alert", "content_pack"), DocumentKind.THEATRE),
    ):
        assert {CATALOGUE[name].kinds for name in names} == {(kind,)}


# Each: slot, item, what makes it negative
LEAVING = [
    ("roster_entry", {"person": SOMEBODY}, "arrived", "departed"),
    ("member_document", {"document": SOMEBODY}, "belongs", "left"),
    ("alert", {"key": "heat-injury/unit"}, "active", "ended"),
    ("content_pack", {"name": "TCCC", "version": "2026"}, "active", "withdrawn"),
]


@pytest.mark.parametrize(("slot", "item", "present", "gone"), LEAVING)
def test_what_ended_by_one_copy_and_stands_by_another_stands(
    slot: str, item: dict[str, Json], present: str, gone: str
) -> None:
    there = say(slot, item | {"status": present}, ms=1)
    left = say(slot, item | {"status": gone}, by=BEN, ms=9)
    assert shown(there, left) == [(there.value, "disputed")]
    (found,) = folded(there, left).findings
    assert set(found.statements) == {there.name, left.name}


@pytest.mark.parametrize(("slot", "item", "present", "gone"), LEAVING)
def test_leaving_takes_effect_by_naming_what_said_that_it_belongs(
    slot: str, item: dict[str, Json], present: str, gone: str
) -> None:
    there = say(slot, item | {"status": present})
    left = say(slot, item | {"status": gone}, there, by=BEN)
    assert shown(there, left) == [(left.value, "inactive")]
    back = say(slot, item | {"status": present}, left)
    assert shown(there, left, back) == [(back.value, "stands")]


@pytest.mark.parametrize(("slot", "item", "present", "gone"), LEAVING)
def test_two_copies_that_say_the_same_make_one_item(
    slot: str, item: dict[str, Json], present: str, gone: str
) -> None:
    one, other = (
        say(slot, item | {"status": present}),
        say(slot, item | {"status": present}, by=BEN),
    )
    (reading,) = folded(one, other).readings(slot)
    assert {each.id for each in reading.statements} == {one.id, other.id}
    assert not folded(one, other).findings


def test_two_strengths_of_one_day_are_a_finding_and_the_fewer_present_are_shown() -> None:
    """The fewer are present, the higher every rate. As text, 99 would come after 101."""
    many = say("strength", {"day": "2026-11-23", "assigned": 120, "present": 101})
    few = say("strength", {"day": "2026-11-23", "assigned": 120, "present": 99}, by=BEN)
    assert shown(many, few) == [(few.value, "safer"), (many.value, "also")]
    assert len(folded(many, few).findings) == 1


def test_strengths_of_two_days_are_two_facts() -> None:
    days = ("2026-11-23", "2026-11-24")
    one, other = (say("strength", {"day": day, "present": 9}) for day in days)
    assert [value["day"] for value, _ in shown(one, other)] == [*days]
    assert not folded(one, other).findings


def test_an_alert_says_the_coverage_of_everybody_who_sees_it_and_the_graver_severity() -> None:
    """Else a partition looks like an outbreak that ended."""
    alert = {"key": "gi/base", "status": "active", "text": "GI illness twice the usual"}
    one = say("alert", alert | {"severity": "low", "coverage": ["2 of 5 nodes"]})
    other = say("alert", alert | {"severity": "high", "coverage": ["3 of 5 nodes"]}, by=BEN)
    ((value, state),) = shown(one, other)
    assert (value["severity"], state) == ("high", "stands")
    assert value["coverage"] == ["2 of 5 nodes", "3 of 5 nodes"]


def test_two_contents_under_one_name_and_version_are_a_finding() -> None:
    pack = {"name": "TCCC", "version": "2026", "status": "active"}
    one = say("content_pack", pack | {"blob": {"hash": "a" * 64}})
    other = say("content_pack", pack | {"blob": {"hash": "b" * 64}}, by=BEN)
    assert len(shown(one, other)) == 2
    assert len(folded(one, other).findings) == 1
    newer = say("content_pack", pack | {"version": "2027", "blob": {"hash": "b" * 64}}, by=BEN)
    assert not folded(one, newer).findings
