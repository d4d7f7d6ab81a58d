"""Content that was let go and comes back, as a pure plan: run by run, until the chain ends in its head.

What was let go is known by its length and head alone, so runs of it are believed no sooner than at
the end: a chain that ends elsewhere is another branch, and what came of it is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from conflict.change import read_header
from conflict.identity import Lane
from conflict.lane import LaneRun, LaneState

NOTHING = LaneState(0, b"")


@dataclass(slots=True)
class ShedBase:
    """A lane whose changes up to `state` were let go. `wanted`: they are to come back, and have up
    to `reached`."""

    state: LaneState
    wanted: bool
    reached: LaneState = NOTHING


class Taken(Enum):
    """What became of a run."""

    PART = "kept with what came back before"
    WHOLE = "the last that was lacking"
    GREW = "the last that was lacking, and more"
    BRANCH = "of another chain than the one let go"


@dataclass(slots=True)
class Refill:
    """Rows to write. `rows`: runs that came back; `whole`: lanes that are all here again; `replaced`:
    stored runs that became part of one of `rows`; `emptied`: lanes to begin again."""

    rows: list[LaneRun] = field(default_factory=list)
    whole: dict[Lane, None] = field(default_factory=dict)
    replaced: list[tuple[Lane, int]] = field(default_factory=list)
    emptied: dict[Lane, None] = field(default_factory=dict)

    def take(
        self, base: ShedBase, tail: LaneRun, length: int, after_base: Callable[[], LaneRun]
    ) -> Taken:
        """A signed run that begins right after `base.reached`, in a lane of `length` changes.

        `after_base` reads the stored run behind what was let go, where there is one.
        """
        lane, end = tail.lane, base.state.length
        reaches = tail.last_seq >= end
        follows = (read_header(tail.changes[0]).dependency or b"") == base.reached.head
        if not follows or (reaches and _hash_at(tail, end) != base.state.head):
            self.rows = [row for row in self.rows if row.lane != lane]
            self.emptied[lane] = None
            base.reached = NOTHING
            return Taken.BRANCH
        base.reached = tail.state
        if reaches:
            self.whole[lane] = None
        if tail.last_seq > end and length == end:
            return Taken.GREW
        if tail.last_seq > end:  # its signature stands too far out: that of the stored run does
            stored = after_base()
            self.replaced.append((lane, stored.first_seq))
            front = tail.changes[: end + 1 - tail.first_seq]
            tail = replace(stored, first_seq=tail.first_seq, changes=front + stored.changes)
        self.rows.append(tail)
        return Taken.WHOLE if reaches else Taken.PART


def _hash_at(run: LaneRun, seq: int) -> bytes:
    return run.head if seq == run.last_seq else read_header(run.changes[seq - run.first_seq]).hash
