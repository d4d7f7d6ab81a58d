"""Audit logs in SQL: this device's own, those that devices sent here, and what garrisons have of ours.

Entries are only ever added (`audit_chain.py`). No scan: every question is asked of one device's
branches or of single numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, insert, select

from conflict.identity import NodeId
from storage import audit_chain
from storage.audit_chain import Added, AuditAck, Log, Sign
from storage.audit_tables import audit_ack, audit_branch, audit_entry
from storage.locks import lock_rows
from storage.upsert import chunks, upsert, write_rows
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

# Reading -----------------------------------------------------------------------------------------


_LOGS = (
    select(
        *(audit_branch.c[name] for name in ("branch", "first", "epoch", "number", "link", "size"))
    )
    .where(audit_branch.c.device == bindparam("its_device"))
    .order_by(audit_branch.c.grown_ms.desc(), audit_branch.c.branch.desc())
)
_INSERT = insert(audit_entry)


def logs(connection: Connection, device: NodeId) -> dict[int, Log]:
    """Every branch of a device, the one that grew last first."""
    rows = connection.execute(_LOGS, {"its_device": device})
    return {
        branch: Log(AuditBranch(branch, first, AuditHead(epoch, number, link)), size)
        for branch, first, epoch, number, link, size in rows
    }


def branches(connection: Connection, device: NodeId) -> list[AuditBranch]:
    """See `AuditReader.audit_branches`."""
    return [log.branch for log in logs(connection, device).values()]


def entries(
    connection: Connection, device: NodeId, branch: int, after: int, limit: int
) -> list[StoredAudit]:
    """See `AuditReader.audit_entries`."""
    columns = audit_entry.c
    query = (
        select(columns.entry, columns.signature)
        .where(columns.device == device, columns.branch == branch, columns.number > after)
        .order_by(columns.number)
        .limit(limit)
    )
    return [StoredAudit(*row) for row in connection.execute(query)]


def at(
    connection: Connection, device: NodeId, numbers: Collection[int]
) -> list[tuple[int, AuditEntry]]:
    """See `AuditReader.audit_at`."""
    columns = audit_entry.c
    known = [log.branch.branch for log in logs(connection, device).values()]
    found: list[tuple[int, AuditEntry]] = []
    for some in chunks(sorted(set(numbers))):
        query = select(columns.branch, columns.entry).where(
            columns.device == device, columns.branch.in_(known), columns.number.in_(some)
        )
        rows = connection.execute(query.order_by(columns.number, columns.branch))
        found += ((branch, one) for branch, raw in rows if (one := audit.readable(raw)))
    return found


def devices(connection: Connection) -> list[NodeId]:
    """See `Store.audit_devices`."""
    query = select(audit_branch.c.device).distinct().order_by(audit_branch.c.device)
    return [NodeId(one) for one in connection.scalars(query)]


def acks(connection: Connection) -> dict[NodeId, AuditAck]:
    """See `Store.audit_acks`."""
    rows = connection.execute(select(audit_ack).order_by(audit_ack.c.garrison))
    return {NodeId(row.garrison): AuditAck(*row[1:]) for row in rows}


# Writing -----------------------------------------------------------------------------------------


def append(
    connection: Connection, device: NodeId, epoch: bytes, rows: Sequence[AuditRow], sign: Sign
) -> AuditHead:
    """See `Transaction.append_audit`."""
    lock_rows(connection, [device])
    added = audit_chain.append(logs(connection, device), device, epoch, rows, sign)
    _add(connection, device, added, rows[-1].at_ms)
    return added.log.branch.head


def hold(
    connection: Connection, segment: AuditSegment, now_ms: int
) -> tuple[AuditVerdict, AuditHead]:
    """See `Transaction.hold_audit`."""
    device = segment.device
    lock_rows(connection, [device])
    held = at(connection, device, audit_chain.around(segment))
    found = audit_chain.deliver(segment, held, logs(connection, device))
    if found.added:
        _add(connection, device, found.added, now_ms)
    return found.verdict, found.head


def _add(connection: Connection, device: NodeId, added: Added, now_ms: int) -> None:
    branch, first, head = added.log.branch
    its = {"device": device, "branch": branch}
    rows = [
        {**its, "number": entry.number, "entry": raw, "signature": signed}
        for entry, (raw, signed) in zip(added.entries, added.kept, strict=True)
    ]
    write_rows(connection, _INSERT, rows)
    row = {**its, "first": first, **head._asdict(), "size": added.log.size, "grown_ms": now_ms}
    write_rows(connection, upsert(connection, audit_branch), [row])


def acknowledge(connection: Connection, garrison: NodeId, ack: AuditAck) -> None:
    """See `Transaction.save_audit_ack`."""
    connection.execute(upsert(connection, audit_ack), {"garrison": garrison, **ack._asdict()})
