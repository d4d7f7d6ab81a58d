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

from conflict.identity import (
    ID_BYTES,
    DocumentId,
    DocumentKind,
    document_from_source,
    document_kind,
)

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
