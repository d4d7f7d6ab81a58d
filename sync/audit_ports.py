"""What a session reads of audit logs: the part of a `LaneReader` that is about them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from conflict.identity import NodeId
from sync.audit import AuditBranch, AuditEntry, StoredAudit


class AuditReader(Protocol):
    """The reading half of audit storage. This node's own log is its branch 0."""

    def audit_branches(self, device: NodeId) -> list[AuditBranch]:
        """What is held of a device's log, the branch that grew last first; none: nothing."""
        ...

    def audit_entries(
        self, device: NodeId, branch: int, after: int, limit: int
    ) -> list[StoredAudit]:
        """Entries of a branch above number `after`, ascending, as received."""
        ...

    def audit_at(self, device: NodeId, numbers: Collection[int]) -> list[tuple[int, AuditEntry]]:
        """The entries of these numbers with their branches, ascending."""
        ...
