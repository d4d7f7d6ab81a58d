"""Which document a resource of a source belongs to, the same on every node that imports it.

A patient is a person document, an encounter an episode, both named by their id at the source. A
directory entry (an organisation, a medication) goes to the theatre; anything else that names no
patient may still be about one, so it stays in an episode document, which fewer may hold.
"""

from __future__ import annotations

from typing import NamedTuple

from conflict.identity import DocumentId, DocumentKind, document_from_source, document_text
from conflict.records import LINK
from conflict.statement import Draft, Source, canonical
from node.fhir.exact import digest
from node.fhir.reading import Resource
from node.fhir.reference import Index, Record

DIRECTORY = frozenset(
    {
        "Organization", "OrganizationAffiliation", "Practitioner", "PractitionerRole", "Location",
        "HealthcareService", "Endpoint", "Medication", "MedicationKnowledge", "Substance",
        "InsurancePlan", "CodeSystem", "ValueSet", "ConceptMap", "NamingSystem", "Questionnaire",
        "StructureDefinition", "CapabilityStatement", "PlanDefinition", "ActivityDefinition",
        "DeviceDefinition",
    }
)  # fmt: skip


class Home(NamedTuple):
    """The patient and the encounter of a resource, each perhaps unknown.

    `filed`: where nothing says whose it is, the one patient it arrived with. It is kept there, but
    never shown as a fact about that patient.
    """

    person: Record | None
    encounter: Record | None
    filed: Record | None = None


def home_of(one: Resource, index: Index) -> Home:
    """Patient and encounter of a resource.

    An encounter of another patient is not its home: one link too many would join two charts.
    """
    record = index.record(one)
    if one.type == "Patient":
        return Home(record, None)
    only = next(iter(index.patients)) if len(index.patients) == 1 else None
    filed = None if one.type in DIRECTORY else only
    person = index.patient_of(one)
    if person is None and index.of_another(one):
        return Home(None, None, filed)
    encounter = record if one.type == "Encounter" else index.encounter_of(one)
    owner = index.encounter_patient.get(encounter) if encounter else None
    person = person or owner
    return Home(person, encounter if owner in {None, person} else None, filed)


def person_document(person: Record) -> DocumentId:
    """Document of a patient."""
    return document_from_source(DocumentKind.PERSON, person.system, person.id)


def episode_document(home: Home) -> DocumentId | None:
    """Document of an encounter, or the one for what a patient had outside any encounter."""
    if home.encounter:
        system, identity = home.encounter.system, home.encounter.id
    elif home.person:
        system, identity = home.person.system, f"no-encounter:{home.person.id}"
    else:
        return None
    return document_from_source(DocumentKind.EPISODE, system, identity)


def verbatim_document(record: Record, home: Home) -> DocumentId:
    """Document that keeps a resource as it came: its episode's, else its patient's."""
    if home.encounter and (episode := episode_document(home)):
        return episode
    if person := home.person or home.filed:
        return person_document(person)
    if record.type in DIRECTORY:
        return document_from_source(DocumentKind.THEATRE, record.system, f"directory:{record.type}")
    return document_from_source(DocumentKind.EPISODE, record.system, f"unfiled:{record.name}")


def links(home: Home) -> tuple[tuple[DocumentId, Draft], ...]:
    """Episode to person and person to episode; equal however often they are written."""
    episode = episode_document(home)
    if home.person is None or episode is None:
        return ()
    person = person_document(home.person)
    origin = home.encounter or home.person
    return ((person, _link(episode, origin)), (episode, _link(person, origin)))


def _link(document: DocumentId, origin: Record) -> Draft:
    """A source of its own, so that a new version of the encounter does not repeat the link."""
    value = {"document": document_text(document), "relation": "casualty"}
    source = Source(origin.system, f"{origin.name}#casualty", digest(canonical(value)))
    return Draft(slot=LINK.name, value=value, by="FHIR import", source=source)
