"""An in-process pair of channels, for tests and nodes that live in one process."""

from __future__ import annotations

import asyncio
from collections import deque

QUEUE_FRAMES_MAX = 4
"""As few as a thin link holds: more could not be overtaken any more."""


class _Way:
    """One direction. Once ended it takes nothing, and gives what it has and then None."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._has_ended = False
        self._changed = asyncio.Condition()

    async def put(self, frame: bytes) -> None:
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._has_ended or len(self._frames) < QUEUE_FRAMES_MAX
            )
            if not self._has_ended:
                self._frames.append(frame)
                self._changed.notify_all()

    async def get(self) -> bytes | None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_ended or self._frames)
            frame = self._frames.popleft() if self._frames else None
            self._changed.notify_all()
            return frame

    async def end(self) -> None:
        async with self._changed:
            self._has_ended = True
            self._changed.notify_all()


class MemoryChannel:
    """One end of a pair made by `memory_pair`."""

    peer_certificate = None

    def __init__(self, inbox: _Way, outbox: _Way, remote: str) -> None:
        self.remote = remote
        self._inbox = inbox
        self._outbox = outbox
        self._closed = False

    def bound(self, *, bytes_in_buffer: int, rate_bits_s: float) -> None:
        """See `Channel`: nothing to bound here."""

    async def send(self, frame: bytes) -> None:
        """See `Channel`."""
        await self._outbox.put(frame)

    async def receive(self) -> bytes | None:
        """See `Channel`."""
        return None if self._closed else await self._inbox.get()

    async def close(self) -> None:
        """See `Channel`."""
        self._closed = True
        await self._outbox.end()
        await self._inbox.end()


def memory_pair() -> tuple[MemoryChannel, MemoryChannel]:
    """Two ends of one link."""
    one, two = _Way(), _Way()
    return MemoryChannel(one, two, "memory:left"), MemoryChannel(two, one, "memory:right")
