"""From held to admitted to shown, in SQL: what awaits a document worker, and what it found.

Results are queued (`Results`) and written by one statement a table, because a cold ingest admits
thousands of documents a second. A lane's entries are the worker's answer, kept as one row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, exists, func, select, true, update

from conflict.document import Entry
from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import LaneState
from storage import branches, limits, shed_lanes, suspects
from storage.framing import unframe, unpack_entries
from storage.shapes import DocumentWork, LaneStatus, LaneWork, Refusal
from storage.tables import document, lane, run, shed_lane
from storage.upsert import chunks, write_rows

_AWAITS = and_(
    lane.c.length > lane.c.admitted, lane.c.length > lane.c.refused, ~shed_lanes.IS_LET_GO
)
_IS_LANE = and_(
    lane.c.document == bindparam("its_document"), lane.c.actor == bindparam("its_actor")
)


@dataclass(slots=True)
class Results:
    """Rows of admission that a transaction has yet to write."""

    admitted: list[dict[str, Any]] = field(default_factory=list)
    urgencies: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    clean: list[DocumentId] = field(default_factory=list)

    def write(self, connection: Connection) -> None:
        """Write and forget them."""
        if self.admitted:
            write_rows(connection, _ADMIT, self.admitted)
        if self.urgencies:
            connection.execute(_JUDGE, self.urgencies)
        if self.refused:
            connection.execute(_REFUSE, self.refused)
        for part in chunks(self.clean):
            connection.execute(_CLEAN, {"documents": part})
        self.admitted, self.urgencies, self.refused, self.clean = [], [], [], []


_LENGTH = bindparam("its_length", type_=lane.c.length.type)
_ADMIT = (
    update(lane)
    .where(_IS_LANE, lane.c.length >= _LENGTH, lane.c.admitted <= _LENGTH)
    .values(
        admitted=_LENGTH,
        refused=case((lane.c.refused > _LENGTH, lane.c.refused), else_=0),
        code=case((lane.c.refused > _LENGTH, lane.c.code), else_=None),
        detail=case((lane.c.refused > _LENGTH, lane.c.detail), else_=None),
        statements=bindparam("its_statements"),
        entries=bindparam("its_entries"),
        urgent_ms=bindparam("its_urgent_ms"),
        summary=bindparam("its_summary"),
    )
)
_URGENT_MS = bindparam("its_urgent_ms", type_=lane.c.urgent_ms.type)
_SUMMARY = bindparam("its_summary", type_=lane.c.summary.type)
_JUDGE = (
    update(lane)
    .where(_IS_LANE, lane.c.admitted > 0)
    .where((lane.c.urgent_ms != _URGENT_MS) | (lane.c.summary != _SUMMARY))
    .values(urgent_ms=_URGENT_MS, summary=_SUMMARY)
)
_REFUSE = (
    update(lane)
    .where(_IS_LANE, lane.c.length >= _LENGTH, lane.c.refused <= _LENGTH, lane.c.admitted < _LENGTH)
    .values(refused=_LENGTH, code=bindparam("its_code"), detail=bindparam("its_detail"))
)
_SAME_DOCUMENT = lane.c.document == document.c.document
_CLEAN = (
    update(document)
    .where(document.c.document.in_(bindparam("documents", expanding=True)))
    .where(~exists().where(_SAME_DOCUMENT, _AWAITS))
    .values(
        dirty=False,
        statements=select(func.coalesce(func.sum(lane.c.statements), 0))
        .where(_SAME_DOCUMENT)
        .scalar_subquery(),
    )
)


# Statements on hot paths are built once: building costs more than running.
_OF_DOCUMENTS = lane.c.document.in_(bindparam("documents", expanding=True))
_WAITING = (
    select(document.c.document)
    .where(document.c.dirty == true())
    .order_by(document.c.arrival)
    .limit(bindparam("rows_max"))
)
_AWAITING = (
    select(lane.c.document, lane.c.actor, lane.c.author, lane.c.statements, run.c.changes)
    .join_from(lane, run, and_(run.c.document == lane.c.document, run.c.actor == lane.c.actor))
    .where(_OF_DOCUMENTS, _AWAITS, run.c.last_seq <= lane.c.length)
    .order_by(lane.c.document, lane.c.actor, run.c.first_seq)
)
_REFUSED_AUTHORS = (
    select(lane.c.author, func.count()).where(lane.c.refused > 0).group_by(lane.c.author)
)
_ENTRIES = (
    select(lane.c.document, lane.c.actor, lane.c.entries)
    .where(_OF_DOCUMENTS, lane.c.admitted > 0)
    .order_by(lane.c.document, lane.c.actor)
)


def retry(connection: Connection, one: DocumentId) -> None:
    """Forget refusals of a document's lanes."""
    forget = update(lane).where(lane.c.document == one, lane.c.refused > 0)
    found = connection.execute(forget.values(refused=0, code=None, detail=None))
    if found.rowcount:
        connection.execute(update(document).where(document.c.document == one).values(dirty=True))


def fold_again(connection: Connection) -> None:
    """Every document is work."""
    connection.execute(update(document).values(dirty=True))


def refused(connection: Connection, codes: Collection[str] | None) -> list[DocumentId]:
    """Documents with a lane refused with one of these codes, by the partial index on refusals."""
    query = select(lane.c.document).where(lane.c.refused > 0).distinct()
    if codes is not None:
        query = query.where(lane.c.code.in_(codes))
    return [DocumentId(one) for one in connection.scalars(query.order_by(lane.c.document))]


def refused_authors(connection: Connection) -> dict[NodeId, int]:
    """Authors of refused lanes, by the same index."""
    return {NodeId(one): count for one, count in connection.execute(_REFUSED_AUTHORS)}


def authored(connection: Connection) -> dict[NodeId, int]:
    """Changes held by author."""
    query = select(lane.c.author, func.sum(lane.c.length)).group_by(lane.c.author)
    return {NodeId(one): int(count) for one, count in connection.execute(query)}


def waiting(connection: Connection, limit: int) -> list[DocumentId]:
    """Documents to admit or fold, longest waiting first, by the partial index."""
    return [DocumentId(one) for one in connection.scalars(_WAITING, {"rows_max": limit})]


def work(
    connection: Connection, limit: int, skip: Collection[DocumentId] = ()
) -> list[DocumentWork]:
    """What workers need for the documents that wait longest, at least one, within a byte limit."""
    found: list[DocumentWork] = []
    size = 0
    due = [one for one in waiting(connection, limit + len(skip)) if one not in skip][:limit]
    for part in chunks(due):
        awaiting = suspects.limited(connection, _awaiting(connection, part))
        admitted, whose = entries_of(connection, part), branches.actors(connection, part)
        for one in part:
            mine = {lane.actor: actor for lane, actor in whose.items() if lane.document == one}
            opened = admitted.get(one, {})
            found.append(DocumentWork(one, tuple(awaiting.get(one, ())), opened, mine))
            size += sum(len(raw) for each in found[-1].lanes for raw in each.changes)
            if size > limits.WORK_BYTES_MAX:
                return found
    return found


def _awaiting(
    connection: Connection, documents: Sequence[DocumentId]
) -> dict[DocumentId, list[LaneWork]]:
    """Lanes to admit, with all their raw changes."""
    found: dict[DocumentId, list[LaneWork]] = {}
    rows = connection.execute(_AWAITING, {"documents": documents})
    for one, actor, author, known, changes in rows:
        lanes = found.setdefault(one, [])
        before: tuple[bytes, ...] = ()
        if lanes and lanes[-1].actor == actor:
            before = lanes.pop().changes
        lanes.append(LaneWork(ActorId(actor), NodeId(author), before + unframe(changes), known))
    return found


def entries_of(
    connection: Connection, documents: Sequence[DocumentId]
) -> dict[DocumentId, dict[ActorId, tuple[Entry, ...]]]:
    """Admitted entries of documents, by lane ascending."""
    found: dict[DocumentId, dict[ActorId, tuple[Entry, ...]]] = {}
    for one, actor, entries in connection.execute(_ENTRIES, {"documents": documents}):
        found.setdefault(one, {})[actor] = unpack_entries(entries)
    return found


def stated(connection: Connection, one: DocumentId) -> dict[ActorId, tuple[Entry, ...]]:
    """Admitted entries of a document, by the name that their statements have (`Store.entries`)."""
    found = entries_of(connection, [one]).get(one, {})
    return branches.spread_out(connection, one, found)


def lanes(connection: Connection, one: DocumentId) -> list[LaneStatus]:
    """Each lane of a document with its three states."""
    columns = [column for column in lane.columns if column.name != "entries"]
    same = and_(shed_lane.c.document == lane.c.document, shed_lane.c.actor == lane.c.actor)
    query = (
        select(*columns)
        .add_columns(
            func.coalesce(shed_lane.c.length, 0).label("shed"),
            func.coalesce(shed_lane.c.statements, 0).label("let_go"),
        )
        .select_from(lane.outerjoin(shed_lane, same))
        .where(lane.c.document == one)
        .order_by(lane.c.actor)
    )
    return [
        LaneStatus(
            lane=Lane(one, ActorId(row.actor)),
            author=NodeId(row.author),
            nonce=row.nonce,
            held=LaneState(row.length, row.head),
            admitted=row.admitted,
            statements=row.statements + row.let_go,
            refusal=Refusal(row.refused, row.code, row.detail) if row.refused else None,
            shed=row.shed,
        )
        for row in connection.execute(query)
    ]


def statement_counts(
    connection: Connection, documents: Sequence[DocumentId]
) -> dict[DocumentId, int]:
    """Admitted statements of each held document."""
    found: dict[DocumentId, int] = {}
    for part in chunks(documents):
        query = (
            select(lane.c.document, func.sum(lane.c.statements))
            .where(lane.c.document.in_(part))
            .group_by(lane.c.document)
        )
        found |= {DocumentId(one): int(count) for one, count in connection.execute(query)}
    return {one: found[one] for one in documents if one in found}
