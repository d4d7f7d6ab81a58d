"""`MemoryReader`: what a session reads of a `MemoryStore`, whole or as a view of it.

Views are found by looking at every document: enough for the simulator and unit tests.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from itertools import islice

from conflict.identity import DocumentId, DocumentKind, Lane, NodeId, document_kind
from conflict.lane import LaneRun, ShortState, Vector, set_item
from conflict.scope import THEATRE, Scopes, own_scopes
from storage import memory_lanes, memory_shedding, reaching, shed_lanes, shipping, suspects
from storage.coverage import unpack_nodes
from storage.memory_audit import MemoryAudit
from storage.memory_custody import MemoryCustody
from storage.memory_rows import Rows
from sync.continuing import Base, Continued
from sync.ports import BlobWanted, Lacking, Listed, Reach, Release, Summary, View
from sync.sketch import Sketch, Symbol

EPOCH = "epoch"
_MODULUS = 1 << 64


class MemoryReader(MemoryCustody, MemoryAudit):
    """Implements `sync.ports.LaneReader`. `view` None: everything."""

    def __init__(self, rows: Rows, lock: threading.RLock, view: View | None = None) -> None:
        self._rows = rows
        self._lock = lock
        self._view = view
        self._sorted: list[DocumentId] = []

    def epoch(self) -> bytes:
        """See `LaneReader.epoch`."""
        return self._rows.settings[EPOCH]

    def authority_entries(self, after: int, limit: int) -> list[bytes]:
        """See `LaneReader.authority_entries`."""
        with self._lock:
            last = min(len(self._rows.authority), after + limit)
            return [self._rows.authority[number] for number in range(after + 1, last + 1)]

    def _shows(self, document: DocumentId) -> bool:
        """A held document is in the view."""
        if self._view is None:
            return True
        return not scopes_of(self._rows, document).isdisjoint(self._view.scopes | {THEATRE})

    def _barred(self, lane: Lane) -> bool:
        """The peer may not have this lane: its document is not in the view, and it is not our own."""
        if lane.document not in self._rows.documents or self._shows(lane.document):
            return False
        assert self._view is not None  # noqa: S101  everything shows where there is no view
        row = self._rows.lanes[lane.document].get(lane.actor)
        return row is not None and row.author != self._view.own

    def summary(self) -> Summary:
        """See `LaneReader.summary`."""
        with self._lock:
            documents = self._rows.documents
            if self._view is None:
                digest, count = self._rows.tally.get("digest", 0), len(documents)
            else:
                shown = [one for one in documents if self._shows(one)]
                digest = sum(set_item(one, documents[one].digest) for one in shown) % _MODULUS
                count = len(shown)
            return Summary(count, digest.to_bytes(8, "big"))

    def _ids(self) -> list[DocumentId]:
        """Held ids ascending; they only grow, so their number says whether they changed."""
        if len(self._sorted) != len(self._rows.documents):
            self._sorted = sorted(self._rows.documents)
        return self._sorted

    def listing(self, after: DocumentId | None, limit: int) -> list[Listed]:
        """See `LaneReader.listing`."""
        with self._lock:
            listed = memory_lanes.listing(self._rows, self._ids(), after, None)
            return list(islice((one for one in listed if self._shows(one.document)), limit))

    def listing_between(self, after: DocumentId | None, last: DocumentId | None) -> list[Listed]:
        """See `LaneReader.listing_between`."""
        with self._lock:
            listed = memory_lanes.listing(self._rows, self._ids(), after, last)
            return [one for one in listed if self._shows(one.document)]

    def arrival(self) -> int:
        """See `LaneReader.arrival`."""
        with self._lock:
            return self._rows.tally.get("arrival", 0)

    def news(self, since: int, limit: int) -> list[tuple[Lane, int]] | None:
        """See `LaneReader.news`."""
        with self._lock:
            return memory_lanes.news(self._rows, since, limit, self._shows)

    def sketch(self, size: int) -> Sketch:
        """See `LaneReader.sketch`."""
        with self._lock:
            if self._view is None:
                return memory_lanes.sketch(self._rows, size)
            found = Sketch(self._rows.cells.key, size)
            for one, row in self._rows.documents.items():
                if self._shows(one):
                    found.add(row.symbol)
            return found

    def salted_sketch(self, salt: bytes, size: int) -> tuple[Sketch, dict[Symbol, DocumentId]]:
        """See `LaneReader.salted_sketch`."""
        with self._lock:
            return memory_lanes.salted_sketch(self._rows, salt, size, self._shows)

    def named(self, symbols: Iterable[Symbol]) -> dict[Symbol, DocumentId]:
        """See `LaneReader.named`."""
        with self._lock:
            return memory_lanes.named(self._rows, symbols, self._shows)

    def vectors(
        self, documents: Sequence[DocumentId], source: NodeId | None = None
    ) -> dict[DocumentId, Vector]:
        """See `LaneReader.vectors`."""
        with self._lock:
            held = self._rows.documents
            told = [
                one
                for one in documents
                if one not in held or self._shows(one) or not scopes_of(self._rows, one)
            ]
            found = memory_lanes.vectors(self._rows, told, source)
            return {one: found.get(one, {}) for one in documents}

    def staged(self, source: NodeId) -> list[DocumentId]:
        """See `LaneReader.staged`."""
        with self._lock:
            return memory_lanes.staged(self._rows, source)

    def bases(self, places: Sequence[Continued], source: NodeId) -> dict[Continued, Base]:
        """See `LaneReader.bases`."""
        with self._lock:
            return memory_lanes.bases(self._rows, places, source)

    def runs(
        self, document: DocumentId, have: Vector, bytes_max: int
    ) -> tuple[list[LaneRun], bool]:
        """See `LaneReader.runs`."""
        with self._lock:
            if document in self._rows.documents and not self._shows(document):
                return [], False
            return memory_lanes.runs(self._rows, document, have, bytes_max)

    def lacking(
        self, wanted: Sequence[tuple[DocumentId, Vector]], urgent_since_ms: int
    ) -> tuple[list[Lacking], list[DocumentId]]:
        """See `LaneReader.lacking`."""
        with self._lock:
            held = self._rows.documents
            due = [one for one in wanted if one[0] not in held or self._shows(one[0])]
            return memory_lanes.lacking(self._rows, due, urgent_since_ms)

    def urgent(self, since_ms: int, limit: int) -> list[Lane]:
        """See `LaneReader.urgent`."""
        with self._lock:
            return memory_lanes.urgent(self._rows, since_ms, limit, self._shows)

    def reach(self, lanes: Sequence[tuple[Lane, ShortState]], bytes_max: int) -> Reach:
        """See `LaneReader.reach`."""
        with self._lock:
            due = [one for one in lanes if not self._barred(one[0])]
            return reaching.reach(due, memory_lanes.Shelf(self._rows), bytes_max)

    def runs_from(self, lane: Lane, first_seq: int, bytes_max: int) -> list[LaneRun]:
        """See `LaneReader.runs_from`."""
        with self._lock:
            if self._barred(lane):
                return []
            due = [run for run in self._stored(lane) if run.last_seq >= first_seq]
            return list(shipping.join(due, bytes_max))

    def _stored(self, lane: Lane) -> list[LaneRun]:
        return memory_lanes.stored(self._rows, lane)

    def owed(self, limit: int) -> list[Lane]:
        """See `LaneReader.owed`."""
        view = self._view
        if view is None or view.own is None:
            return []
        with self._lock:
            rows = self._rows
            due = sorted(
                (lack.since_ms, one)
                for one, lack in rows.lacks.items()
                if lack.changes and not self._shows(one)
            )
            found = (
                Lane(one, actor)
                for _, one in due
                for actor, row in sorted(rows.lanes[one].items())
                if row.author == view.own
            )
            return list(islice(found, limit))

    def blobs_wanted(self, limit: int) -> list[BlobWanted]:
        """See `LaneReader.blobs_wanted`."""
        with self._lock:
            return memory_lanes.blobs_wanted(self._rows, limit, self._shows)

    def latest(self, before: int | None, limit: int) -> list[tuple[Lane, int]]:
        """See `LaneReader.latest`."""
        with self._lock:
            return memory_lanes.latest(self._rows, before, limit, self._shows)

    def blobs_named(self, documents: Sequence[DocumentId]) -> list[bytes]:
        """See `LaneReader.blobs_named`."""
        with self._lock:
            named = {one for one in documents if self._shows(one)}
            return memory_lanes.blobs_named(self._rows, named)

    def released(self, peer: NodeId, epoch: bytes, limit: int) -> Release | None:
        """See `LaneReader.released`."""
        with self._lock:
            return memory_shedding.released(self._rows, peer, epoch, limit, self._shows)

    def withheld(self, wanted: Sequence[tuple[DocumentId, Vector]]) -> list[Lane]:
        """See `LaneReader.withheld`."""
        with self._lock:
            found = memory_shedding.of(self._rows, [one for one, _ in wanted])
            lacked = shed_lanes.withheld(found, wanted)
            return sorted(lane for lane in lacked if self._shows(lane.document))

    def refills(self, source: NodeId, limit: int) -> dict[DocumentId, Vector]:
        """See `LaneReader.refills`."""
        with self._lock:
            rows = self._rows
            documents = list(filter(self._shows, memory_shedding.wanted(rows)))[:limit]
            found = shed_lanes.vectors(memory_shedding.of(rows, documents), documents)
            staged = [
                (lane, row.run.state.short)
                for (peer, lane), row in rows.staged.items()
                if peer == source and lane.document in found
            ]
            return shed_lanes.with_staged(found, staged)

    def blob_part(self, blob_hash: bytes, offset: int, size: int) -> tuple[bytes, int] | None:
        """See `LaneReader.blob_part`."""
        with self._lock:
            row = self._rows.blobs.get(blob_hash)
            named = any(map(self._shows, self._rows.needs.get(blob_hash, ())))
            if row is None or not row.complete or not (self._view is None or named):
                return None
            return row.data[offset : offset + size], len(row.data)


def suspects_of(rows: Rows) -> frozenset[NodeId]:
    """Who is revoked."""
    return frozenset(unpack_nodes(rows.settings.get(suspects.SETTING)))


def scopes_of(rows: Rows, document: DocumentId) -> Scopes:
    """Which scopes may hold a document, as what is shown here says."""
    if (own := own_scopes(document)) is not None:
        return own
    found = rows.belongs.get(document, frozenset())
    if document_kind(document) is DocumentKind.PERSON:
        for one in rows.named_by.get(document, ()):
            if document_kind(one) is DocumentKind.EPISODE:
                found |= rows.belongs.get(one, frozenset())
    return found
