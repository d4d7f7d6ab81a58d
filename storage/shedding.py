"""Letting go of a document's content, in SQL: who may go, what goes, what stays, and who was told.

What goes is runs, admitted entries, the body of what is shown, and attachments that nothing else
names. What stays is what sync compares (lanes' states, digest, symbol) and what lists show (label,
links). It stays in `shed` and `shed_lane`, which a rebuild reads as truth.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, exists, false, func, null, select, true, update

from conflict.identity import DocumentId, DocumentKind, NodeId, document_kind
from storage import coverage, projections, settings
from storage.branch_table import branch
from storage.custody_tables import custody_blob
from storage.errors import NotShed
from storage.locks import lock_rows
from storage.shapes import Freed
from storage.sharing import Audiences, of
from storage.tables import (
    blob,
    blob_need,
    blob_part,
    document,
    lane,
    projection,
    receipt,
    refill,
    run,
    setting,
    shed,
    shed_lane,
    staged,
)
from storage.upsert import chunks, upsert
from sync.ports import Release

COUNT = "shed.count"
"""Setting: number of the last shedding."""
_TOLD = "shed.told/"
_NUMBER_BYTES = 8
KEPT_KINDS = frozenset({DocumentKind.UNIT, DocumentKind.THEATRE})


class _Blob(NamedTuple):
    """An attachment that goes with a document, and whether a garrison says that it has it."""

    hash: bytes
    have: int
    claimed: bool


def let_go(connection: Connection, one: DocumentId, now_ms: int) -> Freed:
    """See `Transaction.shed`. Raises `NotShed`."""
    names = list(connection.scalars(select(blob_need.c.hash).where(blob_need.c.document == one)))
    lock_rows(connection, [one, *names])
    blobs = _blobs(connection, one)
    if cause := _cause(connection, one, blobs):
        raise NotShed(cause, one)

    def total(table: Any, what: Any) -> int:
        query = select(func.coalesce(func.sum(what), 0)).where(table.c.document == one)
        return int(connection.scalar(query) or 0)

    freed = Freed(
        changes=total(run, run.c.last_seq - run.c.first_seq + 1),
        blobs=len(blobs),
        size=total(run, func.length(run.c.changes))
        + total(lane, func.length(lane.c.entries))
        + total(projection, func.length(projection.c.body))
        + sum(each.have for each in blobs),
    )
    _keep(connection, one, now_ms)
    _drop(connection, one, blobs)
    return freed


def _cause(connection: Connection, one: DocumentId, blobs: Sequence[_Blob]) -> str:
    """Why not; empty: it may go."""

    def any_of(table: Any, *where: Any) -> bool:
        return bool(connection.scalar(select(exists().where(table.c.document == one, *where))))

    row = connection.execute(select(document).where(document.c.document == one)).one_or_none()
    causes = {
        "not-held": row is None or not any_of(run),
        "kind": document_kind(one) in KEPT_KINDS,
        "garrison": settings.writes_custody(connection),
        "no-garrison": not coverage.garrisons(connection),
        "wanted": any_of(shed, shed.c.wanted_ms > 0),
        "staged": any_of(staged),
        "waiting": row is not None and row.dirty,
        "branches": any_of(branch),
        "refused": any_of(lane, lane.c.refused > 0),
        "not-at-garrison": row is not None and row.lacking > 0,
        "blob-not-at-garrison": any(not each.claimed for each in blobs),
    }
    return next((cause for cause, holds in causes.items() if holds), "")


def _blobs(connection: Connection, one: DocumentId) -> list[_Blob]:
    """Attachments, or parts of them, that no other document here names."""
    other = blob_need.alias("other")
    claimed = exists().where(
        custody_blob.c.alias == blob_need.c.alias,
        custody_blob.c.holder.in_(coverage.garrisons(connection)),
    )
    query = (
        select(blob.c.hash, blob.c.have, claimed)
        .join_from(blob_need, blob, blob.c.hash == blob_need.c.hash)
        .where(blob_need.c.document == one)
        .where(~exists().where(other.c.hash == blob_need.c.hash, other.c.document != one))
    )
    return [_Blob(*row) for row in connection.execute(query)]


def _keep(connection: Connection, one: DocumentId, now_ms: int) -> None:
    """What is known of it from now on."""
    names = ("actor", "author", "nonce", "length", "head", "statements")
    states = connection.execute(
        select(*(lane.c[name] for name in names)).where(lane.c.document == one)
    ).all()
    before = select(shed_lane.c.actor, shed_lane.c.statements).where(shed_lane.c.document == one)
    earlier = {row.actor: row.statements for row in connection.execute(before)}
    rows = [{"document": one, **row._mapping} for row in states]
    for row in rows:
        row["statements"] += earlier.get(row["actor"], 0)
    connection.execute(upsert(connection, shed_lane), rows)
    shown = projections.one_projection(connection, one)
    connection.execute(
        upsert(connection, shed),
        {
            "document": one,
            "number": _next_number(connection),
            "at_ms": now_ms,
            "wanted_ms": 0,
            "label": shown.label if shown else "",
            "links": b"".join(shown.links) if shown else b"",
        },
    )


def _next_number(connection: Connection) -> int:
    number = _count(connection) + 1
    settings.write(connection, COUNT, number.to_bytes(_NUMBER_BYTES, "big"))
    return number


def _count(connection: Connection) -> int:
    """Also a lock, on PostgreSQL: numbers become visible in their order."""
    query = select(setting.c.value).where(setting.c.key == COUNT).with_for_update()
    return int.from_bytes(connection.scalar(query) or b"", "big")


def _drop(connection: Connection, one: DocumentId, blobs: Sequence[_Blob]) -> None:
    for table in (run, refill, blob_need):
        connection.execute(delete(table).where(table.c.document == one))
    for part in chunks([each.hash for each in blobs]):
        connection.execute(delete(blob_part).where(blob_part.c.hash.in_(part)))
        connection.execute(delete(blob).where(blob.c.hash.in_(part)))
    nothing = {
        "admitted": 0,
        "statements": 0,
        "urgent_ms": 0,
        "summary": false(),
        "entries": null(),
    }
    connection.execute(update(lane).where(lane.c.document == one).values(nothing))
    connection.execute(
        update(projection).where(projection.c.document == one).values(body=b"", open_findings=0)
    )
    connection.execute(update(document).where(document.c.document == one).values(statements=0))


def want(connection: Connection, documents: Collection[DocumentId], now_ms: int) -> None:
    """See `Transaction.want`."""
    ordered = sorted(set(documents))
    lock_rows(connection, ordered)
    for part in chunks(ordered):
        among = shed.c.document.in_(part), shed.c.wanted_ms == 0
        connection.execute(update(shed).where(*among).values(wanted_ms=now_ms))


# Who was told ------------------------------------------------------------------------------------


def forget_receipts(
    connection: Connection, holder: NodeId, documents: Sequence[DocumentId]
) -> None:
    """See `Transaction.save_released`."""
    lock_rows(connection, documents)
    for part in chunks(documents):
        among = receipt.c.document.in_(part), receipt.c.holder == holder
        connection.execute(delete(receipt).where(*among))
    if holder in coverage.garrisons(connection):
        coverage.settle(connection, documents)


def told(peer: NodeId) -> str:
    """Setting: what a peer knows of what was let go here."""
    return _TOLD + peer.hex()


def pack_told(epoch: bytes, through: int, total: int) -> bytes:
    """Its value."""
    return epoch + b"".join(one.to_bytes(_NUMBER_BYTES, "big") for one in (through, total))


def unpack_told(value: bytes | None, epoch: bytes) -> tuple[int, int]:
    """(through, total) that the peer was told in this epoch of its store."""
    if value is None or value[: len(epoch)] != epoch:
        return 0, 0
    numbers = value[len(epoch) :]
    first, second = numbers[:_NUMBER_BYTES], numbers[_NUMBER_BYTES:]
    return int.from_bytes(first, "big"), int.from_bytes(second, "big")


def released(
    connection: Connection, peer: NodeId, epoch: bytes, limit: int, seen: Audiences
) -> Release | None:
    """See `LaneReader.released`. A document that the peer may not know of is passed over."""
    through, total = unpack_told(settings.read(connection, told(peer)), epoch)
    shows = () if seen is None else (of(shed, seen),)
    query = select(shed.c.document, shed.c.number).where(shed.c.number > through, *shows)
    rows = connection.execute(query.order_by(shed.c.number).limit(limit)).all()
    now = connection.scalar(select(func.count()).select_from(shed).where(*shows)) or 0
    if not rows and now == total:
        return None
    reached = rows[-1].number if rows else through
    return Release(reached, now, tuple(DocumentId(row.document) for row in rows))


def wanted(connection: Connection, limit: int, seen: Audiences = None) -> list[DocumentId]:
    """Documents whose content is to come back, longest waiting first."""
    shows = () if seen is None else (of(shed, seen),)
    query = select(shed.c.document).where(shed.c.wanted_ms > 0, *shows)
    ordered = query.order_by(shed.c.wanted_ms, shed.c.document).limit(limit)
    return [DocumentId(one) for one in connection.scalars(ordered)]


# Choosing ----------------------------------------------------------------------------------------

_TOUCHED = (
    select(func.max(run.c.arrival_ms))
    .where(run.c.document == document.c.document)
    .scalar_subquery()
)
OLDEST = select(_TOUCHED.label("touched_ms"), document.c.document).where(
    document.c.lacking == 0, document.c.dirty != true(), document.c.changes > 0
)
"""Documents that receipts allow to go, and when each last changed here (NULL: nothing is here)."""
