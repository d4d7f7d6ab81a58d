"""What a session still has to send: documents asked for in a round, lanes that grew while live.

Content is read from the store a burst at a time, only while fewer than `WINDOW_BYTES` are on the way
without a receipt, so a slow receiver bounds the sender's memory. Pure: it returns reads and messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from conflict.identity import DocumentId, Lane
from conflict.lane import LaneRun, Vector
from sync import limits
from sync.effects import ReadContent, ReadLanes
from sync.errors import FrameTooLarge
from sync.messages import Content

_RUN_OVERHEAD_BYTES = 160


class Outbox:
    """Queues, the one read under way, and frames not yet receipted."""

    def __init__(self) -> None:
        self._asked: dict[DocumentId, Vector] = {}
        self._grown: dict[Lane, int] = {}
        self._flying: dict[int, int] = {}
        self._last_frame = 0
        self._round_frame = 0
        self._reading: int | None = None
        self._reading_round = False

    def ask(self, document: DocumentId, have: Vector) -> None:
        """The peer lacks part of `document`; `have` is what it holds."""
        if len(self._asked) >= limits.QUEUE_DOCUMENTS_MAX:
            raise FrameTooLarge(
                f"more than {limits.QUEUE_DOCUMENTS_MAX} documents asked (QUEUE_DOCUMENTS_MAX)"
            )
        self._asked[document] = have

    def push(self, lane: Lane, first_seq: int) -> None:
        """`lane` grew here from `first_seq` on."""
        self._grown[lane] = min(first_seq, self._grown.get(lane, first_seq))

    @property
    def round_read(self) -> bool:
        """Nothing asked is left to read."""
        return not self._asked and not (self._reading is not None and self._reading_round)

    @property
    def round_receipted(self) -> bool:
        """Every frame up to the last one of the round has its receipt."""
        return self.round_read and not any(one <= self._round_frame for one in self._flying)

    @property
    def idle(self) -> bool:
        """Nothing queued, being read or on the way."""
        return not (self._asked or self._grown or self._flying or self._reading is not None)

    @property
    def waiting(self) -> int:
        """Documents and lanes not yet read for sending."""
        return len(self._asked) + len(self._grown)

    def next_read(self, ticket: Callable[[], int]) -> ReadContent | ReadLanes | None:
        """The next burst to read, while the window is open."""
        if self._reading is not None or sum(self._flying.values()) >= limits.WINDOW_BYTES:
            return None
        if self._grown:
            lanes = tuple(islice(self._grown.items(), limits.READ_DOCUMENTS))
            for lane, _ in lanes:
                del self._grown[lane]
            self._reading, self._reading_round = ticket(), False
            return ReadLanes(self._reading, lanes)
        if self._asked:
            wanted = tuple(islice(self._asked.items(), limits.READ_DOCUMENTS))
            for document, _ in wanted:
                del self._asked[document]
            self._reading, self._reading_round = ticket(), True
            return ReadContent(self._reading, wanted)
        return None

    def read(self, runs: Sequence[LaneRun]) -> Iterator[Content]:
        """The read has come back: its runs as numbered frames."""
        self._reading = None
        for group in _frames(runs):
            self._last_frame += 1
            if self._reading_round:
                self._round_frame = self._last_frame
            self._flying[self._last_frame] = sum(map(_weight, group))
            yield Content(self._last_frame, tuple(group))

    def receipted(self, frame: int) -> None:
        """The peer has dealt with every frame up to `frame`."""
        for number in [one for one in self._flying if one <= frame]:
            del self._flying[number]


def _weight(run: LaneRun) -> int:
    return sum(map(len, run.changes)) + _RUN_OVERHEAD_BYTES


def _frames(runs: Iterable[LaneRun]) -> Iterator[list[LaneRun]]:
    group: list[LaneRun] = []
    weight = 0
    for run in runs:
        if group and weight + _weight(run) > limits.CONTENT_RAW_BYTES:
            yield group
            group, weight = [], 0
        group.append(run)
        weight += _weight(run)
    if group:
        yield group
