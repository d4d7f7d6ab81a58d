"""Lanes whose content was let go, in SQL: how far that goes, and what of it has come back.

Truth, not cache: without these rows the runs behind them would be chains that begin nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, select, update
from sqlalchemy import insert as plain_insert

from conflict.identity import ActorId, DocumentId, Lane
from conflict.lane import LaneRun, LaneState, ShortState, Vector
from storage import counting
from storage.framing import frame
from storage.refilling import Refill, ShedBase
from storage.tables import document, lane, refill, run, shed, shed_lane
from storage.upsert import chunks, upsert
from sync.vectors import resolved

_DOCUMENTS: Any = bindparam("documents", expanding=True)
_BASES = (
    select(
        shed_lane.c.document,
        shed_lane.c.actor,
        shed_lane.c.length,
        shed_lane.c.head,
        shed.c.wanted_ms,
    )
    .join_from(shed_lane, shed, shed.c.document == shed_lane.c.document)
    .where(shed_lane.c.document.in_(_DOCUMENTS))
)
_REACHED = (
    select(refill.c.document, refill.c.actor, refill.c.last_seq, refill.c.head)
    .where(refill.c.document.in_(_DOCUMENTS))
    .order_by(refill.c.document, refill.c.actor, refill.c.first_seq)
)
_COLUMNS = (
    *("document", "actor", "first_seq", "last_seq"),
    *("author", "nonce", "head", "signature", "changes"),
)
FETCHED = 0
"""Arrival number of what was fetched again: it is news to nobody."""


IS_LET_GO: ColumnElement[bool] = (
    exists()
    .where(shed_lane.c.document == lane.c.document, shed_lane.c.actor == lane.c.actor)
    .correlate(lane)
)
"""That a row of `lane` is one whose content was let go."""


def of(connection: Connection, documents: Sequence[DocumentId]) -> dict[Lane, ShedBase]:
    """Lanes of these documents whose content was let go, ascending."""
    found: dict[Lane, ShedBase] = {}
    for part in chunks(documents):
        rows = connection.execute(_BASES, {"documents": part}).all()
        for one, actor, length, head, wanted_ms in rows:
            base = ShedBase(LaneState(length, head), wanted_ms > 0)
            found[Lane(DocumentId(one), ActorId(actor))] = base
        if any(row.wanted_ms for row in rows):
            for one, actor, last_seq, head in connection.execute(_REACHED, {"documents": part}):
                found[Lane(one, actor)].reached = LaneState(last_seq, head)
    return dict(sorted(found.items()))


def withheld(bases: dict[Lane, ShedBase], wanted: Sequence[tuple[DocumentId, Vector]]) -> set[Lane]:
    """Lanes of which a peer with these vectors lacks something that was let go."""
    by_document: dict[DocumentId, dict[ActorId, int]] = {}
    for one, base in bases.items():
        by_document.setdefault(one.document, {})[one.actor] = base.state.length
    return {
        Lane(one, actor)
        for one, have in wanted
        if one in by_document
        for theirs in [resolved(by_document[one], have)]
        for actor, length in by_document[one].items()
        if actor not in theirs or theirs[actor].length < length
    }


def vectors(
    bases: dict[Lane, ShedBase], documents: Sequence[DocumentId]
) -> dict[DocumentId, Vector]:
    """How far each lane that is away has come back, by document in their order."""
    found: dict[DocumentId, dict[ActorId, ShortState]] = {one: {} for one in documents}
    for one, base in bases.items():
        found[one.document][one.actor] = base.reached.short
    return dict(found)


def with_staged(
    found: dict[DocumentId, Vector], staged: Iterable[tuple[Lane, ShortState]]
) -> dict[DocumentId, Vector]:
    """The same with what one peer has staged of them."""
    grown = {one: dict(vector) for one, vector in found.items()}
    for one, state in staged:
        mine = grown[one.document].get(one.actor)
        if mine is not None and mine.length < state.length:
            grown[one.document][one.actor] = state
    return {one: dict(sorted(vector.items())) for one, vector in grown.items()}


def bring_back(connection: Connection, plan: Refill, now_ms: int, *, claims: bool) -> None:
    """Carry out a plan. `claims`: this store writes a custody log, which must learn of the lanes."""
    for one in plan.emptied:
        connection.execute(delete(refill).where(_is(refill, one)))
    for one, first_seq in plan.replaced:
        connection.execute(delete(run).where(_is(run, one), run.c.first_seq == first_seq))
    if plan.rows:
        connection.execute(upsert(connection, refill), list(map(_row, plan.rows)))
    for one in plan.whole:
        _whole(connection, one, now_ms)
        if claims:
            _claim_again(connection, one)


def _whole(connection: Connection, one: Lane, now_ms: int) -> None:
    """All of a lane is here: its runs become stored ones, the document is work again."""
    rows = connection.execute(select(refill).where(_is(refill, one))).mappings().all()
    if rows:
        stamped = {"arrival": FETCHED, "arrival_ms": now_ms}
        connection.execute(plain_insert(run), [{**row, **stamped} for row in rows])
    connection.execute(delete(refill).where(_is(refill, one)))
    connection.execute(delete(shed_lane).where(_is(shed_lane, one)))
    left = exists().where(shed_lane.c.document == one.document)
    connection.execute(delete(shed).where(shed.c.document == one.document, ~left))
    marked = update(document).where(document.c.document == one.document)
    connection.execute(marked.values(dirty=True))


def _claim_again(connection: Connection, one: Lane) -> None:
    """Its last run has just arrived, as far as our own custody log goes."""
    length = select(lane.c.length).where(_is(lane, one)).scalar_subquery()
    last = update(run).where(_is(run, one), run.c.last_seq == length)
    connection.execute(last.values(arrival=counting.next_arrival(connection)))


def _is(table: Any, one: Lane) -> Any:
    return and_(table.c.document == one.document, table.c.actor == one.actor)


def _row(one: LaneRun) -> dict[str, Any]:
    values = (*one.lane, one.first_seq, one.last_seq, one.author, one.nonce, one.head)
    return dict(zip(_COLUMNS, (*values, one.signature, frame(one.changes)), strict=True))
