"""How soon a lane must travel: few slots are urgent, and what nobody can read is not."""

from __future__ import annotations

from conflict.clock import Stamp
from conflict.document import Entry
from conflict.identity import DocumentKind
from conflict.records import TOURNIQUET, TRIAGE
from conflict.slot import CATALOGUE, Urgency
from conflict.statement import Draft, encode
from conflict.urgency import ROUTINE_LANE, LaneUrgency, lane_urgency

NOW_MS = 1_795_401_431_123


def entry(slot: str, ms: int = NOW_MS, **more: str) -> Entry:
    """One statement of a slot, recorded at `ms`."""
    return Entry(slot, 1, encode(Draft(slot=slot, value={}, by="medic", **more), Stamp(ms, 0)))  # type: ignore[arg-type]


def test_few_slots_are_urgent_and_most_are_routine() -> None:
    by_urgency = {
        one: {slot.name for slot in CATALOGUE.values() if slot.urgency is one} for one in Urgency
    }
    assert by_urgency[Urgency.URGENT] == {
        "triage",
        "evacuation",
        "medevac",
        "medevac_status",
        "tourniquet",
        "blood_product",
        "alert",
    }
    assert by_urgency[Urgency.SUMMARY] >= {"name", "allergy", "blood_type", "injury", "mist"}
    assert len(by_urgency[Urgency.ROUTINE]) > len(CATALOGUE) / 2


def test_who_somebody_is_travels_before_what_was_measured() -> None:
    about_a_person = [one for one in CATALOGUE.values() if one.kinds == (DocumentKind.PERSON,)]
    said = {one.name for one in about_a_person if one.policy.family == "ranked"}
    assert all(CATALOGUE[name].urgency is Urgency.SUMMARY for name in said)


def test_a_lane_is_as_urgent_as_its_latest_urgent_statement() -> None:
    entries = [
        entry(TRIAGE.name, 5),
        entry("vitals", 90),
        entry(TOURNIQUET.name, 7),
        entry("name", 80),
        entry(TRIAGE.name, 6),
    ]
    assert lane_urgency(entries) == LaneUrgency(7, summary=True)
    assert lane_urgency(entries[:2]) == LaneUrgency(5, summary=False)
    assert lane_urgency(entries[1:2]) == lane_urgency([]) == ROUTINE_LANE


def test_what_was_known_of_a_lane_is_added_to() -> None:
    before = LaneUrgency(7, summary=True)
    assert lane_urgency([entry("vitals", 9)], before=before) == before
    assert lane_urgency([entry(TRIAGE.name, 6)], before=before) == before
    assert lane_urgency([entry(TRIAGE.name, 8)], before=before) == LaneUrgency(8, summary=True)


def test_to_mark_an_urgent_statement_as_an_error_is_urgent() -> None:
    assert lane_urgency([entry(TOURNIQUET.name, void="wrong casualty")]).urgent_ms == NOW_MS


def test_a_stamp_far_ahead_counts_as_recent() -> None:
    assert lane_urgency([entry(TRIAGE.name, 10**15 - 1)]).urgent_ms == 10**15 - 1


def test_what_a_catalogue_does_not_know_and_nobody_can_read_is_routine() -> None:
    unknown = entry("drone_feed")
    unreadable = [Entry(TRIAGE.name, 1, text) for text in ("{}", '{"rec":7}', '{"rec":"1"}')]
    assert lane_urgency([unknown, *unreadable]) == ROUTINE_LANE
    assert lane_urgency([entry(TRIAGE.name)], {}) == ROUTINE_LANE
