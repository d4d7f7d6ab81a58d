"""Several records of one person: code status, blood type, DoD IDs, and the record to write in."""

from __future__ import annotations

import pytest

from conflict.rules.identity import handoff_stops
from conflict.statement import Json, Statement
from tests.conflict.conflict_charted import OTHER_PERSON, charted, derived, facts, found, write
from tests.conflict.conflict_charted import error as mark_error
from tests.conflict.conflict_lab import PERSON
from tests.conflict.conflict_said import BEN

NOW = "13:00"
DNR = {"kind": "dnr", "signed": True, "signed_by": "Ruiz", "verified": True, "verified_by": "Cho"}


def here(slot: str, value: Json, *names: Statement) -> Statement:
    """Anna writes in the one record."""
    return write(slot, value, *names, document=PERSON)


def there(slot: str, value: Json, *names: Statement) -> Statement:
    """Ben writes in the other."""
    return write(slot, value, *names, document=OTHER_PERSON, by=BEN)


# Code status -------------------------------------------------------------------------------------


def test_a_dnr_in_force_is_the_code_status() -> None:
    dnr = here("directive", {**DNR, "limits": "comfort care"})
    status = derived("code_status", dnr, now=NOW)
    assert (status["kind"], status["limits"]) == ("dnr", "comfort care")
    assert status["statements"] == [dnr.name]


@pytest.mark.parametrize("value", [{}, {**DNR, "signed": False}, {"kind": "revocation"}, 5])
def test_without_a_directive_in_force_it_is_full_treatment(value: Json) -> None:
    assert derived("code_status", here("directive", value), now=NOW)["kind"] == "full-treatment"


def test_a_dnr_is_not_carried_onto_a_linked_record() -> None:
    dnr, name = here("directive", DNR), there("name", {"family": "Doe"})
    assert derived("code_status", dnr, name, now=NOW)["kind"] == "full-treatment"
    (hazard,) = found("directive-not-carried", dnr, name)
    assert (hazard.kind, hazard.severity) == ("hazard", "high")
    verified = there("directive", DNR)
    assert derived("code_status", dnr, name, verified, now=NOW)["kind"] == "dnr"
    assert not found("directive-not-carried", dnr, name, verified)


def test_directives_that_differ_between_records_mean_full_treatment() -> None:
    dnr, dni = here("directive", DNR), there("directive", {**DNR, "kind": "dni"})
    assert derived("code_status", dnr, dni, now=NOW)["kind"] == "full-treatment"
    (hazard,) = found("directive-not-carried", dnr, dni)
    assert set(hazard.statements) == {dnr.name, dni.name}


def test_a_dnr_does_not_count_while_a_linked_record_is_not_held() -> None:
    away = {"document": "person-" + "a" * 24, "relation": "same-person"}
    dnr, link = here("directive", DNR), here("link", away)
    assert derived("code_status", dnr, link, now=NOW)["kind"] == "full-treatment"
    (hazard,) = found("directive-not-carried", dnr, link)
    assert set(hazard.statements) == {dnr.name, link.name}
    unlinked = here("link", {**away, "relation": "not-same-person"}, link)
    assert derived("code_status", dnr, link, unlinked, now=NOW)["kind"] == "dnr"


# Who it is ---------------------------------------------------------------------------------------

ONE, OTHER = (
    {"number": number, "evidence": evidence}
    for number, evidence in (("9000000001", "tag"), ("9000000002", "card-scan"))
)


@pytest.mark.parametrize("second", [here, there])
def test_two_dod_ids_stop_the_handing_over_until_one_is_marked_as_an_error(second) -> None:  # type: ignore[no-untyped-def]
    one, other = here("dod_id", ONE), second("dod_id", OTHER)
    (stop,) = handoff_stops(facts([one, other]))
    assert (stop.kind, stop.severity) == ("hazard", "high")
    explained = here("resolution", {"finding": stop.id, "decision": "the tag is his brother's"})
    assert [each.id for each in handoff_stops(facts([one, other, explained]))] == [stop.id]
    assert handoff_stops(facts([one, other, mark_error(one)])) == ()


def test_names_that_differ_stop_nothing() -> None:
    names = here("name", {"family": "Doe"}), here("name", {"family": "Dough"})
    assert handoff_stops(facts(names)) == ()


def test_blood_types_of_linked_records_that_differ_are_a_hazard() -> None:
    one = here("blood_type", {"abo": "A", "rh": "+", "method": "tag"})
    other = there("blood_type", {"abo": "O", "rh": "+", "method": "lab"})
    (hazard,) = found("blood_type-across-records", one, other)
    assert (hazard.kind, hazard.severity) == ("hazard", "high")


def test_new_entries_go_to_the_record_with_the_best_evidence() -> None:
    guess = here("name", {"family": "Doe", "evidence": "observed"})
    card = there("dod_id", {"number": "9000000001", "evidence": "card-scan"})
    weak = there("name", {"family": "Doe", "evidence": "observed"})
    active = derived("active_record", guess, weak, card, now=NOW)
    assert active["document"] == card.name.partition("/")[0]
    assert (active["evidence"], len(active["among"])) == ("card-scan", 2)


def test_records_with_equal_evidence_are_told_apart_by_their_ids() -> None:
    names = here("name", {"evidence": "self"}), there("name", {"evidence": "self"})
    texts = sorted(one.name.partition("/")[0] for one in names)
    assert derived("active_record", *names, now=NOW)["document"] == texts[0]


def test_no_record_is_active_where_none_is_held() -> None:
    assert "active_record" not in charted(write("triage", {}), now=NOW).derived
