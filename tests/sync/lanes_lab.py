"""A document that many processes have written in: each start of a process is a new lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from session_lab import Keys, Node, document

from conflict.clock import Stamp
from conflict.document import LaneWriter
from conflict.identity import ActorId, DocumentId, Lane, actor_id
from conflict.lane import LaneRun
from conflict.signature import lane_message
from conflict.statement import Draft
from storage.memory import MemoryStore
from sync.ports import Precedence

ROSTER = document(1)
EPOCHS = (b"epoch of the one", b"epoch of another")


class Process:
    """One process of a node, with its lane in one document."""

    def __init__(self, node: Node, nonce: bytes, at: DocumentId = ROSTER) -> None:
        self.node, self.nonce = node, nonce
        self.lane = Lane(at, actor_id(node.key.node, nonce))
        self._writer = LaneWriter(self.lane.actor)

    @property
    def actor(self) -> ActorId:
        return self.lane.actor

    def write(self, saves: int = 1) -> LaneRun:
        """The next signed run."""
        first = self._writer.length + 1
        draft = Draft(slot="vitals", value={"pulse": 80}, by="T")
        written = [self._writer.write([(draft, Stamp(1, n))]) for n in range(saves)]
        run = LaneRun(
            lane=self.lane,
            author=self.node.key.node,
            nonce=self.nonce,
            first_seq=first,
            changes=tuple(one.raw for one in written),
            head=written[-1].hash,
            signature=None,
        )
        return replace(run, signature=self.node.key.sign(lane_message(run)))


def restarted(node: Node, at: DocumentId = ROSTER) -> Process:
    """A new process of a node."""
    return Process(node, node.random.randbytes(16), at)


def restarted_as(node: Node, tag: bytes) -> Process:
    """One whose actor ends with these two bytes."""
    while True:
        nonce = node.random.randbytes(16)
        if actor_id(node.key.node, nonce).endswith(tag):
            return Process(node, nonce)


def hold(node: Node, runs: Sequence[LaneRun], *, offered: bool = True) -> None:
    """Durable, and offered to every live session."""
    with node.store.write() as transaction:
        applied = transaction.hold(runs, None, 1)
    assert not applied.set_aside
    node.grown(applied.grown if offered else (), None, Precedence.ROUTINE)


class Pair:
    """Two nodes that hold the same `lanes` lanes of the roster, and `besides` other documents.

    `new`, `grow`: what one of them writes while they are apart.
    """

    def __init__(self, lanes: int, besides: int = 0) -> None:
        keys = Keys()
        self.nodes = (Node(1, keys), Node(2, keys))
        self._rested = [restarted(self.nodes[number % 2]) for number in range(lanes)]
        begun = [one.write() for one in self._rested]
        for node, epoch in zip(self.nodes, EPOCHS, strict=True):
            node.store = MemoryStore(epoch)
            hold(node, begun)
        for number in range(besides):
            run = self.nodes[0].run(document(100 + number), number)
            for node in self.nodes:
                hold(node, [run])

    def new(self, which: int, lanes: int, saves: int = 1) -> None:
        node = self.nodes[which]
        hold(node, [restarted(node).write(saves) for _ in range(lanes)])

    def grow(self, which: int, lanes: int, saves: int = 1) -> int:
        """As many as there are left that did not grow yet."""
        grown = [self._rested.pop() for _ in range(min(lanes, len(self._rested)))]
        hold(self.nodes[which], [one.write(saves) for one in grown])
        return len(grown)

    @property
    def equal(self) -> bool:
        one, other = self.nodes
        return one.store.summary() == other.store.summary()
