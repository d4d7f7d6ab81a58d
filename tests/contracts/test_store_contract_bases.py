"""Places that a peer's runs go on from: `LaneReader.bases` against every store."""

from __future__ import annotations

import pytest

from conflict.identity import NodeId
from conflict.limits import LANE_CHANGES_MAX, START_OP_MAX
from storage import Store
from sync.continuing import Base, Continued, end_of
from sync.limits import CONTENT_BASES_MAX
from tests.contracts.store_samples import (
    OTHER_PEER,
    PEER,
    SampleLane,
    branch_of,
    document,
    hold,
    sample_lane,
)


def at(lane: SampleLane, length: int) -> tuple[Continued, Base]:
    """The place after so many changes, and what is to be found there."""
    return end_of(lane.cut(1, length))


def test_every_place_in_a_held_lane_is_found_whoever_asks(store: Store) -> None:
    lane = sample_lane(1, document(1), 6)
    for first, last in ((1, 1), (2, 4), (5, 6)):
        hold(store, lane.cut(first, last))
    expected = dict(at(lane, length) for length in range(1, 7))
    assert store.bases(list(expected), PEER) == expected
    assert store.bases(list(expected), NodeId(bytes(16))) == expected


def test_the_end_of_what_a_peer_has_staged_is_found_for_that_peer_alone(store: Store) -> None:
    begun, fresh = sample_lane(1, document(1), 6), sample_lane(2, document(1), 6)
    hold(store, begun.cut(1, 2))
    hold(store, begun.cut(3, 4, signed=False), fresh.cut(1, 3, signed=False))
    expected = dict([at(begun, 2), at(begun, 4), at(fresh, 3)])
    assert store.bases(list(expected), PEER) == expected
    assert store.bases(list(expected), OTHER_PEER) == dict([at(begun, 2)])


def test_a_place_that_is_not_here_is_left_out(store: Store) -> None:
    lane, unheld = sample_lane(1, document(1), 6), sample_lane(2, document(1), 6)
    hold(store, lane.cut(1, 4))
    place, base = at(lane, 4)
    wrong = (
        at(lane, 5)[0],
        at(unheld, 4)[0],
        place._replace(head=b"else"),
        place._replace(length=3),
        place._replace(length=LANE_CHANGES_MAX),
        place._replace(length=START_OP_MAX),
        place._replace(document=document(2)),
        at(branch_of(lane, 2, 3), 4)[0],
    )
    assert store.bases([*wrong, place], PEER) == {place: base}
    assert store.bases([], PEER) == {}


def test_a_place_that_two_lanes_fit_is_neither(store: Store) -> None:
    lanes = [sample_lane(seed, document(1), 2) for seed in range(1, 40)]
    hold(store, *(lane.whole() for lane in lanes))
    firsts = [lane.lane.actor[:1] for lane in lanes]
    seed = next(at for at, one in enumerate(firsts) if firsts.count(one) > 1)
    place, base = at(lanes[seed], 2)
    alike = place._replace(actor=firsts[seed], head=b"")
    unlike = alike._replace(head=place.head)
    assert store.bases([alike, unlike], PEER) == {unlike: base}


@pytest.mark.parametrize("held", [0, 3])
def test_as_many_places_as_a_message_names_are_found_in_many_documents(
    store: Store, held: int
) -> None:
    lanes = [sample_lane(seed, document(seed % 300), 3) for seed in range(CONTENT_BASES_MAX // 3)]
    if held:
        hold(store, *(lane.cut(1, held) for lane in lanes))
    places = dict(at(lane, length) for lane in lanes for length in (1, 2, 3))
    assert store.bases(list(places), PEER) == (places if held else {})
