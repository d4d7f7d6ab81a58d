"""What cannot take an entry away: another slot, another item, a blanket, somebody who had not seen it."""

from __future__ import annotations

import pytest

from conflict.fold import fold_statements
from conflict.statement import Source, Statement
from tests.conflict.conflict_lab import EPISODE, PERSON
from tests.conflict.conflict_said import ANNA, BEN, allergy, error, folded, readings, say, shown


def rules(*statements: Statement) -> set[str]:
    return {one.rule for one in folded(*statements).findings}


@pytest.mark.parametrize("slot", ["note", "slot_of_newer_software"])
def test_a_statement_of_another_slot_takes_no_allergy_away(slot: str) -> None:
    yes = say("allergy", allergy("penicillin"))
    other = say(slot, {"text": "x"}, yes, by=BEN)
    found = fold_statements(PERSON, [yes, other])
    assert [one.value for one in found.readings("allergy")] == [allergy("penicillin")]
    (contradiction,) = [one for one in found.findings if one.rule == "named-from-elsewhere"]
    assert set(contradiction.statements) == {yes.name, other.name}


def test_nkda_that_names_an_allergy_does_not_remove_it() -> None:
    yes = say("allergy", allergy("penicillin"))
    none = say("allergy", allergy(None, "none-known-drug"), yes, by=BEN)
    assert (allergy("penicillin"), "stands") in shown(yes, none)
    assert "named-by-another" in rules(yes, none)


def test_a_refutation_of_another_substance_does_not_remove_it() -> None:
    yes = say("allergy", allergy("penicillin"))
    other = say("allergy", allergy("latex", "refuted"), yes, by=BEN)
    assert (allergy("penicillin"), "stands") in shown(yes, other)
    assert "named-by-another" in rules(yes, other)
    own = say("allergy", allergy("penicillin", "refuted"), yes, by=BEN)
    assert shown(yes, own) == [(allergy("penicillin", "refuted"), "inactive")]


def test_a_correction_of_the_substance_replaces_the_misspelt_one() -> None:
    wrong = say("allergy", allergy("penicilin"))
    right = say("allergy", allergy("penicillin"), wrong)
    assert shown(wrong, right) == [(allergy("penicillin"), "stands")]
    assert not rules(wrong, right)


@pytest.mark.parametrize("category", ["medication", "biologic", "Drug", None, 5])
def test_nkda_contradicts_every_allergy_that_may_be_a_drugs(category: object) -> None:
    yes = say("allergy", allergy("x") | {"category": category})
    none = say("allergy", allergy(None, "none-known-drug"), by=BEN)
    assert "none-known-denied" in rules(yes, none)
    food = say("allergy", allergy("x") | {"category": "food"})
    assert not rules(food, none)


def test_a_correction_of_a_correction_does_not_end_the_dispute() -> None:
    first = say("vitals", {"pulse": 200})
    one, void = say("vitals", {"pulse": 120}, first), error(first, by=BEN)
    again = say("vitals", {"pulse": 121}, one)
    assert shown(first, one, void, again) == [({"pulse": 121}, "disputed")]
    other = say("vitals", {"pulse": 102}, first, by=BEN)
    found = folded(first, one, other, again).findings
    assert [set(each.statements) for each in found] == [{again.name, other.name}]
    settled = say("vitals", {"pulse": 110}, again, other)
    assert not rules(first, one, other, again, settled)


def test_a_code_that_nobody_here_can_read_is_shown_before_the_least_cautious() -> None:
    odd = say("triage", {"category": "T1"})
    expectant = say("triage", {"category": "expectant"}, by=BEN)
    assert shown(odd, expectant)[0] == ({"category": "T1"}, "safer")
    capital = say("triage", {"category": "Immediate"})
    assert shown(capital, say("triage", {"category": "delayed"}, by=BEN))[0][0] == {
        "category": "Immediate"
    }


def test_two_people_at_one_laptop_may_have_written_one_dose_twice() -> None:
    dose = {"drug": "morphine", "route": "IV", "dose": "10", "unit": "mg"}
    one = say("medication_given", dose, at="2026-11-23T13:58Z")
    other = say("medication_given", dose, at="2026-11-23T13:59Z")._replace(by="Okafor")
    assert rules(one, other) == {"written-twice"}
    same = say("medication_given", dose, at="2026-11-23T13:59Z")
    assert not rules(one, same)


def test_one_order_however_it_is_named_has_one_status() -> None:
    order = say("order", {"kind": "lab", "what": "lactate"})._replace(document=EPISODE)
    short = say("order_event", {"of": order.id, "status": "completed"})
    whole = say("order_event", {"of": order.name, "status": "cancelled"}, by=BEN)
    found = fold_statements(EPISODE, [each._replace(document=EPISODE) for each in (short, whole)])
    statuses = [one.value["status"] for one in found.readings("order_event")]
    assert statuses == ["cancelled", "completed"]
    assert {one.state for one in found.readings("order_event")} == {"safer", "also"}


def test_a_second_import_of_a_record_leaves_a_decided_finding_decided() -> None:
    """Which copy has the smaller id is chance: a finding's id must not hang on it."""
    source = Source("ehr", "AllergyIntolerance/1", "h1")
    none = say("allergy", allergy(None, "none-known"), by=BEN)
    late = say("allergy", allergy("latex"), by=BEN, source=source)
    early = say("allergy", allergy("latex"), by=ANNA, source=source)
    (before,) = folded(late, none).findings
    (after,) = folded(late, early, none).findings
    assert after.id == before.id
    assert after.statements != before.statements


def test_the_line_of_a_statement_is_all_that_it_replaced() -> None:
    first = say("vitals", {"pulse": 200})
    second = say("vitals", {"pulse": 120}, first)
    third = say("vitals", {"pulse": 121}, second)
    beside = say("vitals", {"pulse": 60})
    history = folded(first, second, third, beside).histories["vitals"]
    assert set(history.line(third)) == {first.id, second.id, third.id}
    assert history.line(beside) == (beside.id,)


def test_details_that_only_one_of_two_entries_has_are_not_lost() -> None:
    (reading,) = readings(
        say("allergy", allergy("latex", reactions=["shock"], criticality="high")),
        say("allergy", allergy("latex"), by=BEN),
    )
    assert reading.value == allergy("latex", reactions=["shock"], criticality="high")


def test_an_active_problem_is_never_shown_with_an_abatement() -> None:
    """FHIR con-4: the two are a contradiction, not one value."""
    active = say("problem", {"key": "asthma", "status": "active"})
    ended = say("problem", {"key": "asthma", "abatement": "2026-01-01"}, by=BEN)
    values = [value for value, _ in shown(active, ended)]
    assert {"key": "asthma", "status": "active"} in values
    assert not [one for one in values if one.get("status") == "active" and "abatement" in one]
    assert "item-differs" in rules(active, ended)
