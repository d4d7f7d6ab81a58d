"""Lanes of revoked devices in every store: held like any other, opened as far as something covers them."""

from __future__ import annotations

import pytest

from conflict.lane import ShortState
from storage import Store
from storage.shapes import Suspected
from sync.ports import Receipt
from tests.contracts.conftest import Place
from tests.contracts.store_samples import admit_all, document, hold, receipt, sample_lane

ONE = document(1)
LOST, OTHER = sample_lane(1, ONE, 4), sample_lane(2, ONE, 2)


def suspect(store: Store, *nodes: bytes) -> None:
    with store.write() as transaction:
        transaction.suspect(nodes)  # type: ignore[arg-type]  # ids


def cover(store: Store, *claims: Receipt) -> None:
    with store.write() as transaction:
        transaction.cover(claims)


def shown(store: Store) -> dict[bytes, int | None]:
    """What work says may be shown of each lane that is to be opened."""
    return {lane.actor: lane.shown for work in store.work(10) for lane in work.lanes}


@pytest.fixture
def both(store: Store) -> Store:
    hold(store, LOST.whole(), OTHER.whole())
    admit_all(store)
    return store


def test_a_suspects_lanes_are_opened_again_and_others_are_not(both: Store) -> None:
    before = both.summary()
    suspect(both, LOST.key.node)
    assert shown(both) == {LOST.lane.actor: 0}
    assert list(both.entries(ONE)) == [OTHER.lane.actor]
    assert both.summary() == before
    assert both.check() == []
    (lane,) = (one for one in both.lanes(ONE) if one.lane == LOST.lane)
    assert (lane.held.length, lane.admitted) == (4, 0)


@pytest.mark.parametrize(("claims", "most"), [((2,), 2), ((4, 1), 4), ((), 0)])
def test_the_longest_claim_counts(both: Store, claims: tuple[int, ...], most: int) -> None:
    cover(both, *(receipt(LOST, length) for length in claims))
    suspect(both, LOST.key.node)
    assert shown(both) == {LOST.lane.actor: most}
    assert both.suspected(9) == [Suspected(LOST.lane, LOST.key.node, 4, most)]


def test_a_claim_that_the_lane_does_not_bear_out_covers_nothing(both: Store) -> None:
    suspect(both, LOST.key.node)
    admit_all(both)
    wrong = Receipt(LOST.lane, ShortState(3, b"not hash"))
    beyond = Receipt(LOST.lane, ShortState(9, b"not here"))
    cover(both, wrong, beyond)
    assert shown(both) == {LOST.lane.actor: 0}
    cover(both, receipt(LOST, 2))
    assert shown(both) == {LOST.lane.actor: 2}
    cover(both, receipt(LOST, 3))  # a claim of that length that is true
    assert shown(both) == {LOST.lane.actor: 3}


def test_what_comes_later_from_a_suspect_is_held_and_hidden(store: Store) -> None:
    suspect(store, LOST.key.node)
    hold(store, LOST.cut(1, 2))
    assert shown(store) == {LOST.lane.actor: 0}
    admit_all(store)
    hold(store, LOST.cut(3, 4))
    assert shown(store) == {LOST.lane.actor: 0}
    assert store.suspected(9) == [Suspected(LOST.lane, LOST.key.node, 4, 0)]


def test_a_released_device_is_as_before(both: Store) -> None:
    suspect(both, LOST.key.node)
    admit_all(both)
    suspect(both)
    assert shown(both) == {LOST.lane.actor: None}
    assert both.suspected(9) == []
    admit_all(both)
    assert sorted(both.entries(ONE)) == sorted((LOST.lane.actor, OTHER.lane.actor))


def test_saying_the_same_again_opens_nothing(both: Store) -> None:
    suspect(both, LOST.key.node)
    cover(both, receipt(LOST, 2))
    admit_all(both)
    suspect(both, LOST.key.node)
    cover(both, receipt(LOST, 2))
    assert both.work(10) == []


def test_a_restart_and_a_rebuild_keep_it_hidden(place: Place) -> None:
    hold(place.store, LOST.whole())
    suspect(place.store, LOST.key.node)
    cover(place.store, receipt(LOST, 1))
    place.reopen()
    place.store.rebuild()
    assert shown(place.store) == {LOST.lane.actor: 1}
