"""What a view lets through, in SQL: filters over the audiences of documents (`audiences.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, select

from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.scope import Audience
from storage.tables import blob_need, document, lane
from storage.upsert import among, chunks

Audiences = Sequence[Audience] | None
"""Of whose documents a read may speak; None: of all."""


def within(query: Select[Any], audiences: Audiences) -> Select[Any]:
    """A query over documents, of these audiences only."""
    return query if audiences is None else query.where(document.c.audience.in_(audiences))


def of(table: Table, audiences: Sequence[Audience]) -> ColumnElement[bool]:
    """That a row's document is of these audiences."""
    theirs = select(document.c.document).where(document.c.document == table.c.document)
    return within(theirs, audiences).exists()


def audiences_of(
    connection: Connection, documents: Iterable[DocumentId]
) -> dict[DocumentId, Audience]:
    """The audience in which each held document is counted."""
    found: dict[DocumentId, Audience] = {}
    for part in chunks(sorted(set(documents))):
        query = select(document.c.document, document.c.audience)
        for one, name in connection.execute(query.where(document.c.document.in_(part))):
            found[DocumentId(one)] = Audience(name)
    return found


def written_by(connection: Connection, own: NodeId, lanes: Iterable[Lane]) -> set[Lane]:
    """Those of the held lanes that a node wrote."""
    found: set[Lane] = set()
    for some in chunks(sorted(set(lanes))):
        which, asked = among(connection, (lane.c.document, lane.c.actor), some)
        query = select(lane.c.document, lane.c.actor).where(which, lane.c.author == own)
        rows = connection.execute(query, asked)
        found.update(Lane(DocumentId(one), ActorId(actor)) for one, actor in rows)
    return found


def owed(
    connection: Connection, own: NodeId, audiences: Sequence[Audience], limit: int
) -> list[Lane]:
    """Lanes that a node wrote in documents of other audiences (`LaneReader.owed`)."""
    query = (
        select(lane.c.document, lane.c.actor)
        .join(document, document.c.document == lane.c.document)
        .where(document.c.lacking > 0, document.c.audience.not_in(audiences))
        .where(lane.c.author == own)
        .order_by(document.c.lacking_ms, lane.c.document, lane.c.actor)
        .limit(limit)
    )
    return [Lane(DocumentId(one), ActorId(actor)) for one, actor in connection.execute(query)]


def names_blob(connection: Connection, name: bytes, audiences: Sequence[Audience]) -> bool:
    """Whether a document of these audiences names a blob."""
    query = select(blob_need.c.hash).where(blob_need.c.hash == name, of(blob_need, audiences))
    return connection.scalar(query.limit(1)) is not None
