"""Garrisons' custody logs in SQL: entries as received, the receipts that they imply, our own entries.

Only nodes that the node trusts as garrisons have logs here, and only the latest epoch of each. What
an entry says is kept where direct receipts are, so that whoever asks who holds a record sees both.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, exists, false, func, insert, select, true, update

from conflict.identity import ID_BYTES, ActorId, DocumentId, Lane, NodeId
from conflict.lane import HEAD_SHORT_BYTES, ShortState
from storage import aliases, branches, coverage, receipts, shed_lanes
from storage.custody_tables import custody_blob, custody_entry, custody_log
from storage.locks import lock_everything, lock_rows
from storage.settings import CUSTODY_CURSOR as CURSOR
from storage.shapes import Custody, Uncovered
from storage.tables import (
    blob,
    blob_need,
    document,
    holder,
    lane,
    run,
    set_aside,
    setting,
    staged,
)
from storage.upsert import insert_new, upsert
from sync import custody, limits
from sync.aliases import blob_alias, claim_of
from sync.custody import NO_ENTRY, CustodyEntry, Sign, Verdict
from sync.ports import Position, Receipt

_NUMBER_BYTES = 8


class Log(NamedTuple):
    """A row of `custody_log`."""

    epoch: bytes = custody.NO_EPOCH
    number: int = 0
    link: bytes = NO_ENTRY
    size: int = 0
    believed: bool = True

    @property
    def position(self) -> Position:
        """How far it reaches."""
        return Position(self.epoch, self.number)

    def next(
        self,
        garrison: NodeId,
        now_ms: int,
        lanes: Sequence[Receipt],
        blobs: Sequence[bytes],
        sign: Sign,
    ) -> CustodyEntry | None:
        """Our own entry that follows, which claims these lanes and blobs; None: there is nothing to
        say. The first is made in any case."""
        if not lanes and not blobs and self.number:
            return None
        return sign(
            CustodyEntry(
                garrison=garrison,
                epoch=self.epoch,
                number=self.number + 1,
                previous=self.link,
                at_ms=now_ms,
                lanes=tuple(sorted(map(claim_of, lanes))),
                blobs=tuple(sorted(map(blob_alias, blobs))),
            )
        )

    def grown(self, entry: CustodyEntry, size: int) -> Log:
        """With an entry of so many bytes that follows it."""
        same = entry.epoch == self.epoch
        held, believed = (self.size, self.believed) if same else (0, True)
        return Log(entry.epoch, entry.number, entry.link, held + size, believed)


def judge(entry: CustodyEntry, log: Log, size: int) -> Verdict:
    """Whether an entry of so many bytes is kept."""
    verdict = custody.follows(entry, log.position, log.link)
    held = log.size if entry.epoch == log.epoch else 0
    full = held + size > limits.CUSTODY_LOG_BYTES_MAX
    return Verdict.FULL if verdict is Verdict.KEPT and full else verdict


# Reading -----------------------------------------------------------------------------------------


def _log(connection: Connection, garrison: NodeId) -> Log | None:
    query = select(custody_log).where(custody_log.c.garrison == garrison)
    row = connection.execute(query).one_or_none()
    return Log(*row[1:]) if row else None


def positions(connection: Connection) -> dict[NodeId, Position]:
    """See `LaneReader.custody_positions`."""
    found = {one: Position() for one in coverage.garrisons(connection)}
    query = select(custody_log.c.garrison, custody_log.c.epoch, custody_log.c.number)
    for garrison, epoch, number in connection.execute(query):
        if garrison in found:
            found[garrison] = Position(epoch, number)
    return found


def entries(
    connection: Connection, garrison: NodeId, epoch: bytes, number: int, limit: int
) -> list[bytes]:
    """See `LaneReader.custody_entries`."""
    log = _log(connection, garrison)
    if log is None or log.epoch != epoch:
        return []
    query = (
        select(custody_entry.c.entry)
        .where(custody_entry.c.garrison == garrison, custody_entry.c.number > number)
        .order_by(custody_entry.c.number)
        .limit(limit)
    )
    return list(connection.scalars(query))


def figures(connection: Connection, most: int) -> Custody:
    """See `Store.custody`. Documents by the partial index; one look-up per blob that is named."""
    nodes = coverage.garrisons(connection)
    lacks = document.c.lacking > 0
    counted = select(func.count(), func.coalesce(func.sum(document.c.lacking), 0)).where(lacks)
    documents, changes = connection.execute(counted.select_from(document)).one()
    listed = (
        select(document.c.document, document.c.lacking, document.c.lacking_ms)
        .where(lacks)
        .order_by(document.c.lacking_ms, document.c.document)
        .limit(most)
    )
    claimed = exists().where(
        custody_blob.c.alias == blob_need.c.alias, custody_blob.c.holder.in_(nodes)
    )
    unclaimed = select(func.count(blob_need.c.hash.distinct())).where(~claimed)
    told = select(func.coalesce(func.max(holder.c.told_ms), 0)).where(holder.c.node.in_(nodes))

    def number(query: Any) -> int:
        return int(connection.scalar(query) or 0)

    return Custody(
        garrisons=tuple(nodes),
        told_ms=number(told),
        documents=documents,
        changes=int(changes),
        uncovered=tuple(
            Uncovered(DocumentId(row[0]), *row[1:]) for row in connection.execute(listed)
        ),
        blobs=number(unclaimed),
        staged=number(select(func.count()).select_from(staged).where(staged.c.peer == b"")),
        set_aside=number(
            select(func.count()).select_from(set_aside).where(set_aside.c.source == b"")
        ),
    )


# What others say ---------------------------------------------------------------------------------


def trust(connection: Connection, nodes: Collection[NodeId]) -> None:
    """See `Store.trust`."""
    lock_everything(connection)
    for node in sorted(set(nodes)):
        epoch = receipts.epoch_of(connection, node)
        if epoch is not None and _log(connection, node) is None:
            _save_log(connection, node, Log(epoch))
    coverage.trust(connection, nodes)


def save_receipts(
    connection: Connection,
    node: NodeId,
    epoch: bytes,
    claims: Sequence[Receipt],
    now_ms: int,
) -> None:
    """What a node says itself (`Transaction.save_receipts`)."""
    counts = node in coverage.garrisons(connection)
    known = receipts.epoch_of(connection, node)
    if known != epoch:
        if counts:
            lock_everything(connection)
            _met_in(connection, node, epoch)
        receipts.enter_epoch(connection, node, epoch, known)
        if counts and known is not None:
            coverage.recount(connection)
    documents = [claim.lane.document for claim in claims]
    lock_rows(connection, documents)
    mine = branches.at_lanes(connection, claims)
    receipts.save(connection, node, epoch, mine, receipts.Source(now_ms))
    if counts and claims:
        receipts.mark_told(connection, node, now_ms)
        coverage.settle(connection, documents)


def _met_in(connection: Connection, garrison: NodeId, epoch: bytes) -> None:
    """A garrison was met in another epoch than it was known in: its log says nothing any more."""
    log = _log(connection, garrison) or Log()
    if log.epoch < epoch:
        _forget(connection, garrison)
        _save_log(connection, garrison, Log(epoch))
    else:
        connection.execute(delete(custody_blob).where(custody_blob.c.holder == garrison))
        _save_log(connection, garrison, log._replace(believed=False))


def save(connection: Connection, entry: CustodyEntry, now_ms: int) -> tuple[Verdict, Position]:
    """An entry that its garrison signed (`Transaction.save_custody`)."""
    garrison = entry.garrison
    if garrison not in coverage.garrisons(connection):
        return Verdict.NO_GARRISON, Position()
    named = {claim.document for claim in entry.lanes}
    known = aliases.known(connection, named)
    if receipts.epoch_of(connection, garrison) != entry.epoch or len(known) < len(named):
        lock_everything(connection)
        known = aliases.known(connection, named)  # none is becoming known meanwhile
    else:
        lock_rows(connection, [garrison, *known.values()])
    log = _log(connection, garrison) or Log()
    raw = custody.to_bytes(entry)
    verdict = judge(entry, log, len(raw))
    if verdict is not Verdict.KEPT:
        return verdict, log.position
    if entry.epoch != log.epoch:
        _forget(connection, garrison)
    grown = log.grown(entry, len(raw))
    before = receipts.epoch_of(connection, garrison)
    if grown.believed and before != entry.epoch:
        receipts.enter_epoch(connection, garrison, entry.epoch, before)
        if before is not None:
            coverage.recount(connection)
    _append(connection, entry, raw, grown)
    if grown.believed:
        source = receipts.Source(now_ms, entry.number)
        claims = [aliases.as_receipt(claim, known) for claim in entry.lanes]
        receipts.save(connection, garrison, entry.epoch, claims, source)
        for name in entry.blobs:
            claim = {"alias": name, "holder": garrison}
            connection.execute(insert_new(connection, custody_blob), claim)
        receipts.mark_told(connection, garrison, now_ms)
        coverage.settle(connection, known.values())
    return verdict, grown.position


def _forget(connection: Connection, garrison: NodeId) -> None:
    connection.execute(delete(custody_entry).where(custody_entry.c.garrison == garrison))
    connection.execute(delete(custody_blob).where(custody_blob.c.holder == garrison))


def _append(connection: Connection, entry: CustodyEntry, raw: bytes, grown: Log) -> None:
    row = {"garrison": entry.garrison, "number": entry.number, "entry": raw}
    connection.execute(insert(custody_entry), row)
    _save_log(connection, entry.garrison, grown)


def _save_log(connection: Connection, garrison: NodeId, log: Log) -> None:
    connection.execute(upsert(connection, custody_log), {"garrison": garrison, **log._asdict()})


# Our own -----------------------------------------------------------------------------------------

_SINCE = (
    select(run.c.document, run.c.actor, run.c.arrival, run.c.last_seq, lane.c.length, lane.c.head)
    .select_from(
        run.join(lane, (lane.c.document == run.c.document) & (lane.c.actor == run.c.actor))
    )
    .where(~shed_lanes.IS_LET_GO)
    .order_by(run.c.arrival)
    .limit(limits.CUSTODY_LANES_MAX)
)
_UNCLAIMED = select(blob.c.hash).where(blob.c.claimed == false(), blob.c.complete == true())


def write(
    connection: Connection,
    garrison: NodeId,
    epoch: bytes,
    now_ms: int,
    sign: Sign,
) -> CustodyEntry | None:
    """The next entry of our own log (`Transaction.write_custody`).

    No other writer is at work meanwhile, so no earlier arrival number can still become visible.
    """
    log = _log(connection, garrison)
    if log is not None and log.epoch == epoch and log.number and not _has_news(connection, epoch):
        return None
    lock_everything(connection)
    log = _log(connection, garrison) or Log()
    if log.epoch != epoch:
        _forget(connection, garrison)
        connection.execute(update(blob).values(claimed=False))
        log = Log(epoch)
    lanes = _new_lanes(connection, epoch)
    blobs = list(connection.scalars(_UNCLAIMED.limit(limits.CUSTODY_BLOBS_MAX)))
    entry = log.next(garrison, now_ms, lanes, blobs, sign)
    if entry is None:
        return None
    raw = custody.to_bytes(entry)
    _append(connection, entry, raw, log.grown(entry, len(raw)))
    connection.execute(update(blob).where(blob.c.hash.in_(blobs)).values(claimed=True))
    return entry


def _has_news(connection: Connection, epoch: bytes) -> bool:
    since = _cursor(connection, epoch)
    latest = select(func.max(run.c.arrival))
    arrived = (connection.scalar(latest) or 0) > since
    return arrived or connection.scalar(_UNCLAIMED.limit(1)) is not None


def _new_lanes(connection: Connection, epoch: bytes) -> list[Receipt]:
    """Lanes in the order in which their last run came, from where the last entry ended."""
    cursor = _cursor(connection, epoch)
    found: list[Receipt] = []
    while not found:
        rows = connection.execute(_SINCE.where(run.c.arrival > cursor)).all()
        found = [
            Receipt(
                Lane(DocumentId(one), ActorId(actor)), ShortState(length, head[:HEAD_SHORT_BYTES])
            )
            for one, actor, _, last_seq, length, head in rows
            if last_seq == length
        ]
        if not rows:
            break
        cursor = rows[-1].arrival
    row = {"key": CURSOR, "value": epoch + cursor.to_bytes(_NUMBER_BYTES, "big")}
    connection.execute(upsert(connection, setting), row)
    return found


def _cursor(connection: Connection, epoch: bytes) -> int:
    """Arrival number that the log of this epoch has come to."""
    value = connection.scalar(select(setting.c.value).where(setting.c.key == CURSOR)) or b""
    return int.from_bytes(value[ID_BYTES:], "big") if value[:ID_BYTES] == epoch else 0
