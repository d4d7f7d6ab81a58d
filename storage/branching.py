"""Branches of one actor, as a pure plan: which chain a run goes on, what forks, what is named anew.

Names are those of `conflict/branches.py`: a function of the set of chains, so the order of deliveries
does not matter. Every branch is stored whole, its beginning with it, so that admission, sync and damage
need to know nothing of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from conflict.branches import Chain, longest, named, shared
from conflict.change import read_header
from conflict.identity import ActorId, Lane
from conflict.lane import LaneRun, LaneState
from storage import limits

Stored = Callable[[Lane], Sequence[LaneRun]]
"""Reads the stored runs of a lane, by the name that it has in the store."""


class Fit(Enum):
    """What a run is to the chains that are held."""

    HELD = "part of one"
    NEW = "more than is held"
    GAP = "it goes on from what is not held"
    FULL = "one branch too many"


@dataclass(slots=True)
class Branch:
    """A chain: the lane of which the store has the beginning (None: of none), and runs to add."""

    kept: ActorId | None
    fresh: list[LaneRun] = field(default_factory=list)


@dataclass(slots=True)
class Branching:
    """Rows to write: lanes that get other names, lanes that are none, and all branches of an actor."""

    renamed: list[tuple[Lane, ActorId]] = field(default_factory=list)
    gone: list[Lane] = field(default_factory=list)
    rows: dict[Lane, dict[ActorId, Chain]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rows)


@dataclass(slots=True)
class Family:
    """All chains of one actor in one document, while a plan grows. `lane`: the actor's own."""

    lane: Lane
    chains: dict[Chain, Branch]
    changed: bool = False

    @classmethod
    def of(cls, lane: Lane, known: dict[ActorId, Chain]) -> Family:
        """As the store has it."""
        return cls(lane, {chain: Branch(name) for name, chain in known.items()})

    def take(self, run: LaneRun, stored: Stored) -> Fit:
        """Judge a run, signed or not; a signed one is added."""
        place = run.first_seq - 1
        before = read_header(run.changes[0]).dependency or b""
        fits = (one for one in self.chains if not place or one[place - 1 : place] == (before,))
        start = next(fits, None)
        if start is None:
            return Fit.GAP
        chain = start[:place] + tuple(read_header(chunk).hash for chunk in run.changes)
        if any(one[: len(chain)] == chain for one in self.chains):
            return Fit.HELD
        if run.signature is None:
            return Fit.NEW
        ended = next((one for one in self.chains if chain[: len(one)] == one), None)
        if ended is None and len(self.chains) >= limits.BRANCHES_MAX:
            return Fit.FULL
        self.changed = True
        if ended is not None:
            branch = self.chains.pop(ended)
            branch.fresh.append(run.since(len(ended) + 1))
        else:
            branch = Branch(None, self._forked(chain, run, stored))
        self.chains[chain] = branch
        return Fit.NEW

    def _forked(self, chain: Chain, run: LaneRun, stored: Stored) -> list[LaneRun]:
        """The runs of a new branch: those of the nearest one up to the fork, then this one."""
        nearest = max(self.chains, key=lambda one: (shared(one, chain), one))
        fork, parent = shared(nearest, chain), self.chains[nearest]
        runs = list(stored(self.lane._replace(actor=parent.kept))) if parent.kept else []
        tail = run.since(fork + 1)
        found: list[LaneRun] = []
        for one in (*runs, *parent.fresh):
            if one.last_seq <= fork:
                found.append(one)
            elif one.first_seq <= fork:
                front = one.changes[: fork + 1 - one.first_seq]
                tail = replace(tail, first_seq=one.first_seq, changes=front + tail.changes)
        return [*found, tail]

    def settle(
        self, lanes: dict[ActorId, LaneState], plan: Branching
    ) -> list[tuple[int, list[LaneRun]]]:
        """Name what there is now: into `lanes` (of the document) and `plan`. For each lane that grew
        the first change that is new, and its runs."""
        names = named(self.lane.actor, self.chains)
        if len(names) > 1:
            plan.rows[self.lane] = names
        ends = set(longest(self.chains))
        for chain, branch in self.chains.items():
            if branch.kept is not None:
                lanes.pop(branch.kept, None)
                if chain not in ends:
                    plan.gone.append(self.lane._replace(actor=branch.kept))
        grown: list[tuple[int, list[LaneRun]]] = []
        for name, chain in names.items():
            branch = self.chains[chain]
            lane = self.lane._replace(actor=name)
            lanes[name] = LaneState(len(chain), chain[-1])
            if branch.kept not in {None, name}:
                plan.renamed.append((self.lane._replace(actor=branch.kept), name))
            if branch.fresh:
                runs = [replace(one, lane=lane) for one in branch.fresh]
                grown.append((runs[0].first_seq, runs))
        return grown


def hashes_of(runs: Sequence[LaneRun]) -> Chain:
    """Of every change of a lane's stored runs, from the first."""
    return tuple(read_header(chunk).hash for run in runs for chunk in run.changes)
