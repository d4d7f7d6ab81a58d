"""Who reaches whom: dials, connections and their ends, over virtual wires, for the nodes' own peering.

A connection that has lost bytes to a cut carries no more, also when the link is whole again, as TCP keeps
the order. Its ends find out within a second or after `DEAD_S`, as a WebSocket without answers does.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from itertools import permutations

from node.admitting import Accept, Gate, Network
from node.sim.dice import dice
from node.sim.lab.trace import Trace
from node.sim.lab.wires import DEAD_S, LAN, Fate, Way, silence_of
from node.sim.link_shape import LinkShape
from sync.pace import Pace
from sync.transport.channel import Called, Caller, LinkFailed
from sync.transport.tls import NOT_ENROLLED, WORDS

PORT = 8470
HANDSHAKE_TRIPS = 3
"""TCP, TLS 1.3, the upgrade."""


class Pipe:
    """One direction of one connection: frames that are there, in order, and then the end."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self.ended = False

    def put(self, frame: bytes) -> None:
        """One more."""
        if not self.ended:
            self._frames.append(frame)
            self._wake()

    def end(self) -> None:
        """What is there may be read, and then the end."""
        self.ended = True
        self._wake()

    async def get(self) -> bytes | None:
        """The next; None: it has ended."""
        while not self._frames and not self.ended:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._frames.popleft() if self._frames else None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Wire:
    """One end of a connection, a `Channel` to those who use it."""

    def __init__(self, air: Air, own: str, peer: str, certificate: bytes) -> None:
        self.remote = peer
        self.own = own
        self.peer_certificate: bytes | None = certificate
        self.inbox = Pipe()
        self.other: Wire = self
        self.dying = False
        self._air = air
        self._pace = Pace()

    def bound(self, *, bytes_in_buffer: int, rate_bits_s: float) -> None:
        """See `Channel`."""
        del bytes_in_buffer
        self._pace = Pace(rate_bits_s)

    async def send(self, frame: bytes) -> None:
        """See `Channel`."""
        self._air.carry(self, frame)
        loop = asyncio.get_running_loop()
        if (free := self._pace.sent(len(frame), loop.time())) > loop.time():
            await asyncio.sleep(free - loop.time())

    async def receive(self) -> bytes | None:
        """See `Channel`."""
        return await self.inbox.get()

    async def close(self) -> None:
        """See `Channel`."""
        self.inbox.end()
        self._air.closed(self)


@dataclass(slots=True, eq=False)
class _Listening:
    accept: Accept
    gate: Gate
    context: Context  # its process


class Air:
    """All links of a world. `nodes`: names, in the order that decides everything."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        nodes: list[str],
        shapes: dict[frozenset[str], LinkShape],
        seed: int,
        trace: Trace,
    ) -> None:
        self.nodes = nodes
        self.ways: dict[tuple[str, str], Way] = {
            (one, other): Way(
                shapes.get(frozenset((one, other)), LAN), dice(seed, "network", one, other)
            )
            for one, other in permutations(nodes, 2)
        }
        self.open: list[Wire] = []
        self.frames: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[str] = Counter()
        self.connections: Counter[str] = Counter()
        self.asleep: dict[str, float] = {}
        """Nodes whose process is stopped, and since when."""
        self._loop = loop
        self._trace = trace
        self._listening: dict[str, _Listening] = {}
        self._callers: dict[str, _Caller] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._context = copy_context()  # frames go on while who sent them sleeps

    # What nodes do --------------------------------------------------------------------------------

    def ends(self, name: str) -> Network:
        """The network as this node's peering has it."""

        def both(accept: Accept, gate: Gate) -> tuple[Caller, Called]:
            caller = self._callers[name] = _Caller(self, name, gate)
            return caller, _Called(self, name, _Listening(accept, gate, copy_context()))

        return both

    async def dial(self, own: str, peer: str, gate: Gate, connect_s_max: float) -> Wire:
        """A connection whose both ends let each other in. Raises `LinkFailed`."""
        self.calls[own] += 1
        there, back = self.ways[own, peer], self.ways[peer, own]
        now = self._loop.time()
        trip_s = there.shape.rtt_s + there.delay_s + back.delay_s
        quiet_s = max(0.0, silence_of(there.shape, now) - now, there.stalled_until - now)
        taken_s = HANDSHAKE_TRIPS * trip_s + quiet_s
        if not self._passes(own, peer) or taken_s > connect_s_max:
            await asyncio.sleep(connect_s_max)
            raise LinkFailed(f"{peer} does not answer: nothing within {connect_s_max:.3g} s")
        await asyncio.sleep(taken_s)
        listening = self._listening.get(peer)
        if listening is None or not self._passes(own, peer):
            raise LinkFailed(f"{peer} does not answer: refused")
        ours, theirs = gate.credentials(), listening.gate.credentials()
        if ours is None or theirs is None:
            raise LinkFailed("not enrolled in a theatre", NOT_ENROLLED)
        code = gate.judge(theirs.certificate) or listening.gate.judge(ours.certificate)
        if code:
            raise LinkFailed(WORDS.get(code, code), code)
        here = Wire(self, own, peer, theirs.certificate)
        far = Wire(self, peer, own, ours.certificate)
        here.other, far.other = far, here
        self.open += [here, far]
        self.connections.update((own, peer))
        self._trace.note(own, "connected", peer)
        task = self._loop.create_task(self._serve(listening, far), context=listening.context)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return here

    async def _serve(self, listening: _Listening, wire: Wire) -> None:
        try:
            await listening.accept(wire)
        finally:
            await wire.close()

    def carry(self, wire: Wire, frame: bytes) -> None:
        """A frame goes off."""
        own, peer = wire.own, wire.remote
        way = self.ways[own, peer]
        self.frames[own, peer] += 1
        now = self._loop.time()
        if wire.inbox.ended:
            return
        if wire.dying:
            self._trace.message(own, peer, len(frame), Fate.DROPPED, now)
            return
        way.stalled_until = max(way.stalled_until, silence_of(way.shape, now))
        out = way.carry(len(frame), now)
        if not out:
            self._trace.message(own, peer, len(frame), Fate.DROPPED, now)
            self._doom(wire)
        for due, fate in out:
            arrive = partial(self._arrive, wire, frame)
            if way.holds:
                way.held.append(arrive)
                self._trace.message(own, peer, len(frame), Fate.HELD, due)
            else:
                self._trace.message(own, peer, len(frame), fate, due)
                self._loop.call_at(due, arrive, context=self._context)

    def _arrive(self, wire: Wire, frame: bytes) -> None:
        if self.ways[wire.own, wire.remote].cut:
            self._doom(wire)  # it was on its way when the link was cut
        else:
            wire.other.inbox.put(frame)

    def closed(self, wire: Wire) -> None:
        """One end has let go: the other learns of it, if the link carries that."""
        if wire not in self.open:
            return
        self.open.remove(wire)
        way = self.ways[wire.own, wire.remote]
        if way.cut:
            self._doom(wire)
        elif way.holds:
            way.held.append(wire.other.inbox.end)
        else:
            self._loop.call_at(
                max(self._loop.time(), way.due) + way.shape.delay_s,
                wire.other.inbox.end,
                context=self._context,
            )

    def _doom(self, wire: Wire) -> None:
        """Bytes of this connection were lost: it never goes on, and both ends find out."""
        if wire.dying:
            return
        soon = self.ways[wire.own, wire.remote].dice.random()
        for end in (wire, wire.other):
            end.dying = True
            found_s = 2 * soon if soon < 0.5 else DEAD_S
            self._loop.call_later(found_s, end.inbox.end, context=self._context)

    def _passes(self, own: str, peer: str) -> bool:
        cut = self.ways[own, peer].cut or self.ways[peer, own].cut
        return not cut and peer not in self.asleep

    def listen(self, name: str, listening: _Listening) -> None:
        """A node can be reached."""
        self._listening[name] = listening

    def hush(self, name: str, listening: _Listening) -> None:
        """It cannot any more, unless another process of it listens by now."""
        if self._listening.get(name) is listening:
            del self._listening[name]

    # What is done to it ---------------------------------------------------------------------------

    def vanish(self, name: str) -> None:
        """A node's power is gone: nothing more comes from it, and nobody is told."""
        self._listening.pop(name, None)
        if name in self._callers:
            self._callers[name].dead = True
        for wire in [one for one in self.open if one.own == name]:
            self.open.remove(wire)
            wire.inbox.end()
            self._doom(wire)

    def doze(self, name: str) -> None:
        """A node's process is stopped: what comes waits; peers hang up when no heartbeat returns."""
        since_s = self.asleep[name] = self._loop.time()
        self._loop.call_later(DEAD_S, self._given_up, name, since_s, context=self._context)

    def _given_up(self, name: str, since_s: float) -> None:
        if self.asleep.get(name) != since_s:
            return
        for wire in [one for one in self.open if one.own == name]:
            for end in (wire, wire.other):
                end.dying = True
                end.inbox.end()

    def rouse(self, name: str) -> None:
        """It goes on."""
        self.asleep.pop(name, None)

    def heal(self) -> None:
        """Every way is sound."""
        for way in self.ways.values():
            self.let_go(way.heal())

    def let_go(self, held: list[Callable[[], None]]) -> None:
        """Frames that were held arrive, in order."""
        for arrive in held:
            self._loop.call_soon(arrive)


class _Caller:
    """A node's way out."""

    def __init__(self, air: Air, own: str, gate: Gate) -> None:
        self._air, self._own, self._gate = air, own, gate
        self.dead = False
        """Its process was killed."""

    async def dial(self, address: str, *, connect_s_max: float) -> Wire:
        """See `Caller`."""
        if self.dead:
            raise LinkFailed("this process is no more")
        peer = address.rpartition(":")[0]
        return await self._air.dial(self._own, peer, self._gate, connect_s_max)

    async def close(self) -> None:
        """See `Caller`."""


class _Called:
    """A node's way in."""

    port = PORT

    def __init__(self, air: Air, own: str, listening: _Listening) -> None:
        self._air, self._own, self._listening = air, own, listening

    async def listen(self, host: str, port: int) -> None:
        """See `Called`."""
        del host, port
        self._air.listen(self._own, self._listening)

    async def close(self) -> None:
        """See `Called`."""
        self._air.hush(self._own, self._listening)
