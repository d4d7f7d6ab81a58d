"""Performs a session's reads of audit logs on a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sync import audit, limits
from sync.audit import (
    LINK_SHORT_BYTES,
    AuditEntry,
    AuditHead,
    AuditPlace,
    AuditSegment,
    StoredAudit,
)
from sync.audit_effects import (
    AuditAnswer,
    AuditLocated,
    AuditRead,
    AuditRowsRead,
    LocateAudit,
    ReadAudit,
    ReadAuditRows,
)
from sync.ports import LaneReader

OWN_BRANCH = 0


def _audit(read: ReadAudit, store: LaneReader) -> AuditRead:
    garrisons = store.custody_positions()
    receives = read.own in garrisons
    branches = store.audit_branches(read.peer)[: limits.AUDIT_HEADS_SAID] if receives else []
    number = _own_head(read, store).number
    return AuditRead(read.peer in garrisons, receives, number, tuple(branches))


def _own_head(read: ReadAudit | LocateAudit, store: LaneReader) -> AuditHead:
    own = read.own if isinstance(read, ReadAudit) else read.device
    found = (one.head for one in store.audit_branches(own) if one.branch == OWN_BRANCH)
    return next(found, AuditHead())


def _locate(read: LocateAudit, store: LaneReader) -> AuditLocated:
    held = {
        (entry.number, entry.link[:LINK_SHORT_BYTES])
        for branch, entry in store.audit_at(read.device, [one.number for one in read.places])
        if branch == OWN_BRANCH or not read.own
    }
    found = tuple(not one.number or (one.number, one.short) in held for one in read.places)
    ours = _places(read, store) if read.own and not any(found) else ()
    return AuditLocated(read, found, store.epoch(), ours)


def _places(read: LocateAudit, store: LaneReader) -> tuple[AuditPlace, ...]:
    numbers = audit.locator(_own_head(read, store).number)
    entries = store.audit_at(read.device, list(numbers))
    places = [audit.entry_head(one).place for branch, one in entries if branch == OWN_BRANCH]
    return tuple(reversed(places))


def _rows(read: ReadAuditRows, store: LaneReader) -> AuditRowsRead:
    """Up to a signed entry. What cannot be read is not sent, nor what follows it: `audit verify` finds
    it, and sync goes on."""
    stored = store.audit_entries(read.own, OWN_BRANCH, read.number, limits.AUDIT_ROWS_MAX)
    entries: list[AuditEntry] = []
    for one in stored:
        if (entry := audit.readable(one.entry)) is None:
            break
        entries.append(entry)
    count = _signed(entries, stored, read.most)
    if not count:
        return AuditRowsRead(None)
    first, rows = entries[0], tuple(one.row for one in entries[:count])
    signature = stored[count - 1].signature
    return AuditRowsRead(
        AuditSegment(first.device, first.epoch, first.number, first.previous, rows, signature)
    )


def _signed(entries: Sequence[AuditEntry], stored: Sequence[StoredAudit], most: int) -> int:
    """How many of them go into one AUDIT: to the last signed one that fits, to the first at least."""
    count = size = 0
    for at, one in enumerate(entries):
        size += len(audit.row_bytes(one.row))
        large = at >= most or size > limits.AUDIT_FRAME_BYTES_MAX
        if count and (large or one.epoch != entries[0].epoch):
            break
        if stored[at].signature:
            count = at + 1
    return count


AUDIT_READS: dict[type, Callable[..., AuditAnswer]] = {
    ReadAudit: _audit,
    LocateAudit: _locate,
    ReadAuditRows: _rows,
}
