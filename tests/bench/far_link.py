"""A link without a rate between two nodes in one process: every frame takes half a round trip.

Time is virtual, so an instant divided by `ROUND_TRIP_S` is a number of round trips, the same on any
machine. Bytes are those of frames; what WebSocket (2 to 8 B a frame) and TCP add is not in them.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable

import msgpack

from sync import codec
from sync.effects import Phase
from sync.link_profile import LinkProfile
from sync.messages import Content
from sync.squeezing import unsqueeze
from tests.sync.session_lab import LAN, Endpoint, Link, Node, runs_of

ROUND_TRIP_S = 1.0
QUIET_S_MAX = 300.0
SIGNED = ("Proof", "Receipts")
SIGNATURE_BYTES = 65
_NAMES = {number: kind.__name__ for kind, number in codec._TYPES.items()}


class Said:
    """What went over a link, both ways together, once parts are put together again.

    `payload`: of CONTENT, all; `signatures`: in it and in PROOF and RECEIPTS; `names`: ids, nonces
    and hashes in the payload, which no compression makes smaller.
    """

    def __init__(self) -> None:
        self.by_name: Counter[str] = Counter()
        self.payload = self.signatures = self.content_signatures = self.names = 0
        self._waiting: dict[tuple[Endpoint, int], bytes] = {}

    @property
    def total(self) -> int:
        """Bytes of frames."""
        return self.by_name.total()

    @property
    def metadata(self) -> int:
        """What is neither content nor a signature, greeting included."""
        return self.total - self.payload - (self.signatures - self.content_signatures)

    def take(self, end: Endpoint, frame: bytes) -> None:
        """Count a frame that `end` sent."""
        if codec.type_of(frame) != codec.PART:
            self._whole(end, frame)
            return
        _, precedence, more, data = msgpack.unpackb(frame)
        self.by_name["Part"] += len(frame) - len(data)
        whole = self._waiting.pop((end, precedence), b"") + data
        if more:
            self._waiting[end, precedence] = whole
        else:
            self._whole(end, whole)

    def _whole(self, end: Endpoint, message: bytes) -> None:
        name = _NAMES[codec.type_of(message)]
        self.by_name[name] += len(message)
        if name in SIGNED:
            self.signatures += SIGNATURE_BYTES
        if name == "Content":
            content = codec.decode(message)
            assert isinstance(content, Content)
            signed = sum(len(run.signature or b"") for run in runs_of(content, end.node))
            self.payload += len(content.payload)
            self.names += len(unsqueeze(content.payload[1:])[1]) - signed
            self.content_signatures += signed
            self.signatures += signed


class FarLink(Link):
    """Run it with `until`; `now` is virtual seconds from the first HELLO."""

    def __init__(self, leader: Node, follower: Node, profile: LinkProfile = LAN) -> None:
        self.talk = Said()
        self._on_the_way: list[tuple[float, int, int, bytes]] = []
        self._sent = 0
        super().__init__(leader, follower, profile=profile)

    @property
    def equal(self) -> bool:
        """Both sides know it."""
        return self.phases == (Phase.EQUAL, Phase.EQUAL)

    @property
    def bytes_each_way(self) -> tuple[int, int]:
        """Of frames sent so far: the leader's, the follower's."""
        return self.ends[0].bytes_out, self.ends[1].bytes_out

    def until(self, reached: Callable[[], bool]) -> float:
        """Let time pass until then; round trips since the first HELLO."""
        while not reached():
            assert self._advance(), "nothing is on the way, and it was not reached"
        return self.now / ROUND_TRIP_S

    def rest(self) -> None:
        """Until nothing is on the way and nothing is due."""
        while self._advance():
            assert self.now < QUIET_S_MAX, "the sessions never came to rest"

    def _advance(self) -> bool:
        self._collect()
        due = [one for end in self.ends if (one := end.session.next_deadline()) is not None]
        if self._on_the_way and (not due or self._on_the_way[0][0] <= min(due)):
            self.now, _, number, frame = heapq.heappop(self._on_the_way)
            receiver = self.ends[number]
            receiver.perform(receiver.session.receive(frame, self.now))
        elif due:
            self.now = max(self.now, min(due))
            for end in self.ends:
                end.perform(end.session.expire(self.now))
        self._collect()
        return bool(self._on_the_way or due)

    def _collect(self) -> None:
        for number, end in enumerate(self.ends):
            while end.outgoing:
                frame = end.outgoing.popleft()
                self.talk.take(end, frame)
                self._sent += 1
                at = self.now + ROUND_TRIP_S / 2
                heapq.heappush(self._on_the_way, (at, self._sent, 1 - number, frame))
