"""What broke a rule, in SQL: kept with a reason and its bytes under a quota, blocking nothing.

Repeating a delivery stores nothing twice. Over its quota of bytes a source's items are kept
without bytes, over its quota of rows not at all (the caller has reported them anyway).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, select

from conflict.identity import ActorId, DocumentId, Lane, NodeId
from storage import limits
from storage.shapes import SetAsideRow
from storage.tables import set_aside
from storage.upsert import insert_new
from sync.ports import SetAside

_CONTENT_BYTES = 16


def keep(
    connection: Connection,
    items: Sequence[SetAside],
    bytes_by_item: Mapping[SetAside, bytes],
    source: NodeId | None,
    now_ms: int,
) -> None:
    """Keep items (`Transaction.set_aside`)."""
    if not items:
        return
    mine = set_aside.c.source == (source or b"")
    query = select(func.count(), func.coalesce(func.sum(set_aside.c.size), 0)).where(mine)
    rows, size = connection.execute(query).one()
    for item in items:
        kept = within_quota(bytes_by_item.get(item, b""), int(size))
        if rows >= limits.SET_ASIDE_ROWS_MAX_PER_SOURCE:
            return
        row = _row(item, bytes_by_item.get(item, b""), kept, source, now_ms)
        added = connection.execute(
            insert_new(connection, set_aside), row, execution_options={"preserve_rowcount": True}
        ).rowcount
        rows, size = rows + added, size + added * len(kept)


def within_quota(data: bytes, used: int) -> bytes:
    """The bytes if the source's quota has room for them, else none."""
    return data if used + len(data) <= limits.SET_ASIDE_BYTES_MAX_PER_SOURCE else b""


def content_key(data: bytes) -> bytes:
    """Names the bytes of an item, so that a repeated delivery is one row."""
    return hashlib.sha256(data).digest()[:_CONTENT_BYTES]


def clear(connection: Connection, lane: Lane) -> None:
    """Forget what was set aside of a lane."""
    connection.execute(
        delete(set_aside).where(
            set_aside.c.document == lane.document, set_aside.c.actor == lane.actor
        )
    )


def items(connection: Connection) -> list[SetAsideRow]:
    """Everything set aside, oldest first."""
    order = (set_aside.c.at_ms, set_aside.c.document, set_aside.c.actor, set_aside.c.first_seq)
    query = select(set_aside).order_by(*order, set_aside.c.code, set_aside.c.content)
    return [
        SetAsideRow(
            SetAside(
                Lane(DocumentId(row.document), ActorId(row.actor)),
                row.first_seq,
                row.code,
                row.detail,
            ),
            NodeId(row.source) if row.source else None,
            row.kept,
            row.at_ms,
        )
        for row in connection.execute(query)
    ]


def _row(
    item: SetAside, data: bytes, kept: bytes, source: NodeId | None, now_ms: int
) -> dict[str, Any]:
    return {
        "document": item.lane.document,
        "actor": item.lane.actor,
        "first_seq": item.first_seq,
        "code": item.code,
        "content": content_key(data),
        "detail": item.detail,
        "source": source or b"",
        "at_ms": now_ms,
        "size": len(kept),
        "kept": kept,
    }
