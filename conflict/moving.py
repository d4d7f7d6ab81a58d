"""Wrong casualty: what was written in one document is marked there and copied to another.

Two statements in two documents, so one may arrive before the other: the mark of error says where the
copy went (`{"moved_to": document, "statement": id}` as its value), the copy's source says where it
came from. Each move is its own: two of them make two copies, which are found, never folded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from conflict.errors import BadIdentity
from conflict.fold import Folded
from conflict.identity import DocumentId, StatementId, document_text, parse_document
from conflict.policies.comparing import reference
from conflict.shape import Reference
from conflict.slot import CATALOGUE
from conflict.statement import Draft, Json, Source, Statement, canonical

MOVED = "aidstation/moved"
"""System of a copy's source; its record are the names that the original had, the latest first."""

NAMES_MAX = 32
"""Former names that a copy carries: what it replaced, and what it was called before other moves."""

_MOVED_TO = "moved_to"
_STATEMENT = "statement"


class Moved(NamedTuple):
    """The two halves of a move: `mark` for the document it leaves, `copy` for the other one."""

    mark: Draft
    copy: Draft


def move(
    one: Statement,
    to: DocumentId,
    *,
    by: str,
    at: str | None,
    reason: str,
    line: Sequence[Statement] = (),
    before: Iterable[StatementId] = (),
) -> Moved:
    """Both halves. The copy keeps author, clinical time and value; the mark says who moved it.

    `line`: what `one` replaced, which is marked with it and would stand again otherwise. `before`:
    marks of error that named `one` earlier and were withdrawn, so that moving it again is another
    move.
    """
    marked = tuple(dict.fromkeys((one.id, *(other.id for other in line))))
    value: dict[str, Json] = {_MOVED_TO: document_text(to), _STATEMENT: one.id}
    mark = Draft(slot=one.slot, value=value, by=by, at=at, supersedes=marked, void=reason)
    own: list[Json] = [one.slot, one.value, one.at, one.by]
    this: list[Json] = [document_text(to), by, at, reason, *sorted(before)]
    content = canonical([own, this])
    copy = Draft(
        slot=one.slot,
        value=_referring(one),
        by=one.by,
        at=one.at,
        precision=one.precision,
        source=Source(MOVED, _former(one, line), hashlib.sha256(content.encode()).hexdigest()),
    )
    return Moved(mark, copy)


def _former(one: Statement, line: Sequence[Statement]) -> str:
    """Every name that somebody may have called it by, its own first."""
    names = [one.name, *(other.name for other in line)]
    names += [name for other in (one, *line) for name in origins(other)]
    return " ".join(list(dict.fromkeys(names))[:NAMES_MAX])


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


def moves(one: Statement, void: Statement) -> bool:
    """Whether a mark of error moved this statement; what it replaced is only marked with it."""
    head = void.value.get(_STATEMENT) if isinstance(void.value, dict) else None
    return moved_to(void) is not None and head in (None, one.id)


def origins(one: Statement) -> tuple[str, ...]:
    """Names that a copy had before, the one that it was moved from first; of others none."""
    moved = one.source is not None and one.source.system == MOVED
    return tuple(one.source.record.split()[:NAMES_MAX]) if moved and one.source else ()


def moved_from(one: Statement) -> str:
    """Name of the original that a statement is a copy of, empty where it is none."""
    return next(iter(origins(one)), "")


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


def _document(text: Json) -> DocumentId | None:
    try:
        return parse_document(text) if isinstance(text, str) and text else None
    except BadIdentity:
        return None
