"""The desk's part about audit logs: what is held, rows of it, whether it is whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from conflict.errors import BadIdentity
from conflict.identity import (
    ID_BYTES,
    DocumentId,
    NodeId,
    document_text,
    node_text,
    parse_node,
)
from conflict.statement import Json
from node import audit_check
from node.engine import Engine
from node.errors import BadRequest
from storage.ports import Store
from sync import audit
from sync.audit import Action, AuditEntry, AuditRow, StoredAudit

_OF_NODES = frozenset({Action.SYNC, Action.ROLLBACK, Action.ENROLMENT})


class AuditDesk(ABC):
    """For `LocalDesk`. Shapes: `desk.py`."""

    _engine: Engine
    _store: Store

    @abstractmethod
    def _names(self) -> dict[NodeId, str]:
        """What people call the nodes."""

    def audit_logs(self) -> list[Json]:
        """See `Desk`."""
        self._engine.audit.flush()
        names: Mapping[NodeId, str] = self._names()
        own = self._engine.key.node
        return [
            {
                "device": node_text(device),
                "name": names.get(device, ""),
                "own": device == own,
                "branch": one.branch,
                "first": one.first,
                "last": one.head.number,
                "epoch": one.head.epoch.hex(),
                "link": one.head.link.hex(),
                "at_garrison": self._at_garrison() if device == own else None,
            }
            for device in self._store.audit_devices()
            for one in sorted(self._store.audit_branches(device))
        ]

    def _at_garrison(self) -> int:
        return max((one.number for one in self._store.audit_acks().values()), default=0)

    def audit_rows(
        self,
        device: str = "",
        branch: int = 0,
        after: int = 0,
        limit: int = 100,
        *,
        export: bool = False,  # noqa: ARG002  for who notes it
    ) -> list[Json]:
        """See `Desk`."""
        self._engine.audit.flush()
        try:
            node = parse_node(device) if device else self._engine.key.node
        except BadIdentity as fault:
            raise BadRequest(f"device: {fault}") from fault
        stored = self._store.audit_entries(node, branch, after, limit)
        return [row_body(one, after + at) for at, one in enumerate(stored, 1)]

    def audit_verify(self) -> Json:
        """See `Desk`."""
        flushed = self._engine.audit.flush()
        own = self._engine.key.node
        found = audit_check.verify(self._store, own, self._engine.belonging)
        names = self._names()
        return {
            "logs": found.logs,
            "entries": found.entries,
            "unwritten": not flushed,
            "broken": [
                {
                    "device": node_text(device),
                    "name": names.get(device, ""),
                    "own": device == own,
                    "branch": branch,
                    **at._asdict(),
                }
                for device, branch, at in found.broken
            ],
            "keyless": [node_text(one) for one in found.keyless],
        }


def row_body(stored: StoredAudit, number: int) -> dict[str, Json]:
    """An entry as JSON; `readable` False: somebody changed it."""
    entry = audit.readable(stored.entry)
    if entry is None:
        return {"number": number, "readable": False}
    return {"number": entry.number, "readable": True, **_body(entry)}


def _body(entry: AuditEntry) -> dict[str, Json]:
    row = entry.row
    return {
        "device": node_text(entry.device),
        "epoch": entry.epoch.hex(),
        "previous": entry.previous.hex(),
        "link": entry.link.hex(),
        "at_ms": row.at_ms,
        "action": audit.action_text(row.action),
        "person": row.person,
        "role": row.role,
        **_subject(row),
        "purpose": row.purpose,
        "outcome": row.outcome,
    }


def _subject(row: AuditRow) -> dict[str, Json]:
    """A document by its text id, a node in hexadecimal."""
    text = document_text(DocumentId(row.subject)) if len(row.subject) == ID_BYTES else ""
    of_node = row.action in _OF_NODES
    return {
        "document": None if of_node or not text else text,
        "node": row.subject.hex() if of_node and row.subject else None,
    }
