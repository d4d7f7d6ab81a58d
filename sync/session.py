"""One session with one peer, as a pure state machine: frames and answers in, frames and effects out.

`now` (monotonic seconds) and entropy are arguments; nothing here reads a clock, a socket or a store.
The leader (who dialled) starts every check and every round; see PROTOCOL.md for the state diagram.
After any fault the session is closed and every later input is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from conflict.identity import Lane, NodeId
from sync import codec, effects, limits, messages
from sync.answers import ANSWERS, Taker, in_part
from sync.audit_exchange import AuditExchange
from sync.authority_effects import LogHead
from sync.authority_exchange import AuthorityExchange
from sync.blobs import BlobExchange
from sync.custody_exchange import CustodyExchange
from sync.effects import Answer, Effect, Phase
from sync.errors import LinkLost, OutOfTurn, PeerFault, Stalled
from sync.exchange import Exchange
from sync.flow import Flow, Intake
from sync.handshake import Greeting, Handshake
from sync.link_profile import LinkProfile
from sync.messages import Message
from sync.ports import Keyring, Precedence, Signer, Terms
from sync.repair import Repair
from sync.rounds import SETTLED, Company, Rounds, Standing
from sync.session_view import SessionView
from sync.shed_exchange import ShedExchange


class Session(SessionView):
    """Drive with `start`, `receive`, `answer`, `grown`, `expire`; each returns effects in order.

    After each of them, and when the channel can take more, send what `transmit` gives. `terms` says
    how to deal with a peer; None: with whoever it may be. `certified`: whose certificate the transport
    has checked; None: it has none.
    """

    def __init__(
        self,
        *,
        signer: Signer,
        keyring: Keyring,
        certified: NodeId | None,
        greeting: Greeting,
        terms: Callable[[NodeId | None], Terms],
        leader: bool,
        now: float,
    ) -> None:
        self.peer: NodeId | None = None
        self.leader = leader
        self._signer = signer
        self._keyring = keyring
        self._terms = terms
        self._handshake = Handshake(
            signer=signer, keyring=keyring, certified=certified, greeting=greeting, leader=leader
        )
        self._agreed = terms(None)
        self._grant()
        self._blobs: BlobExchange | None = None
        self._custody = CustodyExchange(self._ticket, self._say, keyring, leader=leader)
        self._shed = ShedExchange(self._ticket, self._say)
        self._audit = AuditExchange(self._ticket, self._say, signer.node, keyring)
        self._authority = AuthorityExchange(self._ticket, self._say, greeting.log)
        self._rounds: Rounds | None = None  # these two once the peer is proven
        self._exchange: Exchange | None = None
        self._tickets = 0
        self._started = self._heard = now
        self._at = Standing(now)
        self._greeted_by = now + self.profile.handshake_s_max

    def _grant(self) -> None:
        """What we take, and until its HELLO what we think the peer takes."""
        size, credit = self.profile.frame_bytes_max, self.profile.credit_bytes
        self._flow = Flow(frame_bytes_max=size, credit_bytes=credit)
        self._intake = Intake(frame_bytes_max=size, credit_bytes=credit)

    # What the driver calls ------------------------------------------------------------------

    def start(self) -> list[Effect]:
        """The leader says HELLO; the follower waits for it, to know on which terms to answer."""
        if self.leader:
            self._say(self._handshake.hello(self.profile))
        return []

    def transmit(self) -> bytes | None:
        """The next frame for the wire, when it can take one; None: nothing, or not yet."""
        return self._flow.next()

    def receive(self, frame: bytes, now: float) -> list[Effect]:
        """One frame from the peer."""
        self._heard = now
        return self._do(now, lambda: self._hear(frame))

    def answer(self, ticket: int, answer: Answer, now: float) -> list[Effect]:
        """The outcome of a read or write that carried `ticket`."""
        return self._do(now, lambda: self._learn(ticket, answer))

    def grown(
        self,
        lanes: Iterable[tuple[Lane, int]],
        now: float,
        *,
        precedence: Precedence = Precedence.ROUTINE,
        relayed: bool = False,
    ) -> list[Effect]:
        """Lanes grew here, by a local save or (`relayed`) through another peer: send them on."""
        if self.phase in _UNPROVEN or (relayed and self.waits_turn):
            return []  # the next check will see them
        self._at.now = now
        self._compared.check_soon()
        return self._do(now, lambda: self._open.grown(lanes, precedence, now, relayed=relayed))

    def custody_grown(self, now: float, *, relayed: bool) -> list[Effect]:
        """A custody log grew here: written by us, or (`relayed`) brought by another peer."""
        if self.phase in _UNPROVEN:
            return []
        return self._do(now, lambda: self._custody.grown(now, relayed=relayed))

    def audit_grown(self, now: float) -> list[Effect]:
        """Our own audit log grew here: it goes up when its time has come."""
        if self.phase not in _UNPROVEN:
            self._audit.grown(now)
        return []

    def authority_grown(self, head: LogHead, now: float) -> list[Effect]:
        """The authority's log grew here."""
        if self.phase in _UNPROVEN:
            return []
        self._audit.regard(now)
        return self._do(now, lambda: self._authority.grown(head))

    def released(self, now: float) -> list[Effect]:
        """Content was let go here, or has come back: tell the peer."""
        return [] if self.phase in _UNPROVEN else self._do(now, self._shed.look)

    def refill(self, now: float) -> list[Effect]:
        """Ask this peer for the content that is to come back."""
        return [] if self.phase in _UNPROVEN else self._do(now, self._shed.refill)

    def check(self, now: float) -> list[Effect]:
        """Prove equality now, and repair if it does not hold. A follower asks the leader to."""
        if self.phase not in SETTLED:
            return []
        return self._do(now, lambda: self._compared.check(repair=True))

    def take_turn(self, now: float) -> list[Effect]:
        """No other session of this node repairs: go on if this one has waited for it."""
        return self._do(now, self._rounds.take_turn) if self._rounds else []

    def next_deadline(self) -> float | None:
        """When `expire` wants to be called, monotonic seconds."""
        if self.phase is Phase.CLOSED:
            return None
        if self._rounds is None or self._exchange is None:
            return self._greeted_by
        stall = self._heard + self.profile.stall_s_max if self._expecting() else None
        due = (self._rounds.due, stall, self._exchange.relays.due, self._exchange.inbound.due)
        logs = self._custody.due, self._audit.due
        return min((one for one in (*due, *logs) if one is not None), default=None)

    def expire(self, now: float) -> list[Effect]:
        """A deadline has come."""
        due = self.next_deadline()
        if due is None or now < due:
            return []
        self._at.now = now
        if self._rounds is None:
            return self._fail(Stalled(f"no proof within {self.profile.handshake_s_max:.0f} s"))
        if self._expecting() and now >= self._heard + self.profile.stall_s_max:
            return self._fail(Stalled(f"nothing heard for {self.profile.stall_s_max:.0f} s"))
        return self._do(now, self._rounds.expire)

    def end(self, code: str) -> list[Effect]:
        """End it from here, and say why."""
        return [] if self.phase is Phase.CLOSED else self._fault(code, code)

    def abandon(self) -> list[Effect]:
        """The connection has ended, perhaps without a word from the peer."""
        text = "the connection was closed or lost, and no reason given"
        return [] if self.phase is Phase.CLOSED else self._closed(LinkLost.code, text)

    # Greeting -------------------------------------------------------------------------------

    def _take(self, message: Message) -> Iterable[Effect]:
        if isinstance(message, messages.Fault):
            return self._closed(message.code, f"the peer ended the session: {message.text}")
        phases, handler = _TAKES[type(message)]
        if self.phase not in phases:
            raise OutOfTurn(f"{type(message).__name__} does not belong in phase {self.phase}")
        return handler(self, message) or ()

    def _on_hello(self, hello: messages.Hello) -> Iterator[Effect]:
        self._handshake.on_hello(hello)
        self._agreed = self._terms(hello.node)
        if not self.leader:
            self._grant()
            self._say(self._handshake.hello(self.profile))
        if not self.profile.thin:  # only the peer may know that the link is thin
            profile = LinkProfile.granted(hello.frame_bytes_max, hello.credit_bytes)
            self._agreed = self._agreed._replace(profile=profile)
        size = min(hello.frame_bytes_max, self.profile.frame_bytes_max)
        credit = min(hello.credit_bytes, self.profile.credit_bytes)
        self._flow.regrant(frame_bytes_max=size, credit_bytes=credit)
        self._intake.regrant(frame_bytes_max=size, credit_bytes=credit)  # what the peer goes by too
        yield from self._at.enter(Phase.PROVING)
        self._say(self._handshake.proof(self._agreed.scopes))

    def _on_proof(self, proof: messages.Proof) -> Iterator[Effect]:
        proven = self._handshake.on_proof(proof)
        hello, greeting = self._handshake.peer, self._handshake.greeting
        assert hello is not None  # noqa: S101  a proof follows a HELLO
        self.peer = proven.node
        self._agreed = self._agreed.sharing(proven.scopes)
        self._exchange = Exchange(
            signer=self._signer,
            keyring=self._keyring,
            epoch=greeting.epoch,
            peer=proven.node,
            leader=self.leader,
            terms=self._agreed,
            ticket=self._ticket,
            say=self._say,
        )
        unsent = partial(self._flow.waiting, Precedence.BLOB)
        self._blobs = BlobExchange(
            self._ticket, self._say, 4 * self.profile.frame_bytes_max, unsent
        )
        company = Company(
            peer=hello,
            leader=self.leader,
            terms=self._agreed,
            same_key=hello.sketch_key == greeting.sketch_key,
            secret=self._handshake.secret,
        )
        self._rounds = Rounds(company, self._at, self._exchange, self._ticket, self._say)
        yield proven
        yield from self._authority.begin(proof.log)
        # an epoch that is over counts no more
        yield effects.SaveReceipts(hello.node, hello.epoch, ())
        yield from self._at.enter(Phase.CHECKING)
        if proven.scopes is not None:
            yield effects.ReadOwed(self._ticket(), limits.OWED_LANES_MAX)
        yield from self._rounds.begin(self._urgent_since_ms)
        yield from self._custody.look()
        yield from self._shed.open(hello)
        if not self._agreed.sparing:
            yield from self._audit.open(hello, thin=self.profile.thin)

    @property
    def _open(self) -> Exchange:
        assert self._exchange is not None  # noqa: S101  asked for after the proof only
        return self._exchange

    @property
    def _compared(self) -> Rounds:
        assert self._rounds is not None  # noqa: S101  asked for after the proof only
        return self._rounds

    def _on_receipts(self, message: messages.Receipts) -> Iterator[Effect]:
        yield from self._open.receipted(message, self._compared.company.peer)
        self._compared.check_soon()

    # ----------------------------------------------------------------------------------------

    def _do(self, now: float, work: Callable[[], Iterable[Effect]]) -> list[Effect]:
        """What comes of it. A peer is given credit while little of what it sent waits here."""
        if self.phase is Phase.CLOSED:
            return []
        self._at.now = now
        if self._exchange is not None and not self._expecting():
            self._heard = now  # its silence counts from when something is expected
        try:
            todo = [*work(), *self._pump()]
            little = self._rounds is None or self._rounds.round.backlog <= limits.READS_AHEAD_MAX
            if little and (through := self._intake.ack()) is not None:
                self._flow.acknowledge(through)
            self._flow.bound()
        except PeerFault as fault:
            return self._fail(fault)
        return todo

    def _hear(self, frame: bytes) -> Iterable[Effect]:
        return self._take(codec.decode(whole)) if (whole := self._intake.take(frame)) else ()

    def _learn(self, ticket: int, answer: Answer) -> Iterable[Effect]:
        if isinstance(answer, effects.HoldDone):
            return self._on_hold_done(ticket, answer)
        return ANSWERS[type(answer)](self, answer) or ()

    def _on_hold_done(self, ticket: int, answer: effects.HoldDone) -> Iterator[Effect]:
        yield from self._open.held(ticket, answer, self._at.now)
        if answer.applied.grown or answer.applied.refilled:
            self._compared.check_soon()

    def _pump(self) -> Iterator[Effect]:
        if self.phase in _UNPROVEN:
            return
        waiting = self._flow.waiting_bytes
        yield from self._open.listen(not self._authority.behind)
        yield from self._open.pump(self._at.now, self._urgent_since_ms, waiting)
        yield from self._compared.pump(waiting[Precedence.SUMMARY])
        yield from self._custody.pump(self._at.now, waiting)
        yield from self._audit.pump(self._at.now, waiting)

    @property
    def _urgent_since_ms(self) -> int:
        """Wall clock: what was written since may be urgent."""
        lived_ms = int((self._at.now - self._started) * 1000)
        return self._handshake.greeting.clock_ms + lived_ms - limits.URGENT_S * 1000

    def _say(self, message: Message) -> None:
        """Into the flow, to leave when its precedence has its turn."""
        self._flow.put(messages.precedence_of(message), codec.encode(message))

    def _expecting(self) -> bool:
        waits = self.phase in {Phase.CHECKING, Phase.REPAIRING}
        blobs = self._blobs is not None and self._blobs.pending
        return waits or blobs or not self._open.outbox.idle

    def _fail(self, fault: PeerFault) -> list[Effect]:
        return self._fault(fault.code, str(fault)[: limits.TEXT_CHARS_MAX])

    def _fault(self, code: str, text: str) -> list[Effect]:
        self._flow.end()
        self._say(messages.Fault(code, text))
        return self._closed(code, text)

    def _closed(self, code: str, text: str) -> list[Effect]:
        return [*self._at.enter(Phase.CLOSED, text), effects.Close(code, text)]

    def _ticket(self) -> int:
        self._tickets += 1
        return self._tickets


_UNPROVEN = frozenset({Phase.GREETING, Phase.PROVING, Phase.CLOSED})
_REPAIRING = frozenset({Phase.REPAIRING})
_PROVEN = frozenset({Phase.CHECKING, Phase.REPAIRING, Phase.EQUAL, Phase.DIFFERENT})


# Which message may come in which phase, and who deals with it: PROTOCOL.md draws this table.
_TAKES: dict[type, tuple[frozenset[Phase], Taker]] = {
    messages.Hello: (frozenset({Phase.GREETING}), Session._on_hello),
    messages.Proof: (frozenset({Phase.PROVING}), Session._on_proof),
    messages.Check: (_PROVEN, in_part("_compared", Rounds.on_check)),
    messages.Listing: (_REPAIRING, in_part("_compared.round", Repair.listing)),
    messages.Sketch: (_PROVEN, in_part("_compared", Rounds.on_sketch)),
    messages.More: (_REPAIRING, in_part("_compared.round", Repair.more)),
    messages.Wanted: (_REPAIRING, in_part("_compared.round", Repair.wanted)),
    messages.Vectors: (_PROVEN, in_part("_compared", Rounds.on_vectors)),
    messages.Content: (_PROVEN, in_part("_open", Exchange.content)),
    messages.Finished: (_PROVEN, in_part("_compared", Rounds.on_finished)),
    messages.Receipts: (_PROVEN, Session._on_receipts),
    messages.Refused: (_PROVEN, in_part("_open", Exchange.refused)),
    messages.BlobAsk: (_PROVEN, in_part("_blobs", BlobExchange.asked)),
    messages.BlobPart: (_PROVEN, in_part("_blobs", BlobExchange.part)),
    messages.CustodyHave: (_PROVEN, in_part("_custody", CustodyExchange.have)),
    messages.Custody: (_PROVEN, in_part("_custody", CustodyExchange.entry)),
    messages.Released: (_PROVEN, in_part("_shed", ShedExchange.released)),
    messages.Heard: (_PROVEN, in_part("_shed", ShedExchange.heard)),
    messages.Withheld: (_PROVEN, in_part("_open", Exchange.withholds)),
    messages.AuditHave: (_PROVEN, in_part("_audit", AuditExchange.have)),
    messages.Audit: (_PROVEN, in_part("_audit", AuditExchange.entries)),
    messages.AuthorityHave: (_PROVEN, in_part("_authority", AuthorityExchange.have)),
    messages.Authority: (_PROVEN, in_part("_authority", AuthorityExchange.entries)),
    messages.Ack: (_PROVEN, in_part("_flow", lambda flow, ack: flow.acked(ack.through))),
}
