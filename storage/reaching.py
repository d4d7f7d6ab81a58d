"""What goes to a peer next: runs of lanes from where it has them, until enough bytes are read.

Pure: a store says first what runs it has (`Part`) and reads only those that are chosen, so that memory
is bounded by what was asked for, however many lanes are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from conflict.identity import ActorId, DocumentId, Lane
from conflict.lane import HEAD_SHORT_BYTES, LaneRun, LaneState, ShortState, Vector
from storage import shipping
from sync.limits import RUN_BYTES_MAX, RUN_CHANGES_MAX
from sync.ports import Lacking, Precedence, Reach
from sync.vectors import NOTHING, resolved

LANES_FIRST = 16  # looked up at first, then twice as many ...
LANES_MAX = 256  # ... up to so many at once

LaneHad = tuple[Lane, ShortState]


class Standing(NamedTuple):
    """A held lane as `lacking` needs it; `urgent_ms`, `summary`: `conflict/urgency.py`."""

    held: LaneState
    urgent_ms: int
    summary: bool

    def precedence(self, urgent_since_ms: int) -> Precedence:
        """Urgent for some hours only; what says who the casualty is stays a summary."""
        if self.urgent_ms and self.urgent_ms >= urgent_since_ms:
            return Precedence.URGENT
        return Precedence.SUMMARY if self.summary else Precedence.ROUTINE


def lacking(
    document: DocumentId,
    lanes: Mapping[ActorId, Standing],
    have: Vector,
    urgent_since_ms: int,
) -> tuple[list[Lacking], bool]:
    """Lanes of a document that a peer lacks the end of; True: it holds something that we do not."""
    held = {actor: one.held for actor, one in lanes.items()}
    have = resolved(held, have)
    wanted, beyond = shipping.lacking(held, have)
    found = [
        Lacking(
            Lane(document, actor),
            have.get(actor, NOTHING),
            lanes[actor].precedence(urgent_since_ms),
        )
        for actor in wanted
    ]
    return found, beyond


class Part(NamedTuple):
    """A stored run before it is read; `size`: raw bytes of its changes."""

    lane: Lane
    first_seq: int
    last_seq: int
    head: bytes
    size: int

    @property
    def short(self) -> ShortState:
        """The lane's state at the end of this run."""
        return ShortState(self.last_seq, self.head[:HEAD_SHORT_BYTES])


class Shelf(Protocol):
    """What is asked of a store, all within one snapshot."""

    def parts(self, lanes: Sequence[Lane]) -> Mapping[Lane, Sequence[Part]]:
        """The stored runs of lanes, ascending by number; an unheld lane is absent."""
        ...

    def read(self, parts: Sequence[Part]) -> list[LaneRun]:
        """These runs, in this order."""
        ...

    def actors(self, some: Sequence[Lane]) -> Mapping[Lane, ActorId]:
        """Who wrote those of these lanes that are branches; may name others."""
        ...


def as_written(run: LaneRun, actors: Mapping[Lane, ActorId]) -> LaneRun:
    """A stored run as its author signed it: of a branch the lane has a name of its own."""
    actor = actors.get(run.lane)
    return run if actor is None else replace(run, lane=run.lane._replace(actor=actor))


@dataclass(slots=True)
class _Chosen:
    """Parts to read, lane by lane as asked for."""

    bytes_max: int
    parts: list[Part] = field(default_factory=list)
    lanes: list[tuple[ShortState, int]] = field(default_factory=list)
    behind: dict[Lane, None] = field(default_factory=dict)
    size: int = 0

    def take(self, due: Sequence[Part], have: ShortState) -> ShortState | None:
        """Choose what fits; where to go on if not all of it did."""
        before = len(self.parts)
        reached = None
        for part in due:
            if self.parts and self.size + part.size > self.bytes_max:
                reached = have if len(self.parts) == before else self.parts[-1].short
                break
            self.parts.append(part)
            self.size += part.size
        if len(self.parts) > before:
            self.lanes.append((have, len(self.parts) - before))
        return reached


def reach(lanes: Sequence[LaneHad], shelf: Shelf, bytes_max: int) -> Reach:
    """See `LaneReader.reach`."""
    chosen = _Chosen(bytes_max)
    rest = _choose(lanes, shelf, chosen)
    runs: list[LaneRun] = []
    apart: dict[Lane, ShortState] = {}
    read = iter(shelf.read(chosen.parts))
    for have, count in chosen.lanes:
        after, branch = shipping.after([next(read) for _ in range(count)], have)
        if branch:
            apart[after[0].lane] = NOTHING  # the peer is to have all of it
        else:
            runs += shipping.join(after, RUN_BYTES_MAX, RUN_CHANGES_MAX)
    actors = shelf.actors([run.lane for run in runs])
    said = tuple(as_written(run, actors) for run in runs)
    written = {run.lane: as_.lane for run, as_ in zip(runs, said, strict=True) if run is not as_}
    again = {lane: have for lane, have in rest if lane not in apart}
    left = (*apart.items(), *again.items())
    return Reach(said, left, tuple(chosen.behind), tuple(apart), written)


def _choose(lanes: Sequence[LaneHad], shelf: Shelf, chosen: _Chosen) -> Sequence[LaneHad]:
    """Choose until enough; the lanes that are left."""
    start, count = 0, LANES_FIRST
    while start < len(lanes):
        some = lanes[start : start + count]
        parts = shelf.parts([lane for lane, _ in some])
        for at, (lane, have) in enumerate(some, start):
            due = _due(parts.get(lane, ()), have)
            if due is None:
                chosen.behind[lane] = None
            elif reached := chosen.take(due, have):
                return [(lane, reached), *lanes[at + 1 :]]
        start, count = start + count, min(2 * count, LANES_MAX)
    return ()


def _due(parts: Sequence[Part], have: ShortState) -> Sequence[Part] | None:
    """Parts to read for a peer that has a lane so far; None: it has more than we do. Of a lane whose
    beginning was let go only what follows without a hole.

    The part that contains `have` is read if something comes after it there, or if its end differs.
    """
    if parts and parts[0].first_seq > have.length + 1:
        return ()
    if not have.length:
        return parts
    inside = [part for part in parts if part.last_seq >= have.length]
    if not inside:
        return None
    first = inside[0]
    if first.last_seq == have.length and first.head.startswith(have.head):
        return inside[1:]
    return inside
