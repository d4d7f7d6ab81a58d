"""`MemoryStore`: the same store on plain dicts, for the simulator and unit tests.

It keeps every promise of INVARIANTS.md but durability beyond the process; the contract tests hold
it to them. One lock serves readers and writers; a failed transaction is taken back.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Self

from conflict.document import Entry
from conflict.identity import ActorId, DocumentId, DocumentKind, Lane, NodeId
from conflict.lane import ShortState, set_item
from conflict.scope import Scopes
from storage import (
    branches,
    chains,
    figures,
    limits,
    memory_branches,
    memory_given,
    memory_lanes,
    sketches,
)
from storage.memory_custody import recount
from storage.memory_reader import EPOCH, MemoryReader, scopes_of, suspects_of
from storage.memory_rows import LaneRow, Rows
from storage.memory_shedding import MemoryShedding
from storage.memory_writes import MemoryTransaction
from storage.shapes import (
    Counts,
    DocumentWork,
    Forked,
    Given,
    LaneStatus,
    LaneWork,
    Problem,
    ProjectionRow,
    Rebuilt,
    SetAsideRow,
    Suspected,
)
from storage.sketches import pack_steps, pour
from storage.suspects import limit
from sync.ports import View

_MODULUS = 1 << 64


class MemoryStore(MemoryReader, MemoryShedding):
    """Implements `storage.ports.Store`. `entropy`: 16 bytes, the epoch."""

    def __init__(self, entropy: bytes) -> None:
        super().__init__(Rows(), threading.RLock())
        self.renew_epoch(entropy)

    def clone(self) -> Self:
        """A copy as of now, epoch and all: what a copied disk or a restored backup is."""
        with self._lock:
            twin = type(self)(self.epoch())
            twin._rows = self._rows.copy()
            return twin

    def close(self) -> None:
        """See `Store.close`."""

    @contextmanager
    def write(self) -> Iterator[MemoryTransaction]:
        """See `Store.write`."""
        with self._lock:
            transaction = MemoryTransaction(self._rows)
            try:
                yield transaction
            except BaseException:
                self._rows.roll_back()
                for name in transaction.spoiled:
                    self._rows.blobs.drop(name)
                self._rows.commit()
                self._sorted = []
                raise
            self._rows.commit()
            pour(self._rows.cells, pack_steps(transaction.steps))

    def shared(self, view: View | None) -> MemoryReader:
        """See `Store.shared`."""
        return MemoryReader(self._rows, self._lock, view)

    # --- what the node reads --------------------------------------------------------------------

    def scopes(self, documents: Sequence[DocumentId]) -> dict[DocumentId, Scopes]:
        """See `Store.scopes`."""
        with self._lock:
            found = {one: scopes_of(self._rows, one) for one in documents}
            return {one: scopes for one, scopes in found.items() if scopes}

    def given(
        self, scope: DocumentId, holders: Collection[NodeId], after: Given | None, limit: int
    ) -> list[Given]:
        """See `Store.given`."""
        with self._lock:
            return memory_given.given(self._rows, scope, holders, after)[:limit]

    def writers(self, documents: Sequence[DocumentId]) -> dict[DocumentId, list[NodeId]]:
        """See `Store.writers`."""
        with self._lock:
            held = [one for one in documents if one in self._rows.lanes]
            return {one: memory_given.writers(self._rows, one) for one in held}

    def work(self, limit: int, skip: Collection[DocumentId] = ()) -> list[DocumentWork]:
        """See `Store.work`."""
        with self._lock:
            found: list[DocumentWork] = []
            size = 0
            due = [one for one in self.dirty_documents(limit + len(skip)) if one not in skip]
            for document in due[:limit]:
                found.append(self._work(document))
                size += sum(len(raw) for lane in found[-1].lanes for raw in lane.changes)
                if size > limits.WORK_BYTES_MAX:
                    break
            return found

    def _work(self, document: DocumentId) -> DocumentWork:
        lanes = self._rows.lanes[document]
        awaiting = [
            LaneWork(
                actor,
                lanes[actor].author,
                tuple(raw for run in self._stored(Lane(document, actor)) for raw in run.changes),
                len(lanes[actor].entries),
            )
            for actor in memory_lanes.awaiting(self._rows, document)
        ]
        suspects = suspects_of(self._rows)
        whose = memory_branches.actors(self._rows, [document])
        covers = self._rows.covers

        def of(lane: Lane) -> list[ShortState]:
            return [*covers.get(lane, ()), *covers.get(branches.unforked(lane, whose), ())]

        limited = (limit(document, one, suspects, of) for one in awaiting)
        return DocumentWork(
            document,
            tuple(limited),
            memory_lanes.entries(self._rows, document),
            {lane.actor: actor for lane, actor in whose.items()},
        )

    def suspected(self, limit: int) -> list[Suspected]:
        """See `Store.suspected`."""
        with self._lock:
            found = []
            for document, lanes in sorted(self._rows.lanes.items()):
                for actor, row in sorted(lanes.items()):
                    lane, length = Lane(document, actor), row.held.length
                    if row.author in suspects_of(self._rows):
                        known = self._rows.covers.get(lane, ())
                        covered = (one.length for one in known if one.length <= length)
                        found.append(Suspected(lane, row.author, length, max(covered, default=0)))
            return found[:limit]

    def dirty_documents(self, limit: int = 1000) -> list[DocumentId]:
        """See `Store.dirty_documents`."""
        with self._lock:
            waiting = sorted(self._rows.dirty.items(), key=lambda pair: (pair[1], pair[0]))
            return [document for document, _ in waiting[:limit]]

    def refused(self, codes: Collection[str] | None) -> list[DocumentId]:
        """See `Store.refused`."""
        with self._lock:
            rows = ((one, row) for one, lanes in self._rows.lanes.items() for row in lanes.values())
            return sorted(
                {
                    document
                    for document, row in rows
                    if row.refusal and (codes is None or row.refusal.code in codes)
                }
            )

    def refused_authors(self) -> dict[NodeId, int]:
        """See `Store.refused_authors`."""
        with self._lock:
            every = (row for lanes in self._rows.lanes.values() for row in lanes.values())
            return dict(Counter(row.author for row in every if row.refusal))

    def authored(self) -> dict[NodeId, int]:
        """See `Store.authored`."""
        found: Counter[NodeId] = Counter()
        with self._lock:
            for lanes in self._rows.lanes.values():
                for row in lanes.values():
                    found[row.author] += row.held.length
        return dict(found)

    def entries(self, document: DocumentId) -> dict[ActorId, tuple[Entry, ...]]:
        """See `Store.entries`."""
        with self._lock:
            return MemoryTransaction(self._rows).entries(document)

    def lanes(self, document: DocumentId) -> list[LaneStatus]:
        """See `Store.lanes`."""
        with self._lock:
            return [
                self._status(Lane(document, actor), row)
                for actor, row in sorted(self._rows.lanes.get(document, {}).items())
            ]

    def _status(self, lane: Lane, row: LaneRow) -> LaneStatus:
        away = self._rows.let_go.get(lane)
        stated = len(row.entries) + (away.statements if away else 0)
        length = away.state.length if away else 0
        held = (lane, row.author, row.nonce, row.held)
        return LaneStatus(*held, row.admitted, stated, row.refusal, length)

    def statement_counts(self, documents: Sequence[DocumentId]) -> dict[DocumentId, int]:
        """See `Store.statement_counts`."""
        with self._lock:
            held = (one for one in documents if one in self._rows.lanes)
            return {one: sum(row.statements for row in self.lanes(one)) for one in held}

    def projection(self, document: DocumentId) -> ProjectionRow | None:
        """See `Store.projection`."""
        row = self._rows.projections.get(document)
        return None if row is None else self._marked(row)

    def _marked(self, row: ProjectionRow) -> ProjectionRow:
        away = self._rows.shed.get(row.document)
        return replace(row, shed_ms=away.at_ms) if away else row

    def projections(
        self,
        kind: DocumentKind | None = None,
        after: DocumentId | None = None,
        limit: int = 100,
        label_contains: str | None = None,
        *,
        with_findings: bool = False,
    ) -> list[ProjectionRow]:
        """See `Store.projections`."""
        needle = (label_contains or "").casefold()
        with self._lock:
            rows = [
                self._marked(row)
                for document, row in sorted(self._rows.projections.items())
                if (kind is None or document[0] == kind)
                and (after is None or document > after)
                and needle in row.label.casefold()
                and (row.open_findings or not with_findings)
            ]
            return rows[:limit]

    def links(self, document: DocumentId) -> tuple[DocumentId, ...]:
        """See `Store.links`."""
        with self._lock:
            row = self._rows.projections.get(document)
            named = set(row.links) if row else set()
            return tuple(sorted(named | self._rows.named_by.get(document, frozenset())))

    def forked(self) -> list[Forked]:
        """See `Store.forked`."""
        with self._lock:
            return memory_branches.forked(self._rows)

    def set_aside_items(self) -> list[SetAsideRow]:
        """See `Store.set_aside_items`."""
        with self._lock:
            rows = sorted(self._rows.aside.items(), key=lambda pair: (pair[1].at_ms, pair[0]))
            return [row for _, row in rows]

    def blob(self, blob_hash: bytes) -> bytes | None:
        """See `Store.blob`."""
        row = self._rows.blobs.get(blob_hash)
        return row.data if row and row.complete else None

    def setting(self, key: str) -> bytes | None:
        """See `Store.setting`."""
        return self._rows.settings.get(key)

    def counts(self) -> Counts:
        """See `Store.counts`."""
        with self._lock:
            rows = self._rows
            lanes = [row for one in rows.lanes.values() for row in one.values()]
            return Counts(
                documents=len(rows.documents),
                lanes=len(lanes),
                changes=sum(row.held.length for row in lanes),
                statements=sum(cache.statements for cache in rows.documents.values()),
                waiting=len(rows.dirty),
                refused=sum(row.refusal is not None for row in lanes),
                review=sum(row.open_findings > 0 for row in rows.projections.values()),
                set_aside=len(rows.aside),
                staged=len(rows.staged),
                blobs=sum(row.complete for row in rows.blobs.values()),
                blobs_wanted=len(self.blobs_wanted(len(rows.needs))),
                shed=len(rows.shed),
                wanted=sum(row.wanted_ms > 0 for row in rows.shed.values()),
            )

    def resolve(self, prefix: str) -> list[DocumentId]:
        """See `Store.resolve`."""
        spans = figures.ranges(prefix)
        with self._lock:
            found = [one for one in self._ids() if any(low <= one <= high for low, high in spans)]
            return found[: figures.RESOLVED_MAX]

    # --- care -----------------------------------------------------------------------------------

    def rebuild(self, progress: Callable[[int], None] | None = None) -> Rebuilt:
        """See `Store.rebuild`. Memory does not rot: there is never a problem to report."""
        with self._lock:
            rows = self._rows
            rows.projections.clear()
            rows.named_by.clear()
            rows.needs.clear()
            rows.belongs.clear()
            rows.urgent.clear()
            for document, lanes in list(rows.lanes.items()):
                fresh = {
                    actor: LaneRow(row.author, row.nonce, row.held) for actor, row in lanes.items()
                }
                rows.lanes[document] = fresh
                cache = memory_lanes.fresh_cache(rows, document)
                rows.mark(document, cache)
                rows.dirty[document] = cache.arrival
            rows.cells = memory_lanes.cells_from_truth(rows)
            rows.tally["digest"] = self._digest_from_truth()
            recount(rows)
            rows.commit()
            if progress:
                progress(len(rows.documents))
            return Rebuilt(len(rows.documents), sum(map(len, rows.lanes.values())), ())

    def _digest_from_truth(self) -> int:
        items = (set_item(one, row.digest) for one, row in self._rows.documents.items())
        return sum(items) % _MODULUS

    def check(self) -> list[Problem]:
        """See `Store.check`."""
        with self._lock:
            problems: list[Problem] = []
            if self._rows.tally.get("digest", 0) != self._digest_from_truth():
                problems.append(Problem("set-digest", "the held set", "Run a rebuild."))
            if self._rows.cells.cells() != memory_lanes.cells_from_truth(self._rows).cells():
                problems.append(Problem("sketch", "the held set", "Run a rebuild."))
            for lane in sorted(self._rows.runs):
                if not memory_lanes.sound(self._rows, lane):
                    problems.append(chains.broken_run(lane, 1))
            return problems

    def sketch_with(self, secret: bytes) -> None:
        """See `Store.sketch_with`."""
        sketches.key_of(secret)
        with self._lock:
            if self.setting(sketches.SETTING) != secret:
                memory_lanes.renew_sketch(self._rows, secret)
                self._rows.commit()

    def renew_epoch(self, entropy: bytes) -> None:
        """See `Store.renew_epoch`."""
        if len(entropy) != limits.EPOCH_BYTES:
            raise ValueError(f"an epoch takes {limits.EPOCH_BYTES} random bytes")
        with self.write() as transaction:
            transaction.set_setting(EPOCH, entropy)
