"""Blobs: asked for last, part by part, each from the offset already here.

A peer that does not have one says so with size 0 and is not asked again in this session.
"""

from __future__ import annotations

from sync import limits, messages
from sync.effects import BlobSaved, BlobsWantedRead
from sync.errors import OutOfTurn


class BlobExchange:
    """Which blobs we have asked the peer for."""

    def __init__(self) -> None:
        self._asked: set[bytes] = set()
        self._absent: set[bytes] = set()

    @property
    def pending(self) -> bool:
        """A part is on its way."""
        return bool(self._asked)

    def ask(self, answer: BlobsWantedRead) -> messages.BlobAsk | None:
        """The next blobs to ask for, if any."""
        free = limits.BLOBS_ASKED_MAX - len(self._asked)
        wanted = [one for one in answer.wanted if one.hash not in self._asked | self._absent]
        chosen = wanted[:free]
        self._asked.update(one.hash for one in chosen)
        asked = tuple((one.hash, one.have) for one in chosen)
        return messages.BlobAsk(asked) if asked else None

    def take(self, part: messages.BlobPart) -> bool:
        """True when the part is to be saved; False when the peer has no such blob."""
        if part.hash not in self._asked:
            raise OutOfTurn("a blob that was not asked for")
        if not part.size:
            self._asked.discard(part.hash)
            self._absent.add(part.hash)
        return bool(part.size)

    def saved(self, answer: BlobSaved) -> messages.BlobAsk | None:
        """What to ask next for this blob; None when it is complete or was discarded as wrong."""
        if not answer.complete and answer.have:
            return messages.BlobAsk(((answer.hash, answer.have),))
        self._asked.discard(answer.hash)
        if not answer.complete:
            self._absent.add(answer.hash)
        return None
