"""Where a device's audit entries belong among those held: the rules, the same on SQL and in memory.

Nothing that is held is ever replaced: entries that do not go on from the end of a branch begin a
branch of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from conflict.identity import NodeId
from sync import audit, limits
from sync.audit import (
    AuditBranch,
    AuditEntry,
    AuditHead,
    AuditRow,
    AuditSegment,
    AuditVerdict,
    StoredAudit,
)

OWN_BRANCH = 0
STRETCH_BYTES = limits.AUDIT_FRAME_BYTES_MAX // 2


class AuditAck(NamedTuple):
    """What a garrison, in this epoch of its store, last said to hold of this device's log: up to
    `number`, whose link begins with these 8 bytes. `at_ms`: when it said so."""

    epoch: bytes
    number: int
    short: bytes
    at_ms: int


class Log(NamedTuple):
    """A branch and how many bytes it holds."""

    branch: AuditBranch
    size: int

    def grown(self, entries: Sequence[AuditEntry], size: int) -> Log:
        """With entries of so many bytes that follow it."""
        head = audit.entry_head(entries[-1])
        return Log(self.branch._replace(head=head), self.size + size)


class Added(NamedTuple):
    """What a branch gains: the branch as it is then, its new entries, and what is kept of each."""

    log: Log
    entries: Sequence[AuditEntry]
    kept: Sequence[StoredAudit]


class Delivery(NamedTuple):
    """What becomes of a segment, and the head to name in the answer. `added`: None if nothing is new."""

    verdict: AuditVerdict
    head: AuditHead
    added: Added | None = None


Sign = Callable[[AuditHead], bytes]
"""Signs the head of this device's own chain."""


def _added(log: Log, entries: Sequence[AuditEntry], sign: Sign, stretch_bytes: int) -> Added:
    """Their last row carries a signature, and one at least every so many bytes, so that whatever is
    read of them has a signed end."""
    rows: list[StoredAudit] = []
    size = 0
    for one in entries:
        raw = audit.to_bytes(one)
        size += len(raw)
        ends = one is entries[-1] or size > stretch_bytes
        rows.append(StoredAudit(raw, sign(audit.entry_head(one)) if ends else b""))
        size = 0 if ends else size
    return Added(log.grown(entries, sum(len(one.entry) for one in rows)), entries, rows)


def append(
    logs: Mapping[int, Log], device: NodeId, epoch: bytes, rows: Sequence[AuditRow], sign: Sign
) -> Added:
    """What this device does goes to the end of its own branch. `logs`: its branches."""
    log = logs.get(OWN_BRANCH, Log(AuditBranch(OWN_BRANCH, 1, AuditHead()), 0))
    fresh = audit.follows(log.branch.head, device, epoch, rows)
    return _added(log, fresh, sign, STRETCH_BYTES)


def around(segment: AuditSegment) -> range:
    """The numbers at which `deliver` asks what is held."""
    return range(max(segment.first - 1, 1), segment.last + 1)


def deliver(
    segment: AuditSegment, held: Iterable[tuple[int, AuditEntry]], logs: Mapping[int, Log]
) -> Delivery:
    """What a device or a relay sent. `held`: by branch, what is here at the numbers `around` it;
    `logs`: every branch of the device, the one that grew last first."""
    entries = audit.chained(segment)
    branches = {(one.number, one.link): branch for branch, one in held}
    plan = _planned(entries, branches, logs)
    if plan.verdict in {AuditVerdict.GAP, AuditVerdict.FULL}:
        latest = next(iter(logs.values()), None)
        return Delivery(plan.verdict, latest.branch.head if latest else AuditHead())
    head = audit.entry_head(entries[-1])
    if plan.log is None:
        return Delivery(plan.verdict, head)
    signed = _added(plan.log, plan.entries, lambda _head: segment.signature, sys.maxsize)
    return Delivery(plan.verdict, head, signed)


class _Plan(NamedTuple):
    verdict: AuditVerdict
    log: Log | None = None
    entries: Sequence[AuditEntry] = ()


def _planned(
    entries: Sequence[AuditEntry], held: Mapping[tuple[int, bytes], int], logs: Mapping[int, Log]
) -> _Plan:
    """The branch that grows, as it was, and which entries are new. `held`: branch by (number, link)."""
    before = (entries[0].number - 1, entries[0].previous)
    if before[0] and before not in held:
        return _Plan(AuditVerdict.GAP)
    places = [before, *((one.number, one.link) for one in entries)]
    known = next((at for at, place in enumerate(places[1:]) if place not in held), len(entries))
    rest = entries[known:]
    if not rest:
        return _Plan(AuditVerdict.KNOWN)
    size = sum(len(audit.to_bytes(one)) for one in rest)
    if sum(log.size for log in logs.values()) + size > limits.AUDIT_LOG_BYTES_MAX:
        return _Plan(AuditVerdict.FULL)
    parent = logs.get(held.get(places[known], OWN_BRANCH))
    if parent is not None and parent.branch.head.number == places[known][0]:
        return _Plan(AuditVerdict.KEPT, parent, rest)
    return _branching(rest, logs)


def _branching(entries: Sequence[AuditEntry], logs: Mapping[int, Log]) -> _Plan:
    first = entries[0].number
    if len(logs) >= limits.AUDIT_BRANCHES_MAX:
        return _Plan(AuditVerdict.FULL)
    branch = AuditBranch(max(logs, default=-1) + 1, first, AuditHead())
    return _Plan(AuditVerdict.FORKED if logs else AuditVerdict.KEPT, Log(branch, 0), entries)
