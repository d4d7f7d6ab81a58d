"""The rules of CLINICAL.md §3 for an episode, each told as what happens to a casualty.

Anna and Ben are two medics who have not seen each other's entries. What needs the whole chart or the
time of reading (clocks, totals, custody) is tested with the rules that compute it.
"""

from __future__ import annotations

from itertools import combinations

import pytest

from conflict.errors import ValueRefused
from conflict.records.movement import MEDEVAC_LINES
from conflict.slot import CATALOGUE
from conflict.statement import Draft, Json
from tests.conflict.conflict_said import (
    ANNA,
    BEN,
    error,
    folded,
    readings,
    say,
    shown,
    the_finding,
    values,
)

NOON, LATER = "2026-11-23T12:00Z", "2026-11-23T12:10Z"


# Tourniquets, airway, chest: events -------------------------------------------------------------


def test_a_second_tourniquet_on_the_same_limb_is_kept() -> None:
    """Doctrine: a second one beside the first. The identity is the application, not the limb."""
    applied = {"action": "applied", "kind": "extremity", "limb": "left-leg", "type": "CAT Gen 7"}
    first = say("tourniquet", applied, at=NOON)
    for who in (ANNA, BEN):
        second = say("tourniquet", applied, by=who, at=NOON)
        assert values(first, second) == [applied, applied]
        assert not folded(first, second).findings


def test_a_removal_or_conversion_is_an_event_beside_its_application() -> None:
    applied = say("tourniquet", {"action": "applied", "limb": "left-arm"}, at=NOON)
    for action in ("converted", "removed", "reassessed"):
        event = say("tourniquet", {"action": action, "of": applied.id}, by=BEN, at=LATER)
        assert shown(applied, event) == [(applied.value, "stands"), (event.value, "stands")]


@pytest.mark.parametrize("slot", ["airway", "breathing", "circulation", "other_care", "procedure"])
def test_what_two_did_alike_is_two_events_until_somebody_says_otherwise(slot: str) -> None:
    one, other = (say(slot, {"type": "CRIC"}, by=by, at=NOON) for by in (ANNA, BEN))
    assert len(shown(one, other)) == 2
    assert not folded(one, other).findings


# Drugs, fluids and blood ------------------------------------------------------------------------

KETAMINE = {"drug": "Ketamine", "dose": "20", "unit": "mg", "route": "IV"}


def test_the_same_dose_written_by_two_is_kept_twice_and_flagged() -> None:
    one = say("medication_given", KETAMINE, at=NOON)
    other = say("medication_given", KETAMINE, by=BEN, at=LATER)
    assert values(one, other) == [KETAMINE, KETAMINE]
    found = the_finding(one, other)
    assert found.kind == "possible-duplicate"
    assert "Anna 12:00Z wrote Ketamine 20 mg IV" in found.text
    assert "Ben 12:10Z" in found.text
    assert found.closing.act == "void"


def test_a_dose_that_one_of_two_marks_as_an_error_is_given_once() -> None:
    one = say("medication_given", KETAMINE, at=NOON)
    other = say("medication_given", KETAMINE, by=BEN, at=LATER)
    void = error(other)
    assert values(one, other, void) == [KETAMINE]
    assert not folded(one, other, void).findings


def test_the_same_bag_of_fluid_written_by_two_is_kept_twice_and_flagged() -> None:
    bag = {"product": "plasma-lyte-a", "volume": "500", "route": "IO"}
    one, other = (say("fluid", bag, by=by, at=NOON) for by in (ANNA, BEN))
    assert values(one, other) == [bag, bag]
    assert the_finding(one, other).kind == "possible-duplicate"


def unit(number: str | None, product: str = "whole-blood-ltowb") -> dict[str, Json]:
    """A unit of blood."""
    value: dict[str, Json] = {"product": product, "route": "IV"}
    return value | ({"unit_number": number} if number else {})


@pytest.mark.parametrize("who", [ANNA, BEN])
def test_one_unit_of_blood_cannot_be_given_twice_whoever_wrote_it_and_when(who: bytes) -> None:
    one = say("blood_product", unit("W9999 26 000123"), at=NOON)
    again = say(
        "blood_product",
        unit("w9999 26 000123 ", "red-cells"),
        by=who,  # type: ignore[arg-type]
        at="2026-11-23T19:00Z",
    )
    assert len(shown(one, again)) == 2
    found = the_finding(one, again)
    assert found.kind == "possible-duplicate"
    assert found.rule == "unit-given-twice"


def test_two_units_of_blood_hung_at_once_by_two_are_two() -> None:
    one = say("blood_product", unit("W999926000123"), at=NOON)
    other = say("blood_product", unit("W999926000124"), by=BEN, at=NOON)
    assert not folded(one, other).findings


def test_a_unit_of_which_one_medic_did_not_write_the_number_may_be_the_other_ones() -> None:
    one = say("blood_product", unit("W999926000123"), at=NOON)
    other = say("blood_product", unit(None), by=BEN, at=LATER)
    assert the_finding(one, other).rule == "written-twice"
    later = say("blood_product", unit(None), by=BEN, at="2026-11-23T12:16Z")
    assert not folded(one, later).findings


# Triage and evacuation --------------------------------------------------------------------------


def test_expectant_never_wins_by_merge() -> None:
    expectant = say("triage", {"category": "expectant"}, by=BEN, ms=9)
    for category in ("immediate", "delayed", "minimal"):
        one = say("triage", {"category": category})
        assert values(one, expectant)[0] == {"category": category}
        assert the_finding(one, expectant).severity == "high"
        assert values(one, expectant, say("triage", {"category": "expectant"}, one, expectant)) == [
            {"category": "expectant"}
        ]


def test_a_casualty_is_triaged_again_at_every_level_of_care() -> None:
    first = say("triage", {"category": "immediate"})
    second = say("triage", {"category": "delayed"}, first, by=BEN)
    third = say("triage", {"category": "immediate"}, second)
    assert shown(first, second, third) == [({"category": "immediate"}, "stands")]
    assert not folded(first, second, third).findings


PRECEDENCES = ("urgent-surgical", "urgent", "priority", "routine", "convenience")


@pytest.mark.parametrize(("high", "low"), list(combinations(PRECEDENCES, 2)))
def test_an_evacuation_downgrade_needs_somebody_who_saw_the_higher_one(high: str, low: str) -> None:
    seen = say("evacuation", {"precedence": high})
    unseen = say("evacuation", {"precedence": low}, by=BEN, ms=9)
    assert values(seen, unseen) == [{"precedence": high}, {"precedence": low}]
    assert the_finding(seen, unseen).kind == "contradiction"
    downgraded = say("evacuation", {"precedence": low}, seen, by=BEN)
    assert shown(seen, downgraded) == [({"precedence": low}, "stands")]


# Time of injury ---------------------------------------------------------------------------------


def injured(time: str, **more: Json) -> dict[str, Json]:
    """A time of injury."""
    return {"time": time, **more}


def test_of_two_times_of_injury_the_earlier_is_shown_and_both_are_listed() -> None:
    """Three hours for tranexamic acid are over sooner; text order would have it the other way."""
    late, early = injured("2026-11-23T14:20Z"), injured("2026-11-23T16:55+03:00")
    assert shown(say("injury_time", late), say("injury_time", early, by=BEN)) == [
        (early, "safer"),
        (late, "also"),
    ]
    assert the_finding(say("injury_time", late), say("injury_time", early, by=BEN))


def test_one_instant_in_two_zones_is_no_contradiction() -> None:
    zulu, local = injured("2026-11-23T13:55Z"), injured("2026-11-23T16:55+03:00")
    one, other = say("injury_time", zulu), say("injury_time", local, by=BEN)
    assert len(shown(one, other)) == 2
    assert not folded(one, other).findings


def test_local_time_is_not_taken_for_zulu() -> None:
    one = say("injury_time", injured("2026-11-23T13:55L"))
    other = say("injury_time", injured("2026-11-23T13:55Z"), by=BEN)
    assert the_finding(one, other).rule == "heads-differ"


def test_a_guess_at_the_same_minute_agrees_with_who_knows_it() -> None:
    guess = say("injury_time", injured("2026-11-23T13:55Z", approximate=True))
    knows = say("injury_time", injured("2026-11-23T13:55Z"), by=BEN)
    (reading,) = readings(guess, knows)
    assert {one.id for one in reading.statements} == {guess.id, knows.id}


# Vital signs ------------------------------------------------------------------------------------


def test_every_set_of_vital_signs_is_kept() -> None:
    sets = [say("vitals", {"pulse": 88}, by=by, at=NOON) for by in (ANNA, BEN, ANNA)]
    assert len(shown(*sets)) == 3
    assert not folded(*sets).findings


def refused(slot: str, value: Json) -> str:
    """Why a value is refused at entry."""
    with pytest.raises(ValueRefused) as refusal:
        CATALOGUE[slot].check(Draft(slot=slot, value=value))
    return str(refusal.value)


def test_a_palpated_pressure_has_no_diastolic() -> None:
    palpated = {"systolic": 90, "systolic_method": "palpated"}
    CATALOGUE["vitals"].check(Draft(slot="vitals", value=palpated))
    assert "cannot be palpated" in refused("vitals", palpated | {"diastolic": 60})


def test_a_coma_score_is_the_sum_of_its_parts_and_never_made_of_avpu() -> None:
    parts = {"gcs_eye": 3, "gcs_verbal": 4, "gcs_motor": 6}
    for value in (parts, parts | {"gcs": 13}, {"gcs": 13, "gcs_eye": 3}, {"avpu": "U"}):
        CATALOGUE["vitals"].check(Draft(slot="vitals", value=value))
    assert "13 expected" in refused("vitals", parts | {"gcs": 15})
    assert values(say("vitals", {"avpu": "U"})) == [{"avpu": "U"}]


# Handover, place, MEDEVAC -----------------------------------------------------------------------


def test_an_offer_stands_beside_its_answer() -> None:
    offer = say("handover", {"action": "offer", "to_unit": "DUSTOFF 99"})
    accept = say("handover", {"action": "accept", "of": offer.id}, by=BEN)
    assert len(shown(offer, accept)) == 2


def test_last_known_bed_is_shown_and_the_others_are_listed() -> None:
    ward = say("location", {"place": "Ward 2", "bed": "7"}, ms=1)
    icu = say("location", {"place": "ICU", "bed": "1"}, by=BEN, ms=9)
    assert shown(ward, icu) == [(icu.value, "stands"), (ward.value, "also")]
    assert not folded(ward, icu).findings


def test_two_requests_for_one_pickup_may_be_one() -> None:
    request = {"pickup": "38SMB12345678", "urgent": 1, "litter": 1}
    one = say("medevac", request, at=NOON)
    other = say("medevac", request | {"pickup": "38smb12345678 "}, by=BEN, at=LATER)
    assert len(shown(one, other)) == 2
    assert the_finding(one, other).kind == "possible-duplicate"


def test_a_request_has_its_nine_lines() -> None:
    fields = [name for line in MEDEVAC_LINES.values() for name in line]
    assert list(MEDEVAC_LINES) == [*range(1, 10)]
    assert {*fields, "setting"} == set(CATALOGUE["medevac"].shape.fields)
    assert len(fields) == len(set(fields))


def test_reports_of_two_handovers_are_both_kept() -> None:
    one, other = (say("mist", {"zap": "JE4711", "mechanism": "IED"}, by=by) for by in (ANNA, BEN))
    assert len(shown(one, other)) == 2


# How care ended ---------------------------------------------------------------------------------


def test_that_a_casualty_died_never_wins_by_merge() -> None:
    died = say("discharge", {"disposition": "died"}, by=BEN, ms=9)
    for disposition in ("returned-to-duty", "transferred", "evacuated", "against-advice"):
        alive = say("discharge", {"disposition": disposition})
        assert values(alive, died)[0] == {"disposition": disposition}
        assert the_finding(alive, died).severity == "high"


def test_a_card_that_one_closed_and_another_opened_is_open() -> None:
    closed, opened = (say("card", {"status": status}) for status in ("closed", "open"))
    assert shown(closed, opened)[0] == ({"status": "open"}, "safer")


# Entered in error, and corrections withdrawn ----------------------------------------------------


def test_entered_in_error_leaves_a_concurrent_correction_disputed() -> None:
    wrong = say("tourniquet", {"action": "applied", "limb": "left-leg"}, at=NOON)
    void = error(wrong)
    corrected = say("tourniquet", {"action": "applied", "limb": "right-leg"}, wrong, by=BEN)
    assert shown(wrong, void, corrected) == [(corrected.value, "disputed")]
    assert set(the_finding(wrong, void, corrected).statements) == {void.name, corrected.name}
    assert folded(wrong, void, corrected).struck == ((wrong, void),)


def test_what_a_withdrawn_correction_replaced_stands_again() -> None:
    first = say("triage", {"category": "immediate"})
    downgraded = say("triage", {"category": "minimal"}, first, by=BEN)
    withdrawn = error(downgraded, by=BEN)
    assert shown(first, downgraded, withdrawn) == [({"category": "immediate"}, "stands")]


def test_a_mark_of_error_that_was_an_error_itself_has_no_effect() -> None:
    dose = say("medication_given", KETAMINE, at=NOON)
    void = error(dose)
    undone = error(void, by=BEN)
    assert values(dose, void) == []
    assert values(dose, void, undone) == [KETAMINE]


def test_entered_in_error_voids_nothing_that_its_author_had_not_seen() -> None:
    one = say("medication_given", KETAMINE, at=NOON)
    same = say("medication_given", KETAMINE, by=BEN, at="2026-11-23T13:00Z")
    assert values(one, same, error(one)) == [KETAMINE]
