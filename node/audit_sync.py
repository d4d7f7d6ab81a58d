"""What sessions bring about audit logs: entries of devices, garrisons' receipts of ours, and the news
that this store is an earlier state of itself. What is written runs on the writer thread.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

import structlog

from conflict.identity import NodeId
from node.audit import Audit
from node.writing import Urgency, Writer
from storage import AuditAck
from storage.audit_chain import OWN_BRANCH
from storage.ports import Store
from sync.audit import LINK_SHORT_BYTES, NO_EPOCH, Action, AuditVerdict, readable
from sync.audit_effects import (
    AuditRefused,
    AuditSaved,
    AuditSurpassed,
    SaveAudit,
    SaveAuditAck,
)

UNHELD_MAX = 10_000

log = structlog.get_logger("audit")


class AuditSync:
    """`renew` begins a new epoch of this store, later than the one given, and ends its sessions."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        audit: Audit,
        now_ms: Callable[[], int],
        renew: Callable[[bytes], None],
    ) -> None:
        self._store = store
        self._writer = writer
        self._audit = audit
        self._now_ms = now_ms
        self._renew = renew

    def linked(self, peer: NodeId) -> None:
        """A peer has proved who it is."""
        self._audit.note(Action.SYNC, subject=peer, purpose="linked")

    def ended(self, peer: NodeId | None, code: str) -> None:
        """That link is over; `code` says why, empty: an ordinary end."""
        if peer is not None:
            self._audit.note(Action.SYNC, subject=peer, purpose="ended", outcome=code or "ok")

    def unheld(self) -> int:
        """Rows of ours that no garrison is known to hold under its present epoch, without those about
        links: each exchange adds some. At most `UNHELD_MAX` are counted."""
        waiting = (
            self._audit.waiting
        )  # first: what becomes durable meanwhile is counted twice, not missed
        device, epochs = self._audit.device, self._store.custody_positions()
        held = 0
        for garrison, ack in self._store.audit_acks().items():
            known = epochs.get(garrison)
            if (
                known is not None
                and known.epoch in {ack.epoch, NO_EPOCH}
                and self._has(device, ack)
            ):
                held = max(held, ack.number)
        found = self._store.audit_entries(device, OWN_BRANCH, held, UNHELD_MAX)
        rows = [entry.row if (entry := readable(one.entry)) else None for one in found]
        return waiting + sum(row is None or row.action != Action.SYNC for row in rows)

    def _has(self, device: NodeId, ack: AuditAck) -> bool:
        """What it holds is what we have there."""
        found = self._store.audit_at(device, [ack.number])
        shorts = [one.link[:LINK_SHORT_BYTES] for branch, one in found if branch == OWN_BRANCH]
        return shorts == [ack.short]

    def save(self, effect: SaveAudit) -> Future[AuditSaved]:
        """Keep what a device sent of its log; the future resolves after commit."""

        def job() -> AuditSaved:
            with self._store.write() as transaction:
                saved = AuditSaved(*transaction.hold_audit(effect.segment, self._now_ms()))
            if saved.verdict is AuditVerdict.FORKED:
                device, first = effect.segment.device, effect.segment.first
                log.warning("audit log forked", peer=device.hex()[:8], number=first)
                words = f"entry {first} was there already: rolled back, or a copy"
                code = saved.verdict.value
                self._audit.note(Action.ROLLBACK, subject=device, purpose=words, outcome=code)
            return saved

        return self._writer.submit(Urgency.AUDIT, job)

    def acknowledge(self, effect: SaveAuditAck) -> Future[None]:
        """Keep how much of ours a garrison holds."""
        place = effect.place

        def job() -> None:
            ack = AuditAck(effect.epoch, place.number, place.short, self._now_ms())
            with self._store.write() as transaction:
                transaction.save_audit_ack(effect.garrison, ack)

        return self._writer.submit(Urgency.AUDIT, job)

    def refused(self, effect: AuditRefused) -> None:
        """What a device sent was not taken. Nothing else is held up."""
        device = effect.device.hex()[:8]
        log.warning("audit entries refused", peer=device, number=effect.number, code=effect.code)

    def surpassed(self, effect: AuditSurpassed) -> None:
        """A garrison holds an entry of ours that is not here: whoever relies on what this store said since
        must not; and what is noted from now on is another branch."""

        def job() -> None:
            epoch = self._store.epoch()
            if effect.place.epoch != epoch:
                return  # another link has told us already
            self._renew(epoch)
            number = effect.place.number
            log.warning("own audit log surpassed: new epoch", number=number)
            words = f"entry {number} is not here: rolled back, or a copy"
            self._audit.note(Action.ROLLBACK, subject=effect.garrison, purpose=words)

        self._writer.submit(Urgency.RECEIPT, job)
