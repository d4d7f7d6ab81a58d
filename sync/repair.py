"""One round of repair: the lister shows what it holds, the comparer asks and offers, both say FINISHED.

PROTOCOL.md, *Round*. The lister shows cells of its sketch, or lists where that is cheaper or where
sketches have misled. Pure; it shares the session's outbox and tickets.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

from conflict.identity import DocumentId, NodeId
from sync import effects, limits, messages
from sync.effects import Effect
from sync.errors import BadFrame, FrameTooLarge, OutOfTurn
from sync.lane_repair import LaneRepair, LaneSides
from sync.lane_sketch import secret_of
from sync.messages import Message
from sync.outbox import Outbox
from sync.ports import Summary
from sync.sketch import CELL_BYTES, LISTED_BYTES, SALT_BYTES, cells_for, least_size, worth_sketching
from sync.vectors import chunks, clear, said

_SALT_DOMAIN = b"aidstation/sketch-salt/1"


class Method(IntEnum):
    """How the lister shows what it holds: the next one when a round has brought nothing."""

    SKETCH = 0
    SALTED = 1
    LISTING = 2

    def after(self, *, withheld: bool) -> Method:
        """What to try when this has not helped; after all three it is not the method. Where content
        was `withheld` a listing, which costs most, would not help either."""
        return Method((self + 1) % (Method.LISTING if withheld else len(Method)))


class Sides(NamedTuple):
    """What a round needs of the session: who, how, what both hold, and how to say something."""

    peer: NodeId
    outbox: Outbox
    ticket: Callable[[], int]
    say: Callable[[Message], None]
    cells: int  # worth showing first
    page: int  # documents of one LISTING
    secret: bytes  # from both nonces: what a salt is made of


class Repair:
    """Where a round stands. `lister`: this side shows. `lanes`: of documents that have many."""

    def __init__(self, number: int, method: Method, sides: Sides | None = None) -> None:
        self.number = number
        self.method = method
        self.lister = False
        self._sides = sides
        self._lists = False
        self._fewer = 0
        self._salt = b""
        self._shown = 0  # lister: cells sent
        self._naming = 0  # lister: WANTED messages being looked up
        self._symbols = 0  # lister: symbols wanted so far
        self._cells = bytearray()  # comparer: cells received
        self._decoding = False
        self._listing = False  # pages go between us
        self._page_due = False  # lister: the next page, when the last one has left
        self.moved = False  # lister: the cells shown are of an older state
        self._position: DocumentId | None = None  # last document listed, or received for comparing
        self._pages: deque[bool] = deque()  # pages being compared: is it the final one?
        self._told = False  # all that differs is known: final page or WANTED sent, or compared
        self._asked_all = False  # lister: the peer's last vectors came
        self._finished = False
        self._peer_finished = False
        self._lanes = None if sides is None else self._beside(sides)

    def _beside(self, sides: Sides) -> LaneRepair:
        secret = secret_of(sides.secret, self.number)
        whole = self.method > Method.SKETCH
        lane_sides = LaneSides(
            self.number, secret, self._source, whole, sides.outbox, sides.ticket, sides.say
        )
        return LaneRepair(lane_sides)

    @property
    def lanes(self) -> LaneRepair:
        """Raises `OutOfTurn`, as all here does before there was a round."""
        if self._lanes is None:
            raise OutOfTurn("no round is under way")
        return self._lanes

    @property
    def _side(self) -> Sides:
        if self._sides is None:
            raise OutOfTurn("no round is under way")
        return self._sides

    @property
    def _source(self) -> NodeId | None:
        """Whose staged prefixes count as held in our vectors: nobody's once that may have misled."""
        return self._side.peer if self.method is Method.SKETCH else None

    @property
    def backlog(self) -> int:
        """Messages of the peer's that wait for the store."""
        lanes = self._lanes.backlog if self._lanes else 0
        return max(len(self._pages), self._naming, lanes)

    # The lister -------------------------------------------------------------------------------

    def show_early(self, documents: int) -> Iterator[Effect]:
        """Cells go with the CHECK, before it is known whether they are needed."""
        self.lister = True
        yield from self._show(documents, documents)

    def start(
        self, ours: Summary, theirs: Summary, *, lists: bool, early: bool
    ) -> Iterator[Effect]:
        """Both sides know that they differ. `lists`: a listing would be ours. `early`: cells went
        with the leader's CHECK."""
        self._lists = lists
        self._fewer = min(ours.documents, theirs.documents)
        if early:
            return
        self.lister = lists
        here, there = ours.documents, theirs.documents
        if lists and self.method < Method.LISTING and worth_sketching(here, there):
            yield from self._show(here, there)
        elif lists:
            yield from self._list()

    def _show(self, ours: int, theirs: int) -> Iterator[Effect]:
        if self.method is Method.SALTED:
            seed = self._side.secret + self.number.to_bytes(8, "big")
            self._salt = hashlib.sha256(_SALT_DOMAIN + seed).digest()[:SALT_BYTES]
        gap = abs(ours - theirs)
        size = max(self._side.cells, cells_for(gap + gap // 8) if gap else 0)
        yield from self._show_to(min(size, limits.SKETCH_CELLS_MAX))

    def _show_to(self, size: int) -> Iterator[Effect]:
        """On from the cells shown, or from the first, if what they stood for has changed."""
        if self.moved:
            self._shown, self.moved = 0, False
        yield effects.ReadSketch(self._side.ticket(), self._salt, self._shown, size)
        self._shown = size

    def sketch_read(self, answer: effects.SketchRead) -> None:
        """Cells to show."""
        self._side.say(messages.Sketch(self.number, self._salt, answer.start, answer.cells))

    def more(self, more: messages.More) -> Iterator[Effect]:
        """The comparer wants more cells, or a listing; or the lister of some lanes."""
        if more.document is not None and not self.lister:
            yield from self.lanes.more(more, more.document)
            return
        if (
            more.document is not None
            or not self.lister
            or more.round != self.number
            or not self._shown
            or self._listing
        ):
            raise OutOfTurn("MORE where nothing was shown")
        if not more.size:
            self._shown = 0
            self.lister = self._lists
            yield from self._list() if self._lists else ()
        elif not least_size(self._shown) <= more.size <= limits.SKETCH_CELLS_MAX:
            raise FrameTooLarge(f"{more.size} cells wanted after {self._shown} (SKETCH_CELLS_MAX)")
        else:
            yield from self._show_to(more.size)

    def _list(self) -> Iterator[Effect]:
        self._listing = True
        yield effects.ReadListing(self._side.ticket(), None, self._side.page)

    def listing_read(self, answer: effects.ListingRead) -> None:
        """A page of what we hold."""
        if not self.lister or self._told:
            return
        self._side.say(messages.Listing(self.number, self._position, answer.listed, answer.final))
        self._told = answer.final
        if not answer.final:
            self._position = answer.listed[-1].document
            self._page_due = True

    def next_page(self, waiting_bytes: int) -> Iterator[Effect]:
        """Read on once little waits to be sent, so that summaries need not wait for a listing."""
        if self._page_due and waiting_bytes < self._side.page * LISTED_BYTES:
            self._page_due = False
            yield effects.ReadListing(self._side.ticket(), self._position, self._side.page)

    def wanted(self, wanted: messages.Wanted) -> Iterator[Effect]:
        """What the comparer asks for, by symbol; or the lister of some lanes."""
        if wanted.document is not None and not self.lister:
            yield from self.lanes.wanted(wanted, wanted.document)
            return
        if (
            wanted.document is not None
            or not self.lister
            or wanted.round != self.number
            or not self._shown
            or self._told
        ):
            raise OutOfTurn("WANTED where nothing was shown")
        self._told = wanted.final
        self._naming += 1
        self._symbols += len(wanted.wanted)
        if self._symbols > limits.SKETCH_WANTED_MAX:
            raise FrameTooLarge(f"over {limits.SKETCH_WANTED_MAX} wanted (SKETCH_WANTED_MAX)")
        if not wanted.wanted and not wanted.final:
            raise OutOfTurn("an empty WANTED that is not the last")
        yield effects.ReadNamed(self._side.ticket(), self._salt, wanted.wanted)

    def named(self, answer: effects.NamedRead) -> None:
        """The documents behind them."""
        for document, vector in answer.wanted:
            self._side.outbox.ask(document, vector)
        self._naming -= 1
        self._asked_all = self._asked_all or (self._told and not self._naming)

    def asked(self, vectors: messages.Vectors) -> None:
        """The peer's vectors came; `final`: it asks for nothing more."""
        self._asked_all = self._asked_all or vectors.final
        self.lanes.told(vectors)

    # The comparer -----------------------------------------------------------------------------

    def sketch(self, shown: messages.Sketch) -> Iterator[Effect]:
        """Cells of what the peer holds, or of some lanes."""
        if shown.document is not None and self.lister:
            yield from self.lanes.sketch(shown, shown.document)
            return
        if not shown.start:
            self._cells.clear()
        follows = shown.start * CELL_BYTES == len(self._cells)
        wrong = self.lister or shown.document is not None or shown.round != self.number
        if wrong or self._told or self._decoding:
            raise OutOfTurn("a SKETCH that was not awaited")
        if not follows or not shown.cells:
            raise BadFrame("a SKETCH goes on where the last one ended")
        if len(self._cells) + len(shown.cells) > limits.SKETCH_CELLS_MAX * CELL_BYTES:
            raise FrameTooLarge(f"over {limits.SKETCH_CELLS_MAX} cells (SKETCH_CELLS_MAX)")
        self._cells += shown.cells
        self._salt = shown.salt
        self._decoding = True
        ticket, cells = self._side.ticket(), bytes(self._cells)
        secret = self.lanes.secret
        yield effects.Differ(ticket, self._source, secret, shown.salt, cells, self._fewer)

    def differed(self, answer: effects.Differed) -> Iterator[Effect]:
        """Ask for what differs, offer what the peer has not; or ask for more to go by."""
        self._decoding = False
        side = self._side
        if answer.more is not None:
            side.say(messages.More(self.number, answer.more))
            if not answer.more and self._lists:
                self.lister = True
                yield from self._list()
            return
        for document in answer.unlisted:
            side.outbox.ask(document, {})
        self.lanes.show(answer.large)
        whole = self.method > Method.SKETCH
        for vectors in said(self.number, answer.doubtful, whole=whole) if answer.doubtful else ():
            side.say(vectors)
        for wanted, last in chunks(answer.wanted):
            said_whole = clear(wanted, whole=whole)
            side.say(messages.Wanted(self.number, wanted, said_whole, last))
        self._told = True

    def listing(self, page: messages.Listing) -> Iterator[Effect]:
        """A page of what the peer holds."""
        ended = self._told or (self._pages and self._pages[-1])
        if self.lister or page.round != self.number or ended or page.after != self._position:
            raise OutOfTurn("a LISTING that does not go on where the last one ended")
        if not page.listed and not page.final:
            raise OutOfTurn("an empty LISTING that is not the last")
        self._pages.append(page.final)
        self._position = page.listed[-1].document if page.listed else page.after
        side = self._side
        secret = self.lanes.secret
        yield effects.Compare(
            side.ticket(), self._source, secret, page.after, page.listed, page.final
        )

    def compared(self, answer: effects.Compared) -> None:
        """Ask for what differs, offer what the peer did not list."""
        if not self._pages:
            return
        final = self._pages.popleft()
        for document in answer.unlisted:
            self._side.outbox.ask(document, {})
        self.lanes.show(answer.large)
        whole = self.method > Method.SKETCH
        for vectors in said(self.number, answer.differing, whole=whole, final=final):
            self._side.say(vectors)
        self._told = final

    # The end ----------------------------------------------------------------------------------

    def peer_finished(self, finished: messages.Finished) -> None:
        """All that we asked for in this round is on its way or here."""
        if finished.round != self.number:
            raise OutOfTurn("FINISHED of another round")
        self._peer_finished = True

    def finish(self, *, asking: bool) -> None:
        """FINISHED, once our part is sent. `asking`: we are still about to ask."""
        ready = self.lanes.idle and (self._asked_all if self.lister else self._peer_finished)
        if self._told and ready and not asking and not self._finished and self._side.outbox.sent:
            self._finished = True
            self._side.say(messages.Finished(self.number))

    @property
    def over(self) -> bool:
        """Both have finished, and the peer has receipted all that we sent."""
        return self._finished and self._peer_finished and self._side.outbox.idle
