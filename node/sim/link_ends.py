"""One connection over a shaped link: two sockets, and what lies between them.

Everything that happens at one end travels: bytes, and as marks in their order the opening, the end
and the loss of the connection. Opening takes one round trip before bytes flow, as TCP's does.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

from node.sim.shaping import Shaper

READ_BYTES_MAX = 65_536
_RESET = struct.pack("ii", 1, 0)  # linger on, for no time


def reset(transport: asyncio.Transport) -> None:
    """Drop a connection so that its other end cannot take it for a good end."""
    with suppress(OSError):  # lost meanwhile
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


class Way:
    """One direction at work: the model, the one timer it needs, and the ends that feed it."""

    def __init__(self, shaper: Shaper, loop: asyncio.AbstractEventLoop, began: float) -> None:
        self.shaper = shaper
        self.ends: dict[int, End] = {}
        self._loop = loop
        self._began = began
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Seconds since the link's first moment."""
        return self._loop.time() - self._began

    def feed(self, flow: int, size: int) -> None:
        """Put bytes that there is room for, or a mark (0), on the link."""
        self.shaper.feed(size, self.now(), flow)
        self.pump()

    def pump(self) -> None:
        """Let out what has come out, read where there is room again, and ask to be woken."""
        for release in self.shaper.take(self.now()):
            if end := self.ends.get(release.flow):
                end.come_out(release.size)
        for end in list(self.ends.values()):
            end.balance()
        self._arm()

    def stop(self) -> None:
        """Let nothing out any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self.stop()
        deadline = self.shaper.next_deadline()
        if deadline is not None:
            self._timer = self._loop.call_at(self._began + deadline, self.pump)


class End(asyncio.BufferedProtocol):
    """One socket. What is read here goes on its way and comes out at the `other` end."""

    other: End

    def __init__(self, flow: int, way: Way, on_made: Callable[[], None]) -> None:
        self._flow = flow
        self._way = way
        self._on_made = on_made
        self._segment = way.shaper.shape.segment_bytes
        self._space = memoryview(bytearray(min(way.shaper.shape.window_bytes, READ_BYTES_MAX)))
        self._early = 0  # read before the connection was open
        self._carried = bytearray()
        self._marks: deque[Callable[[], None]] = deque()
        self.transport: asyncio.Transport | None = None
        self.on_lost: Callable[[], None] = lambda: None
        self.is_open = self.is_lost = self.is_full = False
        self._has_ended = self._is_finished = self._is_doomed = False

    # Towards the link -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing is written beyond what the socket takes at once, so waiting stays on the link."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self._segment, low=0)
        if self._is_doomed:
            self.abort()
        else:
            self._on_made()

    def get_buffer(self, sizehint: int) -> memoryview:
        """As much as there is room for: what does not fit stays with its sender."""
        del sizehint
        return self._space[: max(1, self._room())]

    def buffer_updated(self, nbytes: int) -> None:
        """Put it on the link, once the connection is open."""
        self._carried += self._space[:nbytes]
        if self.is_open:
            self._way.feed(self._flow, nbytes)
        else:
            self._early += nbytes
            self.balance()

    def eof_received(self) -> bool:
        """The end travels behind the bytes; the socket stays open for the other way.

        Before it opened, over a silent link, it is a caller who gave up: nobody closes a connection
        that he does not have yet.
        """
        self._has_ended = True
        if self.is_open:
            self.mark(self.other.finish)
        elif self._way.shaper.silence(self._way.now()):
            self.abort()
        return not self._is_finished

    def connection_lost(self, exc: Exception | None) -> None:
        """A loss travels too, unless both halves had ended or it came from the other side."""
        self.is_lost = True
        is_over = exc is None and self._has_ended and self._is_finished
        if self.is_open and not is_over and not self._is_doomed:
            self.mark(self.other.abort)
        self.on_lost()

    def open(self) -> None:
        """The link carries this connection from now on."""
        self.is_open = True
        if self._early:
            self._way.feed(self._flow, self._early)
        if self._has_ended:
            self.mark(self.other.finish)
        self.balance()

    def mark(self, arrive: Callable[[], None]) -> None:
        """Have `arrive` called when it has travelled behind everything sent before."""
        self._marks.append(arrive)
        self._way.feed(self._flow, 0)

    def balance(self) -> None:
        """Read while there is room for a segment and the other end takes what comes out."""
        if self.transport is None or self.transport.is_closing() or self._has_ended:
            return
        if self._room() >= self._segment and not self.other.is_full:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def _room(self) -> int:
        early = 0 if self.is_open else self._early
        return self._way.shaper.room(self._flow) - early

    # From the link --------------------------------------------------------------------------

    def come_out(self, size: int) -> None:
        """What was read here first is at the other end now; size 0 is the next mark."""
        if not size:
            self._marks.popleft()()
            return
        self.other.write(bytes(self._carried[:size]))
        del self._carried[:size]

    def write(self, some: bytes) -> None:
        """Hand over; bytes for a socket that is gone are gone with it."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(some)

    def finish(self) -> None:
        """The other side has said its last."""
        self._is_finished = True
        if self.transport is None or self.transport.is_closing():
            return
        if self._has_ended:
            self.transport.close()
        else:
            with suppress(OSError):  # reset meanwhile: connection_lost follows
                self.transport.write_eof()

    def abort(self) -> None:
        """The other side is gone."""
        self._is_doomed = True
        if self.transport is not None and not self.is_lost:
            reset(self.transport)

    def pause_writing(self) -> None:
        """The socket is full: its reader is slow."""
        self.is_full = True
        self.other.balance()

    def resume_writing(self) -> None:
        """The socket takes more."""
        self.is_full = False
        self.other.balance()


class Connection:
    """`near` is who connected, `far` the target, which `dial` reaches through the link."""

    def __init__(
        self,
        flow: int,
        ways: tuple[Way, Way],
        dial: Callable[[End], Awaitable[bool]],
        on_over: Callable[[Connection], None],
    ) -> None:
        self.flow = flow
        self._ways = ways
        self._dial = dial
        self._on_over = on_over
        self._dialling: asyncio.Task[None] | None = None
        out, back = ways
        self.near, self.far = End(flow, out, self._began), End(flow, back, lambda: None)
        self.near.other, self.far.other = self.far, self.near
        for way, end in zip(ways, (self.near, self.far), strict=True):
            end.on_lost = self._lost
            way.ends[flow] = end

    def end(self) -> None:
        """Drop everything at once."""
        for way in self._ways:
            way.ends.pop(self.flow, None)
            way.shaper.forget(self.flow)
        if self._dialling is not None:
            self._dialling.cancel()
        self.near.abort()
        self.far.abort()
        self._on_over(self)

    def _began(self) -> None:
        self.near.mark(self._asked)

    def _asked(self) -> None:
        self._dialling = asyncio.create_task(self._reach())

    async def _reach(self) -> None:
        if await self._dial(self.far):
            self.far.open()
            self.far.mark(self.near.open)
        else:
            self.far.is_lost = True
            self.far.mark(self.near.abort)

    def _lost(self) -> None:
        if (self.near.is_lost and not self.near.is_open) or (
            self.near.is_lost and self.far.is_lost
        ):
            self.end()
