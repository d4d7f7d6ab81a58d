"""`SqlStore`: the store on SQLite and PostgreSQL, composed of one module an idea.

Nothing is decided here: each method opens a snapshot or a transaction and asks the module that
knows. Acknowledge after the `write()` block has ended, never before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from conflict.document import Entry
from conflict.identity import ActorId, DocumentId, DocumentKind, Lane, NodeId
from conflict.lane import LaneRun, ShortState, Vector
from storage import (
    admission,
    aside,
    blobs,
    counting,
    coverage,
    custody,
    figures,
    ingest,
    lanes,
    limits,
    projections,
    reaching,
    rebuild,
    receipts,
    sketches,
    staging,
)
from storage.database import is_sqlite, reading, writing
from storage.errors import DatabaseCorrupt
from storage.lanes import Shelf
from storage.schema import open_database
from storage.shapes import (
    Counts,
    Custody,
    DocumentWork,
    Holding,
    LaneStatus,
    Problem,
    ProjectionRow,
    Rebuilt,
    SetAsideRow,
)
from storage.tables import setting
from storage.transaction import SqlTransaction, read_setting
from storage.upsert import insert_new
from sync.ports import BlobWanted, Lacking, Listed, Position, Reach, Receipts, Summary
from sync.sketch import Sketch, Symbol

EPOCH_KEY = "epoch"


class SqlStore:
    """Implements `storage.ports.Store`. Reads on any thread; one writer at a time on SQLite."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = threading.RLock()

    @classmethod
    def open(cls, url: str | Path, *, entropy: bytes) -> SqlStore:
        """The store at a path or URL, created or migrated as needed.

        `entropy` (16 random bytes) becomes the epoch of a new store and is not used otherwise.
        Raises what `schema.open_database` raises.
        """
        store = cls(open_database(url))
        _check_entropy(entropy)
        with writing(store.engine) as connection:
            row = {"key": EPOCH_KEY, "value": entropy}
            connection.execute(insert_new(connection, setting), row)
        if store.setting(sketches.SETTING) is None:  # new, or of a schema without sketches
            store._renew_sketch(sketches.NO_SECRET)
        return store

    def close(self) -> None:
        """See `Store.close`."""
        self.engine.dispose()

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        """See `Store.write`."""
        transaction: SqlTransaction | None = None
        with self._turn():
            try:
                with writing(self.engine) as connection:
                    transaction = SqlTransaction(connection)
                    yield transaction
                    transaction.flush()
            except BaseException:
                self._discard(transaction.spoiled if transaction else ())
                raise

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """SQLite has one writer: wait here in order instead of polling its lock."""
        if not is_sqlite(self.engine):
            yield
            return
        with self._writer:
            yield

    def _discard(self, spoiled: Sequence[bytes]) -> None:
        """Throw away parts of blobs that turned out not to be what they were named."""
        if spoiled:
            with writing(self.engine) as connection:
                for name in spoiled:
                    blobs.discard(connection, name)

    # --- what sessions read (sync.ports.LaneReader) ---------------------------------------------

    def epoch(self) -> bytes:
        """See `LaneReader.epoch`."""
        value = self.setting(EPOCH_KEY)
        if value is None:
            raise DatabaseCorrupt("The database has no epoch. Restore it from a backup.")
        return value

    def summary(self) -> Summary:
        """See `LaneReader.summary`."""
        with reading(self.engine) as connection:
            return counting.summary(connection)

    def listing(self, after: DocumentId | None, limit: int) -> list[Listed]:
        """See `LaneReader.listing`."""
        with reading(self.engine) as connection:
            return lanes.listing(connection, after, limit)

    def listing_between(self, after: DocumentId | None, last: DocumentId | None) -> list[Listed]:
        """See `LaneReader.listing_between`."""
        with reading(self.engine) as connection:
            return lanes.listing_between(connection, after, last)

    def arrival(self) -> int:
        """See `LaneReader.arrival`."""
        with reading(self.engine) as connection:
            return counting.arrival(connection)

    def news(self, since: int, limit: int) -> list[tuple[Lane, int]] | None:
        """See `LaneReader.news`."""
        with reading(self.engine) as connection:
            return lanes.news(connection, since, limit)

    def sketch(self, size: int) -> Sketch:
        """See `LaneReader.sketch`."""
        with reading(self.engine) as connection:
            return sketches.read(connection, size)

    def salted_sketch(self, salt: bytes, size: int) -> tuple[Sketch, dict[Symbol, DocumentId]]:
        """See `LaneReader.salted_sketch`."""
        with reading(self.engine) as connection:
            return sketches.salted(connection, salt, size)

    def named(self, symbols: Iterable[Symbol]) -> dict[Symbol, DocumentId]:
        """See `LaneReader.named`."""
        with reading(self.engine) as connection:
            return sketches.named(connection, symbols)

    def vectors(
        self, documents: Sequence[DocumentId], source: NodeId | None = None
    ) -> dict[DocumentId, Vector]:
        """See `LaneReader.vectors`."""
        with reading(self.engine) as connection:
            return lanes.vectors(connection, documents, source)

    def staged(self, source: NodeId) -> list[DocumentId]:
        """See `LaneReader.staged`."""
        with reading(self.engine) as connection:
            return staging.documents(connection, source)

    def runs(
        self, document: DocumentId, have: Vector, bytes_max: int
    ) -> tuple[list[LaneRun], bool]:
        """See `LaneReader.runs`."""
        with reading(self.engine) as connection:
            return lanes.runs(connection, document, have, bytes_max)

    def lacking(
        self, wanted: Sequence[tuple[DocumentId, Vector]], urgent_since_ms: int
    ) -> tuple[list[Lacking], list[DocumentId]]:
        """See `LaneReader.lacking`."""
        with reading(self.engine) as connection:
            return lanes.lacking(connection, wanted, urgent_since_ms)

    def urgent(self, since_ms: int, limit: int) -> list[Lane]:
        """See `LaneReader.urgent`."""
        with reading(self.engine) as connection:
            return lanes.urgent(connection, since_ms, limit)

    def reach(self, lanes: Sequence[tuple[Lane, ShortState]], bytes_max: int) -> Reach:
        """See `LaneReader.reach`."""
        with reading(self.engine) as connection:
            return reaching.reach(lanes, Shelf(connection), bytes_max)

    def runs_from(self, lane: Lane, first_seq: int, bytes_max: int) -> list[LaneRun]:
        """See `LaneReader.runs_from`."""
        with reading(self.engine) as connection:
            return lanes.runs_from(connection, lane, first_seq, bytes_max)

    def blobs_wanted(self, limit: int) -> list[BlobWanted]:
        """See `LaneReader.blobs_wanted`."""
        with reading(self.engine) as connection:
            return projections.blobs_wanted(connection, limit)

    def blob_part(self, blob_hash: bytes, offset: int, size: int) -> tuple[bytes, int] | None:
        """See `LaneReader.blob_part`."""
        with reading(self.engine) as connection:
            return blobs.read(connection, blob_hash, offset, size)

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

    # --- what the node reads --------------------------------------------------------------------

    def work(self, limit: int, skip: Collection[DocumentId] = ()) -> list[DocumentWork]:
        """See `Store.work`."""
        with reading(self.engine) as connection:
            return admission.work(connection, limit, skip)

    def dirty_documents(self, limit: int = 1000) -> list[DocumentId]:
        """See `Store.dirty_documents`."""
        with reading(self.engine) as connection:
            return admission.waiting(connection, limit)

    def refused(self, codes: Collection[str]) -> list[DocumentId]:
        """See `Store.refused`."""
        with reading(self.engine) as connection:
            return admission.refused(connection, codes)

    def entries(self, document: DocumentId) -> dict[ActorId, tuple[Entry, ...]]:
        """See `Store.entries`."""
        with reading(self.engine) as connection:
            return admission.entries_of(connection, [document]).get(document, {})

    def lanes(self, document: DocumentId) -> list[LaneStatus]:
        """See `Store.lanes`."""
        with reading(self.engine) as connection:
            return admission.lanes(connection, document)

    def statement_counts(self, documents: Sequence[DocumentId]) -> dict[DocumentId, int]:
        """See `Store.statement_counts`."""
        with reading(self.engine) as connection:
            return admission.statement_counts(connection, documents)

    def projection(self, document: DocumentId) -> ProjectionRow | None:
        """See `Store.projection`."""
        with reading(self.engine) as connection:
            return projections.one_projection(connection, document)

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
        with reading(self.engine) as connection:
            return projections.page(
                connection, kind, after, limit, label_contains, with_findings=with_findings
            )

    def links(self, document: DocumentId) -> tuple[DocumentId, ...]:
        """See `Store.links`."""
        with reading(self.engine) as connection:
            return projections.linked(connection, document)

    def receipts(self, document: DocumentId) -> Receipts:
        """See `Store.receipts`."""
        with reading(self.engine) as connection:
            found = receipts.of_document(connection, document)
        return {one.holder: one.vector for one in found}

    def holders(self, document: DocumentId) -> list[Holding]:
        """See `Store.holders`."""
        with reading(self.engine) as connection:
            return receipts.of_document(connection, document)

    def custody(self, limit: int) -> Custody:
        """See `Store.custody`."""
        with reading(self.engine) as connection:
            return custody.figures(connection, limit)

    def set_aside_items(self) -> list[SetAsideRow]:
        """See `Store.set_aside_items`."""
        with reading(self.engine) as connection:
            return aside.items(connection)

    def blob(self, blob_hash: bytes) -> bytes | None:
        """See `Store.blob`."""
        with reading(self.engine) as connection:
            return blobs.whole(connection, blob_hash)

    def setting(self, key: str) -> bytes | None:
        """See `Store.setting`."""
        with reading(self.engine) as connection:
            return read_setting(connection, key)

    def counts(self) -> Counts:
        """See `Store.counts`."""
        with reading(self.engine) as connection:
            return figures.counts(connection)

    def resolve(self, prefix: str) -> list[DocumentId]:
        """See `Store.resolve`."""
        with reading(self.engine) as connection:
            return figures.resolve(connection, prefix)

    # --- care -----------------------------------------------------------------------------------

    def rebuild(self, progress: Callable[[int], None] | None = None) -> Rebuilt:
        """See `Store.rebuild`."""
        with self._turn(), writing(self.engine) as connection:
            return rebuild.rebuild(connection, progress)

    def check(self) -> list[Problem]:
        """See `Store.check`."""
        with reading(self.engine) as connection:
            return rebuild.check(connection)

    def sketch_with(self, secret: bytes) -> None:
        """See `Store.sketch_with`."""
        sketches.key_of(secret)
        if self.setting(sketches.SETTING) != secret:
            self._renew_sketch(secret)

    def _renew_sketch(self, secret: bytes) -> None:
        with self._turn(), writing(self.engine) as connection:
            ingest.lock_everything(connection)
            sketches.renew(connection, secret)

    def trust(self, garrisons: Collection[NodeId]) -> None:
        """See `Store.trust`."""
        if self.setting(coverage.SETTING) != coverage.pack_nodes(garrisons):
            with self._turn(), writing(self.engine) as connection:
                custody.trust(connection, garrisons)

    def renew_epoch(self, entropy: bytes) -> None:
        """See `Store.renew_epoch`."""
        _check_entropy(entropy)
        with self.write() as transaction:
            transaction.set_setting(EPOCH_KEY, entropy)


def _check_entropy(entropy: bytes) -> None:
    if len(entropy) != limits.EPOCH_BYTES:
        raise ValueError(f"an epoch takes {limits.EPOCH_BYTES} random bytes")
