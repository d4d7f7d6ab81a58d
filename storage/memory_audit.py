"""Audit logs of a `MemoryStore`: the same rules as on SQL, carried out on dicts.

Only `memory.py`, `memory_reader.py` and `memory_writes.py` use this.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence

from conflict.identity import NodeId
from storage import audit_chain
from storage.audit_chain import Added, AuditAck, Log, Sign
from storage.memory_rows import Rows
from sync import audit
from sync.audit import (
    AuditBranch,
    AuditEntry,
    AuditHead,
    AuditRow,
    AuditSegment,
    AuditVerdict,
    StoredAudit,
)


class MemoryAudit:
    """The reading half, for `MemoryReader`."""

    _rows: Rows
    _lock: threading.RLock

    def audit_branches(self, device: NodeId) -> list[AuditBranch]:
        """See `AuditReader.audit_branches`."""
        with self._lock:
            return [log.branch for log in _logs(self._rows, device).values()]

    def audit_entries(
        self, device: NodeId, branch: int, after: int, limit: int
    ) -> list[StoredAudit]:
        """See `AuditReader.audit_entries`."""
        with self._lock:
            log = self._rows.audit_logs.get((device, branch))
            if log is None:
                return []
            first = max(after + 1, log[0].branch.first)
            last = min(log[0].branch.head.number, first + limit - 1)
            places = ((device, branch, one) for one in range(first, last + 1))
            return [self._rows.audit[one] for one in places if one in self._rows.audit]

    def audit_at(self, device: NodeId, numbers: Collection[int]) -> list[tuple[int, AuditEntry]]:
        """See `AuditReader.audit_at`."""
        with self._lock:
            return _at(self._rows, device, numbers)

    def audit_devices(self) -> list[NodeId]:
        """See `Store.audit_devices`."""
        with self._lock:
            return sorted({device for device, _ in self._rows.audit_logs})

    def audit_acks(self) -> dict[NodeId, AuditAck]:
        """See `Store.audit_acks`."""
        with self._lock:
            return dict(sorted(self._rows.audit_acks.items()))


def _logs(rows: Rows, device: NodeId) -> dict[int, Log]:
    found = [
        (grown_ms, branch, log)
        for (one, branch), (log, grown_ms) in rows.audit_logs.items()
        if one == device
    ]
    return {branch: log for _, branch, log in sorted(found, reverse=True)}


def _at(rows: Rows, device: NodeId, numbers: Collection[int]) -> list[tuple[int, AuditEntry]]:
    branches = sorted(_logs(rows, device))
    places = [(device, branch, number) for number in sorted(set(numbers)) for branch in branches]
    held = ((place[1], rows.audit[place].entry) for place in places if place in rows.audit)
    return [(branch, one) for branch, raw in held if (one := audit.readable(raw))]


def append(
    rows: Rows, device: NodeId, epoch: bytes, given: Sequence[AuditRow], sign: Sign
) -> AuditHead:
    """See `Transaction.append_audit`."""
    added = audit_chain.append(_logs(rows, device), device, epoch, given, sign)
    _add(rows, device, added, given[-1].at_ms)
    return added.log.branch.head


def hold(rows: Rows, segment: AuditSegment, now_ms: int) -> tuple[AuditVerdict, AuditHead]:
    """See `Transaction.hold_audit`."""
    device = segment.device
    held = _at(rows, device, audit_chain.around(segment))
    found = audit_chain.deliver(segment, held, _logs(rows, device))
    if found.added:
        _add(rows, device, found.added, now_ms)
    return found.verdict, found.head


def _add(rows: Rows, device: NodeId, added: Added, now_ms: int) -> None:
    branch = added.log.branch.branch
    for entry, one in zip(added.entries, added.kept, strict=True):
        rows.audit[device, branch, entry.number] = one
    rows.audit_logs[device, branch] = (added.log, now_ms)
