"""Drugs given: totals from least to most over every document, and warnings that cite their source."""

from __future__ import annotations

from typing import Any

import pytest

from conflict.identity import DocumentId
from conflict.statement import Json, Source, Statement
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


def gave(drug: str, dose: Json, unit: Json = "mg", *names: Statement, **more: Any) -> Statement:
    fields = {name: more.pop(name) for name in ("route", "status") if name in more}
    value = {"drug": drug, "dose": dose, "unit": unit, **fields}
    return write("medication_given", value, *names, **more)


def totals(drug: str, *statements: Statement, now: str = "15:00") -> list[tuple[Any, ...]]:
    """Unit, least and most in 24 h, least and most in all."""
    listed = derived("dose_totals", *statements, now=now) or []
    return [
        (one["unit"], *one["day"], *one["all"])
        for each in listed
        if each["drug"] == drug
        for one in each["totals"]
    ]


def not_added(drug: str, *statements: Statement) -> list[str]:
    listed = derived("dose_totals", *statements, now="15:00") or []
    return [
        one["text"] for each in listed if each["drug"] == drug for one in each.get("not_added", ())
    ]


def test_two_episodes_of_one_casualty_add_up_their_morphine() -> None:
    one = gave("Morphine", "10", at="12:00")
    other = gave("MSO4", "0.005", "g", at="13:00", by=BEN, document=OTHER_EPISODE)
    assert totals("morphine", one, other) == [("mg", "15", "15", "15", "15")]


@pytest.mark.parametrize("document", [EPISODE, OTHER_EPISODE])
def test_what_may_be_one_dose_written_twice_counts_once_for_the_least(document: DocumentId) -> None:
    one = gave("morphine", "10", at="12:00", route="IV")
    other = gave("Morphine sulfate", "5", at="12:10", route="IV push", by=BEN, document=document)
    assert totals("morphine", one, other) == [("mg", "5", "15", "5", "15")]
    (twice,) = found("written-twice", one, other)
    assert set(twice.statements) == {one.name, other.name}


def test_a_quarter_of_an_hour_apart_may_still_be_one_dose() -> None:
    one = gave("morphine", "10", at="12:00")
    assert found(
        "written-twice", one, gave("morphine", "10", at="12:15", by=BEN, document=OTHER_EPISODE)
    )
    assert not found(
        "written-twice", one, gave("morphine", "10", at="12:16", by=BEN, document=OTHER_EPISODE)
    )


def test_doses_of_one_writer_another_route_or_another_hour_are_not_one() -> None:
    one = gave("morphine", "10", at="12:00", route="IV")
    for other in (
        gave("morphine", "5", at="12:10", route="IV", document=OTHER_EPISODE),
        gave("morphine", "5", at="12:10", route="IM", by=BEN, document=OTHER_EPISODE),
        gave("morphine", "5", at="12:20", route="IV", by=BEN, document=OTHER_EPISODE),
    ):
        assert totals("morphine", one, other) == [("mg", "15", "15", "15", "15")]
        assert not found("written-twice", one, other)


def test_each_writers_own_doses_are_so_many_events() -> None:
    """Anna's two cannot both be Ben's one."""
    two = [gave("ketamine", "20", at=at, ms=5) for at in ("12:00", "12:10")]
    ben = gave("ketamine", "30", at="12:05", by=BEN, document=OTHER_EPISODE)
    assert totals("ketamine", *two, ben) == [("mg", "40", "70", "40", "70")]


def test_one_source_record_imported_into_two_episodes_counts_once_for_the_least() -> None:
    source = Source("ehr", "given/7", "ab" * 32)
    copies = [
        gave("morphine", "10", at="12:00", source=source, document=document)
        for document in (EPISODE, OTHER_EPISODE)
    ]
    assert totals("morphine", *copies) == [("mg", "10", "20", "10", "20")]
    assert found("written-twice", *copies)


def test_two_corrections_of_one_dose_count_once_for_the_least() -> None:
    first = gave("morphine", "10", at="12:00")
    less, more = gave("morphine", "5", "mg", first), gave("morphine", "20", "mg", first, by=BEN)
    assert totals("morphine", first, less, more) == [("mg", "0", "25", "5", "25")]


def test_the_day_counts_for_the_most_what_may_be_in_it() -> None:
    yesterday = gave("ketorolac", "30", at="2026-11-22T14:00Z")
    undated, local = gave("ketorolac", "15"), gave("ketorolac", "10", at="2026-11-22T20:00L")
    today = gave("ketorolac", "1", at="10:00")
    statements = (yesterday, undated, local, today)
    assert totals("ketorolac", *statements) == [("mg", "1", "26", "56", "56")]


def test_a_dose_that_may_be_one_of_yesterday_is_not_surely_of_this_day() -> None:
    before = gave("morphine", "10", at="2026-11-22T14:55Z")
    after = gave("morphine", "10", at="2026-11-22T15:05Z", by=BEN)
    assert totals("morphine", before, after) == [("mg", "0", "10", "10", "20")]


def test_a_dose_that_cannot_be_added_is_listed_as_written() -> None:
    odd = [
        gave("morphine", "10", "ampoules"),
        gave("morphine", "ten", "mg"),
        gave("morphine", None, None),
        gave("morphine", "10", None),
        gave("morphine", "0.1", "mg/kg"),
        gave("morphine", "-5", "mg"),
        gave("morphine", ["10"], {"mg": 1}),
    ]
    assert len(not_added("morphine", *odd)) == len(odd)
    assert totals("morphine", *odd) == []
    assert "morphine 10 ampoules" in not_added("morphine", *odd)


def test_every_drug_of_a_pack_is_listed_and_none_is_given_the_packs_dose() -> None:
    pack = gave("Combat pill pack", "1", "g", at="12:00")
    box = write("other_care", {"what": "combat-pill-pack"}, at="12:00")
    for drug in ("moxifloxacin", "acetaminophen", "meloxicam"):
        assert len(not_added(drug, pack, box)) == 2
    assert not derived("dose_totals", write("other_care", {"what": "splint"}), now="15:00")


def test_a_drug_that_is_not_in_the_formulary_adds_up_under_its_own_name() -> None:
    doses = [gave(name, "10", "mL", ms=place) for place, name in enumerate(("Xyzal", " xyzal"))]
    assert totals("xyzal", *doses) == [("mL", "0", "20", "20", "20")]


def test_units_of_another_kind_are_a_total_of_their_own() -> None:
    doses = (gave("ketamine", "20", at="12:00"), gave("ketamine", "2", "mL", at="13:00"))
    assert totals("ketamine", *doses) == [
        ("mL", "2", "2", "2", "2"),
        ("mg", "20", "20", "20", "20"),
    ]


@pytest.mark.parametrize("status", ["not-done", "Not done", "entered-in-error", "refused"])
def test_what_was_not_given_does_not_count(status: str) -> None:
    one = gave("morphine", "100", at="12:00", status=status)
    assert totals("morphine", one) == []
    assert not charted(one, now="15:00").findings


def test_a_dose_entered_in_error_does_not_count() -> None:
    one = gave("morphine", "10", at="12:00")
    assert totals("morphine", one, error(one, by=BEN)) == []


def test_one_dose_far_above_what_is_cited_is_a_warning_with_its_source() -> None:
    (above,) = found("dose-above", gave("ketamine", "500", at="12:00", route="IV"))
    assert (above.kind, above.severity) == ("hazard", "medium")
    assert "TCCC" in above.text
    assert not above.timed
    assert [one.severity for one in found("dose-below", gave("fentanyl", "1", "ug"))] == ["low"]
    assert not charted(gave("ketamine", "20", at="12:00", route="IV"), now="15:00").findings


def test_a_day_above_the_cited_maximum_counts_every_possible_duplicate() -> None:
    doses = [
        gave("Tylenol", "1000", at=at, by=by, document=document, ms=place)
        for place, (at, by, document) in enumerate(
            (at, by, document)
            for at in ("08:00", "12:00")
            for by, document in ((BEN, EPISODE), (ANNA, OTHER_EPISODE))
        )
    ]
    fifth = gave("acetaminophen", "500", at="14:00")
    assert not found("dose-day-over", *doses, now="15:00")
    (over,) = found("dose-day-over", *doses, fifth, now="15:00")
    assert over.timed
    assert set(over.statements) == {one.name for one in (*doses, fifth)}
    assert "4000 mg" in over.text
    assert not [one for one in charted(*doses, fifth).findings if one.timed]


def test_a_flood_of_possible_duplicates_is_one_finding_that_names_all() -> None:
    doses = [
        gave("morphine", "10", at="12:00", by=by, document=document, ms=place)
        for place in range(20)
        for by, document in ((ANNA, EPISODE), (BEN, OTHER_EPISODE))
    ]
    (flood,) = charted(*doses).findings
    assert flood.rule == "written-many-times"
    assert set(flood.statements) == {one.name for one in doses}
    assert totals("morphine", *doses) == [("mg", "200", "400", "200", "400")]
