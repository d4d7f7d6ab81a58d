"""Letting go of content and bringing it back, in a `MemoryStore`: as on SQL, carried out on dicts.

Only `memory.py`, `memory_lanes.py` and `memory_writes.py` use this.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence

from conflict.identity import DocumentId, Lane, NodeId, document_kind
from conflict.lane import LaneRun
from storage import coverage, memory_custody, shed_lanes, shedding
from storage.errors import NotShed
from storage.memory_rows import LaneRow, LetGoLane, Rows, ShedRow, StoredRun
from storage.refilling import Refill, ShedBase
from storage.settings import CUSTODY_CURSOR as CURSOR
from storage.shapes import Freed, Idle, ProjectionRow, Shed
from sync.ports import Release

Shows = Callable[[DocumentId], bool]


class MemoryShedding:
    """The reading half, for `MemoryStore`."""

    _rows: Rows
    _lock: threading.RLock

    def shed_documents(self, documents: Collection[DocumentId]) -> dict[DocumentId, Shed]:
        """See `Store.shed_documents`."""
        with self._lock:
            rows = self._rows
            found: dict[DocumentId, Shed] = {}
            for one in sorted(set(documents) & rows.shed.keys()):
                row, lanes = rows.shed[one], _lanes(rows, one).values()
                changes = sum(lane.state.length for lane in lanes)
                stated = sum(lane.statements for lane in lanes)
                found[one] = Shed(one, row.at_ms, row.wanted_ms, row.label, changes, stated)
            return found

    def wanted(self, limit: int) -> list[DocumentId]:
        """See `Store.wanted`."""
        with self._lock:
            return wanted(self._rows)[:limit]

    def idle(self, before_ms: int, after: Idle | None, limit: int) -> list[Idle]:
        """See `Store.idle`."""
        with self._lock:
            rows = self._rows
            found = sorted(
                Idle(touched_ms, one)
                for one in rows.documents
                if one not in rows.dirty and not rows.lacks.get(one, coverage.COVERED).changes
                if 0 < (touched_ms := self.touched_ms([one])) < before_ms
            )
            return [one for one in found if after is None or one > after][:limit]

    def touched_ms(self, documents: Collection[DocumentId]) -> int:
        """See `Store.touched_ms`."""
        with self._lock:
            stored = (one for document in documents for one in _runs(self._rows, document))
            return max((one.at_ms for one in stored), default=0)

    def used_bytes(self) -> int:
        """See `Store.used_bytes`."""
        with self._lock:
            runs = sum(one.run.size for stored in self._rows.runs.values() for one in stored)
            shown = sum(len(row.body) for row in self._rows.projections.values())
            return runs + shown + sum(len(row.data) for row in self._rows.blobs.values())


def released(rows: Rows, peer: NodeId, epoch: bytes, limit: int, shows: Shows) -> Release | None:
    """See `LaneReader.released`."""
    through, total = shedding.unpack_told(rows.settings.get(shedding.told(peer)), epoch)
    known = {one: row.number for one, row in rows.shed.items() if shows(one)}
    news = sorted((number, one) for one, number in known.items() if number > through)[:limit]
    if not news and total == len(known):
        return None
    return Release(news[-1][0] if news else through, len(known), tuple(one for _, one in news))


def wanted(rows: Rows) -> list[DocumentId]:
    """Documents whose content is to come back, longest waiting first."""
    due = sorted((row.wanted_ms, one) for one, row in rows.shed.items() if row.wanted_ms)
    return [one for _, one in due]


def of(rows: Rows, documents: Collection[DocumentId]) -> dict[Lane, ShedBase]:
    """See `shed_lanes.of`."""
    found: dict[Lane, ShedBase] = {}
    for one in sorted(set(documents) & rows.shed.keys()):
        for lane, let_go in sorted(_lanes(rows, one).items()):
            found[lane] = base = ShedBase(let_go.state, rows.shed[one].wanted_ms > 0)
            if back := rows.refills.get(lane):
                base.reached = back[-1].state
    return found


def _lanes(rows: Rows, document: DocumentId) -> dict[Lane, LetGoLane]:
    lanes = (Lane(document, actor) for actor in rows.lanes.get(document, {}))
    return {lane: rows.let_go[lane] for lane in lanes if lane in rows.let_go}


def _runs(rows: Rows, document: DocumentId) -> list[StoredRun]:
    lanes = rows.lanes.get(document, {})
    return [one for actor in lanes for one in rows.runs.get(Lane(document, actor), ())]


# Letting go --------------------------------------------------------------------------------------


def let_go(rows: Rows, one: DocumentId, now_ms: int) -> Freed:
    """See `Transaction.shed`. Raises `NotShed`."""
    blobs = _blobs(rows, one)
    if cause := _cause(rows, one, blobs):
        raise NotShed(cause, one)
    stored = _runs(rows, one)
    shown = rows.projections.get(one)
    freed = Freed(
        changes=sum(len(run.run.changes) for run in stored),
        blobs=len(blobs),
        size=sum(run.run.size for run in stored)
        + (len(shown.body) if shown else 0)
        + sum(len(rows.blobs[name].data) for name in blobs),
    )
    number = int.from_bytes(rows.settings.get(shedding.COUNT, b""), "big") + 1
    rows.settings[shedding.COUNT] = number.to_bytes(8, "big")
    label, links = (shown.label, shown.links) if shown else ("", ())
    rows.shed[one] = ShedRow(number, now_ms, 0, label, b"".join(links))
    fresh: dict[bytes, LaneRow] = {}
    for actor, row in rows.lanes[one].items():
        lane = Lane(one, actor)
        earlier = rows.let_go[lane].statements if lane in rows.let_go else 0
        rows.let_go[lane] = LetGoLane(row.held, earlier + len(row.entries))
        fresh[actor] = LaneRow(row.author, row.nonce, row.held)
        for run in rows.runs.get(lane, ()):
            rows.arrivals.drop(run.arrival)
        rows.runs.drop(lane)
        rows.refills.drop(lane)
        rows.urgent.drop(lane)
    rows.lanes[one] = {actor: fresh[actor] for actor in rows.lanes[one]}
    rows.documents[one] = rows.documents[one]._replace(statements=0)
    for name in blobs:
        rows.blobs.drop(name)
    if shown:
        for name, _ in shown.blobs:
            rows.needs[name] = {who: n for who, n in rows.needs[name].items() if who != one}
        rows.projections[one] = ProjectionRow(one, label, 0, b"", links)
    return freed


def _blobs(rows: Rows, one: DocumentId) -> list[bytes]:
    """Attachments, or parts of them, that no other document here names."""
    shown = rows.projections.get(one)
    names = (name for name, _ in shown.blobs) if shown else ()
    return [name for name in names if name in rows.blobs and set(rows.needs[name]) <= {one}]


def _cause(rows: Rows, one: DocumentId, blobs: Sequence[bytes]) -> str:
    nodes = set(memory_custody.garrisons(rows))
    causes = {
        "not-held": not _runs(rows, one),
        "kind": document_kind(one) in shedding.KEPT_KINDS,
        "garrison": CURSOR in rows.settings,
        "no-garrison": not nodes,
        "wanted": one in rows.shed and rows.shed[one].wanted_ms > 0,
        "staged": any(lane.document == one for _, lane in rows.staged),
        "waiting": one in rows.dirty,
        "branches": any(lane.document == one for lane in rows.branches),
        "refused": any(row.refusal for row in rows.lanes.get(one, {}).values()),
        "not-at-garrison": rows.lacks.get(one, coverage.COVERED).changes > 0,
        "blob-not-at-garrison": any(
            not memory_custody.claimants(rows, name) & nodes for name in blobs
        ),
    }
    return next((cause for cause, holds in causes.items() if holds), "")


def want(rows: Rows, documents: Collection[DocumentId], now_ms: int) -> None:
    """See `Transaction.want`."""
    for one in documents:
        if (row := rows.shed.get(one)) is not None and not row.wanted_ms:
            rows.shed[one] = row._replace(wanted_ms=now_ms)


def forget_receipts(rows: Rows, holder: NodeId, documents: Sequence[DocumentId]) -> None:
    """See `Transaction.save_released`."""
    for one in documents:
        vectors = rows.receipts.get(one, {})
        rows.receipts[one] = {node: said for node, said in vectors.items() if node != holder}
        rows.told.drop((one, holder))
    if holder in memory_custody.garrisons(rows):
        memory_custody.settle(rows, set(documents) & rows.lanes.keys(), 0)


def completed(rows: Rows, row: ProjectionRow) -> tuple[str, Sequence[DocumentId]]:
    """Label and links of a document that is here in part only, with those of what was let go."""
    known = rows.shed.get(row.document)
    label = row.label or (known.label if known else "")
    size = len(row.document)
    joined = known.links if known else b""
    others = {DocumentId(joined[at : at + size]) for at in range(0, len(joined), size)}
    return label, tuple(sorted(others | set(row.links)))


# Coming back -------------------------------------------------------------------------------------


def bring_back(rows: Rows, plan: Refill, now_ms: int) -> None:
    """See `shed_lanes.bring_back`."""
    for lane in plan.emptied:
        rows.refills.drop(lane)
    for lane, first_seq in plan.replaced:
        left = tuple(one for one in rows.runs[lane] if one.run.first_seq != first_seq)
        for one in set(rows.runs[lane]) - set(left):
            rows.arrivals.drop(one.arrival)
        rows.runs[lane] = left
    for run in plan.rows:
        rows.refills[run.lane] = (*rows.refills.get(run.lane, ()), run)
    for lane in plan.whole:
        _whole(rows, lane, now_ms)


def _whole(rows: Rows, lane: Lane, now_ms: int) -> None:
    back: tuple[LaneRun, ...] = rows.refills.get(lane, ())
    stored = [
        *(StoredRun(run, shed_lanes.FETCHED, now_ms) for run in back),
        *rows.runs.get(lane, ()),
    ]
    if CURSOR in rows.settings and not stored[-1].arrival:
        rows.tally["arrival"] = number = rows.tally.get("arrival", 0) + 1
        rows.arrivals[number] = lane
        stored[-1] = stored[-1]._replace(arrival=number)
    rows.runs[lane] = tuple(stored)
    rows.refills.drop(lane)
    rows.let_go.drop(lane)
    if not _lanes(rows, lane.document):
        rows.shed.drop(lane.document)
    rows.dirty[lane.document] = rows.documents[lane.document].arrival
