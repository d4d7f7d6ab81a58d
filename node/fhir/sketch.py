"""What a mapper returns, and what it may look at beyond its own resource.

A sketch is a statement without its document and source, which are the same for a whole resource.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from conflict.identity import document_text
from node.fhir import limits
from node.fhir.exact import Json
from node.fhir.placing import Home, episode_document
from node.fhir.reading import Resource
from node.fhir.reference import Index
from node.fhir.taking import Concept, Part, concept, copied

IMPORTER = "FHIR import"


class Target(Enum):
    """Which of a resource's documents a statement belongs to."""

    PERSON = "person"
    EPISODE = "episode"


class Sketch(NamedTuple):
    """A statement to be: target, slot, value, clinical time and author as the source gives them."""

    target: Target
    slot: str
    value: dict[str, Json]
    at: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """A resource among those it arrived with."""

    index: Index
    resource: Resource
    home: Home

    def take_home(self, part: Part) -> None:
        """Count references to patient and encounter as carried: the document is that."""
        for name, kind, record in (
            ("subject", "Patient", self.home.person),
            ("patient", "Patient", self.home.person),
            ("encounter", "Encounter", self.home.encounter),
            ("context", "Encounter", self.home.encounter),
        ):
            reference = part.child(name)
            if record and self.index.resolve(reference.body, self.resource, kind) == record:
                reference.drop("reference", "display", "type")

    def episode(self) -> str:
        """The encounter's document as text, empty where there is none."""
        document = episode_document(self.home) if self.home.encounter else None
        return document_text(document) if document else ""

    def take_name(self, reference: Part, kind: str = "Practitioner") -> str:
        """Name of who or what a Reference means; taken where there is one."""
        said = reference.peek("display")
        record = self.index.resolve(reference.body, self.resource, kind)
        name = said if isinstance(said, str) and said.strip() else _name(self.index.body(record))
        if not name or len(name) > limits.AUTHOR_CHARS_MAX:
            return ""
        reference.drop("reference", "display", "type")
        return name

    def medication(self, part: Part, chars_max: int) -> Concept:
        """Take the drug: coded in place, contained, or a Medication that arrived with it."""
        coded = concept(part.child("medicationCodeableConcept"), chars_max)
        if coded.name:
            return coded
        reference = part.child("medicationReference")
        body = self._contained(part, reference) or self.index.body(
            self.index.resolve(reference.body, self.resource, "Medication")
        )
        found = concept(Part(copied(body)).child("code"), chars_max)
        if found.name:
            return found  # the reference stays: strength and batch are in the Medication
        return Concept(reference.text("display", chars_max), "", "")

    def _contained(self, part: Part, reference: Part) -> Json:
        name = reference.peek("reference")
        for one in part.each("contained"):
            if isinstance(name, str) and name == f"#{one.peek('id')}":
                return one.body
        return None


def _name(body: dict[str, Json]) -> str:
    """`Dr. Ada Ruiz` of a Practitioner, the plain name of an Organization or Location."""
    plain = body.get("name")
    if isinstance(plain, str):
        return plain
    name = Part(body).first("name")
    words: list[Json] = []
    for field in ("prefix", "given", "family"):
        value = name.peek(field)
        words.extend(value if isinstance(value, list) else [value])
    text = " ".join(word for word in words if isinstance(word, str))
    spoken = name.peek("text")
    return text or (spoken if isinstance(spoken, str) else "")
