"""Content that was let go, within a session: telling the peer what is not here any more, and asking
for what is to come back.

A node tells each peer once; nothing is said when there is no news. PROTOCOL.md, *Shedding*. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from conflict.identity import DocumentId
from sync import limits, messages, shed_effects
from sync.effects import Effect
from sync.errors import FrameTooLarge, OutOfTurn
from sync.messages import Message
from sync.ports import Release
from sync.vectors import said


@dataclass(slots=True)
class Withheld:
    """Documents of a round that one side lacks and the other has let go. `ours`: let go here."""

    ours: set[DocumentId] = field(default_factory=set)
    theirs: set[DocumentId] = field(default_factory=set)

    def clear(self) -> None:
        """A round begins."""
        self.ours.clear()
        self.theirs.clear()

    def answered(self, documents: tuple[DocumentId, ...]) -> None:
        """The peer says so. Raises `FrameTooLarge` for more than can have been asked for."""
        self.theirs.update(documents)
        if len(self.theirs) > (most := limits.QUEUE_DOCUMENTS_MAX):
            raise FrameTooLarge(f"over {most} documents withheld (QUEUE_DOCUMENTS_MAX)")

    @property
    def words(self) -> str:
        """Why no repair between these two helps; empty: nothing was withheld."""
        if self.theirs:
            return f"the peer has let go of {_documents(self.theirs)} that we lack"
        if self.ours:
            return f"we have let go of {_documents(self.ours)} that the peer lacks"
        return ""


def _documents(some: set[DocumentId]) -> str:
    return "1 document" if len(some) == 1 else f"{len(some)} documents"


class ShedExchange:
    """One side. At most one RELEASED each way is on its way."""

    def __init__(self, ticket: Callable[[], int], say: Callable[[Message], None]) -> None:
        self._ticket = ticket
        self._say = say
        self._peer: messages.Hello | None = None
        self._looking = False
        self._telling: Release | None = None  # said, and not heard yet
        self._saving = False

    def open(self, peer: messages.Hello) -> Iterator[Effect]:
        """The peer is proven."""
        self._peer = peer
        yield from self.look()

    def look(self) -> Iterator[Effect]:
        """Content may have been let go here: see what the peer has not been told."""
        if self._peer and not self._looking and self._telling is None:
            self._looking = True
            yield shed_effects.ReadReleased(self._ticket(), self._peer.node, self._peer.epoch)

    def looked(self, answer: shed_effects.ReleasedRead) -> None:
        """Tell it."""
        self._looking = False
        if (release := answer.release) is not None:
            self._telling = release
            self._say(messages.Released(*release))

    def heard(self, heard: messages.Heard) -> Iterator[Effect]:
        """It knows: say it no more."""
        told, peer = self._telling, self._peer
        if told is None or peer is None or (told.through, told.total) != tuple(heard):
            raise OutOfTurn("HEARD of what was not said")
        yield shed_effects.SaveHeard(self._ticket(), peer.node, peer.epoch, told)

    def heard_saved(self, _answer: shed_effects.HeardSaved) -> Iterator[Effect]:
        """There may be more."""
        self._telling = None
        yield from self.look()

    def released(self, released: messages.Released) -> Iterator[Effect]:
        """The peer has let go: its receipts of these count no more."""
        if self._saving or self._peer is None:
            raise OutOfTurn("RELEASED before the last one was heard")
        self._saving = True
        release = Release(*released)
        yield shed_effects.SaveReleased(self._ticket(), self._peer.node, release)

    def released_saved(self, answer: shed_effects.ReleasedSaved) -> Iterator[Effect]:
        """That is durable."""
        self._saving = False
        self._say(messages.Heard(answer.release.through, answer.release.total))
        yield shed_effects.PeerReleased(answer.release.total)

    def refill(self) -> Iterator[Effect]:
        """Ask this peer for what is to come back."""
        if self._peer is not None:
            yield shed_effects.ReadRefills(self._ticket(), self._peer.node)

    def refills_read(self, answer: shed_effects.RefillsRead) -> None:
        """From where it stands. Round 0: this is no round, and may be said at any time."""
        for message in said(0, answer.vectors, answer=True) if answer.vectors else ():
            self._say(message)
