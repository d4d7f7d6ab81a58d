"""Two or more nodes in one process: real stores, real sessions, a link that can be cut anywhere."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import get_args

from conflict.clock import Stamp
from conflict.document import LaneWriter
from conflict.identity import (
    ActorId,
    DocumentId,
    DocumentKind,
    Lane,
    NodeId,
    actor_id,
    new_document,
)
from conflict.lane import LaneRun
from conflict.scope import Scopes
from conflict.signature import SigningKey, VerifyingKey, lane_message
from conflict.statement import Draft
from node.belonging import Belonging
from storage.audit_chain import AuditAck
from storage.errors import BlobMismatch, BlobMisplaced, BlobTooLarge
from storage.memory import MemoryStore
from sync import (
    audit,
    audit_effects,
    authority_effects,
    blob_effects,
    codec,
    custody,
    custody_effects,
    effects,
    shed_effects,
)
from sync.audit import Action, AuditHead, AuditRow
from sync.authority_effects import NO_LOG
from sync.custody import CustodyEntry, Verdict
from sync.effects import Effect, Phase
from sync.handshake import Greeting
from sync.link_profile import LinkProfile
from sync.messages import Content
from sync.packing import pack
from sync.payload import read_payload
from sync.ports import Known, LaneReader, Precedence, Terms, View
from sync.reading import perform
from sync.session import Session

READS = get_args(effects.Read)
TOLD = (
    authority_effects.SaveAuthority,
    custody_effects.SaveCustody,
    *get_args(shed_effects.ShedWrite),
    *get_args(audit_effects.AuditWrite),
)
Told = (
    authority_effects.SaveAuthority
    | custody_effects.SaveCustody
    | shed_effects.ShedWrite
    | audit_effects.AuditWrite
)
LAN = LinkProfile.lan()
_NAMES = {number: kind.__name__ for kind, number in codec._TYPES.items()}


class Keys(dict[NodeId, VerifyingKey]):
    """A keyring of known public keys."""

    def add(self, key: SigningKey) -> None:
        self[key.node] = VerifyingKey(key.public)

    def verifies(self, node: NodeId, message: bytes, signature: bytes) -> bool | None:
        key = self.get(node)
        return None if key is None else key.verifies(message, signature)


class Node:
    """A store, a key and the lanes that this node writes itself."""

    def __init__(self, number: int, keys: Keys) -> None:
        self.random = random.Random(f"node {number}")
        self.key = SigningKey.from_entropy(self.random.randbytes(48))
        keys.add(self.key)
        self.keys = keys
        self.store = MemoryStore(self.random.randbytes(16))
        self.nonce = self.random.randbytes(16)
        self.actor: ActorId = actor_id(self.key.node, self.nonce)
        self.lanes: dict[DocumentId, LaneWriter] = {}
        self.acknowledged: list[tuple[DocumentId, bytes]] = []
        self.sessions: list[Endpoint] = []
        self.known: dict[NodeId, Known] = {}
        self.sparing = False
        self.scopes: Scopes | None = None  # granted; None: everything
        self.garrisons: set[NodeId] = set()
        self.belonging: Belonging | None = None  # of a theatre; else `keys` are known
        self.slow_log: deque[Callable[[], None]] | None = None  # what keeps the log waits here

    def run(self, document: DocumentId, pulse: int, *, saves: int = 1) -> LaneRun:
        """The next signed run of our own lane."""
        return self.saying(document, [Draft(slot="vitals", value={"pulse": pulse}, by="T")] * saves)

    def saying(self, document: DocumentId, drafts: Sequence[Draft]) -> LaneRun:
        """The same, of these statements, a change each."""
        lane = self.lanes.setdefault(document, LaneWriter(self.actor))
        first = lane.length + 1
        written = [lane.write([(draft, Stamp(1, n))]) for n, draft in enumerate(drafts)]
        run = LaneRun(
            lane=Lane(document, self.actor),
            author=self.key.node,
            nonce=self.nonce,
            first_seq=first,
            changes=tuple(one.raw for one in written),
            head=written[-1].hash,
            signature=None,
        )
        return replace(run, signature=self.key.sign(lane_message(run)))

    def save(
        self,
        document: DocumentId,
        pulse: int = 80,
        *,
        saves: int = 1,
        precedence: Precedence = Precedence.ROUTINE,
    ) -> None:
        """A local save: durable, then offered to every live session."""
        self.hold(self.run(document, pulse, saves=saves), precedence)

    def hold(self, run: LaneRun, precedence: Precedence = Precedence.ROUTINE) -> None:
        """Save a run of our own."""
        document = run.lane.document
        with self.store.write() as transaction:
            applied = transaction.hold([run], None, 1)
        assert not applied.set_aside
        self.held()
        self.acknowledged.append((document, run.head))
        self.grown(applied.grown, None, precedence)

    def held(self) -> None:
        """Something was held here: a place to admit and fold it, where that matters."""

    def grown(
        self, lanes: tuple[tuple[Lane, int], ...], source: NodeId | None, precedence: Precedence
    ) -> None:
        for endpoint in self.sessions:
            if lanes and endpoint.session.peer != source:
                relayed = source is not None
                now = endpoint.link.now
                endpoint.perform(
                    endpoint.session.grown(lanes, now, precedence=precedence, relayed=relayed)
                )

    def write_custody(self) -> CustodyEntry | None:
        """A garrison's next entry, told to every live session."""
        with self.store.write() as transaction:
            entry = transaction.write_custody(
                self.key.node, self.store.epoch(), 1, lambda one: custody.signed(one, self.key)
            )
        if entry is not None:
            self.custody_grown(None)
        return entry

    def custody_grown(self, source: NodeId | None) -> None:
        for endpoint in self.sessions:
            if endpoint.session.peer != source:
                relayed = source is not None
                endpoint.perform(endpoint.session.custody_grown(endpoint.link.now, relayed=relayed))

    def note(self, count: int = 1, text: str = "") -> AuditHead:
        """Rows in our own audit log, told to every live session."""
        rows = [AuditRow(at, Action.READ, "ruiz", "medic", bytes(16), text) for at in range(count)]
        device = self.key.node
        with self.store.write() as transaction:
            head = transaction.append_audit(
                device, self.store.epoch(), rows, lambda one: audit.sign_head(device, one, self.key)
            )
        for endpoint in self.sessions:
            endpoint.perform(endpoint.session.audit_grown(endpoint.link.now))
        return head

    def holds(self, document: DocumentId, head: bytes) -> bool:
        """True when the lane chain in this store reaches that change."""
        from conflict.change import read_header

        runs, _ = self.store.runs(document, {}, 1 << 24)
        return any(read_header(chunk).hash == head for run in runs for chunk in run.changes)


class Endpoint:
    """One side of a link: a session and the performer of its effects."""

    def __init__(self, node: Node, link: Link, certified: NodeId, *, leader: bool) -> None:
        self.node, self.link, self.leader = node, link, leader
        greeting = Greeting(
            epoch=node.store.epoch(),
            nonce=node.random.randbytes(16),
            catalogue=1,
            clock_ms=1,
            sketch_key=node.store.sketch(1).key.name,
            log=node.belonging.log_head if node.belonging else NO_LOG,
        )
        self.session = Session(
            signer=node.key,
            keyring=node.belonging or node.keys,
            certified=certified,
            greeting=greeting,
            terms=self.terms,
            leader=leader,
            now=link.now,
        )
        self.store: LaneReader = node.store
        self.outgoing: deque[bytes] = deque()
        self.frames: list[bytes] = []  # all that was ever sent
        self.notices: list[Effect] = []
        self.bytes_out = 0
        self.said: Counter[str] = Counter()  # bytes by name of message
        self.frames_out = 0
        self.deaf = False
        self.busy = False
        self.todo: deque[Effect] = deque()
        node.sessions.append(self)

    def terms(self, peer: NodeId | None) -> Terms:
        """What this node remembers of the peer, on the lab's link."""
        known = self.node.known.get(peer) if peer is not None else None
        profile, scopes = self.link.profiles[not self.leader], self.node.scopes
        return Terms(profile, known, self.node.sparing, scopes=scopes)

    def perform(self, todo: list[Effect]) -> None:
        """Perform effects in order; answers come after, as they do from a real driver."""
        self.todo.extend(todo)
        if self.busy:
            return
        self.busy = True
        while self.todo and not self.deaf:
            self._one(self.todo.popleft())
        self.busy = False
        self.transmit()

    def transmit(self) -> None:
        """Frames that may leave now."""
        while not self.deaf and (frame := self.session.transmit()) is not None:
            self.outgoing.append(frame)
            self.frames.append(frame)
            self.bytes_out += len(frame)
            self.frames_out += 1
            self.said[_NAMES[codec.type_of(frame)]] += len(frame)

    def _one(self, effect: Effect) -> None:
        match effect:
            case effects.Close():
                self.notices.append(effect)
            case effects.Hold():
                self._hold(effect)
            case effects.SaveReceipts(holder, epoch, receipts):
                with self.node.store.write() as transaction:
                    transaction.save_receipts(holder, epoch, receipts, 1)
            case effects.Outdated():
                self.node.known.pop(self.session.peer, None)
            case blob_effects.SaveBlobPart():
                self._blob(effect)
            case _ if isinstance(effect, TOLD):
                self._told(effect)
            case effects.Proven(peer, _, _, scopes):
                self.notices.append(effect)
                if scopes is not None:
                    own = self.node.key.node if peer in self.node.garrisons else None
                    self.store = self.node.store.shared(View(scopes, own))
            case effects.Entered(Phase.EQUAL):
                self.notices.append(effect)
                if (known := self.session.proved) is not None and self.session.peer is not None:
                    self.node.known[self.session.peer] = known
            case _ if isinstance(effect, READS):
                answer = perform(effect, self.store)
                self.perform(self.session.answer(effect.ticket, answer, self.link.now))
            case _:
                self.notices.append(effect)

    def _hold(self, effect: effects.Hold) -> None:
        with self.node.store.write() as transaction:
            applied = transaction.hold(effect.runs, effect.source, 1)
            if effect.set_aside:
                kept = {aside: b"".join(run.changes) for aside, run in effect.set_aside}
                transaction.set_aside([one for one, _ in effect.set_aside], kept, effect.source, 1)
        self.node.held()
        done = effects.HoldDone(applied)
        self.perform(self.session.answer(effect.ticket, done, self.link.now))
        self.node.grown(applied.grown, effect.source, effect.precedence)

    def _log(self, effect: authority_effects.SaveAuthority) -> None:
        def save() -> None:
            assert self.node.belonging is not None
            saved = self.node.belonging.heard(effect.entries)
            self.perform(self.session.answer(effect.ticket, saved, self.link.now))

        if self.node.slow_log is None:
            save()
        else:
            self.node.slow_log.append(save)

    def _told(self, effect: Told) -> None:
        match effect:
            case authority_effects.SaveAuthority():
                self._log(effect)
            case custody_effects.SaveCustody():
                self._custody(effect)
            case audit_effects.SaveAudit(ticket, segment):
                with self.node.store.write() as transaction:
                    saved = audit_effects.AuditSaved(*transaction.hold_audit(segment, 1))
                self.perform(self.session.answer(ticket, saved, self.link.now))
            case audit_effects.SaveAuditAck(garrison, epoch, place):
                with self.node.store.write() as transaction:
                    ack = AuditAck(epoch, place.number, place.short, 1)
                    transaction.save_audit_ack(garrison, ack)
            case _:
                self._released(effect)

    def _custody(self, effect: custody_effects.SaveCustody) -> None:
        with self.node.store.write() as transaction:
            verdict, position = transaction.save_custody(effect.entry, 1)
        saved = custody_effects.CustodySaved(effect.entry, verdict, position)
        self.perform(self.session.answer(effect.ticket, saved, self.link.now))
        if verdict is Verdict.KEPT:
            self.node.custody_grown(self.session.peer)

    def _released(self, effect: shed_effects.ShedWrite) -> None:
        answer: shed_effects.ShedAnswer = shed_effects.HeardSaved()
        with self.node.store.write() as transaction:
            if isinstance(effect, shed_effects.SaveReleased):
                transaction.save_released(effect.holder, effect.release.documents)
                answer = shed_effects.ReleasedSaved(effect.release)
            else:
                told = (effect.release.through, effect.release.total)
                transaction.heard_release(effect.peer, effect.epoch, *told)
        self.perform(self.session.answer(effect.ticket, answer, self.link.now))

    def _blob(self, effect: blob_effects.SaveBlobPart) -> None:
        reached = effect.offset + len(effect.data)
        try:
            with self.node.store.write() as transaction:
                complete = transaction.put_blob_part(
                    effect.hash, effect.offset, effect.data, effect.size
                )
        except (BlobMismatch, BlobMisplaced, BlobTooLarge):  # as the engine does
            reached, complete = 0, False
        saved = blob_effects.BlobSaved(effect.hash, reached, complete)
        self.perform(self.session.answer(effect.ticket, saved, self.link.now))


class Link:
    """Two endpoints. `step` carries one frame; `cut` ends both sessions wherever they are."""

    def __init__(
        self,
        leader: Node,
        follower: Node,
        now: float = 0.0,
        profile: LinkProfile = LAN,
        followers: LinkProfile | None = None,
    ) -> None:
        self.now = now
        self.profiles = (profile, followers or profile)
        self.ends = (
            Endpoint(leader, self, follower.key.node, leader=True),
            Endpoint(follower, self, leader.key.node, leader=False),
        )
        for end in self.ends:
            end.perform(end.session.start())

    def step(self, which: int = 0) -> bool:
        """Deliver one frame from end `which`, or from the other when it has none."""
        for number in (which, 1 - which):
            sender, receiver = self.ends[number], self.ends[1 - number]
            if sender.outgoing:
                frame = sender.outgoing.popleft()
                if not receiver.deaf:
                    receiver.perform(receiver.session.receive(frame, self.now))
                return True
        return False

    def quiet(self, steps_max: int = 100_000) -> None:
        """Deliver until nothing is on the way; let deadlines pass when both sides wait."""
        for turn in range(steps_max):
            if not self.step(turn % 2):
                return
        raise AssertionError("the sessions never came to rest")

    def settle(self, deadlines_max: int = 20) -> None:
        """Quiet, then let checks and repairs come due until both say equal."""
        self.quiet()
        for _ in range(deadlines_max):
            if self.phases == (Phase.EQUAL, Phase.EQUAL) and not self._due():
                return
            self.tick()
        self.quiet()

    def _due(self) -> bool:
        return any(end.session.next_deadline() is not None for end in self.ends)

    def tick(self) -> None:
        """Let the nearest deadline come."""
        due = [one for end in self.ends if (one := end.session.next_deadline()) is not None]
        if due:
            self.now = max(self.now, min(due))
            for end in self.ends:
                end.perform(end.session.expire(self.now))
        self.quiet()

    def cut(self) -> None:
        for end in self.ends:
            end.deaf = True
            end.outgoing.clear()
            end.node.sessions.remove(end)

    @property
    def said(self) -> Counter[str]:
        """Bytes by name of message, both ways together."""
        return self.ends[0].said + self.ends[1].said

    @property
    def phases(self) -> tuple[Phase, Phase]:
        return self.ends[0].session.phase, self.ends[1].session.phase


def lost(*nodes: Node) -> list[object]:
    """Heads acknowledged by one of these nodes that another does not hold."""
    return [
        head
        for writer in nodes
        for doc, head in writer.acknowledged
        if not all(node.holds(doc, head) for node in nodes)
    ]


def said(frame: int, *runs: LaneRun, precedence: Precedence = Precedence.ROUTINE) -> Content:
    """A CONTENT message of runs that name everything themselves."""
    return Content(frame, precedence, pack(runs))


def runs_of(content: Content, sender: Node) -> tuple[LaneRun, ...]:
    """What a CONTENT message carries: who sent it has whatever it goes on from."""
    payload = read_payload(content.payload)
    runs = payload.runs(sender.store.bases(payload.continued, sender.key.node))
    assert None not in runs
    return tuple(run for run in runs if run is not None)


def document(number: int) -> DocumentId:
    """A fixed episode id."""
    return new_document(DocumentKind.EPISODE, number.to_bytes(15, "big"))
