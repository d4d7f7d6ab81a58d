"""One session with one peer, as a pure state machine: frames and answers in, effects out.

`now` (monotonic seconds) and entropy are arguments; nothing here reads a clock, a socket or a store.
The leader (who dialled) starts every check and every round; see PROTOCOL.md for the state diagram.
After any fault the session is closed and every later input is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from conflict.identity import DocumentId, Lane, NodeId
from conflict.lane import LaneRun
from sync import codec, effects, limits, messages
from sync.blobs import BlobExchange
from sync.effects import Answer, Effect, Phase
from sync.errors import OutOfTurn, PeerFault, Stalled
from sync.handshake import Greeting, Handshake
from sync.messages import Message
from sync.outbox import Outbox
from sync.ports import Keyring, SetAside, Signer, Summary
from sync.receipts import check_receipts, refusal, signed_receipts, vet
from sync.repair import Repair, chunks, send


class Session:
    """Drive with `start`, `receive`, `answer`, `grown`, `expire`; each returns effects in order."""

    def __init__(
        self, *, signer: Signer, keyring: Keyring, greeting: Greeting, leader: bool, now: float
    ) -> None:
        self.phase = Phase.GREETING
        self.cause = ""
        self.peer: NodeId | None = None
        self.leader = leader
        self.proofs = 0  # how often equality was proved
        self._signer = signer
        self._keyring = keyring
        self._handshake = Handshake(
            signer=signer, keyring=keyring, greeting=greeting, leader=leader
        )
        self._outbox = Outbox()
        self._blobs = BlobExchange()
        self._round = Repair(0, self._outbox, self._ticket)
        self._mine: Summary | None = None
        self._theirs: Summary | None = None
        self._repair = True
        self._checking = False
        self._tickets = 0
        self._holds: dict[int, int] = {}  # ticket: frame number
        self._vector_reads = 0
        self._answered: set[DocumentId] = set()  # documents whose vectors both sides have said
        self._repair_delay_s = limits.REPAIR_DELAY_S
        self._deadline: float | None = now + limits.HANDSHAKE_S_MAX
        self._heard = now
        self._now = now

    # What the driver calls ------------------------------------------------------------------

    def start(self) -> list[Effect]:
        """First effects: our HELLO."""
        return [send(self._handshake.hello())]

    def receive(self, frame: bytes, now: float) -> list[Effect]:
        """One frame from the peer."""
        if self.phase is Phase.CLOSED:
            return []
        self._heard = self._now = now
        try:
            return [*self._take(codec.decode(frame)), *self._pump()]
        except PeerFault as fault:
            return self._fail(fault)

    def answer(self, ticket: int, answer: Answer, now: float) -> list[Effect]:
        """The outcome of a read or write that carried `ticket`."""
        if self.phase is Phase.CLOSED:
            return []
        self._now = now
        try:
            return [*self._learn(ticket, answer), *self._pump()]
        except PeerFault as fault:
            return self._fail(fault)

    def grown(self, lanes: Iterable[tuple[Lane, int]], now: float) -> list[Effect]:
        """Lanes grew here, by a local save or through another peer: send them on."""
        if self.phase in {Phase.CLOSED, Phase.GREETING, Phase.PROVING}:
            return []  # the first check will see them
        self._now = now
        for lane, first_seq in lanes:
            self._outbox.push(lane, first_seq)
        self._check_soon()
        return [*self._pump()]

    def check(self, now: float) -> list[Effect]:
        """Prove equality now, and repair if it does not hold. A follower asks the leader to."""
        self._now = now
        if self.phase not in {Phase.EQUAL, Phase.DIFFERENT}:
            return []
        if self.leader:
            return self._start_check(repair=True)
        return [send(messages.Check(0, Summary(0, bytes(8)), repair=True))]

    def next_deadline(self) -> float | None:
        """When `expire` wants to be called, monotonic seconds."""
        if self.phase is Phase.CLOSED:
            return None
        stall = self._heard + limits.STALL_S_MAX if self._expecting() else None
        return min((one for one in (self._deadline, stall) if one is not None), default=None)

    def expire(self, now: float) -> list[Effect]:
        """A deadline has come."""
        due = self.next_deadline()
        if due is None or now < due:
            return []
        self._now = now
        if self.phase in {Phase.GREETING, Phase.PROVING}:
            return self._fail(Stalled(f"no proof within {limits.HANDSHAKE_S_MAX:.0f} s"))
        if self._expecting() and now >= self._heard + limits.STALL_S_MAX:
            return self._fail(Stalled(f"nothing heard for {limits.STALL_S_MAX:.0f} s"))
        self._deadline = None
        if self.phase not in {Phase.EQUAL, Phase.DIFFERENT} or not self.leader:
            return []
        if not self._outbox.idle or self._holds:
            self._check_soon()
            return []
        return self._start_check(repair=self.phase is Phase.DIFFERENT)

    @property
    def proved(self) -> Summary | None:
        """What both sides held when equality was last proved, while that is the latest verdict."""
        return self._mine if self.phase is Phase.EQUAL else None

    @property
    def busy(self) -> bool:
        """Something is queued, on the way, or not yet durable."""
        return not self._outbox.idle or bool(self._holds)

    @property
    def waiting(self) -> int:
        """Documents and lanes not yet sent."""
        return self._outbox.waiting

    # Messages -------------------------------------------------------------------------------

    def _take(self, message: Message) -> Iterable[Effect]:
        if isinstance(message, messages.Fault):
            return self._closed(message.code, f"the peer ended the session: {message.text}")
        phases, handler = _TAKES[type(message)]
        if self.phase not in phases:
            raise OutOfTurn(f"{type(message).__name__} does not belong in phase {self.phase}")
        effect: Iterable[Effect] = handler(self, message)
        return effect

    def _on_hello(self, hello: messages.Hello) -> Iterator[Effect]:
        proof = self._handshake.on_hello(hello)
        yield from self._enter(Phase.PROVING)
        yield send(proof)

    def _on_proof(self, proof: messages.Proof) -> Iterator[Effect]:
        proven = self._handshake.on_proof(proof)
        self.peer = proven.node
        self._deadline = None
        yield proven
        yield from self._enter(Phase.CHECKING)
        if self.leader:
            yield from self._start_check(repair=True)

    # Checks and rounds ----------------------------------------------------------------------

    def _start_check(self, *, repair: bool) -> list[Effect]:
        if self._checking:
            return []
        self._repair = repair
        self._mine = self._theirs = None
        self._round = Repair(self._round.number + 1, self._outbox, self._ticket)
        self._checking = True
        return [*self._enter(Phase.CHECKING), effects.ReadSummary(self._ticket())]

    def _on_check(self, check: messages.Check) -> Iterator[Effect]:
        if self.leader and not check.round:
            settled = self.phase in {Phase.EQUAL, Phase.DIFFERENT}
            yield from self._start_check(repair=True) if settled else ()
            return
        self._theirs = check.summary
        if self.leader:
            if check.round != self._round.number or self._mine is None:
                raise OutOfTurn("a CHECK that was not asked for")
            yield from self._judge()
            return
        if check.round <= self._round.number:
            raise OutOfTurn("rounds count up")
        self._round = Repair(check.round, self._outbox, self._ticket)
        self._repair = check.repair
        yield from self._enter(Phase.CHECKING)
        yield effects.ReadSummary(self._ticket())

    def _on_summary(self, answer: effects.SummaryRead) -> Iterator[Effect]:
        self._checking = False
        self._mine = answer.summary
        yield send(messages.Check(self._round.number, answer.summary, self._repair))
        if not self.leader:
            yield from self._judge()

    def _judge(self) -> Iterator[Effect]:
        assert self._mine is not None  # noqa: S101  both summaries are known here
        assert self._theirs is not None  # noqa: S101
        if self._mine == self._theirs:
            self._repair_delay_s = limits.REPAIR_DELAY_S
            self.proofs += 1
            yield from self._enter(Phase.EQUAL)
            yield effects.ReadBlobsWanted(self._ticket())
        elif not self._repair:
            yield from self._enter(Phase.DIFFERENT, "contents differ; repair is scheduled")
            if self.leader:
                self._deadline = self._now + self._repair_delay_s
                self._repair_delay_s = min(self._repair_delay_s * 2, limits.REPAIR_DELAY_S_MAX)
        else:
            fewer = self._mine.documents - self._theirs.documents
            yield from self._enter(Phase.REPAIRING)
            yield from self._round.start(lister=fewer < 0 or (fewer == 0 and self.leader))

    def _on_listing_read(self, answer: effects.ListingRead) -> Iterable[Effect]:
        return self._round.listing_read(answer)

    def _on_listing(self, page: messages.Listing) -> Iterable[Effect]:
        return self._round.listing(page)

    def _on_compared(self, answer: effects.Compared) -> Iterable[Effect]:
        return self._round.compared(answer)

    def _on_vectors(self, vectors: messages.Vectors) -> Iterable[Effect]:
        if vectors.round not in {0, self._round.number}:
            raise OutOfTurn("VECTORS of another round")
        for document, vector in vectors.vectors:
            self._outbox.ask(document, vector)
            if vectors.answer:
                self._answered.add(document)
        self._round.asked(final=vectors.final)
        return ()

    def _on_content_read(self, answer: effects.ContentRead) -> Iterator[Effect]:
        for content in self._outbox.read(answer.runs):
            yield send(content)
        behind = tuple(one for one in answer.behind if one not in self._answered)
        self._answered.difference_update(answer.behind)
        if behind:
            self._vector_reads += 1
            yield effects.ReadVectors(self._ticket(), behind)

    def _on_vectors_read(self, answer: effects.VectorsRead) -> Iterator[Effect]:
        self._vector_reads -= 1
        number = self._round.number if self.phase is Phase.REPAIRING else 0
        for chunk, _ in chunks(answer.vectors):
            yield send(messages.Vectors(number, chunk, answer=True, final=False))

    def _on_finished(self, finished: messages.Finished) -> Iterable[Effect]:
        self._round.peer_finished(finished)
        return ()

    def _finish(self) -> Iterator[Effect]:
        """The leader checks again when a round is over and all of it is durable on both sides."""
        if self.phase is not Phase.REPAIRING:
            return
        yield from self._round.finish(asking=bool(self._vector_reads))
        if self.leader and self._round.over and not self._holds:
            yield from self._start_check(repair=self._round.progress)

    # Content --------------------------------------------------------------------------------

    def _on_content(self, content: messages.Content) -> Iterator[Effect]:
        assert self.peer is not None  # noqa: S101  content comes after the proof
        good: list[LaneRun] = []
        aside: list[tuple[SetAside, LaneRun]] = []
        for run in content.runs:
            if (fault := vet(run, self._keyring)) is None:
                good.append(run)
            else:
                aside.append((fault, run))
                yield send(refusal(fault))
        ticket = self._ticket()
        self._holds[ticket] = content.frame
        yield effects.Hold(ticket, self.peer, tuple(good), tuple(aside))

    def _on_hold_done(self, ticket: int, answer: effects.HoldDone) -> Iterator[Effect]:
        frame = self._holds.pop(ticket)
        applied = answer.applied
        for aside in applied.set_aside:
            yield send(refusal(aside))
        epoch = self._handshake.greeting.epoch
        yield send(signed_receipts(self._signer, epoch, frame, applied.held))
        if applied.gaps:
            self._vector_reads += 1
            documents = tuple(dict.fromkeys(lane.document for lane in applied.gaps))
            yield effects.ReadVectors(self._ticket(), documents)
        if applied.grown:
            self._round.progress = True
            self._check_soon()

    def _on_receipts(self, message: messages.Receipts) -> Iterator[Effect]:
        peer = self._handshake.peer
        assert peer is not None  # noqa: S101  receipts come after the proof
        check_receipts(message, peer, self._keyring)
        self._outbox.receipted(message.frame)
        if message.receipts:
            self._round.progress = True
            self._check_soon()
            yield effects.SaveReceipts(peer.node, message.epoch, message.receipts)

    def _on_refused(self, refused: messages.Refused) -> Iterator[Effect]:
        lane = Lane(refused.document, refused.actor)
        yield effects.PeerRefused(lane, refused.first_seq, refused.code, refused.detail)

    # Blobs ----------------------------------------------------------------------------------

    def _on_blobs_wanted(self, answer: effects.BlobsWantedRead) -> Iterator[Effect]:
        if ask := self._blobs.ask(answer):
            yield send(ask)

    def _on_blob_ask(self, ask: messages.BlobAsk) -> Iterator[Effect]:
        for blob, offset in ask.wanted:
            yield effects.ReadBlob(self._ticket(), blob, offset)

    def _on_blob_read(self, answer: effects.BlobRead) -> Iterator[Effect]:
        yield send(messages.BlobPart(*answer))

    def _on_blob_part(self, part: messages.BlobPart) -> Iterator[Effect]:
        here, ticket = self._blobs.take(part), self._ticket()
        yield effects.SaveBlobPart(ticket, *part) if here else effects.ReadBlobsWanted(ticket)

    def _on_blob_saved(self, answer: effects.BlobSaved) -> Iterator[Effect]:
        ask = self._blobs.saved(answer)
        yield send(ask) if ask else effects.ReadBlobsWanted(self._ticket())

    def _learn(self, ticket: int, answer: Answer) -> Iterable[Effect]:
        if isinstance(answer, effects.HoldDone):
            return self._on_hold_done(ticket, answer)
        effect: Iterable[Effect] = _LEARNS[type(answer)](self, answer)
        return effect

    def _pump(self) -> Iterator[Effect]:
        if self.phase in {Phase.GREETING, Phase.PROVING, Phase.CLOSED}:
            return
        if read := self._outbox.next_read(self._ticket):
            yield read
        yield from self._finish()

    def _expecting(self) -> bool:
        waits = self.phase in {Phase.CHECKING, Phase.REPAIRING}
        return waits or self._blobs.pending or not self._outbox.idle

    def _check_soon(self) -> None:
        if self.leader and self.phase in {Phase.EQUAL, Phase.DIFFERENT}:
            self._deadline = self._now + limits.CHECK_DELAY_S

    def _enter(self, phase: Phase, cause: str = "") -> Iterator[Effect]:
        if (self.phase, self.cause) != (phase, cause):
            self.phase, self.cause = phase, cause
            yield effects.Entered(phase, cause)

    def _fail(self, fault: PeerFault) -> list[Effect]:
        text = str(fault)[: limits.TEXT_CHARS_MAX]
        return [send(messages.Fault(fault.code, text)), *self._closed(fault.code, text)]

    def _closed(self, code: str, text: str) -> list[Effect]:
        self.phase, self.cause = Phase.CLOSED, text
        return [effects.Entered(Phase.CLOSED, text), effects.Close(code, text)]

    def _ticket(self) -> int:
        self._tickets += 1
        return self._tickets


_PROVEN = frozenset({Phase.CHECKING, Phase.REPAIRING, Phase.EQUAL, Phase.DIFFERENT})

# Which message may come in which phase, and who deals with it: PROTOCOL.md draws this table.
_TAKES: dict[type, tuple[frozenset[Phase], Callable[..., Iterable[Effect]]]] = {
    messages.Hello: (frozenset({Phase.GREETING}), Session._on_hello),
    messages.Proof: (frozenset({Phase.PROVING}), Session._on_proof),
    messages.Check: (_PROVEN, Session._on_check),
    messages.Listing: (frozenset({Phase.REPAIRING}), Session._on_listing),
    messages.Vectors: (_PROVEN, Session._on_vectors),
    messages.Content: (_PROVEN, Session._on_content),
    messages.Finished: (frozenset({Phase.REPAIRING}), Session._on_finished),
    messages.Receipts: (_PROVEN, Session._on_receipts),
    messages.Refused: (_PROVEN, Session._on_refused),
    messages.BlobAsk: (_PROVEN, Session._on_blob_ask),
    messages.BlobPart: (_PROVEN, Session._on_blob_part),
}

_LEARNS: dict[type, Callable[..., Iterable[Effect]]] = {
    effects.SummaryRead: Session._on_summary,
    effects.ListingRead: Session._on_listing_read,
    effects.Compared: Session._on_compared,
    effects.ContentRead: Session._on_content_read,
    effects.VectorsRead: Session._on_vectors_read,
    effects.BlobsWantedRead: Session._on_blobs_wanted,
    effects.BlobRead: Session._on_blob_read,
    effects.BlobSaved: Session._on_blob_saved,
}
