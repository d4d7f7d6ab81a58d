"""Receipts and custody logs of a `MemoryStore`: the same rules as on SQL, carried out on dicts.

Only `memory.py` and `memory_writes.py` use this.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence

from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import LaneState
from storage import branches, coverage
from storage.aliases import as_receipt
from storage.coverage import COVERED, Lack
from storage.custody import Log, judge
from storage.memory_rows import Rows
from storage.receipts import grow
from storage.settings import CUSTODY_CURSOR as CURSOR
from storage.shapes import Custody, Holding, Uncovered
from sync import custody, limits
from sync.aliases import blob_alias, document_alias
from sync.custody import CustodyEntry, Sign, Verdict
from sync.ports import Position, Receipt, Receipts

_NUMBER_BYTES = 8


class MemoryCustody:
    """The reading half, for `MemoryStore`."""

    _rows: Rows
    _lock: threading.RLock

    def receipts(self, document: DocumentId) -> Receipts:
        """See `Store.receipts`."""
        return {one.holder: one.vector for one in self.holders(document)}

    def epoch_told(self, holder: NodeId) -> bytes | None:
        """See `Store.epoch_told`."""
        with self._lock:
            return self._rows.holders.get(holder)

    def holders(self, document: DocumentId) -> list[Holding]:
        """See `Store.holders`."""
        with self._lock:
            found = self._rows.receipts.get(document, {})
            return [
                Holding(node, vector, *self._rows.told.get((document, node), (0, 0, 0)))
                for node, vector in sorted(found.items())
            ]

    def custody_positions(self) -> dict[NodeId, Position]:
        """See `LaneReader.custody_positions`."""
        with self._lock:
            logs = self._rows.logs
            return {one: logs.get(one, Log()).position for one in garrisons(self._rows)}

    def custody_entries(
        self, garrison: NodeId, epoch: bytes, number: int, limit: int
    ) -> list[bytes]:
        """See `LaneReader.custody_entries`."""
        with self._lock:
            log = self._rows.logs.get(garrison, Log())
            last = min(log.number, number + limit) if log.epoch == epoch else 0
            return [self._rows.entries[garrison, one] for one in range(number + 1, last + 1)]

    def custody(self, limit: int) -> Custody:
        """See `Store.custody`."""
        with self._lock:
            rows, nodes = self._rows, garrisons(self._rows)
            lacks = [Uncovered(one, *lack) for one, lack in rows.lacks.items() if lack.changes]
            lacks.sort(key=lambda one: (one.since_ms, one.document))
            named = [name for name, sizes in rows.needs.items() if sizes]
            return Custody(
                garrisons=tuple(nodes),
                told_ms=max((rows.told_by.get(one, 0) for one in nodes), default=0),
                documents=len(lacks),
                changes=sum(one.changes for one in lacks),
                uncovered=tuple(lacks[:limit]),
                blobs=sum(not claimants(rows, one) & set(nodes) for one in named),
                staged=sum(source is None for source, _ in rows.staged),
                set_aside=sum(row.source is None for row in rows.aside.values()),
            )

    def trust(self, garrisons: Collection[NodeId]) -> None:
        """See `Store.trust`."""
        with self._lock:
            rows, packed = self._rows, coverage.pack_nodes(garrisons)
            if rows.settings.get(coverage.SETTING) == packed:
                return
            for node in sorted(set(garrisons)):
                if node in rows.holders and node not in rows.logs:
                    rows.logs[node] = Log(rows.holders[node])
            rows.settings[coverage.SETTING] = packed
            settle(rows, rows.lanes, 0)
            rows.commit()


def garrisons(rows: Rows) -> list[NodeId]:
    """Nodes whose receipts count, ascending."""
    return coverage.unpack_nodes(rows.settings.get(coverage.SETTING))


def claimants(rows: Rows, blob: bytes) -> frozenset[NodeId]:
    """Garrisons whose logs claim a blob."""
    return rows.claimed.get(blob_alias(blob), frozenset())


def recognise(rows: Rows, document: DocumentId) -> None:
    """A document is becoming known: what was said of its alias was said of it."""
    alias = document_alias(document)
    rows.aliases[alias] = document
    unknown = DocumentId(alias)
    for node, vector in rows.receipts.get(unknown, {}).items():
        claims = [Receipt(Lane(document, actor), state) for actor, state in vector.items()]
        _, entry, at_ms = rows.told[unknown, node]
        _grow(rows, node, claims, at_ms, entry)
        rows.told.drop((unknown, node))
    rows.receipts.drop(unknown)


def settle(rows: Rows, documents: Iterable[DocumentId], now_ms: int) -> None:
    """Look again what these documents lack."""
    nodes = garrisons(rows)
    for one in documents:
        claims = [vector for node, vector in rows.receipts.get(one, {}).items() if node in nodes]
        changes = coverage.lacking(_held(rows, one), claims)
        rows.lacks[one] = rows.lacks.get(one, COVERED).after(changes, now_ms)


def recount(rows: Rows) -> None:
    """For every document, as if all of it had been lacking from its first change on."""
    for one in rows.lanes:
        rows.lacks[one] = Lack(1, rows.came.get(one, 0))
    settle(rows, rows.lanes, 0)


def _held(rows: Rows, document: DocumentId) -> Mapping[ActorId, LaneState]:
    return {actor: row.held for actor, row in rows.lanes.get(document, {}).items()}


# What others say ---------------------------------------------------------------------------------


def save_receipts(
    rows: Rows, node: NodeId, epoch: bytes, claims: Sequence[Receipt], now_ms: int
) -> None:
    """See `Transaction.save_receipts`."""
    known, counts = rows.holders.get(node), node in garrisons(rows)
    if known != epoch:
        if counts:
            _met_in(rows, node, epoch)
        _enter(rows, node, epoch)
        if counts and known is not None:
            recount(rows)
    mine = [branches.located(one, rows.branches.get(one.lane, {})) for one in claims]
    _grow(rows, node, mine, now_ms, 0)
    if counts and claims:
        rows.told_by[node] = now_ms
        settle(rows, {claim.lane.document for claim in claims}, 0)


def _enter(rows: Rows, node: NodeId, epoch: bytes) -> None:
    for document, vectors in list(rows.receipts.items()):
        if node in vectors:
            rest = {one: vector for one, vector in vectors.items() if one != node}
            rows.receipts[document] = rest
            rows.told.drop((document, node))
    rows.holders[node] = epoch
    rows.told_by.drop(node)


def _grow(rows: Rows, node: NodeId, claims: Sequence[Receipt], now_ms: int, entry: int) -> None:
    for claim in claims:
        document = claim.lane.document
        vectors = rows.receipts.get(document, {})
        vector = grow(vectors.get(node, {}), [claim])
        rows.receipts[document] = dict(sorted({**vectors, node: vector}.items()))
        at_ms, *log = rows.told.get((document, node), (0, 0, 0))
        told = (at_ms, entry, now_ms) if entry else (now_ms, *log)
        rows.told[document, node] = (told[0], told[1], told[2])


def _met_in(rows: Rows, garrison: NodeId, epoch: bytes) -> None:
    log = rows.logs.get(garrison, Log())
    if log.epoch < epoch:
        _forget(rows, garrison)
        rows.logs[garrison] = Log(epoch)
    else:
        _forget_blobs(rows, garrison)
        rows.logs[garrison] = log._replace(believed=False)


def save(rows: Rows, entry: CustodyEntry, now_ms: int) -> tuple[Verdict, Position]:
    """See `Transaction.save_custody`."""
    garrison = entry.garrison
    if garrison not in garrisons(rows):
        return Verdict.NO_GARRISON, Position()
    log, raw = rows.logs.get(garrison, Log()), custody.to_bytes(entry)
    verdict = judge(entry, log, len(raw))
    if verdict is not Verdict.KEPT:
        return verdict, log.position
    if entry.epoch != log.epoch:
        _forget(rows, garrison)
    grown = log.grown(entry, len(raw))
    known = rows.holders.get(garrison)
    if grown.believed and known != entry.epoch:
        _enter(rows, garrison, entry.epoch)
        if known is not None:
            recount(rows)
    rows.entries[garrison, entry.number] = raw
    rows.logs[garrison] = grown
    if grown.believed:
        claims = [as_receipt(claim, rows.aliases) for claim in entry.lanes]
        _grow(rows, garrison, claims, now_ms, entry.number)
        for name in entry.blobs:
            rows.claimed[name] = rows.claimed.get(name, frozenset()) | {garrison}
        rows.told_by[garrison] = now_ms
        settle(rows, {claim.lane.document for claim in claims} & rows.lanes.keys(), 0)
    return verdict, grown.position


def _forget(rows: Rows, garrison: NodeId) -> None:
    for key in [key for key in rows.entries if key[0] == garrison]:
        rows.entries.drop(key)
    _forget_blobs(rows, garrison)


def _forget_blobs(rows: Rows, garrison: NodeId) -> None:
    for name, holders in list(rows.claimed.items()):
        rows.claimed[name] = holders - {garrison}


# Our own -----------------------------------------------------------------------------------------


def write(
    rows: Rows, garrison: NodeId, epoch: bytes, now_ms: int, sign: Sign
) -> CustodyEntry | None:
    """See `Transaction.write_custody`."""
    log = rows.logs.get(garrison, Log())
    if log.epoch != epoch:
        _forget(rows, garrison)
        for name in list(rows.own_claimed):
            rows.own_claimed.drop(name)
        log = Log(epoch)
    lanes, blobs = _new_lanes(rows, epoch), _new_blobs(rows)
    entry = log.next(garrison, now_ms, lanes, blobs, sign)
    if entry is None:
        return None
    raw = custody.to_bytes(entry)
    rows.entries[garrison, entry.number] = raw
    rows.logs[garrison] = log.grown(entry, len(raw))
    for name in blobs:
        rows.own_claimed[name] = True
    return entry


def _new_lanes(rows: Rows, epoch: bytes) -> list[Receipt]:
    value = rows.settings.get(CURSOR, b"")
    cursor = int.from_bytes(value[len(epoch) :], "big") if value[: len(epoch)] == epoch else 0
    found: list[Receipt] = []
    last = rows.tally.get("arrival", 0)
    while cursor < last and len(found) < limits.CUSTODY_LANES_MAX:
        cursor += 1
        lane = rows.arrivals.get(cursor)
        if lane and lane not in rows.let_go and rows.runs[lane][-1].arrival == cursor:
            held = rows.lanes[lane.document][lane.actor].held
            found.append(Receipt(lane, held.short))
    rows.settings[CURSOR] = epoch + cursor.to_bytes(_NUMBER_BYTES, "big")
    return found


def _new_blobs(rows: Rows) -> list[bytes]:
    complete = sorted(name for name, row in rows.blobs.items() if row.complete)
    return [one for one in complete if one not in rows.own_claimed][: limits.CUSTODY_BLOBS_MAX]
