"""One write transaction on SQL, primitive by primitive.

Holding and receipts are written at once; admissions and projections are queued and written
together before the next read or the commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection

from conflict.document import Entry
from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import LaneRun
from conflict.urgency import ROUTINE_LANE, LaneUrgency
from storage import (
    admission,
    aside,
    audiences,
    audit,
    authority,
    blobs,
    custody,
    ingest,
    settings,
    shedding,
    suspects,
)
from storage.audit_chain import AuditAck
from storage.audit_chain import Sign as SignHead
from storage.errors import BlobMismatch
from storage.framing import pack_entries
from storage.locks import lock_everything, lock_rows
from storage.projections import Shown
from storage.shapes import Freed, ProjectionRow
from sync.audit import AuditHead, AuditRow, AuditSegment, AuditVerdict
from sync.custody import CustodyEntry, Sign, Verdict
from sync.ports import Applied, Position, Receipt, SetAside


class SqlTransaction:
    """Implements `storage.ports.Transaction`; made by `SqlStore.write`.

    `spoiled` names blobs whose parts must go although the transaction is rolled back.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._results = admission.Results()
        self._shown = Shown()
        self._touched: set[DocumentId] = set()
        self.spoiled: list[bytes] = []

    def flush(self) -> None:
        """Write what is queued."""
        connection, rows = self._connection, self._shown.complete(self._connection)
        moving = []
        if self._touched:
            moving = audiences.lock(connection, self._touched, rows)
            self._touched.clear()
        self._shown.write(connection)
        audiences.say(connection, rows)
        audiences.settle(connection, moving)
        self._results.write(connection)

    def hold(self, runs: Sequence[LaneRun], source: NodeId | None, now_ms: int) -> Applied:
        """See `Transaction.hold`."""
        self.flush()
        return ingest.hold(self._connection, runs, source, now_ms)

    def set_aside(
        self,
        items: Sequence[SetAside],
        bytes_by_item: Mapping[SetAside, bytes],
        source: NodeId | None,
        now_ms: int,
    ) -> None:
        """See `Transaction.set_aside`."""
        aside.keep(self._connection, items, bytes_by_item, source, now_ms)

    def clear_set_aside(self, lane: Lane) -> None:
        """See `Transaction.clear_set_aside`."""
        aside.clear(self._connection, lane)

    def entries(self, document: DocumentId) -> dict[ActorId, tuple[Entry, ...]]:
        """See `Transaction.entries`."""
        self.flush()
        return admission.stated(self._connection, document)

    def save_admission(
        self,
        document: DocumentId,
        actor: ActorId,
        length: int,
        entries: Sequence[Entry],
        urgency: LaneUrgency = ROUTINE_LANE,
    ) -> None:
        """See `Transaction.save_admission`."""
        self._touched.add(document)
        self._results.admitted.append(
            {
                "its_document": document,
                "its_actor": actor,
                "its_length": length,
                "its_statements": len(entries),
                "its_entries": pack_entries(entries),
                "its_urgent_ms": urgency.urgent_ms,
                "its_summary": urgency.summary,
            }
        )

    def save_urgency(self, document: DocumentId, actor: ActorId, urgency: LaneUrgency) -> None:
        """See `Transaction.save_urgency`."""
        self._touched.add(document)
        self._results.urgencies.append(
            {
                "its_document": document,
                "its_actor": actor,
                "its_urgent_ms": urgency.urgent_ms,
                "its_summary": urgency.summary,
            }
        )

    def refuse_admission(
        self, document: DocumentId, actor: ActorId, length: int, code: str, detail: str
    ) -> None:
        """See `Transaction.refuse_admission`."""
        self._touched.add(document)
        self._results.refused.append(
            {
                "its_document": document,
                "its_actor": actor,
                "its_length": length,
                "its_code": code,
                "its_detail": detail,
            }
        )

    def retry_admission(self, document: DocumentId) -> None:
        """See `Transaction.retry_admission`."""
        self.flush()
        lock_rows(self._connection, [document])
        admission.retry(self._connection, document)

    def fold_again(self) -> None:
        """See `Transaction.fold_again`."""
        self.flush()
        lock_everything(self._connection)
        admission.fold_again(self._connection)

    def save_projection(self, row: ProjectionRow) -> None:
        """See `Transaction.save_projection`."""
        self._touched.add(row.document)
        self._shown.rows[row.document] = row

    def mark_clean(self, document: DocumentId) -> None:
        """See `Transaction.mark_clean`."""
        self._touched.add(document)
        self._results.clean.append(document)

    def save_receipts(
        self, holder: NodeId, epoch: bytes, receipts: Sequence[Receipt], now_ms: int
    ) -> None:
        """See `Transaction.save_receipts`."""
        self.flush()
        custody.save_receipts(self._connection, holder, epoch, receipts, now_ms)

    def save_custody(self, entry: CustodyEntry, now_ms: int) -> tuple[Verdict, Position]:
        """See `Transaction.save_custody`."""
        self.flush()
        return custody.save(self._connection, entry, now_ms)

    def write_custody(
        self, garrison: NodeId, epoch: bytes, now_ms: int, sign: Sign
    ) -> CustodyEntry | None:
        """See `Transaction.write_custody`."""
        self.flush()
        return custody.write(self._connection, garrison, epoch, now_ms, sign)

    def save_authority(self, after: int, entries: Sequence[bytes]) -> None:
        """See `Transaction.save_authority`."""
        authority.save(self._connection, after, entries)

    def append_audit(
        self, device: NodeId, epoch: bytes, rows: Sequence[AuditRow], sign: SignHead
    ) -> AuditHead:
        """See `Transaction.append_audit`."""
        self.flush()
        return audit.append(self._connection, device, epoch, rows, sign)

    def hold_audit(self, segment: AuditSegment, now_ms: int) -> tuple[AuditVerdict, AuditHead]:
        """See `Transaction.hold_audit`."""
        self.flush()
        return audit.hold(self._connection, segment, now_ms)

    def save_audit_ack(self, garrison: NodeId, ack: AuditAck) -> None:
        """See `Transaction.save_audit_ack`."""
        audit.acknowledge(self._connection, garrison, ack)

    def suspect(self, nodes: Collection[NodeId]) -> bool:
        """See `Transaction.suspect`."""
        self.flush()
        return suspects.name(self._connection, nodes)

    def cover(self, claims: Sequence[Receipt]) -> bool:
        """See `Transaction.cover`."""
        self.flush()
        return suspects.save_covers(self._connection, claims)

    def shed(self, document: DocumentId, now_ms: int) -> Freed:
        """See `Transaction.shed`."""
        self.flush()
        return shedding.let_go(self._connection, document, now_ms)

    def want(self, documents: Collection[DocumentId], now_ms: int) -> None:
        """See `Transaction.want`."""
        self.flush()
        shedding.want(self._connection, documents, now_ms)

    def save_released(self, holder: NodeId, documents: Sequence[DocumentId]) -> None:
        """See `Transaction.save_released`."""
        self.flush()
        shedding.forget_receipts(self._connection, holder, documents)

    def heard_release(self, peer: NodeId, epoch: bytes, through: int, total: int) -> None:
        """See `Transaction.heard_release`."""
        self.set_setting(shedding.told(peer), shedding.pack_told(epoch, through, total))

    def put_blob_part(self, blob_hash: bytes, offset: int, data: bytes, size: int) -> bool:
        """See `Transaction.put_blob_part`."""
        self.flush()
        lock_rows(self._connection, [blob_hash])
        try:
            return blobs.put_part(self._connection, blob_hash, offset, data, size)
        except BlobMismatch:
            self.spoiled.append(blob_hash)
            raise

    def put_blob(self, data: bytes) -> bytes:
        """See `Transaction.put_blob`."""
        self.flush()
        lock_rows(self._connection, [hashlib.sha256(data).digest()])
        return blobs.put(self._connection, data)

    def setting(self, key: str) -> bytes | None:
        """See `Transaction.setting`."""
        return settings.read(self._connection, key)

    def set_setting(self, key: str, value: bytes) -> None:
        """See `Transaction.set_setting`."""
        settings.write(self._connection, key, value)
