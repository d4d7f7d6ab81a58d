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
from conflict.lane import HEAD_SHORT_BYTES, LaneRun, LaneState, ShortState


def lacking(
    held: Mapping[ActorId, LaneState], have: Mapping[ActorId, ShortState]
) -> tuple[dict[ActorId, int], bool]:
    """For each actor whose runs to send, the last seq that the peer has (0: none).

    The flag is True when the peer has something that we do not. Whether a shorter lane of the
    peer's is a branch shows only in `missing`, which reads the runs.
    """
    wanted: dict[ActorId, int] = {}
    beyond = any(state.length and actor not in held for actor, state in have.items())
    for actor, state in sorted(held.items()):
        theirs = have.get(actor)
        length = theirs.length if theirs else 0
        if theirs and length >= state.length:
            branch = length == state.length and theirs.head != state.short.head
            beyond = beyond or branch or length > state.length
            if branch:
                wanted[actor] = length
        else:
            wanted[actor] = length
    return wanted, beyond


def missing(
    runs: Sequence[LaneRun], have: Mapping[ActorId, ShortState], bytes_max: int
) -> tuple[list[LaneRun], bool]:
    """Runs for a peer with vector `have`, from stored ones ascending by (actor, seq).

    True when a lane of the peer's is a branch of ours: then it gets the stored run that holds its
    length, as evidence, and what follows.
    """
    out: list[LaneRun] = []
    branches = False
    for actor, group in groupby(runs, key=lambda run: run.lane.actor):
        lane_runs = list(group)
        theirs = have.get(actor)
        if theirs is None or not theirs.length:
            out += join(lane_runs, bytes_max)
            continue
        inside = [run for run in lane_runs if run.last_seq >= theirs.length]
        if not _agrees(inside, theirs):
            branches = True
            out += join(inside, bytes_max)
            continue
        after = (_cut(run, theirs.length + 1) for run in inside if run.last_seq > theirs.length)
        out += join(list(after), bytes_max)
    return out, branches


def _agrees(inside: Sequence[LaneRun], theirs: ShortState) -> bool:
    """Whether our change number `theirs.length` has their head."""
    if not inside:
        return False
    run = inside[0]
    head = run.head
    if run.last_seq != theirs.length:
        head = read_header(run.changes[theirs.length - run.first_seq]).hash
    return head[:HEAD_SHORT_BYTES] == theirs.head


def _cut(run: LaneRun, first_seq: int) -> LaneRun:
    if run.first_seq >= first_seq:
        return run
    return replace(run, first_seq=first_seq, changes=run.changes[first_seq - run.first_seq :])


def join(runs: Sequence[LaneRun], bytes_max: int) -> Iterator[LaneRun]:
    """Neighbouring runs of one lane joined while their raw changes stay within `bytes_max`."""
    group: list[LaneRun] = []
    size = 0
    for run in runs:
        more = sum(map(len, run.changes))
        if group and size + more > bytes_max:
            yield _joined(group)
            group, size = [], 0
        group.append(run)
        size += more
    if group:
        yield _joined(group)


def _joined(group: Sequence[LaneRun]) -> LaneRun:
    if len(group) == 1:
        return group[0]
    changes = tuple(chunk for run in group for chunk in run.changes)
    return replace(group[-1], first_seq=group[0].first_seq, changes=changes)
