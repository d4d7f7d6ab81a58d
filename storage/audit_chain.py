"""Where a device's audit entries belong among those held: the rules, the same on SQL and in memory.

Nothing that is held is ever replaced: entries that do not go on from the end of a branch begin a
branch of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sync import audit, limits
from sync.audit import AuditBranch, AuditEntry, AuditHead, AuditVerdict, StoredAudit

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


class Plan(NamedTuple):
    """What becomes of a delivery. `log`: the branch that grows, as it was; `entries` are new."""

    verdict: AuditVerdict
    entries: Sequence[AuditEntry] = ()
    log: Log | None = None


Sign = Callable[[AuditHead], bytes]
"""Signs the head of this device's own chain."""


def signed_by(signature: bytes) -> Sign:
    """For entries that came signed at their end."""
    return lambda _head: signature


def stored(entries: Sequence[AuditEntry], sign: Sign, stretch_bytes: int) -> list[StoredAudit]:
    """Rows to keep: the last one carries a signature, and one at least every so many bytes, so that
    whatever is read of them has a signed end."""
    rows: list[StoredAudit] = []
    size = 0
    for one in entries:
        raw = audit.to_bytes(one)
        size += len(raw)
        ends = one is entries[-1] or size > stretch_bytes
        rows.append(StoredAudit(raw, sign(audit.entry_head(one)) if ends else b""))
        size = 0 if ends else size
    return rows


def plan(
    entries: Sequence[AuditEntry],
    held: Mapping[tuple[int, bytes], int],
    logs: Mapping[int, Log],
) -> Plan:
    """`entries` follow one another; `held`: branch by (number, link) of what is held at their
    numbers and at the one before; `logs`: every branch of the device."""
    before = (entries[0].number - 1, entries[0].previous)
    if before[0] and before not in held:
        return Plan(AuditVerdict.GAP)
    places = [before, *((one.number, one.link) for one in entries)]
    known = next((at for at, place in enumerate(places[1:]) if place not in held), len(entries))
    rest = entries[known:]
    if not rest:
        return Plan(AuditVerdict.KNOWN)
    size = sum(len(audit.to_bytes(one)) for one in rest)
    if sum(log.size for log in logs.values()) + size > limits.AUDIT_LOG_BYTES_MAX:
        return Plan(AuditVerdict.FULL)
    parent = logs.get(held.get(places[known], OWN_BRANCH))
    if parent is not None and parent.branch.head.number == places[known][0]:
        return Plan(AuditVerdict.KEPT, rest, parent)
    return _branching(rest, logs)


def _branching(entries: Sequence[AuditEntry], logs: Mapping[int, Log]) -> Plan:
    first = entries[0].number
    if len(logs) >= limits.AUDIT_BRANCHES_MAX:
        return Plan(AuditVerdict.FULL)
    branch = AuditBranch(max(logs, default=-1) + 1, first, AuditHead())
    return Plan(AuditVerdict.FORKED if logs else AuditVerdict.KEPT, entries, Log(branch, 0))
