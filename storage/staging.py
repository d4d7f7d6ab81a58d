"""Unsigned prefixes per peer in SQL: they wait, under a quota, for the signed run that joins them.

A prefix is a row that is replaced as it grows; the oldest make room. Nothing here is held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, select

from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import HEAD_SHORT_BYTES, LaneRun, ShortState
from storage import holding
from storage.framing import frame, unframed
from storage.tables import staged
from storage.upsert import chunks, upsert


class StagedSize(NamedTuple):
    """Raw bytes staged of a lane, and since when (ms)."""

    size: int
    at_ms: int


_SIZES = (
    select(staged.c.document, staged.c.actor, staged.c.size, staged.c.at_ms)
    .where(staged.c.peer == bindparam("its_peer"))
    .order_by(staged.c.at_ms, staged.c.document, staged.c.actor)
)


def sizes(connection: Connection, source: NodeId | None) -> dict[Lane, StagedSize]:
    """What one peer has staged, oldest first."""
    rows = connection.execute(_SIZES, {"its_peer": peer_key(source)})
    return {
        Lane(DocumentId(one), ActorId(actor)): StagedSize(size, at_ms)
        for one, actor, size, at_ms in rows
    }


def peer_key(source: NodeId | None) -> bytes:
    """The `peer` column: empty for what was imported here."""
    return source or b""


def prefix(connection: Connection, source: NodeId | None, lane: Lane) -> LaneRun | None:
    """The staged prefix of a lane."""
    row = connection.execute(select(staged).where(_is(source, lane))).one_or_none()
    return None if row is None else unframed(lane, row, signature=None)


def documents(connection: Connection, source: NodeId) -> list[DocumentId]:
    """Documents of which one peer has staged a prefix, ascending."""
    return sorted({one.document for one in sizes(connection, source)})


def reached(
    connection: Connection, source: NodeId, documents: Sequence[DocumentId]
) -> Iterator[tuple[Lane, ShortState]]:
    """How far a peer's staged prefixes in these documents go."""
    for part in chunks(documents):
        for row in connection.execute(_REACHED, {"its_peer": source, "documents": part}):
            state = ShortState(row.last_seq, row.head[:HEAD_SHORT_BYTES])
            yield Lane(DocumentId(row.document), ActorId(row.actor)), state


_REACHED = select(staged.c.document, staged.c.actor, staged.c.last_seq, staged.c.head).where(
    staged.c.peer == bindparam("its_peer"),
    staged.c.document.in_(bindparam("documents", expanding=True)),
)


def store(
    connection: Connection,
    source: NodeId | None,
    before: Mapping[Lane, StagedSize],
    plan: holding.Plan,
    now_ms: int,
) -> None:
    """Carry out the staging part of a plan, evicting the oldest beyond the quota."""
    drop(connection, source, [lane for lane in plan.unstage if lane in before])
    if not plan.stage:
        return
    rows = [_row(source, run, now_ms) for run in plan.stage.values()]
    connection.execute(upsert(connection, staged), rows)
    waiting = [(one, size.size) for one, size in before.items() if one not in plan.stage]
    waiting = [(one, size) for one, size in waiting if one not in plan.unstage]
    waiting += [(run.lane, row["size"]) for run, row in zip(plan.stage.values(), rows, strict=True)]
    drop(connection, source, holding.evict(waiting))


def drop(connection: Connection, source: NodeId | None, lanes: Sequence[Lane]) -> None:
    """Forget staged prefixes."""
    for lane in lanes:
        connection.execute(delete(staged).where(_is(source, lane)))


def _is(source: NodeId | None, lane: Lane) -> Any:
    return and_(
        staged.c.peer == peer_key(source),
        staged.c.document == lane.document,
        staged.c.actor == lane.actor,
    )


def _row(source: NodeId | None, run: LaneRun, now_ms: int) -> dict[str, Any]:
    return {
        "peer": peer_key(source),
        "document": run.lane.document,
        "actor": run.lane.actor,
        "first_seq": run.first_seq,
        "last_seq": run.last_seq,
        "author": run.author,
        "nonce": run.nonce,
        "head": run.head,
        "size": run.size,
        "at_ms": now_ms,
        "changes": frame(run.changes),
    }
