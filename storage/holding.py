"""What holding runs means, as a pure plan: which tails are new, what waits, what is a branch.

Every store executes the same plan, so that order, grouping and duplication of deliveries cannot
make two stores differ. A branch is a lane (`branching.py`), but where the beginning was let go. A run
here has passed `check_run` (its own chain is sound) and, if signed, its signature; this file judges it
against what is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from conflict.branches import Chain
from conflict.change import read_header
from conflict.identity import ActorId, DocumentId, Lane
from conflict.lane import LaneRun, LaneState, set_item, state_digest
from storage import limits
from storage.branching import Branch, Branching, Family, Fit, hashes_of
from storage.refilling import Refill, ShedBase, Taken
from sync.ports import Applied, HeldLane, SetAside

EQUIVOCATION = "equivocation"
_BRANCH_DETAIL = (
    "its author signed two different changes at one place, and what was held there was let go: "
    "fetch the document"
)
TOO_MANY_BRANCHES = "too-many-branches"
_TOO_MANY_DETAIL = f"its author signed over {limits.BRANCHES_MAX} histories of one lane"
_MODULUS = 1 << 64


class Held(Protocol):
    """What a plan asks of the store, all inside the transaction."""

    def states(self, documents: Sequence[DocumentId]) -> dict[DocumentId, dict[ActorId, LaneState]]:
        """Lanes held of each document."""
        ...

    def staged(self, lane: Lane) -> LaneRun | None:
        """The source's unsigned prefix of a lane."""
        ...

    def run_at(self, lane: Lane, seq: int) -> LaneRun:
        """The stored run that contains a held change; costs a read."""
        ...

    def bases(self, documents: Sequence[DocumentId]) -> dict[Lane, ShedBase]:
        """Lanes of these documents whose content was let go."""
        ...

    def branches(self, documents: Sequence[DocumentId]) -> dict[Lane, dict[ActorId, Chain]]:
        """By lane of an actor that has branches in these documents: their names and hashes."""
        ...

    def stored(self, lane: Lane) -> Sequence[LaneRun]:
        """The stored runs of a lane, by its name here."""
        ...


class DocumentPlan(NamedTuple):
    """A document's row after the transaction; `before`: its digest until now (None: not held)."""

    document: DocumentId
    before: bytes | None
    digest: bytes
    lanes: int
    changes: int
    states: Mapping[ActorId, LaneState]


@dataclass(slots=True)
class Plan:
    """Rows to write. `documents_added` and `digest_delta` (mod 2^64) go to the tally."""

    applied: Applied
    tails: list[LaneRun]
    documents: list[DocumentPlan]
    documents_added: int
    digest_delta: int
    aside: list[tuple[SetAside, LaneRun]]
    stage: dict[Lane, LaneRun]
    unstage: tuple[Lane, ...]
    refill: Refill
    branching: Branching


@dataclass(slots=True)
class _Draft:
    """The plan while it grows."""

    held: Held
    lanes: dict[DocumentId, dict[ActorId, LaneState]]
    bases: dict[Lane, ShedBase]
    families: dict[Lane, Family]
    refill: Refill = field(default_factory=Refill)
    branching: Branching = field(default_factory=Branching)
    tails: list[LaneRun] = field(default_factory=list)
    fresh: dict[Lane, list[LaneRun]] = field(default_factory=dict)
    read: dict[Lane, list[LaneRun]] = field(default_factory=dict)
    grown: dict[Lane, int] = field(default_factory=dict)
    gaps: dict[Lane, None] = field(default_factory=dict)
    aside: list[tuple[SetAside, LaneRun]] = field(default_factory=list)
    stage: dict[Lane, LaneRun] = field(default_factory=dict)
    unstage: dict[Lane, None] = field(default_factory=dict)

    def state(self, lane: Lane) -> LaneState | None:
        return self.lanes[lane.document].get(lane.actor)

    def staged(self, lane: Lane) -> LaneRun | None:
        if lane in self.stage:
            return self.stage[lane]
        return None if lane in self.unstage else self.held.staged(lane)

    def hash_at(self, lane: Lane, seq: int) -> bytes | None:
        """Hash of a held change, those of this transaction included; None: it was let go."""
        if lane in self.bases and seq <= (base := self.bases[lane].state).length:
            return base.head if seq == base.length else None
        known = self.read.setdefault(lane, [])
        near = (*self.fresh.get(lane, ()), *known)
        run = next((one for one in near if one.first_seq <= seq <= one.last_seq), None)
        if run is None:
            run = self.held.run_at(lane, seq)
            known.append(run)
        head = run.head
        return head if seq == run.last_seq else read_header(run.changes[seq - run.first_seq]).hash


def plan(runs: Sequence[LaneRun], held: Held) -> Plan:
    """Judge runs against what is held. Runs of one lane are taken in the order of their places."""
    documents = sorted({run.lane.document for run in runs})
    before = held.states(documents)
    lanes = {one: dict(before.get(one, {})) for one in documents}
    families = {lane: Family.of(lane, one) for lane, one in held.branches(documents).items()}
    draft = _Draft(held, lanes, held.bases(documents), families)
    for run in _in_order(runs):
        if run.lane in draft.families:
            _take_branch(draft, run)
        elif run.signature is None:
            _stage(draft, run)
        else:
            _take(draft, run)
    return _finish(draft, before, runs)


def _in_order(runs: Sequence[LaneRun]) -> Iterable[LaneRun]:
    by_lane: dict[Lane, list[LaneRun]] = {}
    for run in runs:
        by_lane.setdefault(run.lane, []).append(run)
    for lane_runs in by_lane.values():
        yield from sorted(lane_runs, key=lambda run: (run.first_seq, run.last_seq))


def _stage(draft: _Draft, run: LaneRun) -> None:
    """Keep an unsigned run if it can be joined to what is held or staged; else it is a gap."""
    state, base = draft.state(run.lane), draft.bases.get(run.lane)
    if base and base.wanted and run.first_seq <= base.state.length:
        state = base.reached  # it is coming back: no further than that
    length = _length(state)
    if state and run.last_seq <= length and _same_head(draft, run, state):
        return
    joined = _join(draft.staged(run.lane), run) or (run if run.first_seq <= length + 1 else None)
    if joined is None or joined.size > limits.STAGED_BYTES_MAX_PER_PEER:
        draft.gaps[run.lane] = None
    else:
        draft.stage[run.lane] = joined


def _take(draft: _Draft, run: LaneRun) -> None:
    """Hold the new tail of a signed run, or set it aside, or name the gap before it."""
    lane, state = run.lane, draft.state(run.lane)
    base = draft.bases.get(lane)
    if base and base.wanted and _refill(draft, run, base):
        return
    length = _length(state)
    joined = _joined(draft, run, length)
    if joined is None:
        draft.gaps[lane] = None
        return
    run = joined
    if state and run.last_seq <= length:
        if not _same_head(draft, run, state):
            _branch(draft, run, length)
        return
    tail = run.since(length + 1)  # what is new of it
    if state and read_header(tail.changes[0]).dependency != state.head:
        _branch(draft, run, length)
        return
    _grow(draft, tail, tail.first_seq)


def _take_branch(draft: _Draft, run: LaneRun) -> None:
    """Hold what is new of a run by an actor that has branches."""
    lane, family = run.lane, draft.families[run.lane]
    fit = family.take(run, draft.held.stored)
    if fit is Fit.GAP and (joined := _join(draft.staged(lane), run)) is not None:
        run = joined
        fit = family.take(run, draft.held.stored)
    if fit is Fit.GAP:
        draft.gaps[lane] = None
    elif fit is Fit.FULL:
        item = SetAside(lane, run.first_seq, TOO_MANY_BRANCHES, _TOO_MANY_DETAIL)
        draft.aside.append((item, run))
    elif run.signature is not None:
        draft.stage.pop(lane, None)
        draft.unstage[lane] = None
    elif run.size > limits.STAGED_BYTES_MAX_PER_PEER:
        draft.gaps[lane] = None
    elif fit is Fit.NEW:
        draft.stage[lane] = run


def _grow(draft: _Draft, tail: LaneRun, first_new: int) -> None:
    lane = tail.lane
    draft.lanes[lane.document][lane.actor] = tail.state
    draft.grown.setdefault(lane, first_new)
    draft.fresh.setdefault(lane, []).append(tail)
    draft.tails.append(tail)


def _refill(draft: _Draft, run: LaneRun, base: ShedBase) -> bool:
    """Take what a run brings back of its lane; True: nothing in it is beyond what is held."""
    lane, length = run.lane, _length(draft.state(run.lane))
    joined = _joined(draft, run, base.reached.length)
    if joined is None or joined.last_seq <= base.reached.length or lane in draft.fresh:
        return False
    tail = joined.since(base.reached.length + 1)
    first_new = base.state.length + 1
    taken = draft.refill.take(base, tail, length, lambda: draft.held.run_at(lane, first_new))
    if taken is Taken.BRANCH:
        draft.aside.append((SetAside(lane, tail.first_seq, EQUIVOCATION, _BRANCH_DETAIL), tail))
        return True
    if taken is Taken.PART:
        return True
    del draft.bases[lane]
    if taken is Taken.GREW:
        _grow(draft, tail, first_new)
    return tail.last_seq <= _length(draft.state(lane))


def _same_head(draft: _Draft, run: LaneRun, state: LaneState) -> bool:
    """Whether a run that reaches no further than what is held is part of it (hashes chain). Of what
    was let go nobody can tell, and it changes nothing."""
    held = state.head if run.last_seq == state.length else draft.hash_at(run.lane, run.last_seq)
    return held is None or run.head == held


def _joined(draft: _Draft, run: LaneRun, length: int) -> LaneRun | None:
    """A run that begins within or right after `length` changes, with what is staged of it if that
    takes it there; None: a gap."""
    if run.first_seq <= length + 1:
        return run
    joined = _join(draft.staged(run.lane), run)
    if joined is None or joined.first_seq > length + 1:
        return None
    draft.stage.pop(run.lane, None)
    draft.unstage[run.lane] = None
    return joined


def _join(staged: LaneRun | None, run: LaneRun) -> LaneRun | None:
    """A staged prefix and the run that follows it, if the chain of hashes says that it does."""
    if staged is None or not staged.first_seq < run.first_seq <= staged.last_seq + 1:
        return None
    kept = staged.changes[: run.first_seq - staged.first_seq]
    if read_header(run.changes[0]).dependency != read_header(kept[-1]).hash:
        return None
    return replace(run, first_seq=staged.first_seq, changes=kept + run.changes)


def _branch(draft: _Draft, run: LaneRun, length: int) -> None:
    """A run that contradicts a held change begins a branch. Where nobody can tell what was held, it is
    set aside from the first change that differs."""
    if run.lane not in draft.bases:
        fresh = draft.fresh.pop(run.lane, [])
        draft.tails = [one for one in draft.tails if one.lane != run.lane]
        draft.grown.pop(run.lane, None)
        stored = draft.held.stored(run.lane)
        kept = run.lane.actor if stored else None
        family = Family(run.lane, {hashes_of((*stored, *fresh)): Branch(kept, fresh)})
        family.changed = bool(fresh)
        draft.families[run.lane] = family
        _take_branch(draft, run)
        return
    seqs = range(run.first_seq, min(run.last_seq, length) + 1)
    mine = (read_header(chunk).hash for chunk in run.changes)
    pairs = zip(seqs, mine, strict=False)
    differing = (seq for seq, one in pairs if draft.hash_at(run.lane, seq) not in {one, None})
    first = next(differing, max(run.first_seq, length + 1))
    item = SetAside(run.lane, first, EQUIVOCATION, _BRANCH_DETAIL)
    draft.aside.append((item, run.since(first)))


def _finish(
    draft: _Draft,
    held: Mapping[DocumentId, Mapping[ActorId, LaneState]],
    runs: Sequence[LaneRun],
) -> Plan:
    documents, added, delta = [], 0, 0
    _settle(draft)
    for lane in (*draft.grown, *draft.refill.whole):
        staged = draft.staged(lane)
        if staged and staged.last_seq <= _length(draft.state(lane)):
            draft.stage.pop(lane, None)
            draft.unstage[lane] = None
    for document in dict.fromkeys(lane.document for lane in draft.grown):
        old, new = held.get(document), draft.lanes[document]
        digest = digest_of(document, new)
        before = digest_of(document, old) if old else None
        delta += set_item(document, digest)
        if before is None:
            added += 1
        else:
            delta -= set_item(document, before)
        changes = sum(state.length for state in new.values())
        documents.append(DocumentPlan(document, before, digest, len(new), changes, new))
    return Plan(
        applied=_applied(draft, runs),
        tails=draft.tails,
        documents=documents,
        documents_added=added,
        digest_delta=delta % _MODULUS,
        aside=draft.aside,
        stage=draft.stage,
        unstage=tuple(draft.unstage),
        refill=draft.refill,
        branching=draft.branching,
    )


def _settle(draft: _Draft) -> None:
    """Name the branches of actors that grew."""
    for lane, family in draft.families.items():
        if not family.changed:
            continue
        lanes = draft.lanes[lane.document]
        lanes.pop(lane.actor, None)
        for first_new, runs in family.settle(lanes, draft.branching):
            draft.grown[runs[0].lane] = first_new
            draft.tails += runs


def _applied(draft: _Draft, runs: Sequence[LaneRun]) -> Applied:
    named = dict.fromkeys(run.lane for run in runs)
    refused = {item.lane for item, _ in draft.aside} | draft.gaps.keys()
    states = ((lane, _durable(draft, lane, refused)) for lane in named if lane not in draft.bases)
    away = {lane.document for lane in draft.bases}
    back = dict.fromkeys(lane.document for lane in draft.refill.whole)
    return Applied(
        held=tuple(HeldLane(lane, state) for lane, state in states if state),
        grown=tuple(draft.grown.items()),
        set_aside=tuple(item for item, _ in draft.aside),
        gaps=tuple(draft.gaps),
        refilled=tuple(one for one in back if one not in away),
        forked=tuple(draft.branching.rows),
    )


def _durable(draft: _Draft, lane: Lane, refused: Set[Lane]) -> LaneState | None:
    """How far a lane is held; of an actor with branches the longest, if every run of it is."""
    if (family := draft.families.get(lane)) is None:
        return draft.state(lane)
    longest = max(family.chains, key=lambda one: (len(one), one))  # on every store the same
    return None if lane in refused else LaneState(len(longest), longest[-1])


def digest_of(document: DocumentId, lanes: Mapping[ActorId, LaneState]) -> bytes:
    """State digest of a document from its lanes."""
    return state_digest(document, ((actor, state.head) for actor, state in lanes.items()))


def _length(state: LaneState | None) -> int:
    return state.length if state else 0


def evict(staged: Sequence[tuple[Lane, int]]) -> list[Lane]:
    """Lanes to drop, oldest first, so that a peer's (lane, raw bytes) list fits its quota."""
    size, lanes, dropped = sum(one for _, one in staged), len(staged), []
    for lane, one in staged:
        if size <= limits.STAGED_BYTES_MAX_PER_PEER and lanes <= limits.STAGED_LANES_MAX_PER_PEER:
            break
        dropped.append(lane)
        size, lanes = size - one, lanes - 1
    return dropped
