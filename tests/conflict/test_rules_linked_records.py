"""Several records of one person: code status, blood type, DoD IDs, and the record to write in."""

from __future__ import annotations

import pytest

from conflict.finding import Finding
from conflict.rules import RULES, bounded
from conflict.rules.identity import handoff_stops
from conflict.statement import Json, Statement
from tests.conflict.conflict_charted import (
    OTHER_EPISODE,
    OTHER_PERSON,
    charted,
    derived,
    facts,
    found,
    write,
)
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


# What linked records must not say differently ----------------------------------------------------


def in_episode(slot: str, value: Json, at: str | None = "12:00") -> Statement:
    return write(slot, value, at=at)


def in_other(slot: str, value: Json, at: str | None = "12:30") -> Statement:
    return write(slot, value, at=at, by=BEN, document=OTHER_EPISODE)


def across(slot: str, *statements: Statement) -> list[Finding]:
    return found(f"{slot}-across-records", *statements)


@pytest.mark.parametrize(
    ("slot", "field", "first", "second"),
    [("sex", "code", "male", "female"), ("birth_date", "date", "1990-01-01", "1960-01-01")],
)
def test_linked_records_that_differ_by_strong_evidence_are_a_contradiction(
    slot: str, field: str, first: str, second: str
) -> None:
    one = here(slot, {field: first, "evidence": "card-scan"})
    other = there(slot, {field: second, "evidence": "registry"})
    (apart,) = across(slot, one, other)
    assert set(apart.statements) == {one.name, other.name}
    assert (apart.kind, apart.severity) == ("contradiction", "high")
    assert not across(slot, one, there(slot, {field: second, "evidence": "self"}))
    assert not across(slot, one, there(slot, {field: first, "evidence": "registry"}))
    assert not across(slot, one, here(slot, {field: second, "evidence": "card-scan"}))


def test_a_year_of_birth_agrees_with_a_day_in_it() -> None:
    one = here("birth_date", {"date": "1990", "evidence": "card-scan"})
    assert not across(
        "birth_date", one, there("birth_date", {"date": "1990-05-01", "evidence": "registry"})
    )


PENICILLIN: dict[str, Json] = {"substance": "penicillin", "status": "active", "category": "drug"}


@pytest.mark.parametrize(
    "against",
    [
        {"status": "none-known"},
        {"status": "none-known-drug"},
        {"substance": "Penicillin", "status": "refuted"},
    ],
)
def test_an_allergy_that_a_linked_record_denies_is_a_contradiction(against: Json) -> None:
    one, other = here("allergy", PENICILLIN), there("allergy", against)
    (apart,) = across("allergy", one, other)
    assert set(apart.statements) == {one.name, other.name}
    assert apart.severity == "high"
    assert not across("allergy", one, here("allergy", against)), "its own record's finding"
    assert not across("allergy", one, there("allergy", {**PENICILLIN, "criticality": "high"}))


def test_no_known_drug_allergies_say_nothing_of_food_in_a_linked_record() -> None:
    nuts = here("allergy", {"substance": "nuts", "category": "food"})
    assert not across("allergy", nuts, there("allergy", {"status": "none-known-drug"}))
    assert across("allergy", nuts, there("allergy", {"status": "none-known"}))


def test_a_flood_of_allergies_against_none_known_is_one_finding() -> None:
    many = [here("allergy", {"substance": f"x{place}"}) for place in range(300)]
    (apart,) = across("allergy", *many, there("allergy", {"status": "none-known"}))
    assert len(apart.statements) <= bounded.NAMED_MAX
    assert len(apart.text) < 4_000


def test_consent_on_one_matter_that_differs_between_records_is_a_contradiction() -> None:
    def consents(decision: str, about: str = "blood-products") -> Json:
        return {"about": about, "decision": decision}

    one, other = here("consent", consents("granted")), there("consent", consents("refused"))
    (apart,) = across("consent", one, other)
    assert apart.text.index("refused") < apart.text.index("granted"), "the safer first"
    assert not across("consent", one, there("consent", consents("refused", "photography")))
    assert not across("consent", one, here("consent", consents("refused")))


@pytest.mark.parametrize(
    ("slot", "field", "safer", "other"),
    [
        ("triage", "category", "immediate", "expectant"),
        ("evacuation", "precedence", "urgent", "routine"),
    ],
)
def test_two_open_episodes_of_one_casualty_that_differ_are_a_contradiction(
    slot: str, field: str, safer: str, other: str
) -> None:
    first, second = in_other(slot, {field: safer}), in_episode(slot, {field: other})
    (apart,) = across(slot, first, second)
    assert (apart.severity, set(apart.statements)) == ("medium", {first.name, second.name})
    assert apart.text.index(safer) < apart.text.index(other)
    assert not across(slot, first, in_episode(slot, {field: safer}))
    assert not across(slot, in_episode(slot, {field: safer}), in_episode(slot, {field: other}))
    later = in_other(slot, {field: safer}, at="2026-11-24T01:00Z")
    assert not across(slot, second, later), "more than 12 h apart"
    ended = in_episode("discharge", {"disposition": "returned-to-duty"})
    assert not across(slot, first, second, ended)
    same = in_episode(
        "link", {"relation": "same-episode", "document": first.name.partition("/")[0]}
    )
    for linked in ((second, later, same), (second, first, ended, same)):
        assert across(slot, *linked), "joined by a person"


def test_every_rule_that_a_finding_names_is_declared_by_its_name() -> None:
    declared = [name for rule in RULES for name in rule.names()]
    assert {"dose-above", "blood_type-across-records", "blood-rh"} <= set(declared)
    assert {"dose-far-outside", "blood-across-records"}.isdisjoint(declared)
