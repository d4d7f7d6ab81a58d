"""A link in front of a real node: TCP connections in at one address, out to another, shaped between.

The connections share one rate, each way. Loss, stalls and cuts delay and never damage, so the two
programs see what TCP makes of such a link; `node/sim/shaping.py` says what is modelled. Buffers are
kept small on purpose: what the link has not taken stays with its sender, who may still change its
mind about what goes first.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from itertools import count
from typing import TypedDict

from node.config import Listen
from node.errors import BadRequest, PortBusy
from node.sim.link_ends import Connection, End, Way, reset
from node.sim.link_shape import LinkShape
from node.sim.shaping import Budget, Shaper, Silence

OUT, BACK = "out", "back"
CONNECTIONS_MAX = 256
DIAL_S_MAX = 10.0
SOCKET_BYTES_MIN = 1_024
SOCKET_BYTES_MAX = 4 << 20
SOCKET_S = 0.05
"""Socket buffers hold so much time of the rate: enough while this process is busy elsewhere."""


class WayReport(TypedDict):
    """One direction so far; `aired` counts bytes again that were sent again."""

    bytes_in: int
    bytes_out: int
    bytes_aired: int
    segments_lost: int
    silence: str | None


class Report(TypedDict):
    """What a link has done so far; `connections` ever, `open` now, `refused` by the target."""

    seconds: float
    connections: int
    open: int
    refused: int
    budget_spent: int
    out: WayReport
    back: WayReport


class LinkProxy:
    """One link. Make it inside a running event loop; `notice` is told what a person should know."""

    def __init__(
        self, shape: LinkShape, target: Listen, *, seed: int, notice: Callable[[str], None]
    ) -> None:
        self._shape = shape
        self._target = target
        self._notice = notice
        self._loop = asyncio.get_running_loop()
        self._budget = Budget(shape.budget_bytes)
        began = self._loop.time()
        self._ways = {
            name: Way(Shaper(shape, seed=seed, way=name, budget=self._budget), self._loop, began)
            for name in (OUT, BACK)
        }
        self._connections: set[Connection] = set()
        self._numbers = count(1)
        self._made = self._refused = 0
        self._is_refused = False
        self._server: asyncio.Server | None = None

    async def start(self, listen: Listen) -> Listen:
        """Listen; port 0 takes any free one. Where. Raises `PortBusy`, `BadRequest`."""
        try:
            listener = _listener(listen, self._socket_bytes)
        except OSError as fault:
            raise _no_listener(listen, fault) from fault
        self._server = await self._loop.create_server(self._accept, sock=listener)
        return Listen(*listener.getsockname()[:2])

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        for one in list(self._connections):
            one.end()
        for way in self._ways.values():
            way.stop()
        await asyncio.sleep(0)  # the transports say goodbye in the loop's next round

    # The link in a person's hands -----------------------------------------------------------

    def cut(self, *names: str) -> None:
        """Nothing passes from now on. `OUT`, `BACK`; none named: both."""
        for way in self._named(names):
            way.shaper.cut(way.now())
            way.pump()

    def heal(self, *names: str) -> None:
        """End a cut or a stall made by hand."""
        for way in self._named(names):
            way.shaper.heal(way.now())
            way.pump()

    def stall(self, seconds: float) -> None:
        """Nothing passes for so long."""
        for way in self._named(()):
            way.shaper.stall(seconds, way.now())
            way.pump()

    def report(self) -> Report:
        """Counts so far."""
        out, back = (_way_report(way) for way in self._named(()))
        return Report(
            seconds=round(self._ways[OUT].now(), 3),
            connections=self._made,
            open=len(self._connections),
            refused=self._refused,
            budget_spent=self._budget.spent,
            out=out,
            back=back,
        )

    def _named(self, names: tuple[str, ...]) -> list[Way]:
        return [self._ways[name] for name in names or (OUT, BACK)]

    # Connections ----------------------------------------------------------------------------

    def _accept(self) -> asyncio.BaseProtocol:
        if len(self._connections) >= CONNECTIONS_MAX:
            self._notice(f"{CONNECTIONS_MAX} connections are open: one more was turned away")
            return _TurnedAway()
        ways = (self._ways[OUT], self._ways[BACK])
        one = Connection(next(self._numbers), ways, self._dial, self._connections.discard)
        self._connections.add(one)
        self._made += 1
        return one.near

    async def _dial(self, far: End) -> bool:
        try:
            async with asyncio.timeout(DIAL_S_MAX):
                await self._connect(far)
        except OSError as fault:  # TimeoutError too
            self._refused += 1
            if not self._is_refused:  # once, until it answers again: nodes dial for ever
                self._notice(_refusal(self._target, fault))
            self._is_refused = True
            return False
        self._is_refused = False
        return True

    async def _connect(self, far: End) -> None:
        found = await self._loop.getaddrinfo(*self._target, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        dialled = socket.socket(family, kind, protocol)
        try:
            dialled.setblocking(False)
            _keep_small(dialled, self._socket_bytes)  # before it connects: the window is told then
            await self._loop.sock_connect(dialled, address)
            await self._loop.create_connection(lambda: far, sock=dialled)
        except BaseException:
            dialled.close()
            raise

    @property
    def _socket_bytes(self) -> int:
        wanted = int(self._shape.rate_bits_s * SOCKET_S / 8)
        return min(max(wanted, SOCKET_BYTES_MIN), SOCKET_BYTES_MAX)


class _TurnedAway(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  a stream server's transport
        reset(transport)


def _listener(listen: Listen, socket_bytes: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listener = socket.create_server(listen, family=family)
    _keep_small(listener, socket_bytes)
    return listener


def _keep_small(one: socket.socket, socket_bytes: int) -> None:
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, socket_bytes)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, socket_bytes)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, socket_bytes)


def _no_listener(listen: Listen, fault: OSError) -> Exception:
    if fault.errno == errno.EADDRINUSE:
        return PortBusy(f"Another program listens on {listen}. Nothing was started")
    return BadRequest(f"listen: {listen} was given; {fault.strerror}. Nothing was started")


def _refusal(target: Listen, fault: OSError) -> str:
    known = isinstance(fault.errno, int) and fault.errno > 0
    cause = os.strerror(fault.errno) if known and fault.errno else fault.strerror or "no answer"
    return f"{target}: {cause}. Is a node running there? Callers are disconnected until one is."


def _way_report(way: Way) -> WayReport:
    tally = way.shaper.tally
    return WayReport(
        bytes_in=tally.fed,
        bytes_out=tally.released,
        bytes_aired=tally.aired,
        segments_lost=tally.lost,
        silence=_silence_text(way.shaper.silence(way.now()), way.now()),
    )


def _silence_text(silence: Silence | None, now: float) -> str | None:
    if silence is None:
        return None
    left_s = silence.until - now
    return silence.cause if left_s == float("inf") else f"{silence.cause}, {left_s:,.0f} s more"
