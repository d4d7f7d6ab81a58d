"""Holds a stored audit chain to its hashes and signatures, entry by entry, in bounded memory. Pure."""

from __future__ import annotations

from typing import NamedTuple

from conflict.identity import NodeId
from sync.audit import AuditHead, StoredAudit, entry_head, from_bytes, verifies
from sync.errors import BadFrame, FrameTooLarge
from sync.ports import Keyring

_BEGINNING = AuditHead()


class AuditBreak(NamedTuple):
    """Where a chain does not hold: a number, a stable code, and words."""

    number: int
    code: str
    words: str


class ChainCheck:
    """Entries of one branch in order, one after the other; what is wrong, the first break only: what
    follows it is not linked to anything. `before`: the entry that the branch goes on from."""

    def __init__(self, device: NodeId, keyring: Keyring, before: AuditHead = _BEGINNING) -> None:
        self.head = before
        self.signed = before.number
        self._device = device
        self._keyring = keyring

    def take(self, stored: StoredAudit) -> AuditBreak | None:
        """The next entry; what is wrong with it."""
        due = self.head.number + 1
        try:
            entry = from_bytes(stored.entry)
        except (BadFrame, FrameTooLarge):
            return AuditBreak(due, "unreadable", f"entry {due} is not what was written")
        if entry.device != self._device:
            return AuditBreak(due, "foreign", f"entry {due} is another device's")
        if entry.number != due:
            return AuditBreak(
                due, "missing", f"entry {due} is missing: {entry.number} is in its place"
            )
        if entry.previous != self.head.link:
            words = f"entry {due} does not follow the one before it: one of them was changed"
            return AuditBreak(due, "changed", words)
        self.head = entry_head(entry)
        if stored.signature:
            if verifies(self._device, self.head, stored.signature, self._keyring) is False:
                return AuditBreak(
                    due, "bad-signature", f"the signature over entry {due} does not fit"
                )
            self.signed = due
        return None

    def ended(self, head: AuditHead) -> AuditBreak | None:
        """No more entries; `head` is what the store has noted as the last one."""
        if self.head.number < head.number:
            due = self.head.number + 1
            return AuditBreak(due, "cut", f"entries {due} to {head.number} are missing at the end")
        if self.head != head:
            return AuditBreak(
                head.number, "changed", f"entry {head.number} is not the noted last one"
            )
        if self.signed != self.head.number:
            words = f"entries {self.signed + 1} to {self.head.number} are not signed"
            return AuditBreak(self.head.number, "unsigned", words)
        return None
