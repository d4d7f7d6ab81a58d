"""Blobs: asked for last, part by part, each from the offset already here.

A peer that does not have one says so with size 0 and is not asked again in this session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sync import blob_effects, limits, messages
from sync.effects import Effect
from sync.errors import OutOfTurn
from sync.messages import Message


class BlobExchange:
    """Blobs both ways within a session. `part_bytes`: how much of one goes into one message;
    `unsent`: parts said that have not left."""

    def __init__(
        self,
        ticket: Callable[[], int],
        say: Callable[[Message], None],
        part_bytes: int,
        unsent: Callable[[], int],
    ) -> None:
        self._ticket = ticket
        self._say = say
        self._part_bytes = min(part_bytes, limits.BLOB_PART_BYTES)
        self._asked: set[bytes] = set()
        self._absent: set[bytes] = set()
        self._unsent = unsent
        self._reading = 0  # parts that the peer asked for and that are being read

    @property
    def pending(self) -> bool:
        """A part is on its way."""
        return bool(self._asked)

    # In -------------------------------------------------------------------------------------

    def wanted(self, answer: blob_effects.BlobsWantedRead) -> None:
        """Ask for the next blobs, if any."""
        free = limits.BLOBS_ASKED_MAX - len(self._asked)
        wanted = [one for one in answer.wanted if one.hash not in self._asked | self._absent]
        chosen = wanted[:free]
        self._asked.update(one.hash for one in chosen)
        if chosen:
            self._say(messages.BlobAsk(tuple((one.hash, one.have) for one in chosen)))

    def part(self, part: messages.BlobPart) -> Iterator[Effect]:
        """Save a part; where the peer has no such blob, see what else there is."""
        if part.hash not in self._asked:
            raise OutOfTurn("a blob that was not asked for")
        if part.size:
            yield blob_effects.SaveBlobPart(self._ticket(), *part)
            return
        self._asked.discard(part.hash)
        self._absent.add(part.hash)
        yield blob_effects.ReadBlobsWanted(self._ticket())

    def saved(self, answer: blob_effects.BlobSaved) -> Iterator[Effect]:
        """Go on with this blob, or with the next when it is complete or was discarded as wrong."""
        if not answer.complete and answer.have:
            self._say(messages.BlobAsk(((answer.hash, answer.have),)))
            return
        self._asked.discard(answer.hash)
        if not answer.complete:
            self._absent.add(answer.hash)
        yield blob_effects.ReadBlobsWanted(self._ticket())

    # Out ------------------------------------------------------------------------------------

    def asked(self, ask: messages.BlobAsk) -> Iterator[Effect]:
        """The peer wants parts. Raises `OutOfTurn` when it does not wait for those before."""
        self._reading += len(ask.wanted)
        if self._reading + self._unsent() > limits.BLOBS_ASKED_MAX:
            raise OutOfTurn(f"over {limits.BLOBS_ASKED_MAX} parts asked at once (BLOBS_ASKED_MAX)")
        for blob, offset in ask.wanted:
            yield blob_effects.ReadBlob(self._ticket(), blob, offset, self._part_bytes)

    def read(self, answer: blob_effects.BlobRead) -> None:
        """Here is one."""
        self._reading -= 1
        self._say(messages.BlobPart(*answer))
