"""One resource through the mapping, with others it arrived with."""

from __future__ import annotations

from conflict.identity import DocumentKind, document_kind
from conflict.statement import Draft
from node.fhir.exact import digest, exact_text, parse
from node.fhir.mapping import Outcome, outcome
from node.fhir.reading import Resource
from node.fhir.reference import Index
from tests.fhir.synthea_bundle import Body, dumps


def resource(body: Body, full_url: str = "") -> Resource:
    """A resource as reading gives it."""
    parsed = parse(dumps(body))
    text = exact_text(parsed)
    return Resource(parsed["resourceType"], parsed, text, digest(text), full_url)


def became(body: Body, *others: Body, system: str | None = None) -> Outcome:
    """What `body` becomes when it arrives with `others`."""
    index = Index([resource(one) for one in (body, *others)], system)
    return outcome(index.resources[0], index)


def drafts(found: Outcome, slot: str) -> list[Draft]:
    """Its drafts of one slot."""
    return [one for _, one in found.drafts if one.slot == slot]


def kinds(found: Outcome, slot: str) -> list[DocumentKind | None]:
    """The kinds of documents that its drafts of one slot go to."""
    return [document_kind(document) for document, one in found.drafts if one.slot == slot]
