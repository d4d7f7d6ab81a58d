"""A link in front of a peer: counts what passes and makes it wait, whatever program it is.

One TCP proxy on loopback in a thread of its own. Delay is half the round trip each way; opening a
connection costs one round trip more, as it does on any real link. Bandwidth is not limited.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

HOST = "127.0.0.1"
CHUNK_BYTES = 64 << 10
CHUNKS_WAITING_MAX = 256
QUIET_S = 1.0
QUIET_S_MAX = 30.0
POLL_S = 0.02

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Traffic:
    """What passed. `out` is from the side that dialled.

    `round_trips` counts how often, on any connection, the dialling side spoke first or after it had
    been answered: over HTTP/1.1 without pipelining, its requests.
    """

    bytes_out: int = 0
    bytes_back: int = 0
    connections: int = 0
    round_trips: int = 0


@dataclass(slots=True)
class _Counts:
    bytes_out: int = 0
    bytes_back: int = 0
    connections: int = 0
    round_trips: int = 0
    last_at: float = field(default_factory=time.monotonic)

    def traffic(self) -> Traffic:
        return Traffic(self.bytes_out, self.bytes_back, self.connections, self.round_trips)


@dataclass(slots=True)
class _Talk:
    """One connection: who spoke last, and from when on the far side can have heard anything."""

    reaches_at: float
    dialler_spoke: bool = False


def arrival(now: float, reaches_at: float, round_trip_s: float) -> float:
    """When what is said now is heard: half a round trip on, once the connection is open."""
    return max(now, reaches_at) + round_trip_s / 2


class CountedLink:
    """Connections in at `port`, out to where `lead_to` says. A context manager."""

    def __init__(self, *, round_trip_s: float) -> None:
        self.round_trip_s = round_trip_s
        self.port = 0
        self._target = 0
        self._whole = True
        self._counts = _Counts()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._accept, HOST, 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def lead_to(self, port: int) -> None:
        """Where connections go from now on."""
        self._target = port

    def cut(self) -> None:
        """Drop every connection and turn new ones away."""
        self._whole = False
        self._run(self._drop())

    def heal(self) -> None:
        """Let connections through again."""
        self._whole = True

    def forget(self) -> None:
        """Count from zero again."""
        self._counts = _Counts()

    def passed(self) -> Traffic:
        """What passed since `forget`."""
        return self._counts.traffic()

    def settled(self) -> Traffic:
        """The same, once nothing has passed for a while."""
        deadline = time.monotonic() + QUIET_S_MAX
        while time.monotonic() < deadline:
            if time.monotonic() - self._counts.last_at > QUIET_S + self.round_trip_s:
                break
            time.sleep(POLL_S)  # quiet is that nothing happens: no event tells of it
        return self.passed()

    # In the thread --------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far = await self._dial() if self._whole else None
        if far is None:
            writer.transport.abort()
            return
        far_reader, far_writer = far
        self._counts.connections += 1
        talk = _Talk(reaches_at=self._loop.time() + self.round_trip_s)
        pair = {writer, far_writer}
        self._writers |= pair
        await asyncio.gather(
            self._carry(reader, far_writer, talk, outward=True),
            self._carry(far_reader, writer, talk, outward=False),
        )
        self._writers -= pair
        for one in pair:
            one.close()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(HOST, self._target)
        return None

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        talk: _Talk,
        *,
        outward: bool,
    ) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_WAITING_MAX)
        delivery = asyncio.create_task(self._deliver(under_way, writer))
        with contextlib.suppress(OSError):  # either program may end a connection as it likes
            while data := await reader.read(CHUNK_BYTES):
                self._count(data, talk, outward=outward)
                await under_way.put((self._due(talk), data))
        await under_way.put((self._due(talk), b""))
        await delivery

    def _due(self, talk: _Talk) -> float:
        return arrival(self._loop.time(), talk.reaches_at, self.round_trip_s)

    async def _deliver(
        self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        """Until the end of the stream, which is passed on; what nobody takes any more is dropped."""
        while True:
            due, data = await under_way.get()
            if (wait_s := due - self._loop.time()) > 0:
                await asyncio.sleep(wait_s)
            with contextlib.suppress(OSError):
                if writer.is_closing():
                    pass
                elif data:
                    writer.write(data)
                    await writer.drain()
                else:
                    writer.write_eof()
            if not data:
                return

    def _count(self, data: bytes, talk: _Talk, *, outward: bool) -> None:
        counts = self._counts
        counts.last_at = time.monotonic()
        if outward:
            counts.bytes_out += len(data)
            counts.round_trips += not talk.dialler_spoke
        else:
            counts.bytes_back += len(data)
        talk.dialler_spoke = outward

    async def _drop(self) -> None:
        for one in list(self._writers):
            one.transport.abort()

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._drop()
        if talks := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(talks)  # each ends with its connections

    def _run(self, work: Coroutine[Any, Any, _Answer]) -> _Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
