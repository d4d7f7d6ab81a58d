"""Tourniquets: a clock runs from the earliest asserted application until something names it."""

from __future__ import annotations

from typing import Any

import pytest

from conflict.identity import DocumentId
from conflict.statement import Source, Statement
from tests.conflict.conflict_charted import (
    EPISODE,
    OTHER_EPISODE,
    charted,
    derived,
    error,
    found,
    write,
)
from tests.conflict.conflict_said import ANNA, BEN

LEFT_LEG = {"action": "applied", "limb": "left-leg", "type": "CAT"}


def applied(at: str | None, *names: Statement, **more: Any) -> Statement:
    return write("tourniquet", LEFT_LEG, *names, at=at, **more)


def ended(
    target: Statement | str | None, at: str | None, action: str = "removed", **more: Any
) -> Statement:
    of = target.name if isinstance(target, Statement) else target
    value = {"action": action, "limb": "left-leg"} | ({"of": of} if of else {})
    return write("tourniquet", value, at=at, **more)


def shown(*statements: Statement, now: str) -> list[tuple[str, int | None, str]]:
    """State, minutes and band of each tourniquet."""
    listed = derived("tourniquets", *statements, now=now) or []
    return [(one["state"], one["minutes"], one["band"]) for one in listed]


def test_two_on_one_limb_are_two_tourniquets() -> None:
    first, second = applied("13:00"), applied("13:05", ms=2)
    assert shown(first, second, now="14:00") == [
        ("on", 60, "under-2h"),
        ("on", 55, "under-2h"),
    ]
    assert shown(first, second, ended(first, "13:30"), now="14:00") == [
        ("removed", 30, "under-2h"),
        ("on", 55, "under-2h"),
    ]


def test_the_clock_runs_from_the_earliest_asserted_application() -> None:
    first = applied("13:00")
    earlier, later = applied("12:40", first), applied("13:20", first, by=BEN)
    (one,) = derived("tourniquets", first, earlier, later, now="14:40")
    assert (one["minutes"], one["minutes_least"], one["band"]) == (120, 80, "2-6h")
    assert one["applied"] == ["2026-11-23T12:40:00Z", "2026-11-23T13:20:00Z"]
    assert set(one["statements"]) == {earlier.name, later.name}


def test_a_correction_that_saw_the_first_time_moves_the_clock() -> None:
    first = applied("12:00")
    assert shown(first, applied("13:00", first, by=BEN), now="14:00") == [("on", 60, "under-2h")]


def test_a_time_in_an_unknown_zone_counts_from_the_earliest_that_it_can_mean() -> None:
    local = applied("2026-11-23T13:00L")
    (one,) = derived("tourniquets", local, now="14:00")
    assert (one["minutes"], one["minutes_least"]) == (15 * 60, 0)
    assert not found("tourniquet-over-6h", local, now="14:00"), "it may be on for a minute"
    (doubt,) = found("tourniquet-2-6h", local, now="14:00")
    assert "may be on for up to 15 h 00 min, at least 0 min" in doubt.text
    assert "in doubt" in doubt.text
    assert doubt.severity == "high"
    day = applied("2026-11-22T00:00L")
    (surely,) = found("tourniquet-over-6h", day, now="23:00")
    assert "do not convert" in surely.text


def test_a_removal_that_names_no_tourniquet_stops_no_clock() -> None:
    on = applied("13:00")
    for target in (None, "ff" * 16 + ".9", f"{'episode-' + 'a' * 24}/{'ff' * 16}.1", on.name + "9"):
        off = ended(target, "13:30", by=BEN)
        assert shown(on, off, now="14:00") == [("on", 60, "under-2h")]
        (one,) = found("tourniquet-end-names-none", on, off)
        assert one.statements == (off.name,)
        assert (one.kind, one.severity) == ("hazard", "high")


def test_a_removal_names_its_tourniquet_by_id_in_its_document_and_by_name_in_another() -> None:
    on = applied("13:00")
    assert shown(on, ended(str(on.id), "13:30"), now="14:00") == [("removed", 30, "under-2h")]
    elsewhere = ended(on.name, "13:30", document=OTHER_EPISODE)
    assert shown(on, elsewhere, now="14:00") == [("removed", 30, "under-2h")]
    assert shown(on, ended(str(on.id), "13:30", document=OTHER_EPISODE), now="14:00") == [
        ("on", 60, "under-2h")
    ]


def test_a_removal_that_named_what_was_since_corrected_means_the_correction() -> None:
    first = applied("13:00")
    better = applied("12:50", first, by=BEN)
    assert shown(first, better, ended(first, "13:30"), now="14:00") == [("removed", 40, "under-2h")]


def test_a_removal_entered_in_error_lets_the_clock_run_again() -> None:
    on = applied("13:00")
    off = ended(on, "13:30")
    assert shown(on, off, now="14:00") == [("removed", 30, "under-2h")]
    assert shown(on, off, error(off, by=BEN), now="14:00") == [("on", 60, "under-2h")]


def test_an_application_entered_in_error_is_no_tourniquet() -> None:
    on = applied("13:00")
    assert shown(on, error(on), now="20:00") == []
    assert len(found("tourniquet-end-names-none", on, error(on), ended(on, "13:30"))) == 1


def test_the_clock_runs_until_the_latest_of_two_removals() -> None:
    on = applied("12:00")
    early, late = ended(on, "13:00"), ended(on, "15:00", by=BEN)
    (one,) = derived("tourniquets", on, early, late, now="20:00")
    assert (one["state"], one["minutes"], one["minutes_least"]) == ("removed", 180, 60)
    assert {early.name, late.name} < set(one["statements"])
    (differs,) = found("tourniquet-ended-apart", on, early, late)
    assert set(differs.statements) == {early.name, late.name}
    again = ended(on, "13:15", by=BEN)
    assert not found("tourniquet-ended-apart", on, early, again), "the same, a little later"


def test_a_removal_still_to_come_stops_nothing_yet() -> None:
    on = applied("12:00")
    assert shown(on, ended(on, "16:00"), now="13:00") == [("on", 60, "under-2h")]


def test_a_conversion_to_a_dressing_stops_the_clock() -> None:
    on = applied("12:00")
    converted = ended(on, "13:00", "converted")
    assert shown(on, converted, now="20:00") == [("converted", 60, "under-2h")]
    loosened = ended(on, "18:00")
    assert shown(on, converted, loosened, now="20:00") == [("removed", 60, "under-2h")]


def test_a_reassessment_stops_nothing() -> None:
    on = applied("12:00")
    assert shown(on, ended(on, "13:00", "reassessed"), now="14:00") == [("on", 120, "2-6h")]


def test_what_says_a_limb_and_a_time_and_no_action_is_taken_for_an_application() -> None:
    one = write("tourniquet", {"limb": "left-leg"}, at="12:00")
    assert shown(one, now="13:00") == [("on", 60, "under-2h")]


def test_a_removal_that_replaces_the_application_ends_it() -> None:
    on = applied("12:00")
    off = write("tourniquet", {"action": "removed"}, on, at="13:00", by=BEN)
    assert shown(on, off, now="20:00") == [("removed", 60, "under-2h")]
    both = write("tourniquet", {"action": "removed", "of": on.name}, on, at="13:00", by=BEN)
    assert shown(on, both, now="20:00") == [("removed", 60, "under-2h")]


def test_what_replaced_an_application_entered_in_error_ends_nothing() -> None:
    on = applied("12:00")
    off = write("tourniquet", {"action": "removed"}, on, at="13:00", by=BEN)
    statements = (on, off, error(on))
    assert shown(*statements, now="20:00") == []
    assert len(found("tourniquet-end-names-none", *statements)) == 1


def test_a_removal_that_names_a_reassessment_means_its_tourniquet() -> None:
    on = applied("12:00")
    seen = ended(on, "12:30", "reassessed")
    assert shown(on, seen, ended(seen, "13:00"), now="20:00") == [("removed", 60, "under-2h")]


def test_a_removal_that_names_what_two_corrected_differently_ends_neither() -> None:
    left, right = applied("12:00"), applied("12:20", ms=2)
    seen = ended(left, "12:30", "reassessed")
    apart = [
        write("tourniquet", {"action": "reassessed", "of": one.name}, seen, at="12:30", by=by)
        for one, by in ((left, ANNA), (right, BEN))
    ]
    statements = (left, right, seen, *apart, ended(seen, "13:00"))
    assert [state for state, _, _ in shown(*statements, now="14:00")] == ["on", "on"]
    assert len(found("tourniquet-end-names-none", *statements)) == 1


def test_removals_that_name_each_other_end_nothing() -> None:
    first, second = ended(None, "13:00"), ended(None, "13:30")
    one = write("tourniquet", {"action": "removed", "of": second.name}, first, at="13:00")
    two = write("tourniquet", {"action": "removed", "of": one.name}, second, at="13:30")
    statements = (applied("12:00"), first, second, one, two)
    assert shown(*statements, now="14:00") == [("on", 120, "2-6h")]
    assert len(found("tourniquet-end-names-none", *statements)) == 2


@pytest.mark.parametrize(
    ("now", "rules"),
    [
        ("13:59", []),
        ("14:00", ["tourniquet-2-6h"]),
        ("18:00", ["tourniquet-2-6h"]),
        ("18:01", ["tourniquet-over-6h"]),
    ],
)
def test_a_new_band_is_a_new_finding(now: str, rules: list[str]) -> None:
    on = applied("12:00")
    timed = [one for one in charted(on, now=now).findings if one.timed]
    assert [one.rule for one in timed] == rules
    assert not charted(on).findings
    assert not charted(on, ended(on, "19:30"), now="20:00").findings


def test_closing_the_two_hour_finding_does_not_close_the_six_hour_one() -> None:
    on = applied("12:00")
    (two_hours,) = found("tourniquet-2-6h", on, now="15:00")
    stays = write("resolution", {"finding": two_hours.id, "decision": "amputation: it stays"})
    (closed,) = found("tourniquet-2-6h", on, stays, now="15:00")
    assert closed.closed_by == (stays.name,)
    (six_hours,) = found("tourniquet-over-6h", on, stays, now="19:00")
    assert not six_hours.closed_by
    assert six_hours.severity == "high"
    assert "7 h 00 min" in six_hours.text


def test_a_tourniquet_without_a_time_is_found_and_its_band_is_unknown() -> None:
    on = applied(None)
    assert shown(on, now="20:00") == [("on", None, "unknown")]
    assert [one.kind for one in found("tourniquet-without-time", on)] == ["time"]
    assert not found("tourniquet-without-time", on, ended(on, None))


def test_a_removal_without_a_time_leaves_the_length_unknown() -> None:
    on = applied("12:00")
    assert shown(on, ended(on, None), now="20:00") == [("removed", None, "unknown")]


def test_two_episodes_of_one_casualty_share_their_tourniquets() -> None:
    one = applied("12:00")
    other = write(
        "tourniquet",
        {"action": "applied", "limb": "right-arm"},
        at="12:30",
        by=BEN,
        document=OTHER_EPISODE,
        ms=2,
    )
    assert shown(one, other, now="13:00") == [("on", 60, "under-2h"), ("on", 30, "under-2h")]
    assert not found("written-twice", one, other)


@pytest.mark.parametrize("document", [EPISODE, OTHER_EPISODE])
def test_one_tourniquet_perhaps_written_twice_is_found_in_one_episode_or_two(
    document: DocumentId,
) -> None:
    one, other = applied("12:00"), applied("12:10", by=BEN, document=document)
    (twice,) = found("written-twice", one, other)
    assert set(twice.statements) == {one.name, other.name}
    assert twice.kind == "possible-duplicate"
    assert len(shown(one, other, now="13:00")) == 2
    for different in (
        applied("12:10", by=ANNA, document=document),
        applied("12:20", by=BEN, document=document),
        write("tourniquet", {**LEFT_LEG, "limb": "left-arm"}, by=BEN, document=document),
    ):
        assert not found("written-twice", one, different)


def test_two_corrections_of_one_application_are_not_two_tourniquets() -> None:
    first = applied("12:00")
    apart = (applied("12:05", first), applied("12:10", first, by=BEN))
    assert len(shown(first, *apart, now="13:00")) == 1
    assert not found("written-twice", first, *apart)


@pytest.mark.parametrize("named", [0, 1])
def test_a_removal_may_name_either_copy_of_an_imported_application(named: int) -> None:
    """Two nodes import one record; which copy has the smaller id is chance."""
    source = Source("ehr", "Procedure/7", "h1")
    copies = [applied("2026-11-23T13:00Z", by=who, source=source) for who in (ANNA, BEN)]
    removed = ended(copies[named], "2026-11-23T14:00Z")
    assert [state for state, *_ in shown(*copies, removed, now="20:00")] == ["removed"]


def test_a_conversion_to_a_deliberate_tourniquet_stops_no_clock() -> None:
    on = applied("12:00")
    value = {"action": "converted", "of": on.name, "tightness": "deliberate"}
    tight = write("tourniquet", value, at="13:00")
    assert shown(on, tight, now="15:00") == [("on", 180, "2-6h")]
    assert found("tourniquet-2-6h", on, tight, now="15:00")
    dressing = write("tourniquet", {**value, "of": tight.name, "tightness": None}, at="14:00")
    assert shown(on, tight, dressing, now="20:00") == [("converted", 120, "2-6h")]
    nothing = write("tourniquet", {**value, "of": None}, at="13:00")
    assert len(found("tourniquet-end-names-none", on, nothing)) == 1


def test_applications_that_differ_say_how_long_it_may_be_on() -> None:
    first = applied("11:00")
    one = write("tourniquet", LEFT_LEG, first, at="12:00")
    other = write("tourniquet", LEFT_LEG, first, at="12:40", by=BEN)
    (hazard,) = found("tourniquet-2-6h", first, one, other, now="15:00")
    assert "may be on for up to 3 h 00 min, at least 2 h 20 min" in hazard.text
    assert "on for 3 h 00 min (" in found("tourniquet-2-6h", applied("12:00"), now="15:00")[0].text
