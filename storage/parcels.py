"""What is put into a bundle, in SQL: lanes by their latest arrival, blobs of documents."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, bindparam, select, true

from conflict.identity import ActorId, DocumentId, Lane
from storage.sharing import Audiences, of
from storage.tables import blob, blob_need, lane, run
from storage.upsert import chunks

_END = and_(
    lane.c.document == run.c.document,
    lane.c.actor == run.c.actor,
    lane.c.length == run.c.last_seq,
)
_LATEST = (
    select(run.c.document, run.c.actor, run.c.arrival)
    .select_from(run.join(lane, _END))
    .where(run.c.arrival < bindparam("before"))
    .order_by(run.c.arrival.desc())
    .limit(bindparam("rows_max"))
)
_NO_ARRIVAL = 1 << 62


def latest(
    connection: Connection, before: int | None, limit: int, audiences: Audiences
) -> list[tuple[Lane, int]]:
    """See `LaneReader.latest`: by the index on arrival."""
    query = _LATEST if audiences is None else _LATEST.where(of(run, audiences))
    where = {"before": _NO_ARRIVAL if before is None else before, "rows_max": limit}
    rows = connection.execute(query, where)
    return [(Lane(DocumentId(one), ActorId(actor)), arrival) for one, actor, arrival in rows]


def blobs_named(
    connection: Connection, documents: Sequence[DocumentId], audiences: Audiences
) -> list[bytes]:
    """See `LaneReader.blobs_named`."""
    found: set[bytes] = set()
    for part in chunks(sorted(documents)):
        query = (
            select(blob_need.c.hash)
            .join(blob, blob.c.hash == blob_need.c.hash)
            .where(blob_need.c.document.in_(part), blob.c.complete == true())
        )
        if audiences is not None:
            query = query.where(of(blob_need, audiences))
        found.update(connection.scalars(query))
    return sorted(found)
