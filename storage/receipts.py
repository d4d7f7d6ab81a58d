"""Receipts in SQL: what other nodes say is durable in their stores, per document and holder.

Within a holder's epoch a receipt only grows. A new epoch means that the holder may have lost what
it had, so everything it said before is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update

from conflict.identity import ActorId, DocumentId, NodeId
from conflict.lane import ShortState
from storage.framing import pack_vector, unpack_vector
from storage.shapes import Holding
from storage.tables import holder, receipt
from storage.upsert import chunks, upsert
from sync.ports import Receipt


class Source(NamedTuple):
    """How a receipt came (ms of our clock): directly, or with this entry of the holder's log."""

    now_ms: int
    entry: int = 0


def save(
    connection: Connection, node: NodeId, epoch: bytes, claims: Sequence[Receipt], source: Source
) -> None:
    """Add a node's claims. Raises nothing: `enter_epoch` has seen to what an older epoch said."""
    by_document: dict[DocumentId, list[Receipt]] = {}
    for claim in claims:
        by_document.setdefault(claim.lane.document, []).append(claim)
    if not by_document:
        return
    known = _known(connection, node, sorted(by_document))
    ways = ("entry", "entry_ms") if source.entry else ("at_ms",)
    told = {"entry": source.entry, "entry_ms": source.now_ms} if source.entry else {}
    rows = [
        {
            "document": document,
            "holder": node,
            "epoch": epoch,
            "at_ms": 0 if source.entry else source.now_ms,
            "vector": pack_vector(grow(known.get(document, {}), claims)),
            **told,
        }
        for document, claims in by_document.items()
    ]
    connection.execute(upsert(connection, receipt, "epoch", "vector", *ways), rows)


def grow(
    before: Mapping[ActorId, ShortState], claims: Sequence[Receipt]
) -> dict[ActorId, ShortState]:
    """The vector with claims added: the longer one of each lane stays."""
    vector = dict(before)
    for claim in claims:
        old = vector.get(claim.lane.actor)
        if old is None or claim.state.length > old.length:
            vector[claim.lane.actor] = claim.state
    return dict(sorted(vector.items()))


def epoch_of(connection: Connection, node: NodeId) -> bytes | None:
    """The latest epoch known of a holder."""
    found: bytes | None = connection.scalar(select(holder.c.epoch).where(holder.c.node == node))
    return found


def enter_epoch(connection: Connection, node: NodeId, epoch: bytes, before: bytes | None) -> None:
    """What a holder said in the epoch before is forgotten: a scan is cheaper than an index on every
    ingest, and this is rare."""
    if before is not None:
        connection.execute(delete(receipt).where(receipt.c.holder == node))
    row = {"node": node, "epoch": epoch, "told_ms": 0}
    connection.execute(upsert(connection, holder), row)


def mark_told(connection: Connection, node: NodeId, now_ms: int) -> None:
    """A garrison has said something. Not for every holder: on PostgreSQL that row would be hot."""
    connection.execute(update(holder).where(holder.c.node == node).values(told_ms=now_ms))


def _known(
    connection: Connection, node: NodeId, documents: Sequence[DocumentId]
) -> dict[DocumentId, dict[ActorId, ShortState]]:
    found: dict[DocumentId, dict[ActorId, ShortState]] = {}
    for part in chunks(documents):
        query = select(receipt.c.document, receipt.c.vector)
        mine = query.where(receipt.c.document.in_(part), receipt.c.holder == node)
        found |= {one: unpack_vector(vector) for one, vector in connection.execute(mine)}
    return found


def of_document(connection: Connection, document: DocumentId) -> list[Holding]:
    """Every holder's receipts of a document, ascending by holder."""
    query = (
        select(receipt.c.holder, receipt.c.vector, receipt.c.at_ms)
        .add_columns(receipt.c.entry, receipt.c.entry_ms)
        .where(receipt.c.document == document)
        .order_by(receipt.c.holder)
    )
    return [
        Holding(NodeId(node), unpack_vector(vector), *told)
        for node, vector, *told in connection.execute(query)
    ]
