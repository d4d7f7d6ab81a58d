"""Scopes: which documents a unit, a site or the theatre may hold.

A scope is named by a code that people use (`BAS-2`); its `unit` document, which everybody granted the
scope may hold, states which documents belong. Who may hold an episode may hold its person documents.
A document's *audience* is the exact set of scopes that may hold it: documents of one audience are
counted together, so that what any two nodes share is a sum over audiences. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NewType

from conflict.errors import BadIdentity
from conflict.fold import Folded
from conflict.identity import (
    ID_BYTES,
    DocumentId,
    DocumentKind,
    StatementId,
    document_from_source,
    document_kind,
    document_text,
    parse_document,
)
from conflict.records import MEMBER_DOCUMENT, SCOPE
from conflict.statement import Draft, Json

Scopes = frozenset[DocumentId]
"""Scopes by their `unit` documents."""

Audience = NewType("Audience", int)
"""63 bits that stand for a set of scopes. 0: of no scope, so only who may hold everything sees it."""

THEATRE = DocumentId(bytes((DocumentKind.THEATRE,)) + bytes(ID_BYTES - 1))
"""The scope of theatre documents, granted to everybody."""

NOBODY = Audience(0)
CODE_CHARS_MAX = 60
_SYSTEM = "aidstation/scope"


def scope_id(code: str) -> DocumentId:
    """The `unit` document of a scope: the same on every node, however its code is capitalised."""
    return document_from_source(DocumentKind.UNIT, _SYSTEM, code.strip().upper())


def audience(scopes: Iterable[DocumentId]) -> Audience:
    """What stands for a set of scopes."""
    ordered = sorted(set(scopes))
    if not ordered:
        return NOBODY
    digest = hashlib.sha256(b"aidstation/audience/1" + b"".join(ordered)).digest()
    return Audience(int.from_bytes(digest[:8], "big") >> 1 or 1)


def own_scopes(document: DocumentId) -> Scopes | None:
    """Of a unit document (itself) and a theatre document (everybody); None: it is stated."""
    kind = document_kind(document)
    if kind is DocumentKind.UNIT:
        return frozenset((document,))
    return frozenset((THEATRE,)) if kind is DocumentKind.THEATRE else None


def both(one: Scopes | None, other: Scopes | None) -> Scopes | None:
    """What two grants have in common; None: everything."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


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
