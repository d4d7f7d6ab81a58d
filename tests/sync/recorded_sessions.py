"""Sessions of the lab as one side heard them, to be heard again by a fresh copy of that side.

Nodes of the lab are deterministic, so a copy with the same number has the same key, nonce and store,
and the recorded frames, PROOF included, hold for it. A new message belongs in a `SCENE`: a test asks
for all types.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

from lanes_lab import Pair
from session_lab import Endpoint, Keys, Link, Node, document

from conflict.lane import LaneRun
from conflict.scope import scope_id
from node.belonging import Belonging
from storage.shapes import ProjectionRow
from sync import codec, custody
from sync.effects import Effect, Phase
from sync.link_profile import LinkKind, LinkProfile
from sync.trust.authority import Time
from tests.contracts.store_samples import admit_all
from tests.theatre import Authority

LAN = LinkProfile.lan()
THIN = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9600, rtt_s=0.6)
BLOB = random.Random("blob").randbytes(70_000)


class Heard(NamedTuple):
    """One thing that the side was told: a frame, or (None) that a deadline had come."""

    at: float
    frame: bytes | None


class Scene(NamedTuple):
    """How two nodes stand before a session, on what link, and what they do during it."""

    name: str
    prepare: Callable[[], tuple[Node, Node]]
    during: Callable[[Link], None] = Link.settle
    profile: LinkProfile = LAN


@dataclass(frozen=True)
class Recording:
    """What side `which` (0: the leader) of a scene's session heard."""

    scene: Scene
    which: int
    heard: tuple[Heard, ...]
    honest: frozenset[bytes]
    """Raw changes that either side holds at the end."""

    @property
    def frames(self) -> list[bytes]:
        return [one.frame for one in self.heard if one.frame is not None]

    def victim(self) -> Victim:
        """That side anew, before its first frame."""
        return Victim(self.scene, self.which)


class Victim:
    """One node with one session; whoever calls speaks for its peer."""

    def __init__(self, scene: Scene, which: int) -> None:
        pair = scene.prepare()
        self.node, peer = pair[which], pair[1 - which]
        self.now = 0.0
        self.profiles = (scene.profile, scene.profile)  # what an endpoint asks of its link
        self.end = Endpoint(self.node, self, peer.key.node, leader=not which)  # type: ignore[arg-type]
        self.end.perform(self.end.session.start())

    def hear(self, one: Heard) -> None:
        self.now = max(self.now, one.at)
        session = self.end.session
        told = (
            session.expire(self.now) if one.frame is None else session.receive(one.frame, self.now)
        )
        self.end.perform(told)

    @property
    def closed(self) -> bool:
        return self.end.session.phase is Phase.CLOSED


# --- scenes -----------------------------------------------------------------------------------------


@cache
def _runs(number: int, documents: tuple[int, ...], saves: int) -> tuple[LaneRun, ...]:
    author = Node(number, Keys())
    return tuple(author.run(document(one), 60 + one, saves=saves) for one in documents)


def _pair(
    ones: tuple[int, ...] = (), others: tuple[int, ...] = (), *, saves: int = 1
) -> tuple[Node, Node]:
    keys = Keys()
    pair = (Node(1, keys), Node(2, keys))
    for number, (node, documents) in enumerate(zip(pair, (ones, others), strict=True), 1):
        with node.store.write() as transaction:
            transaction.hold(_runs(number, documents, saves), None, 1)
    return pair


def _both_changed() -> tuple[Node, Node]:
    """The same documents at both, each with a lane that the other lacks."""
    return _pair(tuple(range(6)), tuple(range(3, 9)))


def _other_secrets() -> tuple[Node, Node]:
    one, other = _both_changed()
    other.store.sketch_with(b"another theatre!")
    return one, other


def _many_lanes() -> tuple[Node, Node]:
    pair = Pair(80)
    pair.new(0, 3)
    pair.new(1, 30)
    return pair.nodes


def _stranger() -> tuple[Node, Node]:
    one, other = _pair((1, 2))
    for node in (one, other):  # what each sends, the other cannot verify
        stranger = Node(9 if node is one else 8, Keys())
        with node.store.write() as transaction:
            transaction.hold([stranger.run(document(7), 70)], None, 1)
    return one, other


def _audit() -> tuple[Node, Node]:
    device, garrison = _pair((1,), (1,))
    for node in (device, garrison):
        node.store.trust([garrison.key.node])
    device.note(40)
    return device, garrison


def _blob() -> tuple[Node, Node]:
    one, other = _pair((1,), (1,))
    name = hashlib.sha256(BLOB).digest()
    for node in (one, other):
        with node.store.write() as transaction:
            row = ProjectionRow(document(1), "x", 0, b"{}", blobs=((name, len(BLOB)),))
            transaction.save_projection(row)
    with one.store.write() as transaction:
        transaction.put_blob(BLOB)
    return one, other


def _custody() -> tuple[Node, Node]:
    medic, garrison = _pair((1, 2, 3), (3, 4))
    garrison.store.renew_epoch(custody.new_epoch(1, bytes(16)))
    for node in (medic, garrison):
        node.store.trust([garrison.key.node])
    garrison.write_custody()
    return medic, garrison


def _shed() -> tuple[Node, Node]:
    """The medic has let go of a document that is the garrison's, and wants another one back."""
    medic, garrison = _custody()
    link = Link(medic, garrison)
    link.settle()
    while garrison.write_custody() is not None:
        link.settle()
    link.cut()
    admit_all(medic.store)
    with medic.store.write() as transaction:
        transaction.shed(document(1), 2)
        transaction.shed(document(2), 2)
        transaction.want([document(2)], 3)
    return medic, garrison


def _nowhere() -> tuple[Node, Node]:
    """Two medics have let go of the same, and one wants it back."""
    keys = Keys()
    one, other, garrison = (Node(number, keys) for number in (1, 2, 3))
    garrison.store.renew_epoch(custody.new_epoch(1, bytes(16)))
    for node in (one, other, garrison):
        node.store.trust([garrison.key.node])
    with one.store.write() as transaction:
        transaction.hold(_runs(1, (1, 2), 1), None, 1)
    for _ in range(2):
        for node in (one, other):
            link = Link(node, garrison)
            link.settle()
            link.cut()
        while garrison.write_custody() is not None:
            pass
    for node in (one, other):
        admit_all(node.store)
        with node.store.write() as transaction:
            transaction.shed(document(1), 2)
    with one.store.write() as transaction:
        transaction.want([document(1)], 3)
    return one, other


def _logs() -> tuple[Node, Node]:
    """Of one theatre; the leader has heard of less of its log."""
    one, other = Node(1, Keys()), Node(2, Keys())
    authority = Authority()
    for node in (one, other):
        authority.enrol(node.key, "n")
    for _ in range(3):
        authority.say(Time())
    for node, known in ((one, 2), (other, None)):
        node.belonging = authority.admit(Belonging(node.store, node.key), node.key, known)
    for node, number, documents in ((one, 1, (1,)), (other, 2, (2,))):
        with node.store.write() as transaction:
            transaction.hold(_runs(number, documents, 1), None, 1)
    return one, other


def _scoped() -> tuple[Node, Node]:
    one, other = _both_changed()
    one.scopes = other.scopes = frozenset((scope_id("BAS-2"),))
    return one, other


def _lively(link: Link) -> None:
    """Both write while they are connected."""
    link.settle()
    for number, end in enumerate(link.ends):
        end.node.save(document(30 + number), 90)
        link.settle()
    for end in link.ends:
        end.node.save(document(30), 91, saves=3)
    link.settle()


def _refill(link: Link) -> None:
    link.settle()
    end = link.ends[0]
    end.perform(end.session.refill(link.now))
    link.settle()


def _ended(link: Link) -> None:
    link.settle()
    link.ends[0].perform(link.ends[0].session.end("budget-spent"))
    link.quiet()


SCENES = (
    Scene("from nothing", lambda: _pair(tuple(range(5)), saves=2)),
    Scene("both changed", _both_changed),
    Scene("other secrets", _other_secrets),
    Scene("long lanes on a thin link", lambda: _pair((1, 2), (2,), saves=40), profile=THIN),
    Scene("live", lambda: _pair((1,), (1,)), _lively),
    Scene("scoped", _scoped),
    Scene("authors unknown", _stranger),
    Scene("many lanes", _many_lanes),
    Scene("a blob", _blob),
    Scene("custody", _custody),
    Scene("a fetch", _shed, _refill),
    Scene("a fetch in vain", _nowhere, _refill),
    Scene("the authority's log", _logs),
    Scene("an audit log", _audit),
    Scene("ended", lambda: _pair((1,)), _ended),
)


# --- recording --------------------------------------------------------------------------------------


def record(scene: Scene) -> tuple[Recording, Recording]:
    """One session of a scene, as each side heard it."""
    pair = scene.prepare()
    heard: tuple[list[Heard], list[Heard]] = ([], [])
    link = Link.__new__(Link)
    _tap(link, heard)
    link.__init__(*pair, profile=scene.profile)  # type: ignore[misc]
    scene.during(link)
    honest = frozenset(
        chunk for end in link.ends for run in held(end.node) for chunk in run.changes
    )
    one, other = (Recording(scene, number, tuple(heard[number]), honest) for number in (0, 1))
    return one, other


def held(node: Node) -> list[LaneRun]:
    """Every run that a node holds."""
    documents = [one.document for one in node.store.listing(None, 10_000)]
    return [run for one in documents for run in node.store.runs(one, {}, 1 << 24)[0]]


def _tap(link: Link, heard: tuple[list[Heard], list[Heard]]) -> None:
    """Note what each session is told, as it is told."""

    def step(which: int = 0) -> bool:
        for number in (which, 1 - which):
            sender, receiver = link.ends[number], link.ends[1 - number]
            if sender.outgoing:
                frame = sender.outgoing.popleft()
                heard[1 - number].append(Heard(link.now, frame))
                receiver.perform(receiver.session.receive(frame, link.now))
                return True
        return False

    def tick() -> None:
        due = [one for end in link.ends if (one := end.session.next_deadline()) is not None]
        if due:
            link.now = max(link.now, min(due))
            for number, end in enumerate(link.ends):
                heard[number].append(Heard(link.now, None))
                told: list[Effect] = end.session.expire(link.now)
                end.perform(told)
        link.quiet()

    link.step, link.tick = step, tick  # type: ignore[method-assign]


@cache
def recordings() -> tuple[Recording, ...]:
    """Every scene, from both sides."""
    return tuple(side for scene in SCENES for side in record(scene))


def types_heard() -> set[str]:
    """Names of the messages that some side heard."""
    names = {number: kind.__name__ for kind, number in codec._TYPES.items()}
    return {names[codec.type_of(frame)] for one in recordings() for frame in one.frames}
