"""Resource to statements, as a pure function: what maps, what is kept verbatim, what both.

The rule: a resource is mapped when its mapper finds its meaning and every value fits its slot; else
it is kept verbatim. When anything beyond administration was not carried over, the original is kept
beside the statements (`partly_mapped`). Nothing entered in error, and nothing with a
modifierExtension (which may reverse the meaning), is ever shown as fact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from conflict.clock import Stamp
from conflict.errors import ConflictError
from conflict.identity import DocumentId
from conflict.records import SOURCE
from conflict.slot import CATALOGUE
from conflict.statement import Draft, Source, encode
from node.fhir import allergy, condition, encounter, medication, patient, vitals
from node.fhir.exact import Json
from node.fhir.placing import (
    Home,
    episode_document,
    home_of,
    links,
    person_document,
    verbatim_document,
)
from node.fhir.reading import Resource
from node.fhir.reference import Index, Record
from node.fhir.sketch import IMPORTER, Scene, Sketch, Target
from node.fhir.taking import Part, copied

LONGEST_STAMP = Stamp(10**15 - 1, 10**9 - 1)
"""Sizes are judged with the longest record stamp, so that every node judges alike."""

BLOB_MEDIA = "application/fhir+json"

_DENIALS = ("notGiven", "wasNotGiven", "notDone")
"""How FHIR before R4 said that something was not done, beside a status that reads as done."""

Mapper = Callable[[Part, Scene], list[Sketch]]

MAPPERS: Mapping[str, Mapper] = {
    "Patient": patient.patient,
    "AllergyIntolerance": allergy.allergy,
    "Condition": condition.condition,
    "Immunization": condition.immunization,
    "MedicationRequest": medication.request,
    "MedicationAdministration": medication.administration,
    "Observation": vitals.observation,
    "Encounter": encounter.encounter,
    "Procedure": encounter.procedure,
}


class Outcome(NamedTuple):
    """Drafts by document, links included; the blob they name, if any; what was done."""

    record: Record
    drafts: tuple[tuple[DocumentId, Draft], ...]
    blob: bytes | None
    mapped: bool
    kept: bool


def outcome(one: Resource, index: Index) -> Outcome:
    """What a resource becomes. Never raises, whatever the resource holds."""
    record = index.record(one)
    home = home_of(one, index)
    source = Source(record.system, record.name, one.digest)
    mapped, whole = _mapped(one, Scene(index, one, home), source)
    drafts = list(mapped)
    blob = None
    if not whole:
        draft, blob = verbatim(one, source, partly=bool(mapped))
        drafts.append((verbatim_document(record, home), draft))
    if any(document == episode_document(home) for document, _ in drafts):
        drafts.extend(links(home))
    return Outcome(record, tuple(drafts), blob, bool(mapped), not whole)


def _mapped(
    one: Resource, scene: Scene, source: Source
) -> tuple[tuple[tuple[DocumentId, Draft], ...], bool]:
    """Checked drafts, none where it does not map, and whether they carry the whole resource."""
    mapper = MAPPERS.get(one.type)
    if mapper is None or _withdrawn(one.body) or _modified(one.body):
        return (), False
    part = Part(copied(one.body))
    _take_administration(part)
    sketches = mapper(part, scene)
    placed = tuple(_placed(sketch, scene.home, source) for sketch in sketches)
    if not placed or not all(document and _fits(draft) for document, draft in placed):
        return (), False
    return tuple((document, draft) for document, draft in placed if document), not part.left()


def _placed(sketch: Sketch, home: Home, source: Source) -> tuple[DocumentId | None, Draft]:
    if sketch.target is Target.EPISODE:
        document = episode_document(home)
    else:
        document = person_document(home.person) if home.person else None
    draft = Draft(
        slot=sketch.slot,
        value=sketch.value,
        by=sketch.by or IMPORTER,
        at=sketch.at or None,
        source=source,
    )
    return document, draft


def _fits(draft: Draft) -> bool:
    try:
        CATALOGUE[draft.slot].check(draft)
        encode(draft, LONGEST_STAMP)
    except ConflictError:
        return False
    return True


def verbatim(one: Resource, source: Source, *, partly: bool) -> tuple[Draft, bytes | None]:
    """A resource as it came: as text while the statement has room for it, else named by hash."""
    value: dict[str, Json] = {"type": one.type, "verbatim": one.text}
    if partly:
        value["partly_mapped"] = True
    draft = Draft(slot=SOURCE.name, value=value, by=IMPORTER, source=source)
    if _fits(draft):
        return draft, None
    blob = one.text.encode()
    name = hashlib.sha256(blob).hexdigest()
    del value["verbatim"]
    value["blob"] = {"hash": name, "bytes": len(blob), "media": BLOB_MEDIA}
    return draft, blob


def _withdrawn(body: Mapping[str, Json]) -> bool:
    """Whether the source itself says that this was entered in error or did not happen."""
    verification = Part(body).child("verificationStatus").first("coding")
    codes = (body.get("status"), body.get("verificationStatus"), verification.peek("code"))
    denied = any(body.get(name) for name in _DENIALS)
    return denied or "entered-in-error" in codes


def _modified(value: Json) -> bool:
    """Whether an extension that may reverse the meaning stands anywhere in it."""
    if isinstance(value, dict):
        changed = value.get("modifierExtension") or value.get("implicitRules")
        return bool(changed) or any(_modified(inner) for inner in value.values())
    return isinstance(value, list) and any(_modified(inner) for inner in value)


def _take_administration(part: Part) -> None:
    """Fields that are about the entry and not about the casualty, and so are not kept."""
    identity = part.peek("id")
    part.drop("resourceType", "id", "language")
    if not part.child("meta").peek("security"):
        part.drop("meta")
    if part.child("text").peek("status") == "generated":
        part.drop("text")  # made from the fields by the source's software
    for identifier in part.each("identifier"):
        if identifier.peek("value") == identity:
            identifier.drop(*list(identifier.body))
