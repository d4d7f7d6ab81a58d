"""Allergies against the drugs of the whole chart: given in one document, recorded in another."""

from __future__ import annotations

from collections.abc import Iterator

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.policies import field_of
from conflict.records import ALLERGY, MEDICATION_GIVEN
from conflict.rule import Facts, Rule


def _against_drug(facts: Facts) -> Iterator[Finding]:
    given = facts.active(MEDICATION_GIVEN.name)
    for allergy in facts.active(ALLERGY.name):
        substance = str(field_of(allergy.statements[0], "substance") or "").strip().lower()
        if not substance:
            continue
        for drug in given:
            name = str(field_of(drug.statements[0], "drug") or "").lower()
            if set(substance.split()) <= set(name.replace(",", " ").split()):
                yield finding(
                    "allergy-against-drug",
                    Kind.HAZARD,
                    Severity.HIGH,
                    MEDICATION_GIVEN.name,
                    (*allergy.statements, *drug.statements),
                    f"Allergy to {substance} ({who_when(allergy.statements[0])}) and "
                    f"{name} given ({who_when(drug.statements[0])})",
                    Closing(Act.RESOLVE, MEDICATION_GIVEN.name, "say what was done about it"),
                )


ALLERGY_AGAINST_DRUG = Rule(
    name="allergy-against-drug",
    plain="An allergy that speaks against a drug given or ordered, by name, ingredient or class",
    basis="CLINICAL.md §3",
    find=_against_drug,
)
