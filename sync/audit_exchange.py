"""Audit logs within a session: a device sends its own up to a garrison, after everything else.

A garrison says how far it has the peer's log when the session opens and after what it has kept; the
peer sends what follows. Nothing is said between nodes of which neither is a garrison, and nothing
while nothing is new. PROTOCOL.md, *Audit*. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from conflict.identity import NodeId
from sync import audit, audit_effects, limits, messages
from sync.audit import AuditHead, AuditPlace, AuditVerdict
from sync.effects import Effect
from sync.errors import OutOfTurn
from sync.messages import Message
from sync.ports import Keyring, Precedence

_REFUSED = frozenset({AuditVerdict.FULL, AuditVerdict.BAD_SIGNATURE})


class AuditExchange:
    """One side. Memory: one window of messages each way."""

    def __init__(
        self,
        ticket: Callable[[], int],
        say: Callable[[Message], None],
        own: NodeId,
        keyring: Keyring,
    ) -> None:
        self.due: float | None = None  # until then what grows here is collected
        self._ticket = ticket
        self._say = say
        self._own = own
        self._keyring = keyring
        self._peer: messages.Hello | None = None
        self._thin = False
        self._begun = False
        self._told = False  # how far we have the peer's log
        self._early: messages.AuditHave | None = None  # said before we knew which way it goes
        self._sends = False  # the peer takes our log
        self._receives = False  # we take the peer's
        self._number = 0  # of our own last entry
        self._held: int | None = None  # how far the peer has our path; None: it has not said
        self._sent = 0
        self._asked = False  # where our path parts from what it has
        self._reading = False
        self._saving = 0
        self._locating = 0
        self._unsaid = 0  # messages kept since we last said so

    def open(self, peer: messages.Hello, *, thin: bool) -> Iterator[Effect]:
        """The peer is proven: see whether anything goes between us."""
        self._peer, self._thin = peer, thin
        yield from self._look()

    def _look(self) -> Iterator[Effect]:
        if self._peer is not None:
            yield audit_effects.ReadAudit(self._ticket(), self._own, self._peer.node)

    def looked(self, answer: audit_effects.AuditRead) -> Iterator[Effect]:
        """Which way it goes, and how far our own log is."""
        self._sends, self._receives = answer.sends, answer.receives
        self._number = answer.number
        if self._receives and not self._told:
            self._told = True
            self._tell([one.head for one in answer.branches] or [AuditHead()])
        self._begun = True
        early, self._early = self._early, None
        if early is not None:
            yield from self.have(early)

    def _tell(self, heads: Iterable[AuditHead]) -> None:
        assert self._peer is not None  # noqa: S101  told to a proven peer only
        self._say(messages.AuditHave(self._peer.node, tuple(one.place for one in heads)))

    def grown(self, now: float) -> None:
        """Our own log grew: it goes up a little later, with what comes meanwhile."""
        if (self._sends or not self._begun) and self.due is None:
            delay_s = limits.AUDIT_DELAY_THIN_S if self._thin else limits.AUDIT_DELAY_S
            self.due = now + delay_s

    def regard(self, now: float) -> None:
        """Who is a garrison may have changed: see again which way it goes."""
        if self._peer is not None:
            self.due = now

    # Out --------------------------------------------------------------------------------------

    def have(self, have: messages.AuditHave) -> Iterator[Effect]:
        """The garrison says what it has of ours; or its device asks what we have of its."""
        assert self._peer is not None  # noqa: S101  after the proof only
        if not self._begun:
            self._early = have
            return
        own = have.device == self._own and self._sends
        if own or (have.device == self._peer.node and self._receives):
            if self._locating >= 2 * limits.AUDIT_WINDOW:
                raise OutOfTurn("AUDITHAVE before the last ones were answered (AUDIT_WINDOW)")
            self._locating += 1
            yield audit_effects.LocateAudit(self._ticket(), have.device, have.places, own)

    def located(self, answer: audit_effects.AuditLocated) -> Iterator[Effect]:
        """Which of those entries are here."""
        self._locating -= 1
        places = answer.asked.places
        pairs = tuple(zip(places, answer.found, strict=True))
        known = [place for place, found in pairs if found]
        if not answer.asked.own:
            self._say(messages.AuditHave(answer.asked.device, (_latest(known),)))
            return
        assert self._peer is not None  # noqa: S101  after the proof only
        strange = [one for one, found in pairs if not found and one.epoch == answer.epoch]
        if strange:
            yield audit_effects.AuditSurpassed(self._peer.node, _latest(strange))
        elif known:
            held = _latest(known)
            if held.number == self._held:
                self._sent = held.number  # said once more: from there again
            self._held = held.number
            yield audit_effects.SaveAuditAck(self._peer.node, self._peer.epoch, held)
        elif not self._asked:
            self._asked = True
            self._say(messages.AuditHave(self._own, answer.ours or (AuditHead().place,)))

    def pump(self, now: float, waiting_bytes: Mapping[Precedence, int]) -> Iterator[Effect]:
        """Read what the garrison lacks, a little ahead of what the link has taken."""
        if self.due is not None and now >= self.due:
            self.due = None
            yield from self._look()
        if self._held is None or self._reading or waiting_bytes[Precedence.BLOB]:
            return
        most = limits.AUDIT_ROWS_THIN if self._thin else limits.AUDIT_ROWS_MAX
        at = max(self._sent, self._held)
        room = min(self._number, self._held + limits.AUDIT_WINDOW * most) - at
        if room > 0:
            self._reading = True
            yield audit_effects.ReadAuditRows(self._ticket(), self._own, at, min(room, most))

    def rows(self, answer: audit_effects.AuditRowsRead) -> None:
        """Send them."""
        self._reading = False
        segment = answer.segment
        if segment is None:
            self._number = max(self._sent, self._held or 0)
            return
        self._say(messages.Audit(segment))
        self._sent = segment.last

    # In ---------------------------------------------------------------------------------------

    def entries(self, message: messages.Audit) -> Iterator[Effect]:
        """Check the signature, keep them. What is refused ends nothing."""
        segment = message.segment
        if self._peer is None or not self._receives or segment.device != self._peer.node:
            raise OutOfTurn("audit entries for a node that does not take them")
        if self._saving >= 2 * limits.AUDIT_WINDOW:
            raise OutOfTurn("more audit entries than were asked for (AUDIT_WINDOW)")
        if not audit.verifies(segment.device, segment.head, segment.signature, self._keyring):
            code = AuditVerdict.BAD_SIGNATURE
            yield audit_effects.AuditRefused(segment.device, segment.first, code)
            return
        self._saving += 1
        yield audit_effects.SaveAudit(self._ticket(), segment)

    def saved(self, answer: audit_effects.AuditSaved) -> Iterator[Effect]:
        """They are durable, or were not taken."""
        assert self._peer is not None  # noqa: S101  after the proof only
        self._saving -= 1
        self._unsaid += 1
        if answer.verdict in _REFUSED:
            yield audit_effects.AuditRefused(self._peer.node, answer.head.number, answer.verdict)
        elif not self._saving or self._unsaid >= limits.AUDIT_WINDOW // 2:
            self._unsaid = 0
            self._tell([answer.head])


def _latest(places: Iterable[AuditPlace]) -> AuditPlace:
    return max(places, key=lambda one: one.number, default=AuditHead().place)
