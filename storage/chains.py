"""Reading all truth in order: every stored run, document by document, with its chain checked.

`rebuild` recreates the caches from what this yields, `check` compares them with it. Signatures are
not checked again: the keys are not the store's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby
from typing import Any, NamedTuple

from conflict.errors import LaneRefused
from conflict.identity import ActorId, DocumentId, Lane, NodeId, actor_id, document_text
from conflict.lane import CheckedRun, LaneState, check_run
from storage.errors import DatabaseCorrupt
from storage.framing import unframed
from storage.shapes import Problem

RUNS_READ = 500


class LetGo(NamedTuple):
    """How far a lane reached when its content was let go."""

    document: DocumentId
    actor: ActorId
    author: NodeId
    nonce: bytes
    length: int
    head: bytes


class Chain(NamedTuple):
    """One lane as its sound runs show it; `broken` are stored rows that do not continue it. `hashes`:
    of its changes that are here."""

    lane: Lane
    author: NodeId
    nonce: bytes
    state: LaneState
    broken: tuple[Any, ...]
    hashes: tuple[bytes, ...] = ()

    @property
    def actor(self) -> ActorId:
        """Who wrote it: of a branch the lane has another name."""
        return actor_id(self.author, self.nonce)


@dataclass(slots=True)
class DocumentChains:
    """A document's lanes, ascending by actor, and its latest arrival number."""

    document: DocumentId
    chains: list[Chain] = field(default_factory=list)
    arrival: int = 0

    @property
    def states(self) -> dict[ActorId, LaneState]:
        """Held lanes; one whose first run is broken is not held."""
        return {one.lane.actor: one.state for one in self.chains if one.state.length}


def walk(rows: Iterable[Any], let_go: Iterable[LetGo]) -> Iterator[DocumentChains]:
    """Documents from rows of `run` that ascend by (document, actor, first_seq), and from what was let
    go, ascending too."""
    merged = merge(let_go, rows, key=lambda row: (row.document, row.actor))
    for document, of_document in groupby(merged, key=lambda row: row.document):
        found = DocumentChains(DocumentId(document))
        for actor, of_lane in groupby(of_document, key=lambda row: row.actor):
            lane_rows = list(of_lane)
            found.chains.append(_chain(Lane(found.document, ActorId(actor)), lane_rows))
            stored = (row.arrival for row in lane_rows if not isinstance(row, LetGo))
            found.arrival = max(found.arrival, max(stored, default=0))
        yield found


def _chain(lane: Lane, rows: Sequence[Any]) -> Chain:
    """The longest sound prefix of a lane's rows, from where its content was let go."""
    state = LaneState(0, b"")
    first = rows[0]
    if isinstance(first, LetGo):
        state, rows = LaneState(first.length, first.head), rows[1:]
    hashes: list[bytes] = []
    for place, row in enumerate(rows):
        checked = _checked(lane, row)
        follows = row.first_seq == state.length + 1
        if checked is None or not follows or (checked.dependency or b"") != state.head:
            broken = tuple(rows[place:])
            return Chain(lane, NodeId(first.author), first.nonce, state, broken, tuple(hashes))
        hashes += checked.hashes
        state = LaneState(row.last_seq, row.head)
    return Chain(lane, NodeId(first.author), first.nonce, state, (), tuple(hashes))


def _checked(lane: Lane, row: Any) -> CheckedRun | None:
    """The run's own chain, None when it is damaged."""
    try:
        actor = actor_id(NodeId(row.author), row.nonce)  # of a branch the lane has another name
        run = unframed(lane._replace(actor=actor), row, row.signature)
        return check_run(run) if run.last_seq == row.last_seq else None
    except (LaneRefused, DatabaseCorrupt):
        return None


def broken_run(lane: Lane, first_seq: int) -> Problem:
    """The problem that a damaged stored run is."""
    return Problem(
        "broken-run",
        f"{document_text(lane.document)} lane {lane.actor.hex()[:8]} from change {first_seq}",
        "Run `aidstation db rebuild`: it sets the damaged run aside so that peers send it again.",
    )
