"""One round's documents of many lanes: the comparer shows cells over lanes, the lister peels them.

PROTOCOL.md, *Lanes*. The roles are those of `repair.py`, which hands on what names a document. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from conflict.identity import DocumentId, NodeId
from conflict.lane import Vector
from sync import lane_effects, limits, messages
from sync.effects import Effect
from sync.errors import BadFrame, FrameTooLarge, OutOfTurn
from sync.lane_effects import LanesOf, LanesShown
from sync.messages import Message
from sync.outbox import Outbox
from sync.sketch import CELL_BYTES, Symbol, least_size
from sync.vectors import NOTHING, chunks, clear, said

PEELED_CELLS_MAX = limits.SKETCH_CELLS_MAX - limits.LANE_SKETCHES_MAX * limits.LANE_CELLS
"""Asked for in all, so that with what every document shows first they are no more than that limit."""


class LaneSides(NamedTuple):
    """What this needs of its round. `source`: whose staged prefixes count. `whole`: nothing is cut."""

    number: int
    secret: bytes
    source: NodeId | None
    whole: bool
    outbox: Outbox
    ticket: Callable[[], int]
    say: Callable[[Message], None]


@dataclass(slots=True)
class _Shown:
    """Comparer: cells that the peer has, the first of them, and whether more are being read.

    Every symbol lies in the first cell: it tells whether the lanes are still those.
    """

    size: int
    first: bytes
    reading: bool = False


@dataclass(slots=True)
class _Peel:
    """Lister: cells that came of `size` that may come; None: not awaited."""

    size: int | None = limits.LANE_CELLS
    cells: bytearray = field(default_factory=bytearray)


class LaneRepair:
    """Documents whose lanes are being told apart. `idle`: nothing is read, awaited or owed to us."""

    def __init__(self, sides: LaneSides) -> None:
        self._side = sides
        self._shown: dict[DocumentId, _Shown] = {}
        self._peels: dict[DocumentId, _Peel] = {}
        self._open: set[DocumentId] = set()  # lister: more is to come of these
        self._reads = 0
        self._symbols = 0
        self._cells = 0  # asked for in all

    @property
    def secret(self) -> bytes:
        """What the lanes of this round are sketched under."""
        return self._side.secret

    @property
    def backlog(self) -> int:
        """Messages of the peer's that wait for the store."""
        return self._reads

    @property
    def idle(self) -> bool:
        """Nothing is under way."""
        return not self._reads and not self._open

    # The comparer -----------------------------------------------------------------------------

    def show(self, documents: Iterable[LanesShown]) -> None:
        """Cells over the lanes of each; what goes beyond the limit is for the next round."""
        for one in documents:
            if len(self._shown) < limits.LANE_SKETCHES_MAX:
                self._say_cells(one, 0)

    def _say_cells(self, one: LanesShown, start: int) -> None:
        size = len(one.cells) // CELL_BYTES
        self._shown[one.document] = _Shown(size, one.cells[:CELL_BYTES])
        cells = one.cells[start * CELL_BYTES :]
        number = self._side.number
        self._side.say(messages.Sketch(number, b"", start, cells, one.document, one.lanes))

    def more(self, more: messages.More, document: DocumentId) -> Iterator[Effect]:
        """The lister wants more cells, or our vector."""
        shown = self._shown.get(document)
        if shown is None or shown.reading or more.round != self._side.number:
            raise OutOfTurn("MORE of lanes that were not shown")
        self._cells += more.size
        if (more.size and more.size < least_size(shown.size)) or self._cells > PEELED_CELLS_MAX:
            raise FrameTooLarge(
                f"{more.size} cells wanted after {shown.size}, {self._cells} in all (SKETCH_CELLS_MAX)"
            )
        shown.reading = True
        yield lane_effects.ReadLanes(self._side.ticket(), self._of(document), more.size)

    def _of(self, document: DocumentId) -> LanesOf:
        """To read something, which is counted."""
        self._reads += 1
        return LanesOf(document, self.secret, self._side.source)

    def _ours(self, of: LanesOf) -> bool:
        """Whether it was read for this round, and not for one that the leader ended early."""
        ours = of.secret == self.secret
        self._reads -= ours
        return ours

    def read(self, answer: lane_effects.LanesRead) -> None:
        """On from the cells shown, or from the first, if what they stood for has changed."""
        if not self._ours(answer.of):
            return
        shown = self._shown.pop(answer.of.document)
        if answer.shown is not None:
            same = answer.shown.cells.startswith(shown.first)
            self._say_cells(answer.shown, shown.size if same else 0)
        elif answer.vector is not None:
            self._say_vector(answer.of.document, answer.vector)

    def _say_vector(self, document: DocumentId, vector: Vector) -> None:
        vectors = ((document, vector),)
        for one in said(self._side.number, vectors, whole=self._side.whole):
            self._side.say(one)

    def wanted(self, wanted: messages.Wanted, document: DocumentId) -> Iterator[Effect]:
        """What the lister asks for of a document's lanes, by symbol."""
        if document not in self._shown or wanted.round != self._side.number:
            raise OutOfTurn("WANTED of lanes that were not shown")
        self._symbols += len(wanted.wanted)
        if self._symbols > limits.SKETCH_WANTED_MAX:
            raise FrameTooLarge(f"over {limits.SKETCH_WANTED_MAX} wanted (SKETCH_WANTED_MAX)")
        if not wanted.wanted:
            raise OutOfTurn("an empty WANTED of lanes")
        of = self._of(document)
        yield lane_effects.ReadNamedLanes(self._side.ticket(), of, wanted.wanted)

    def named(self, answer: lane_effects.LanesNamed) -> None:
        """The lanes behind them."""
        if self._ours(answer.of):
            have = answer.have
            self._side.outbox.ask(answer.of.document, have, only=True, owed=answer.owed)

    # The lister -------------------------------------------------------------------------------

    def sketch(self, shown: messages.Sketch, document: DocumentId) -> Iterator[Effect]:
        """Cells over the peer's lanes of a document."""
        peel = self._peels.get(document)
        if peel is None:
            if len(self._peels) >= limits.LANE_SKETCHES_MAX:
                most = limits.LANE_SKETCHES_MAX
                raise FrameTooLarge(f"lanes of over {most} documents (LANE_SKETCHES_MAX)")
            peel = self._peels[document] = _Peel()
        if peel.size is None or shown.round != self._side.number:
            raise OutOfTurn("a SKETCH of lanes that was not awaited")
        if not shown.start:
            peel.cells.clear()
        if shown.start * CELL_BYTES != len(peel.cells) or not shown.cells:
            raise BadFrame("a SKETCH goes on where the last one ended")
        peel.cells += shown.cells
        if len(peel.cells) > peel.size * CELL_BYTES:
            raise FrameTooLarge(f"over {peel.size} cells of lanes (LANE_CELLS, or as asked for)")
        peel.size = None
        self._open.add(document)
        of, cells = self._of(document), bytes(peel.cells)
        yield lane_effects.DifferLanes(self._side.ticket(), of, shown.lanes, cells)

    def differed(self, answer: lane_effects.LanesDiffered) -> None:
        """Ask for what differs, offer what the peer has not; or ask for more to go by."""
        if not self._ours(answer.of):
            return
        document, told, vector = answer.of.document, answer.told, answer.vector
        if told.more is None:
            self._tell(document, told.wanted)
            if told.offered:
                self._side.outbox.ask(document, dict.fromkeys(told.offered, NOTHING), only=True)
        elif told.more and self._cells + told.more <= PEELED_CELLS_MAX:
            self._cells += told.more
            self._peels[document].size = told.more
            self._side.say(messages.More(self._side.number, told.more, document))
            return
        elif vector is not None:
            self._say_vector(document, vector)
        else:
            self._side.say(messages.More(self._side.number, 0, document))
        self._peels[document].cells.clear()

    def _tell(self, document: DocumentId, wanted: tuple[tuple[Symbol, Vector], ...]) -> None:
        """The peer answers with its vector where we speak of lanes of our own."""
        if not any(vector for _, vector in wanted):
            self._open.discard(document)
        for chunk, final in chunks(wanted) if wanted else ():
            whole = clear(chunk, whole=self._side.whole)
            self._side.say(messages.Wanted(self._side.number, chunk, whole, final, document))

    def told(self, vectors: messages.Vectors) -> None:
        """The peer has said its vector: as it was asked to, or in answer to ours."""
        self._open.difference_update(document for document, _ in vectors.vectors)
