"""An in-process pair of channels, for tests and nodes that live in one process."""

from __future__ import annotations

import asyncio

QUEUE_FRAMES_MAX = 64


class MemoryChannel:
    """One end of a pair made by `memory_pair`."""

    def __init__(
        self, inbox: asyncio.Queue[bytes | None], outbox: asyncio.Queue[bytes | None], remote: str
    ) -> None:
        self.remote = remote
        self._inbox = inbox
        self._outbox = outbox
        self._closed = False

    async def send(self, frame: bytes) -> None:
        """See `Channel`."""
        if not self._closed:
            await self._outbox.put(frame)

    async def receive(self) -> bytes | None:
        """See `Channel`."""
        return None if self._closed else await self._inbox.get()

    async def close(self) -> None:
        """See `Channel`."""
        if self._closed:
            return
        self._closed = True
        for queue in (self._outbox, self._inbox):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)


def memory_pair() -> tuple[MemoryChannel, MemoryChannel]:
    """Two ends of one link."""
    one: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_FRAMES_MAX)
    two: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_FRAMES_MAX)
    return MemoryChannel(one, two, "memory:left"), MemoryChannel(two, one, "memory:right")
