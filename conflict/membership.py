"""What a unit document says of who belongs to its scope: statements to write, and what is shown of them.

Apart from `scope.py`, so that naming a scope does not bring the catalogue of slots along. Pure.
"""

from __future__ import annotations

from conflict.errors import BadIdentity
from conflict.fold import Folded
from conflict.identity import DocumentId, StatementId, document_text, parse_document
from conflict.records import MEMBER_DOCUMENT, SCOPE
from conflict.statement import Draft, Json


def joining(document: DocumentId) -> Draft:
    """The statement, in a unit document, that a document belongs to it."""
    value: dict[str, Json] = {"document": document_text(document), "status": "belongs"}
    return Draft(slot=MEMBER_DOCUMENT.name, value=value)


def leaving(
    document: DocumentId,
    shown: tuple[StatementId, ...],
    *,
    to: str = "",
    by: str = "",
    at: str | None = None,
) -> Draft:
    """The statement that it left, naming those that were shown to say that it belongs."""
    value: dict[str, Json] = {"document": document_text(document), "status": "left"}
    if to:
        value["to"] = to
    return Draft(slot=MEMBER_DOCUMENT.name, value=value, by=by, at=at, supersedes=shown)


def naming(code: str) -> Draft:
    """The statement, in a unit document, of which unit it is."""
    return Draft(slot=SCOPE.name, value={"code": code})


def members(folded: Folded) -> tuple[DocumentId, ...]:
    """Documents that a unit document says belong to it, ascending."""
    found: set[DocumentId] = set()
    for reading in folded.readings(MEMBER_DOCUMENT.name):
        value = reading.value
        if isinstance(value, dict) and value.get("status") == "belongs":
            try:
                found.add(parse_document(str(value.get("document", ""))))
            except BadIdentity:
                continue  # shown raw by the unit's own projection
    return tuple(sorted(found))
