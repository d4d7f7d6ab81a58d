"""Allergies against drugs given, ordered and taken: by name, ingredient and class, over the chart."""

from __future__ import annotations

from typing import Any

import pytest

from conflict.finding import Finding
from conflict.rules import allergies
from conflict.statement import Statement
from tests.conflict.conflict_charted import (
    OTHER_EPISODE,
    OTHER_PERSON,
    charted,
    error,
    write,
)
from tests.conflict.conflict_lab import PERSON
from tests.conflict.conflict_said import BEN, allergy


def allergic(substance: str, status: str = "active", *names: Statement, **more: Any) -> Statement:
    fields = {name: more.pop(name) for name in ("criticality",) if name in more}
    return write("allergy", allergy(substance, status, **fields), *names, document=PERSON, **more)


def given(drug: str, **more: Any) -> Statement:
    return write("medication_given", {"drug": drug}, at="12:00", **more)


def ordered(drug: str, kind: str = "pharmacy", **more: Any) -> Statement:
    return write("order", {"kind": kind, "drug": drug}, **more)


def step(order: Statement, status: str, *names: Statement, **more: Any) -> Statement:
    return write("order_event", {"of": order.name, "status": status}, *names, **more)


def hazards(*statements: Statement) -> list[Finding]:
    return [one for one in charted(*statements).findings if one.rule.startswith("allergy-against")]


def severities(*statements: Statement) -> list[str]:
    return [one.severity for one in hazards(*statements)]


def test_an_allergy_speaks_against_a_drug_given_in_any_episode() -> None:
    penicillin = allergic("Penicillin")
    for text in ("Amoxicillin 500 mg", "Augmentin", "PCN", "Pen VK"):
        drug = given(text, document=OTHER_EPISODE)
        (hazard,) = hazards(penicillin, drug)
        assert set(hazard.statements) == {penicillin.name, drug.name}
        assert (hazard.kind, hazard.severity, hazard.timed) == ("hazard", "high", False)
        assert "Penicillin" in hazard.text
    assert not hazards(penicillin, given("ketamine"))


def test_each_allergy_and_each_drug_statement_make_one_finding() -> None:
    penicillin, aspirin = allergic("penicillin"), allergic("aspirin")
    doses = [given("amoxicillin", ms=1), given("amoxicillin", ms=2), given("ibuprofen")]
    pairs = {one.statements for one in hazards(penicillin, aspirin, *doses)}
    assert pairs == {
        tuple(sorted((penicillin.name, doses[0].name))),
        tuple(sorted((penicillin.name, doses[1].name))),
        tuple(sorted((aspirin.name, doses[2].name))),
    }


def test_a_flood_of_one_drug_is_one_finding_that_names_all() -> None:
    morphine = allergic("morphine")
    doses = [given("morphine", ms=place) for place in range(allergies.EACH_MAX + 1)]
    (hazard,) = hazards(morphine, *doses)
    assert set(hazard.statements) == {one.name for one in (morphine, *doses)}


def test_an_allergy_speaks_against_an_order_until_it_is_cancelled() -> None:
    penicillin, order = allergic("penicillin"), ordered("amoxicillin")
    assert len(hazards(penicillin, order)) == 1
    placed = step(order, "placed")
    assert len(hazards(penicillin, order, placed)) == 1
    assert not hazards(penicillin, order, placed, step(order, "cancelled", placed))
    apart = (step(order, "cancelled"), step(order, "accepted", by=BEN))
    assert len(hazards(penicillin, order, *apart)) == 1
    assert len(hazards(penicillin, order, step(order, "held"))) == 1
    assert not hazards(penicillin, ordered("amoxicillin", "lab"))


def test_a_cancellation_of_another_order_changes_nothing() -> None:
    penicillin, order, other = allergic("penicillin"), ordered("amoxicillin"), ordered("ketamine")
    assert len(hazards(penicillin, order, other, step(other, "cancelled"))) == 1


def test_an_allergy_speaks_against_the_medication_list_while_it_is_active() -> None:
    penicillin = allergic("penicillin")
    taken = write("medication", {"key": "amoxicillin", "status": "active"}, document=OTHER_PERSON)
    assert len(hazards(penicillin, taken)) == 1
    stopped = write(
        "medication", {"key": "amoxicillin", "status": "stopped"}, taken, document=OTHER_PERSON
    )
    assert not hazards(penicillin, taken, stopped)
    doubted = write(
        "medication", {"key": "amoxicillin", "status": "stopped"}, by=BEN, document=OTHER_PERSON
    )
    assert len(hazards(penicillin, taken, doubted)) == 1


def test_the_combat_pill_pack_is_its_three_drugs() -> None:
    pack = write("other_care", {"what": "combat-pill-pack"}, at="12:00")
    for substance in ("moxifloxacin", "NSAIDs", "Tylenol"):
        assert len(hazards(allergic(substance), pack)) == 1


def test_a_disputed_allergy_counts_and_an_inactive_one_does_not() -> None:
    yes, drug = allergic("penicillin"), given("amoxicillin")
    denied = allergic("penicillin", "refuted", by=BEN)
    (hazard,) = hazards(yes, denied, drug)
    assert set(hazard.statements) == {yes.name, denied.name, drug.name}
    assert not hazards(yes, allergic("penicillin", "refuted", yes, by=BEN), drug)
    assert not hazards(denied, drug)
    assert not hazards(yes, error(yes), drug)


@pytest.mark.parametrize("status", ["none-known-drug", "none-known"])
def test_no_known_allergies_speak_against_nothing_and_hide_nothing(status: str) -> None:
    none = write("allergy", {"status": status}, document=PERSON, by=BEN)
    assert not hazards(none, given("amoxicillin"))
    assert len(hazards(none, allergic("penicillin"), given("amoxicillin"))) == 1


def test_what_was_refused_was_not_given() -> None:
    refused = write("medication_given", {"drug": "amoxicillin", "status": "refused"}, at="12:00")
    assert not hazards(allergic("penicillin"), refused)


def test_a_class_that_rarely_crosses_is_milder_and_a_grave_allergy_is_worse() -> None:
    assert severities(allergic("penicillin"), given("ceftriaxone")) == ["low"]
    assert severities(allergic("penicillin", criticality="high"), given("ceftriaxone")) == [
        "medium"
    ]
    assert severities(allergic("aspirin", criticality="low"), given("ibuprofen")) == ["medium"]
    assert severities(allergic("morphine", criticality="low"), given("morphine")) == ["high"]


def test_more_than_is_compared_is_itself_a_finding() -> None:
    many = [allergic(f"substance {place}") for place in range(allergies.SUBSTANCES_MAX + 1)]
    drug = given("morphine")
    assert not charted(*many[:-1], drug).findings
    (left,) = charted(*many, drug).findings
    assert left.rule == "allergies-not-all-compared"
    assert len(left.statements) == 1
    drugs = [given(f"drug {place:03}") for place in range(allergies.DRUGS_MAX + 1)]
    (left,) = charted(many[0], *drugs).findings
    assert left.statements == (drugs[-1].name,)
