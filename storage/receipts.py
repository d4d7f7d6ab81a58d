"""Receipts in SQL: what other nodes say is durable in their stores, per document and holder.

Within a holder's epoch a receipt only grows. A new epoch means that the holder may have lost what
it had, so everything it said before is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, select

from conflict.identity import ActorId, DocumentId, NodeId
from conflict.lane import ShortState
from storage.framing import pack_vector, unpack_vector
from storage.tables import holder, receipt
from storage.upsert import chunks, upsert
from sync.ports import Receipt, Receipts


def save(
    connection: Connection, node: NodeId, epoch: bytes, claims: Sequence[Receipt], now_ms: int
) -> None:
    """Add a node's claims (`Transaction.save_receipts`)."""
    _enter_epoch(connection, node, epoch)
    by_document: dict[DocumentId, list[Receipt]] = {}
    for claim in claims:
        by_document.setdefault(claim.lane.document, []).append(claim)
    if not by_document:
        return
    known = _known(connection, node, sorted(by_document))
    rows = [
        {
            "document": document,
            "holder": node,
            "epoch": epoch,
            "at_ms": now_ms,
            "vector": pack_vector(grow(known.get(document, {}), claims)),
        }
        for document, claims in by_document.items()
    ]
    connection.execute(upsert(connection, receipt), rows)


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


def _enter_epoch(connection: Connection, node: NodeId, epoch: bytes) -> None:
    known = connection.scalar(select(holder.c.epoch).where(holder.c.node == node))
    if known == epoch:
        return
    if known is not None:  # rare: a scan is cheaper than an index on every ingest
        connection.execute(delete(receipt).where(receipt.c.holder == node))
    connection.execute(upsert(connection, holder), {"node": node, "epoch": epoch})


def _known(
    connection: Connection, node: NodeId, documents: Sequence[DocumentId]
) -> dict[DocumentId, dict[ActorId, ShortState]]:
    found: dict[DocumentId, dict[ActorId, ShortState]] = {}
    for part in chunks(documents):
        query = select(receipt.c.document, receipt.c.vector)
        mine = query.where(receipt.c.document.in_(part), receipt.c.holder == node)
        found |= {one: unpack_vector(vector) for one, vector in connection.execute(mine)}
    return found


def of_document(connection: Connection, document: DocumentId) -> Receipts:
    """Every holder's vector of a document, ascending by holder."""
    query = select(receipt.c.holder, receipt.c.vector).where(receipt.c.document == document)
    rows = connection.execute(query.order_by(receipt.c.holder))
    return {NodeId(node): unpack_vector(vector) for node, vector in rows}
