"""`SqlStore`: the store on SQLite and PostgreSQL, composed of one module an idea.

Nothing is decided here: each method opens a snapshot or a transaction and asks the module that
knows. Acknowledge after the `write()` block has ended, never before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from conflict.document import Entry
from conflict.identity import ActorId, DocumentId, DocumentKind, NodeId
from conflict.scope import Scopes
from storage import (
    admission,
    aside,
    audiences,
    audit,
    blobs,
    branches,
    coverage,
    custody,
    figures,
    given,
    limits,
    projections,
    rebuild,
    receipts,
    settings,
    sketches,
    suspects,
)
from storage.audit_chain import AuditAck
from storage.database import is_sqlite, reading, writing
from storage.locks import lock_everything
from storage.reader import SqlReader
from storage.schema import open_database
from storage.shapes import (
    Counts,
    Custody,
    DocumentWork,
    Forked,
    Given,
    Holding,
    LaneStatus,
    Problem,
    ProjectionRow,
    Rebuilt,
    SetAsideRow,
    Suspected,
)
from storage.shed_reading import ShedReading
from storage.tables import setting
from storage.transaction import SqlTransaction
from storage.upsert import insert_new
from sync.ports import Receipts, View


class SqlStore(SqlReader, ShedReading):
    """Implements `storage.ports.Store`. Reads on any thread; one writer at a time on SQLite."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._writer = threading.RLock()

    @classmethod
    def open(cls, url: str | Path, *, entropy: bytes, key: bytes | None = None) -> SqlStore:
        """The store at a path or URL, created or migrated as needed; with `key` an encrypted file.

        `entropy` (16 random bytes) becomes the epoch of a new store and is not used otherwise.
        Raises what `schema.open_database` raises.
        """
        store = cls(open_database(url, key))
        _check_entropy(entropy)
        with writing(store.engine) as connection:
            row = {"key": settings.EPOCH, "value": entropy}
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

    def shared(self, view: View | None) -> SqlReader:
        """See `Store.shared`."""
        return SqlReader(self.engine, view)

    # --- what the node reads --------------------------------------------------------------------

    def scopes(self, documents: Sequence[DocumentId]) -> dict[DocumentId, Scopes]:
        """See `Store.scopes`."""
        with reading(self.engine) as connection:
            return audiences.stated(connection, documents)

    def given(
        self, scope: DocumentId, holders: Collection[NodeId], after: Given | None, limit: int
    ) -> list[Given]:
        """See `Store.given`."""
        with reading(self.engine) as connection:
            return given.page(connection, scope, holders, after, limit)

    def writers(self, documents: Sequence[DocumentId]) -> dict[DocumentId, list[NodeId]]:
        """See `Store.writers`."""
        with reading(self.engine) as connection:
            return given.writers(connection, documents)

    def work(self, limit: int, skip: Collection[DocumentId] = ()) -> list[DocumentWork]:
        """See `Store.work`."""
        with reading(self.engine) as connection:
            return admission.work(connection, limit, skip)

    def dirty_documents(self, limit: int = 1000) -> list[DocumentId]:
        """See `Store.dirty_documents`."""
        with reading(self.engine) as connection:
            return admission.waiting(connection, limit)

    def suspected(self, limit: int) -> list[Suspected]:
        """See `Store.suspected`."""
        with reading(self.engine) as connection:
            return suspects.listed(connection, limit)

    def refused(self, codes: Collection[str] | None) -> list[DocumentId]:
        """See `Store.refused`."""
        with reading(self.engine) as connection:
            return admission.refused(connection, codes)

    def refused_authors(self) -> dict[NodeId, int]:
        """See `Store.refused_authors`."""
        with reading(self.engine) as connection:
            return admission.refused_authors(connection)

    def authored(self) -> dict[NodeId, int]:
        """See `Store.authored`."""
        with reading(self.engine) as connection:
            return admission.authored(connection)

    def entries(self, document: DocumentId) -> dict[ActorId, tuple[Entry, ...]]:
        """See `Store.entries`."""
        with reading(self.engine) as connection:
            return admission.stated(connection, document)

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

    def epoch_told(self, holder: NodeId) -> bytes | None:
        """See `Store.epoch_told`."""
        with reading(self.engine) as connection:
            return receipts.epoch_of(connection, holder)

    def custody(self, limit: int) -> Custody:
        """See `Store.custody`."""
        with reading(self.engine) as connection:
            return custody.figures(connection, limit)

    def audit_devices(self) -> list[NodeId]:
        """See `Store.audit_devices`."""
        with reading(self.engine) as connection:
            return audit.devices(connection)

    def audit_acks(self) -> dict[NodeId, AuditAck]:
        """See `Store.audit_acks`."""
        with reading(self.engine) as connection:
            return audit.acks(connection)

    def forked(self) -> list[Forked]:
        """See `Store.forked`."""
        with reading(self.engine) as connection:
            return branches.forked(connection)

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
            return settings.read(connection, key)

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
            lock_everything(connection)
            sketches.renew(connection, secret)
            audiences.recount(connection)

    def trust(self, garrisons: Collection[NodeId]) -> None:
        """See `Store.trust`."""
        if self.setting(coverage.SETTING) != coverage.pack_nodes(garrisons):
            with self._turn(), writing(self.engine) as connection:
                custody.trust(connection, garrisons)

    def renew_epoch(self, entropy: bytes) -> None:
        """See `Store.renew_epoch`."""
        _check_entropy(entropy)
        with self.write() as transaction:
            transaction.set_setting(settings.EPOCH, entropy)


def _check_entropy(entropy: bytes) -> None:
    if len(entropy) != limits.EPOCH_BYTES:
        raise ValueError(f"an epoch takes {limits.EPOCH_BYTES} random bytes")
