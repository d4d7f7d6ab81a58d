"""The chart: what a person reads, folded over all held documents of linked persons and episodes.

Two medics may open two episodes for one casualty: hazards are computed over the whole chart, and
what is known to belong to it but is not held is named, never silently missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from conflict.document import Entry
from conflict.errors import BadIdentity
from conflict.finding import Finding, Kind, Severity, finding, who_when
from conflict.fold import Folded, fold
from conflict.identity import (
    ActorId,
    DocumentId,
    DocumentKind,
    document_kind,
    document_text,
    parse_document,
)
from conflict.policies import field_of
from conflict.records import ALLERGY, BLOOD_TYPE, DOD_ID, LINK, MEDICATION_GIVEN
from conflict.slot import Reading
from conflict.statement import Json

_JOINING = ("casualty", "same-person", "same-episode")


@dataclass(frozen=True, slots=True)
class Chart:
    """Linked documents folded one by one, findings over all of them, and what is not held."""

    documents: tuple[Folded, ...]
    findings: tuple[Finding, ...]
    not_held: tuple[DocumentId, ...]

    def body(self) -> dict[str, Json]:
        """JSON form."""
        return {
            "documents": [one.body() for one in self.documents],
            "findings": [one.body() for one in self.findings],
            "not_held": [document_text(one) for one in self.not_held],
        }


def linked(folded: Folded) -> tuple[DocumentId, ...]:
    """Documents that this one's standing links join to its chart, ascending."""
    view = folded.views.get(LINK.name)
    found: set[DocumentId] = set()
    for reading in view.readings if view else ():
        if isinstance(reading.value, dict) and reading.value.get("relation") in _JOINING:
            try:
                found.add(parse_document(str(reading.value.get("document", ""))))
            except BadIdentity:
                continue  # shown raw by the document's own projection
    return tuple(sorted(found - {folded.document}))


def chart(
    held: Mapping[DocumentId, Mapping[ActorId, Sequence[Entry]]], known: Iterable[DocumentId] = ()
) -> Chart:
    """Chart over the held documents of one casualty; `known` adds ids learned elsewhere."""
    folds = tuple(fold(document, held[document]) for document in sorted(held))
    named = {other for one in folds for other in linked(one)} | set(known)
    own = {found.id: found for one in folds for found in one.findings}
    across = {found.id: found for found in _across(folds)}
    findings = tuple(sorted({**across, **own}.values()))
    return Chart(folds, findings, tuple(sorted(named - held.keys())))


def _across(folds: Sequence[Folded]) -> Iterator[Finding]:
    yield from _allergy_against_drug(folds)
    persons = [one for one in folds if document_kind(one.document) is DocumentKind.PERSON]
    if len(persons) > 1:
        yield from _differing(persons, BLOOD_TYPE.name, ("abo", "rh"), "Blood type differs")
        yield from _differing(persons, DOD_ID.name, ("number",), "Two DoD IDs on one person")


def _readings(folds: Sequence[Folded], slot: str) -> Iterator[Reading]:
    for one in folds:
        if view := one.views.get(slot):
            yield from view.readings


def _allergy_against_drug(folds: Sequence[Folded]) -> Iterator[Finding]:
    """An active allergy whose substance names a drug that was given (whole words, no classes yet)."""
    given = list(_readings(folds, MEDICATION_GIVEN.name))
    for allergy in _readings(folds, ALLERGY.name):
        substance = str(field_of(allergy.statements[0], "substance") or "").strip().lower()
        if allergy.state == "inactive" or not substance:
            continue
        for drug in given:
            name = str(field_of(drug.statements[0], "drug") or "").lower()
            if set(substance.split()) <= set(name.replace(",", " ").split()):
                first = drug.statements[0]
                yield finding(
                    Kind.HAZARD,
                    Severity.HIGH,
                    MEDICATION_GIVEN.name,
                    (*allergy.statements, *drug.statements),
                    f"Allergy to {substance} ({who_when(allergy.statements[0])}) and "
                    f"{name} given ({who_when(first)})",
                )


def _differing(
    persons: Sequence[Folded], slot: str, fields: Sequence[str], text: str
) -> Iterator[Finding]:
    statements = [one for reading in _readings(persons, slot) for one in reading.statements]
    values = {tuple(str(field_of(one, name)) for name in fields) for one in statements}
    if len(values) > 1:
        said = "; ".join(f"{who_when(one)}: {one.value}" for one in statements)
        yield finding(Kind.HAZARD, Severity.HIGH, slot, statements, f"{text}: {said}")
