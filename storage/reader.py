"""`SqlReader`: what a session reads of a store on SQLite and PostgreSQL, whole or as a view of it.

Of a view it knows the documents that both nodes may hold, and nothing else: what must not be sent
cannot be named. Each method opens one snapshot and asks the module that knows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from conflict.identity import DocumentId, Lane, NodeId
from conflict.lane import LaneRun, ShortState, Vector
from conflict.scope import NOBODY
from storage import (
    audiences,
    audit,
    authority,
    bases,
    blobs,
    counting,
    custody,
    lanes,
    parcels,
    projections,
    reaching,
    settings,
    sharing,
    shed_lanes,
    shedding,
    sketches,
    staging,
)
from storage.database import reading
from storage.lanes import Shelf
from storage.sharing import Audiences
from sync.audit import AuditBranch, AuditEntry, StoredAudit
from sync.continuing import Base, Continued
from sync.ports import BlobWanted, Lacking, Listed, Position, Reach, Release, Summary, View
from sync.sketch import Sketch, Symbol


class _Snapshot(NamedTuple):
    connection: Connection
    audiences: Audiences


class SqlReader:
    """Implements `sync.ports.LaneReader`. `view` None: everything."""

    def __init__(self, engine: Engine, view: View | None = None) -> None:
        self.engine = engine
        self._view = view

    @contextmanager
    def _reading(self) -> Iterator[_Snapshot]:
        with reading(self.engine) as connection:
            view = self._view
            seen = None if view is None else audiences.visible(connection, view.scopes)
            yield _Snapshot(connection, seen)

    def epoch(self) -> bytes:
        """See `LaneReader.epoch`."""
        with reading(self.engine) as connection:
            return settings.epoch(connection)

    def summary(self) -> Summary:
        """See `LaneReader.summary`."""
        with self._reading() as (connection, seen):
            return counting.summary(connection, counting.EVERYTHING if seen is None else seen)

    def listing(self, after: DocumentId | None, limit: int) -> list[Listed]:
        """See `LaneReader.listing`."""
        with self._reading() as (connection, seen):
            return lanes.listing(connection, after, limit, seen)

    def listing_between(self, after: DocumentId | None, last: DocumentId | None) -> list[Listed]:
        """See `LaneReader.listing_between`."""
        with self._reading() as (connection, seen):
            return lanes.listing_between(connection, after, last, seen)

    def arrival(self) -> int:
        """See `LaneReader.arrival`."""
        with reading(self.engine) as connection:
            return counting.arrival(connection)

    def news(self, since: int, limit: int) -> list[tuple[Lane, int]] | None:
        """See `LaneReader.news`."""
        with self._reading() as (connection, seen):
            return lanes.news(connection, since, limit, seen)

    def sketch(self, size: int) -> Sketch:
        """See `LaneReader.sketch`."""
        with self._reading() as (connection, seen):
            return sketches.read(connection, size, seen)

    def salted_sketch(self, salt: bytes, size: int) -> tuple[Sketch, dict[Symbol, DocumentId]]:
        """See `LaneReader.salted_sketch`."""
        with self._reading() as (connection, seen):
            return sketches.salted(connection, salt, size, seen)

    def named(self, symbols: Iterable[Symbol]) -> dict[Symbol, DocumentId]:
        """See `LaneReader.named`."""
        with self._reading() as (connection, seen):
            return sketches.named(connection, symbols, seen)

    def vectors(
        self, documents: Sequence[DocumentId], source: NodeId | None = None
    ) -> dict[DocumentId, Vector]:
        """See `LaneReader.vectors`."""
        with self._reading() as (connection, seen):
            hidden = _hidden(connection, documents, seen and [*seen, NOBODY])
            told = [one for one in documents if one not in hidden]
            found = lanes.vectors(connection, told, source)
            return {one: found.get(one, {}) for one in documents}

    def staged(self, source: NodeId) -> list[DocumentId]:
        """See `LaneReader.staged`."""
        with reading(self.engine) as connection:
            return staging.documents(connection, source)

    def bases(self, places: Sequence[Continued], source: NodeId) -> dict[Continued, Base]:
        """See `LaneReader.bases`."""
        with reading(self.engine) as connection:
            return bases.bases(connection, places, source)

    def runs(
        self, document: DocumentId, have: Vector, bytes_max: int
    ) -> tuple[list[LaneRun], bool]:
        """See `LaneReader.runs`."""
        with self._reading() as (connection, seen):
            if _hidden(connection, [document], seen):
                return [], False
            return lanes.runs(connection, document, have, bytes_max)

    def lacking(
        self, wanted: Sequence[tuple[DocumentId, Vector]], urgent_since_ms: int
    ) -> tuple[list[Lacking], list[DocumentId]]:
        """See `LaneReader.lacking`."""
        with self._reading() as (connection, seen):
            hidden = _hidden(connection, [one for one, _ in wanted], seen)
            due = [one for one in wanted if one[0] not in hidden]
            return lanes.lacking(connection, due, urgent_since_ms)

    def urgent(self, since_ms: int, limit: int) -> list[Lane]:
        """See `LaneReader.urgent`."""
        with self._reading() as (connection, seen):
            return lanes.urgent(connection, since_ms, limit, seen)

    def reach(self, lanes: Sequence[tuple[Lane, ShortState]], bytes_max: int) -> Reach:
        """See `LaneReader.reach`."""
        with self._reading() as (connection, seen):
            barred = self._barred(connection, [lane for lane, _ in lanes], seen)
            due = [one for one in lanes if one[0] not in barred] if barred else lanes
            return reaching.reach(due, Shelf(connection), bytes_max)

    def runs_from(self, lane: Lane, first_seq: int, bytes_max: int) -> list[LaneRun]:
        """See `LaneReader.runs_from`."""
        with self._reading() as (connection, seen):
            if self._barred(connection, [lane], seen):
                return []
            return lanes.runs_from(connection, lane, first_seq, bytes_max)

    def _barred(self, connection: Connection, some: Sequence[Lane], seen: Audiences) -> set[Lane]:
        """Lanes that the peer may not have: of documents outside the view, unless this node's own."""
        hidden = _hidden(connection, [lane.document for lane in some], seen)
        barred = {lane for lane in some if lane.document in hidden}
        if barred and self._view is not None and self._view.own is not None:
            barred -= sharing.written_by(connection, self._view.own, barred)
        return barred

    def owed(self, limit: int) -> list[Lane]:
        """See `LaneReader.owed`."""
        if self._view is None or self._view.own is None:
            return []
        with self._reading() as (connection, seen):
            return sharing.owed(connection, self._view.own, seen or (), limit)

    def blobs_wanted(self, limit: int) -> list[BlobWanted]:
        """See `LaneReader.blobs_wanted`."""
        with self._reading() as (connection, seen):
            return projections.blobs_wanted(connection, limit, seen)

    def blob_part(self, blob_hash: bytes, offset: int, size: int) -> tuple[bytes, int] | None:
        """See `LaneReader.blob_part`."""
        with self._reading() as (connection, seen):
            if seen is not None and not sharing.names_blob(connection, blob_hash, seen):
                return None
            return blobs.read(connection, blob_hash, offset, size)

    def latest(self, before: int | None, limit: int) -> list[tuple[Lane, int]]:
        """See `LaneReader.latest`."""
        with self._reading() as (connection, seen):
            return parcels.latest(connection, before, limit, seen)

    def blobs_named(self, documents: Sequence[DocumentId]) -> list[bytes]:
        """See `LaneReader.blobs_named`."""
        with self._reading() as (connection, seen):
            return parcels.blobs_named(connection, documents, seen)

    def released(self, peer: NodeId, epoch: bytes, limit: int) -> Release | None:
        """See `LaneReader.released`."""
        with self._reading() as (connection, seen):
            return shedding.released(connection, peer, epoch, limit, seen)

    def withheld(self, wanted: Sequence[tuple[DocumentId, Vector]]) -> list[Lane]:
        """See `LaneReader.withheld`."""
        with self._reading() as (connection, seen):
            named = [one for one, _ in wanted]
            found = shed_lanes.of(connection, named)
            lacked = shed_lanes.withheld(found, wanted)
            hidden = _hidden(connection, [lane.document for lane in lacked], seen)
            return sorted(lane for lane in lacked if lane.document not in hidden)

    def refills(self, source: NodeId, limit: int) -> dict[DocumentId, Vector]:
        """See `LaneReader.refills`."""
        with self._reading() as (connection, seen):
            documents = shedding.wanted(connection, limit, seen)
            found = shed_lanes.vectors(shed_lanes.of(connection, documents), documents)
            return shed_lanes.with_staged(found, staging.reached(connection, source, documents))

    def authority_entries(self, after: int, limit: int) -> list[bytes]:
        """See `LaneReader.authority_entries`."""
        with reading(self.engine) as connection:
            return authority.entries(connection, after, limit)

    def custody_positions(self) -> dict[NodeId, Position]:
        """See `LaneReader.custody_positions`."""
        with reading(self.engine) as connection:
            return custody.positions(connection)

    def custody_entries(
        self, garrison: NodeId, epoch: bytes, number: int, limit: int
    ) -> list[bytes]:
        """See `LaneReader.custody_entries`."""
        with reading(self.engine) as connection:
            return custody.entries(connection, garrison, epoch, number, limit)

    def audit_branches(self, device: NodeId) -> list[AuditBranch]:
        """See `AuditReader.audit_branches`."""
        with reading(self.engine) as connection:
            return audit.branches(connection, device)

    def audit_entries(
        self, device: NodeId, branch: int, after: int, limit: int
    ) -> list[StoredAudit]:
        """See `AuditReader.audit_entries`."""
        with reading(self.engine) as connection:
            return audit.entries(connection, device, branch, after, limit)

    def audit_at(self, device: NodeId, numbers: Collection[int]) -> list[tuple[int, AuditEntry]]:
        """See `AuditReader.audit_at`."""
        with reading(self.engine) as connection:
            return audit.at(connection, device, numbers)


def _hidden(
    connection: Connection, documents: Sequence[DocumentId], seen: Audiences
) -> set[DocumentId]:
    """Held documents of other audiences."""
    if seen is None:
        return set()
    known = sharing.audiences_of(connection, documents)
    return {one for one, name in known.items() if name not in seen}
