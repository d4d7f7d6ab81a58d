"""One round of repair: the lister names what it holds, the comparer asks and offers, both say FINISHED.

PROTOCOL.md, *Round*. Pure; it shares the session's outbox and tickets. The sketch of a later
protocol version takes the place of the listing here: same asking, same finishing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from conflict.identity import DocumentId
from conflict.lane import Vector
from sync import codec, effects, limits, messages
from sync.effects import Effect
from sync.errors import OutOfTurn
from sync.outbox import Outbox


class Repair:
    """Where a round stands. `lister`: this side lists; `progress`: something became durable."""

    def __init__(self, number: int, outbox: Outbox, ticket: Callable[[], int]) -> None:
        self.number = number
        self.lister = False
        self.progress = False
        self._outbox = outbox
        self._ticket = ticket
        self._position: DocumentId | None = None  # last document listed, or received for comparing
        self._pages: deque[bool] = deque()  # pages being compared: is it the final one?
        self._listed_all = False  # lister: final page sent; comparer: final page compared
        self._asked_all = False  # lister: the peer's final vectors came
        self._finished = False
        self._peer_finished = False

    def start(self, *, lister: bool) -> Iterator[Effect]:
        """Both sides know that they differ."""
        self.lister = lister
        if lister:
            yield effects.ReadListing(self._ticket(), None, limits.LISTING_ENTRIES_MAX)

    def listing_read(self, answer: effects.ListingRead) -> Iterator[Effect]:
        """Lister: a page of what we hold."""
        if not self.lister or self._listed_all:
            return
        yield send(messages.Listing(self.number, self._position, answer.listed, answer.final))
        self._listed_all = answer.final
        if not answer.final:
            self._position = answer.listed[-1].document
            yield effects.ReadListing(self._ticket(), self._position, limits.LISTING_ENTRIES_MAX)

    def listing(self, page: messages.Listing) -> Iterator[Effect]:
        """Comparer: a page of what the peer holds."""
        ended = self._listed_all or (self._pages and self._pages[-1])
        if self.lister or page.round != self.number or ended or page.after != self._position:
            raise OutOfTurn("a LISTING that does not go on where the last one ended")
        if not page.listed and not page.final:
            raise OutOfTurn("an empty LISTING that is not the last")
        self._pages.append(page.final)
        self._position = page.listed[-1].document if page.listed else page.after
        yield effects.Compare(self._ticket(), page.after, page.listed, page.final)

    def compared(self, answer: effects.Compared) -> Iterator[Effect]:
        """Comparer: ask for what differs, offer what the peer did not list."""
        if not self._pages:
            return
        final = self._pages.popleft()
        for document in answer.unlisted:
            self._outbox.ask(document, {})
        for chunk, last in chunks(answer.differing):
            yield send(messages.Vectors(self.number, chunk, answer=False, final=final and last))
        self._listed_all = final

    def asked(self, *, final: bool) -> None:
        """Lister: the peer's vectors came; `final`: it asks for nothing more."""
        self._asked_all = self._asked_all or final

    def peer_finished(self, finished: messages.Finished) -> None:
        """All that we asked for in this round is on its way or here."""
        if finished.round != self.number:
            raise OutOfTurn("FINISHED of another round")
        self._peer_finished = True

    def finish(self, *, asking: bool) -> Iterator[Effect]:
        """FINISHED, once our part is sent. `asking`: we are still about to ask."""
        ready = self._asked_all if self.lister else self._peer_finished
        sent = self._listed_all and ready and self._outbox.round_read and not asking
        if sent and not self._finished:
            self._finished = True
            yield send(messages.Finished(self.number))

    @property
    def over(self) -> bool:
        """Both have finished, and the peer has receipted all that we sent."""
        return self._finished and self._peer_finished and self._outbox.round_receipted


def send(message: messages.Message) -> effects.Send:
    """The effect that puts a message on the wire."""
    return effects.Send(codec.encode(message))


def chunks(
    vectors: Sequence[tuple[DocumentId, Vector]],
) -> Iterator[tuple[tuple[tuple[DocumentId, Vector], ...], bool]]:
    """Vectors in messages of bounded size, at least one; the flag marks the last."""
    chunk: list[tuple[DocumentId, Vector]] = []
    lanes = 0
    for document, vector in vectors:
        full = len(chunk) >= limits.VECTORS_DOCUMENTS_MAX
        if chunk and (full or lanes + len(vector) > limits.VECTOR_LANES_MAX):
            yield tuple(chunk), False
            chunk, lanes = [], 0
        chunk.append((document, vector))
        lanes += len(vector)
    yield tuple(chunk), True
