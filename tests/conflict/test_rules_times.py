"""Times that cannot be, that come too late, or that are still to come; and how old the vitals are."""

from __future__ import annotations

from typing import Any

import pytest

from conflict.statement import Statement
from tests.conflict.conflict_charted import (
    OTHER_EPISODE,
    charted,
    derived,
    error,
    found,
    moment,
    write,
)
from tests.conflict.conflict_lab import PERSON
from tests.conflict.conflict_said import BEN

VITALS = {"pulse": 88}


def vitals(at: str | None, **more: Any) -> Statement:
    return write("vitals", VITALS, at=at, **more)


def injured(time: str, **more: Any) -> Statement:
    return write("injury_time", {"time": time}, **more)


def born(date: str, **more: Any) -> Statement:
    return write("birth_date", {"date": date}, document=PERSON, **more)


def test_care_before_the_date_of_birth_is_found() -> None:
    birth, early = born("2026-11-25"), vitals("13:00")
    (one,) = found("care-before-birth", birth, early)
    assert set(one.statements) == {birth.name, early.name}
    assert (one.kind, one.timed) == ("time", False)
    shot = write("immunisation", {"code": "140"}, at="1998-04-30", document=PERSON)
    assert len(found("care-before-birth", born("1999"), shot)) == 1
    assert not found("care-before-birth", born("1998"), shot)
    assert not found("care-before-birth", born("2026-11-25"), vitals(None))


def test_what_may_be_after_birth_or_after_one_of_two_dates_of_birth_is_possible() -> None:
    assert not found("care-before-birth", born("2026-11-24"), vitals("2026-11-23T13:00L"))
    both = (born("2026-11-25"), born("1999-04-30", by=BEN))
    assert not found("care-before-birth", *both, vitals("13:00"))


def test_many_of_one_wrong_time_are_one_finding() -> None:
    birth = born("2027")
    entries = [vitals("13:00", ms=place) for place in range(30)]
    (one,) = found("care-before-birth", birth, *entries)
    assert len(one.statements) == 31


def test_care_more_than_an_hour_before_the_injury_is_found() -> None:
    injury = injured("2026-11-23T13:00Z")
    assert not found("care-before-injury", injury, vitals("12:00"))
    (one,) = found("care-before-injury", injury, vitals("11:59"))
    assert injury.name in one.statements
    assert not found("care-before-injury", injury, vitals("11:59", document=OTHER_EPISODE))
    assert not found("care-before-injury", injured("2026-11-23T13:00L"), vitals("11:59"))
    estimates = (injury, injured("2026-11-23T11:00Z", by=BEN))
    assert not found("care-before-injury", *estimates, vitals("11:59"))


def test_a_tourniquet_removed_before_it_was_applied_is_found() -> None:
    on = write("tourniquet", {"action": "applied"}, at="13:00")

    def off(at: str, action: str = "removed") -> Statement:
        return write("tourniquet", {"action": action, "of": on.name}, at=at, by=BEN)

    early = off("12:59")
    (one,) = found("removed-before-applied", on, early)
    assert set(one.statements) == {on.name, early.name}
    assert found("removed-before-applied", on, off("12:59", "converted"))
    for possible in (off("13:00"), off("2026-11-23T12:00L"), off("2026-11-23")):
        assert not found("removed-before-applied", on, possible)


def test_what_ended_before_it_began_is_found() -> None:
    def operation(end: Any) -> Statement:
        return write("procedure", {"what": "laparotomy", "end": end}, at="13:00")

    assert len(found("end-before-start", operation("2026-11-23T12:59Z"))) == 1
    for possible in ("2026-11-23T13:00Z", "2026-11-23", "2026-11-23T12:00L", None, 5, ["x"]):
        assert not found("end-before-start", operation(possible))


def test_care_timed_a_day_after_it_was_written_is_found() -> None:
    written = int(moment("13:00").timestamp() * 1000)
    assert not found("timed-after-written", vitals("2026-11-24T13:00Z", ms=written))
    assert len(found("timed-after-written", vitals("2026-11-24T13:01Z", ms=written))) == 1
    assert not found("timed-after-written", vitals("2026-11-24T20:00L", ms=written))
    assert not found("timed-after-written", vitals("2026-11-24T13:01Z", ms=1)), "clock never set"


def txa(at: str, **more: Any) -> Statement:
    return write("medication_given", {"drug": "TXA", "dose": "2", "unit": "g"}, at=at, **more)


def test_tranexamic_acid_more_than_three_hours_after_the_injury_is_a_warning() -> None:
    injury = injured("2026-11-23T10:00Z")
    late = txa("13:01")
    (one,) = found("txa-late", injury, late)
    assert set(one.statements) == {injury.name, late.name}
    assert (one.kind, one.severity, one.timed) == ("hazard", "medium", False)
    assert "3 h 01 min" in one.text
    assert not found("txa-late", injury, txa("13:00"))
    assert not found("txa-late", injury, error(injury), late)
    assert not found("txa-late", injured("2026-11-23T10:00L"), late)


def test_tranexamic_acid_in_a_second_episode_counts_from_the_injury_in_the_first() -> None:
    injury = injured("2026-11-23T10:00Z")
    assert found("txa-late", injury, txa("13:01", document=OTHER_EPISODE))
    own = injured("2026-11-23T12:00Z", document=OTHER_EPISODE)
    assert not found("txa-late", injury, own, txa("13:01", document=OTHER_EPISODE))
    last_week = injured("2026-11-16T10:00Z")
    assert not found("txa-late", last_week, txa("13:01", document=OTHER_EPISODE))


def test_care_still_to_come_puts_a_clock_in_doubt() -> None:
    ahead = vitals("13:16")
    (one,) = found("time-in-future", ahead, now="13:00")
    assert (one.kind, one.timed) == ("time", True)
    assert not found("time-in-future", ahead, now="13:01")
    assert not found("time-in-future", vitals("2026-11-23T20:00L"), now="13:00")


def test_the_age_of_the_last_vital_signs_is_shown() -> None:
    last = vitals("13:00", by=BEN, document=OTHER_EPISODE)
    shown = derived("last_vitals", vitals("12:00"), last, vitals("18:00"), now="13:35")
    assert shown == {
        "statement": last.name,
        "at": last.at,
        "minutes": 35,
        "minutes_least": 35,
    }
    assert derived("last_vitals", vitals(None), now="13:35") is None


def triaged(category: str, **more: Any) -> Statement:
    return write("triage", {"category": category}, **more)


@pytest.mark.parametrize(("now", "due"), [("13:30", False), ("13:31", True)])
def test_an_immediate_casualty_is_due_for_reassessment_after_half_an_hour(
    now: str, due: bool
) -> None:
    statements = (triaged("immediate"), vitals("12:00"), vitals("13:00"))
    assert len(found("reassessment-due", *statements, now=now)) == due


def test_reassessment_is_due_once_a_chart_and_only_while_care_goes_on() -> None:
    old = vitals("12:00")
    disputed = (triaged("immediate"), triaged("minimal", by=BEN))
    (one,) = found("reassessment-due", old, *disputed, now="14:00")
    assert (one.severity, one.timed) == ("low", True)
    assert not found("reassessment-due", old, triaged("delayed"), now="14:00")
    gone = write("discharge", {"disposition": "evacuated"})
    assert not found("reassessment-due", old, *disputed, gone, now="14:00")
    yesterday = vitals("2026-11-22T12:00Z")
    assert not found("reassessment-due", yesterday, *disputed, now="14:00")
    assert not found("reassessment-due", vitals("2026-11-23T12:00L"), *disputed, now="14:00")


def test_nothing_that_depends_on_the_time_is_found_without_one() -> None:
    statements = (triaged("immediate"), vitals("12:00"), vitals("2030-01-01T00:00Z"))
    assert not [one for one in charted(*statements).findings if one.timed]


@pytest.mark.parametrize("at", ["0001-01-01T00:30Z", "9999-12-31T23:59Z", "0001", "9999-12-31"])
def test_the_ends_of_the_calendar_stop_nothing(at: str) -> None:
    statements = (injured(at), vitals(at), txa(at), born("9999"), triaged("immediate"))
    assert charted(*statements, injured("2026-11-23T13:00Z", by=BEN), now="13:00").documents


def test_entries_that_contend_for_no_one_value_are_not_to_be_replaced_by_one() -> None:
    """Choosing one entry of such a finding would supersede entries that have nothing to do with it."""
    on = write("tourniquet", {"action": "applied", "limb": "left-leg"}, at="13:00")
    statements = (
        born("2026-11-25"),
        injured("2026-11-23T13:00Z"),
        on,
        write("tourniquet", {"action": "removed", "of": on.name}, at="12:59", by=BEN),
        write("tourniquet", {"action": "removed"}, at="12:59", by=BEN),
        write("tourniquet", {"action": "applied", "limb": "right-leg"}),
        write("procedure", {"what": "x", "end": "2026-11-23T12:59Z"}, at="13:00"),
        write("medication_given", {"drug": "ketamine", "dose": "500", "unit": "mg", "route": "IV"}),
        write("handover", {"action": "accept"}, at="13:00"),
        vitals("11:00"),
        vitals("23:00"),
        txa("20:00"),
    )
    rules = {
        "care-before-birth",
        "care-before-injury",
        "removed-before-applied",
        "tourniquet-end-names-none",
        "tourniquet-without-time",
        "end-before-start",
        "dose-above",
        "handover-accepts-none",
        "time-in-future",
        "txa-late",
    }
    acts = {one.rule: one.closing.act for one in charted(*statements, now="21:00").findings}
    assert {acts.get(rule) for rule in rules} == {"resolve"}
