"""Which stored runs a peer lacks, as pure functions over one document's runs.

A stored run ends where a signature stands, and a signature covers every change before it, so
neighbours may be joined and fronts cut off, but never ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from conflict.change import read_header
from conflict.identity import ActorId
from conflict.lane import LaneRun, LaneState, ShortState
from conflict.limits import LANE_CHANGES_MAX
from sync.vectors import NOTHING, resolved


def lacking(
    held: Mapping[ActorId, LaneState], have: Mapping[ActorId, ShortState]
) -> tuple[dict[ActorId, int], bool]:
    """For each actor whose runs to send, the last seq that the peer has (0: none).

    The flag is True when the peer has something that we do not. Whether a shorter lane of the
    peer's is a branch shows only in `missing`, which reads the runs.
    """
    have = resolved(held, have)
    wanted: dict[ActorId, int] = {}
    beyond = any(state.length and actor not in held for actor, state in have.items())
    for actor, state in sorted(held.items()):
        theirs = have.get(actor)
        length = theirs.length if theirs else 0
        if theirs and length >= state.length:
            branch = length == state.length and not state.head.startswith(theirs.head)
            beyond = beyond or branch or length > state.length
            if branch:
                wanted[actor] = length
        else:
            wanted[actor] = length
    return wanted, beyond


def missing(
    runs: Sequence[LaneRun], have: Mapping[ActorId, ShortState], bytes_max: int
) -> tuple[list[LaneRun], set[ActorId]]:
    """Runs for a peer with vector `have`, from stored ones ascending by (actor, seq).

    Second: actors of lanes of which the peer has another branch: it is to get all of ours.
    """
    out: list[LaneRun] = []
    apart: set[ActorId] = set()
    for actor, group in groupby(runs, key=lambda run: run.lane.actor):
        due, branch = after(list(group), have.get(actor, NOTHING))
        if branch:
            apart.add(actor)
        out += join(due, bytes_max)
    return out, apart


def after(runs: Sequence[LaneRun], have: ShortState) -> tuple[list[LaneRun], bool]:
    """Runs of one lane beyond what a peer has of it; a `have` without head is not compared.

    True: the peer's lane is a branch of ours or longer; then from the run that shows it, uncut.
    """
    inside = [run for run in runs if run.last_seq >= have.length]
    if have.length and not (inside and _agrees(inside[0], have)):
        return inside, True
    return [run.since(have.length + 1) for run in inside if run.last_seq > have.length], False


def _agrees(run: LaneRun, theirs: ShortState) -> bool:
    """Whether our change number `theirs.length`, in this run if anywhere, has their head."""
    if not theirs.head or run.first_seq > theirs.length:
        return True
    head = run.head
    if run.last_seq != theirs.length:
        head = read_header(run.changes[theirs.length - run.first_seq]).hash
    return head.startswith(theirs.head)


def join(
    runs: Sequence[LaneRun], bytes_max: int, changes_max: int = LANE_CHANGES_MAX
) -> Iterator[LaneRun]:
    """Neighbouring runs of one lane joined while raw bytes and changes stay within the limits."""
    group: list[LaneRun] = []
    size = count = 0
    for run in runs:
        more = run.size
        if group and (size + more > bytes_max or count + len(run.changes) > changes_max):
            yield _joined(group)
            group, size, count = [], 0, 0
        group.append(run)
        size += more
        count += len(run.changes)
    if group:
        yield _joined(group)


def _joined(group: Sequence[LaneRun]) -> LaneRun:
    if len(group) == 1:
        return group[0]
    changes = tuple(chunk for run in group for chunk in run.changes)
    return replace(group[-1], first_seq=group[0].first_seq, changes=changes)
