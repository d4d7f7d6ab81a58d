"""Content both ways within a session: what is asked, sent and receipted, what comes in and is held.

Knows nothing of checks and rounds; `Session` tells it when it may speak. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from conflict.identity import DocumentId, Lane, NodeId
from conflict.lane import Vector
from sync import effects, limits, messages, shed_effects
from sync.continuing import BasesRead, ReadBases
from sync.effects import Effect
from sync.errors import FrameTooLarge, OutOfTurn
from sync.inbound import Inbound
from sync.messages import Message
from sync.outbox import Outbox
from sync.ports import Keyring, Precedence, Signer, Terms
from sync.receipts import check_receipts, refusal
from sync.relays import Relays
from sync.shed_exchange import Withheld
from sync.vectors import NOTHING, said

Say = Callable[[Message], None]


class Exchange:
    """One side's content. `progress`: something became durable since it was last set to False."""

    def __init__(
        self,
        *,
        signer: Signer,
        keyring: Keyring,
        epoch: bytes,
        peer: NodeId,
        leader: bool,
        terms: Terms,
        ticket: Callable[[], int],
        say: Say,
    ) -> None:
        self.outbox = Outbox(terms)
        self.inbound = Inbound(signer, keyring, epoch, peer, terms.profile.receipt_delay_s)
        self.relays = Relays(leader=leader)
        self.withheld = Withheld()
        self.progress = False
        self.moved = False  # content has gone or come since it was last set to False
        self._keyring, self._peer = keyring, peer
        self._ticket = ticket
        self._say = say
        self._vector_reads = 0
        self._answered: set[DocumentId] = set()  # documents whose vectors both sides have said
        self._apart: set[Lane] = set()  # of which the peer was asked for its other branch
        self._refusals = 0
        self._number, self._whole = 0, False

    @property
    def _source(self) -> NodeId | None:
        """Whose staged prefixes count: nobody's once that may have misled."""
        return None if self._whole else self._peer

    def next_round(self, number: int, *, whole: bool) -> None:
        """Nothing has been said yet. `whole`: vectors are neither cut nor count what is staged."""
        self.progress, self._number, self._whole = False, number, whole
        self._answered.clear()
        self._apart.clear()
        self.outbox.next_round()

    @property
    def asking(self) -> bool:
        """We are about to say vectors."""
        return bool(self._vector_reads)

    @property
    def busy(self) -> bool:
        """Something is queued, on the way, or not yet durable."""
        return not self.outbox.idle or self.inbound.holding or self.relays.due is not None

    # Out ------------------------------------------------------------------------------------

    def grown(
        self,
        lanes: Iterable[tuple[Lane, int]],
        precedence: Precedence,
        now: float,
        *,
        relayed: bool,
    ) -> Iterable[Effect]:
        """Lanes grew here: send them on, what came through a third node after a moment."""
        for lane, first_seq in lanes:
            if relayed:
                self.relays.put(lane, first_seq, precedence, now)
            else:
                self.outbox.push(lane, first_seq, precedence)
        return ()

    def owed(self, answer: effects.OwedRead) -> None:
        """Our own lanes that a garrison is to have, although it may not hold their documents."""
        for lane in answer.lanes:
            self.outbox.push(lane, 1, Precedence.ROUTINE)

    def asked(self, vectors: messages.Vectors, *, owed: bool) -> None:
        """The peer said what it holds. `owed`: it waits for an answer."""
        staged = not (vectors.round or vectors.answer)
        for document, vector in vectors.vectors:
            self.outbox.ask(document, vector, told=staged, only=vectors.answer, owed=owed)
            if len(self._answered) >= limits.QUEUE_DOCUMENTS_MAX:
                most = limits.QUEUE_DOCUMENTS_MAX
                raise FrameTooLarge(f"vectors of over {most} documents (QUEUE_DOCUMENTS_MAX)")
            if vectors.answer or staged:
                self._answered.add(document)

    def pump(
        self, now: float, urgent_since_ms: int, waiting_bytes: Mapping[Precedence, int]
    ) -> Iterator[Effect]:
        """What is due: relays, reads, receipts."""
        for lane, first_seq, precedence in self.relays.ready(now):
            self.outbox.push(lane, first_seq, precedence)
        yield from self.outbox.reads(self._ticket, urgent_since_ms, waiting_bytes, self._source)
        self.receipt(now)

    def lacking(self, answer: effects.LackingRead) -> None:
        """What the peer lacks of what it asked for; where it has more than we, we ask in turn: once a
        round for each document."""
        self.outbox.found(answer)
        self.withheld.ours.update(answer.withheld)
        for at in range(0, len(answer.withheld), limits.RELEASED_DOCUMENTS_MAX):
            some = answer.withheld[at : at + limits.RELEASED_DOCUMENTS_MAX]
            self._say(messages.Withheld(some))
        ask = [
            (document, vector)
            for document, vector in answer.behind
            if document in answer.owed or document not in self._answered
        ]
        self._answered.update(document for document, _ in ask)
        self._say_vectors(ask)

    def reached(self, answer: effects.ReachRead) -> Iterator[Effect]:
        """A burst of content has been read. Of a lane of which the peer has another branch we ask for
        all of its own, once a round, and it gets all of ours."""
        for content in self.outbox.read(answer):
            self._say(content)
            yield from self._move()
        behind = [one for one in answer.reach.behind if one.document not in self._answered]
        self._answered.update(one.document for one in behind)
        yield from self._read_vectors(tuple(behind))
        apart = [one for one in answer.reach.apart if one not in self._apart]
        self._apart.update(apart)
        self._say_vectors([(one.document, {one.actor: NOTHING}) for one in apart])

    def _move(self) -> Iterator[Effect]:
        if not self.moved:
            self.moved = True
            yield effects.Outdated()

    def _read_vectors(self, lanes: tuple[Lane, ...]) -> Iterator[Effect]:
        if lanes:
            self._vector_reads += 1
            yield effects.ReadVectors(self._ticket(), self._source, lanes)

    def withholds(self, withheld: messages.Withheld) -> Iterator[Effect]:
        """The peer has let go of what we asked for: somebody else has it."""
        self.withheld.answered(withheld.documents)
        yield shed_effects.PeerWithholds(withheld.documents)

    def vectors_read(self, answer: effects.VectorsRead) -> None:
        """How far we have some lanes, for the peer to send from there on."""
        self._vector_reads -= 1
        self._say_vectors(answer.vectors)

    def _say_vectors(self, lanes: Sequence[tuple[DocumentId, Vector]]) -> None:
        for vectors in said(self._number, lanes, answer=True, whole=self._whole) if lanes else ():
            self._say(vectors)

    def receipted(self, message: messages.Receipts, peer: messages.Hello) -> Iterator[Effect]:
        """The peer says what is durable there."""
        receipts = self.outbox.receipted(message.frames, message.refused)
        check_receipts(message, receipts, peer, self._keyring)
        self.progress = self.outbox.news(receipts) or self.progress
        if receipts:
            yield effects.SaveReceipts(peer.node, peer.epoch, receipts)

    def refused(self, refused: messages.Refused) -> Iterator[Effect]:
        """The peer set a run aside. Raises `OutOfTurn` for more of them than it was sent."""
        self._refusals += 1
        if self._refusals > self.outbox.runs_sent:
            raise OutOfTurn("more runs refused than were sent")
        lane = Lane(refused.document, refused.actor)
        self.outbox.refused(lane)
        yield effects.PeerRefused(lane, refused.first_seq, refused.code, refused.detail)

    # In -------------------------------------------------------------------------------------

    def content(self, content: messages.Content) -> Iterator[Effect]:
        """Vet it, hold what is good."""
        self.inbound.put(content)
        yield from self._move()
        yield from self._hold(self.inbound.go_on(self._ticket))

    def listen(self, listening: bool) -> Iterator[Effect]:
        """Whether it is known whose signatures count; until then content waits."""
        opened = listening and self.inbound.shut
        self.inbound.shut = not listening
        if opened:
            yield from self._hold(self.inbound.go_on(self._ticket))

    def bases(self, answer: BasesRead) -> Iterator[Effect]:
        """What a message goes on from has been read."""
        yield from self._hold(self.inbound.found(answer, self._ticket))

    def _hold(self, todo: Iterable[effects.Hold | ReadBases]) -> Iterator[Effect]:
        for effect in todo:
            if isinstance(effect, effects.Hold):
                for fault, run in effect.set_aside:
                    self._say(refusal(fault))
                    self.relays.heard(run)
                for run in effect.runs:
                    self.relays.heard(run)
            yield effect

    def held(self, ticket: int, answer: effects.HoldDone, now: float) -> Iterator[Effect]:
        """It is durable."""
        for aside in answer.applied.set_aside:
            self._say(refusal(aside))
        gaps = self.inbound.held(ticket, answer, now)
        self.progress = self.progress or bool(answer.applied.grown)
        yield from self._read_vectors(gaps)

    def receipt(self, now: float) -> None:
        """Say what is durable, if it is time."""
        if (receipt := self.inbound.receipt(now)) is not None:
            self._say(receipt)
