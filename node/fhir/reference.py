"""Who is meant: records of the source by (system, type, id), and references resolved to them.

References are resolved inside the group they arrive in (a Bundle's fullUrl, an identifier search)
and otherwise read for the type and id they name, so `Patient/x`, `urn:uuid:x` and
`https://server/fhir/Patient/x` meet the same record on every node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import parse_qs

from node.fhir import limits
from node.fhir.exact import Json
from node.fhir.reading import Resource
from node.fhir.taking import Part

DEFAULT_SYSTEM = "urn:fhir"

_ID = re.compile(r"[^\s\x00-\x1f\ud800-\udfff/|]+")
_URN = re.compile(r"urn:(?:uuid|oid):(?P<id>.+)", re.IGNORECASE)
_PLACE = re.compile(
    r"(?:(?P<base>https?://[\x21-\x7e]+)/)?(?P<type>[A-Z][A-Za-z]{0,63})/(?P<id>[^/?#|]+)"
    r"(?:/_history/[^/]+)?"
)
_SEARCH = re.compile(r"(?P<type>[A-Z][A-Za-z]{0,63})\?(?P<query>.+)")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Record(NamedTuple):
    """One record of the source: its system, resource type and id there."""

    system: str
    type: str
    id: str

    @property
    def name(self) -> str:
        """`Patient/x`."""
        return f"{self.type}/{self.id}"

    @property
    def weak(self) -> bool:
        """Whether the id is unique at its source only, and the source is not named."""
        unique = _UUID.fullmatch(self.id) or _DIGEST.fullmatch(self.id)
        return self.system == DEFAULT_SYSTEM and not unique


class Index:
    """The records of one group, found by URL and by identifier. `system` names the source."""

    def __init__(self, resources: Iterable[Resource], system: str | None = None) -> None:
        self.system = system
        self.resources = tuple(resources)
        self.patients: dict[Record, None] = {}
        self.encounter_patient: dict[Record, Record] = {}
        self._by_url: dict[str, Record] = {}
        self._by_identifier: dict[tuple[str, str, str], Record] = {}
        self._bodies: dict[Record, dict[str, Json]] = {}
        for one in self.resources:
            self._enter(one)
        for one in self.resources:
            if one.type == "Encounter" and (patient := self.patient_of(one)):
                self.encounter_patient.setdefault(self.record(one), patient)

    def _enter(self, one: Resource) -> None:
        record = self.record(one)
        self._bodies.setdefault(record, one.body)
        if one.full_url:
            self._by_url.setdefault(one.full_url, record)
        if one.type == "Patient":
            self.patients[record] = None
        for identifier in Part(one.body).each("identifier"):
            system, value = identifier.peek("system"), identifier.peek("value")
            if isinstance(value, str):
                self._by_identifier.setdefault((one.type, str(system or ""), value), record)

    def record(self, one: Resource) -> Record:
        """A resource's own record: id, else the fullUrl's, else the hash of its content."""
        given = one.body.get("id")
        if isinstance(given, str) and _good(given):
            return Record(self._system(one.full_url), one.type, given)
        urn = _URN.fullmatch(one.full_url)
        if urn and _good(urn["id"]):
            return Record(self._system(""), one.type, urn["id"])
        place = _PLACE.fullmatch(one.full_url)
        if place and _good(place["id"]):
            return Record(self._system(one.full_url), one.type, place["id"])
        return Record(self._system(one.full_url), one.type, one.digest)

    def _system(self, url: str) -> str:
        place = _PLACE.fullmatch(url)
        return self.system or (place["base"] if place else "") or DEFAULT_SYSTEM

    def resolve(self, reference: Json, one: Resource, expected: str) -> Record | None:
        """Record that a Reference in `one` means; `expected` is its type where none is said."""
        part = Part(reference)
        text = part.peek("reference")
        if not isinstance(text, str):
            identifier = part.child("identifier")
            key = (expected, str(identifier.peek("system") or ""), str(identifier.peek("value")))
            return self._by_identifier.get(key) if identifier.body else None
        if known := self._by_url.get(text):
            return known
        if urn := _URN.fullmatch(text):
            return Record(self._system(""), expected, urn["id"]) if _good(urn["id"]) else None
        if search := _SEARCH.fullmatch(text):
            return self._searched(search["type"], search["query"])
        return self._placed(text, one)

    def _placed(self, text: str, one: Resource) -> Record | None:
        place = _PLACE.fullmatch(text)
        if place is None or not _good(place["id"]):
            return None
        system = self._system(text if place["base"] else one.full_url)
        return Record(system, place["type"], place["id"])

    def _searched(self, kind: str, query: str) -> Record | None:
        """`Patient?identifier=system|value`, found here or named by that identifier."""
        value = next(iter(parse_qs(query).get("identifier", ())), "")
        system, _, number = value.rpartition("|")
        if found := self._by_identifier.get((kind, system, number)):
            return found
        name = f"?identifier={value}"
        clean = len(name) <= limits.ID_CHARS_MAX and name.isprintable() and number
        return Record(self._system(""), kind, name) if clean else None

    def patient_of(self, one: Resource) -> Record | None:
        """The Patient that a resource is about, if it says so."""
        part = Part(one.body)
        for field in _PATIENT_FIELDS:
            for reference in part.each(field):
                record = self.resolve(reference.body, one, "Patient")
                if record and record.type == "Patient":
                    return record
        return None

    def of_another(self, one: Resource) -> bool:
        """Whether a resource names a subject that is no Patient, or that cannot be made out."""
        part = Part(one.body)
        return bool((part.peek("subject") or part.peek("patient")) and not self.patient_of(one))

    def encounter_of(self, one: Resource) -> Record | None:
        """The Encounter that a resource belongs to, if it says so."""
        part = Part(one.body)
        holders = [part, part.child("context"), *part.each("item")]
        for field, holder in [*(("encounter", inner) for inner in holders), ("context", part)]:
            for reference in holder.each(field):
                record = self.resolve(reference.body, one, "Encounter")
                if record and record.type == "Encounter":
                    return record
        return None

    def body(self, record: Record | None) -> dict[str, Json]:
        """A record's fields, empty when it did not arrive in this group."""
        return self._bodies.get(record, {}) if record else {}


_PATIENT_FIELDS = ("patient", "subject", "beneficiary", "for", "individual", "target")


def _good(identity: str) -> bool:
    return len(identity) <= limits.ID_CHARS_MAX and _ID.fullmatch(identity) is not None
