"""Wrong casualty: what was written in one document is marked there and copied to another.

Two statements in two documents, so one may arrive before the other: the mark of error says where the
copy went (`{"moved_to": document}` as its value), the copy's source says where it came from. Moving
the same statement twice, on two nodes, makes copies that fold into one.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from conflict.errors import BadIdentity
from conflict.fold import Folded
from conflict.identity import DocumentId, document_text, parse_document
from conflict.policies.comparing import reference
from conflict.shape import Reference
from conflict.slot import CATALOGUE
from conflict.statement import Draft, Json, Source, Statement, canonical

MOVED = "aidstation/moved"
"""System of a copy's source; its record is the original's name."""

_MOVED_TO = "moved_to"


class Moved(NamedTuple):
    """The two halves of a move: `mark` for the document it leaves, `copy` for the other one."""

    mark: Draft
    copy: Draft


def move(one: Statement, to: DocumentId, *, by: str, at: str | None, reason: str) -> Moved:
    """Both halves. The copy keeps author, clinical time and value; the mark says who moved it."""
    content = canonical([one.slot, one.value, one.at, one.by])
    copy = Draft(
        slot=one.slot,
        value=_referring(one),
        by=one.by,
        at=one.at,
        precision=one.precision,
        source=Source(MOVED, one.name, hashlib.sha256(content.encode()).hexdigest()),
    )
    mark = Draft(
        slot=one.slot,
        value={_MOVED_TO: document_text(to)},
        by=by,
        at=at,
        supersedes=(one.id,),
        void=reason,
    )
    return Moved(mark, copy)


def _referring(one: Statement) -> Json:
    """The value; references to statements of its own document now name that document."""
    slot = CATALOGUE.get(one.slot)
    if slot is None or not isinstance(one.value, dict):
        return one.value
    referring = (name for name, field in slot.shape.fields.items() if isinstance(field, Reference))
    named = {name: named for name in referring if (named := reference(one, one.value.get(name)))}
    return one.value | named


def moved_to(void: Statement) -> DocumentId | None:
    """Where a mark of error says that its statement went."""
    target = void.value.get(_MOVED_TO) if isinstance(void.value, dict) else None
    return _document(target) if void.void is not None else None


def moved_from(one: Statement) -> str:
    """Name of the original that a statement is a copy of, empty where it is none."""
    return one.source.record if one.source and one.source.system == MOVED else ""


def origin_document(one: Statement) -> DocumentId | None:
    """The document that a copy came from."""
    return _document(moved_from(one).partition("/")[0])


def moves_of(folded: Folded) -> frozenset[DocumentId]:
    """Documents that a document's moves went to or came from."""
    marks = (moved_to(void) for _, void in folded.struck)
    copies = (
        origin_document(one)
        for history in folded.histories.values()
        for one in history.statements
        if moved_from(one)
    )
    return frozenset(one for one in (*marks, *copies) if one and one != folded.document)


def names_of(one: Statement) -> tuple[str, ...]:
    """What others may call a statement: its name, and the name that it had before a move."""
    origin = moved_from(one)
    return (one.name, origin) if origin else (one.name,)


def _document(text: Json) -> DocumentId | None:
    try:
        return parse_document(text) if isinstance(text, str) and text else None
    except BadIdentity:
        return None
