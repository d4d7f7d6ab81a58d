"""Content that was let go comes back: run by run, from anybody, checked against what was let go."""

from __future__ import annotations

import random

import pytest

from conflict.lane import LaneState, ShortState
from storage import NotShed, Store
from sync.aliases import claim_of
from sync.ports import Receipt
from tests.contracts.conftest import Place
from tests.contracts.shed_samples import (
    SHED_MS,
    claimed,
    held_at_garrison,
    shed,
    take,
    want,
)
from tests.contracts.store_samples import (
    NOW_MS,
    OTHER_PEER,
    PEER,
    admit_all,
    branch_of,
    document,
    hold,
    receipt,
    sample_lane,
)

ONE, TWO = document(1), document(2)
LANE = sample_lane(1, ONE, 8)
ACTOR = LANE.lane.actor
NOTHING = ShortState(0, b"")


def short(length: int) -> ShortState:
    return ShortState(length, LANE.written[length - 1].hash[:8])


@pytest.fixture
def store(place: Place) -> Store:
    """Lane 1 held to change 5, let go and wanted."""
    store = place.store
    hold(store, LANE.cut(1, 5))
    admit_all(store)
    claimed(store, receipt(LANE, 5))
    shed(store, ONE)
    want(store, ONE, TWO)
    return store


def whole(store: Store, length: int) -> None:
    """All of the lane is here, once, and opens."""
    assert store.shed_documents([ONE]) == {}
    runs = store.runs(ONE, {}, 1 << 20)[0]
    assert [chunk for run in runs for chunk in run.changes] == [
        one.raw for one in LANE.written[:length]
    ]
    assert store.dirty_documents() == [ONE]
    admit_all(store)
    assert len(store.entries(ONE)[ACTOR]) == length
    row = store.projection(ONE)
    assert row is not None
    assert row.shed_ms == 0
    assert store.refills(PEER, 9) == {}
    assert store.check() == []


def test_it_comes_back_in_pieces_and_the_vector_says_how_far(place: Place, store: Store) -> None:
    before = store.summary(), store.listing(None, 9), store.vectors([ONE])
    assert store.wanted(9) == [ONE]
    assert store.refills(PEER, 9) == {ONE: {ACTOR: NOTHING}}
    applied = take(store, LANE.cut(1, 2))
    assert (applied.held, applied.grown, applied.refilled) == ((), (), ())
    store = place.reopen()
    assert store.refills(PEER, 9) == {ONE: {ACTOR: short(2)}}
    assert store.runs(ONE, {}, 1 << 20) == ([], False)  # half a lane goes to nobody
    assert store.check() == []
    applied = take(store, LANE.cut(3, 5))
    assert applied.refilled == (ONE,)
    assert [(one.lane, one.state.length) for one in applied.held] == [(LANE.lane, 5)]
    assert (store.summary(), store.listing(None, 9), store.vectors([ONE])) == before
    whole(store, 5)


def test_pieces_without_a_signature_wait_as_always(store: Store) -> None:
    take(store, LANE.cut(1, 3, signed=False))
    assert store.refills(PEER, 9) == {ONE: {ACTOR: short(3)}}
    assert store.refills(OTHER_PEER, 9) == {ONE: {ACTOR: NOTHING}}
    assert take(store, LANE.cut(4, 5)).refilled == (ONE,)
    whole(store, 5)


def test_a_run_signed_beyond_what_was_let_go_brings_both(store: Store) -> None:
    applied = take(store, LANE.cut(1, 2), LANE.cut(3, 8))
    assert (applied.refilled, applied.grown) == ((ONE,), ((LANE.lane, 6),))
    assert store.vectors([ONE])[ONE][ACTOR] == short(8)
    whole(store, 8)


@pytest.mark.parametrize("last", [6, 7, 8])
def test_a_run_that_ends_within_what_came_later_is_joined_to_it(store: Store, last: int) -> None:
    take(store, LANE.cut(6, 7))
    take(store, LANE.cut(1, 3))
    applied = take(store, LANE.cut(3, last))
    assert applied.refilled == (ONE,)
    assert applied.grown == (((LANE.lane, 8),) if last == 8 else ())
    whole(store, max(last, 7))


def test_news_of_a_lane_that_is_coming_back_is_held_at_once(store: Store) -> None:
    take(store, LANE.cut(1, 2))
    assert take(store, LANE.cut(6, 8)).grown == ((LANE.lane, 6),)
    assert store.vectors([ONE])[ONE][ACTOR] == short(8)
    assert take(store, LANE.cut(4, 5)).gaps == ()  # not where it stands: passed over
    assert take(store, LANE.cut(3, 5)).refilled == (ONE,)
    whole(store, 8)


def test_a_chain_that_ends_elsewhere_is_thrown_away_and_it_begins_again(store: Store) -> None:
    other = branch_of(LANE, 2, 3)
    take(store, other.cut(1, 4))
    applied = take(store, other.cut(5, 5))
    assert [one.code for one in applied.set_aside] == ["equivocation"]
    assert store.refills(PEER, 9) == {ONE: {ACTOR: NOTHING}}
    assert len(store.set_aside_items()) == 1
    assert take(store, LANE.cut(1, 5)).refilled == (ONE,)
    whole(store, 5)


def test_pieces_of_two_branches_are_not_joined(store: Store) -> None:
    take(store, branch_of(LANE, 1, 2).cut(1, 3))
    assert take(store, LANE.cut(4, 5)).set_aside
    assert store.refills(PEER, 9) == {ONE: {ACTOR: NOTHING}}
    assert take(store, LANE.cut(1, 5)).refilled == (ONE,)


def test_a_document_is_whole_when_its_last_lane_is(place: Place) -> None:
    store, lanes = place.store, [sample_lane(seed, ONE, 3) for seed in range(3)]
    held_at_garrison(store, lanes)
    shed(store, ONE)
    want(store, ONE)
    assert take(store, lanes[0].whole(), lanes[1].whole()).refilled == ()
    admit_all(store)
    assert len(store.entries(ONE)) == 2
    row = store.projection(ONE)
    assert row is not None
    assert row.shed_ms == SHED_MS
    assert take(store, lanes[2].whole()).refilled == (ONE,)
    admit_all(store)
    assert len(store.entries(ONE)) == 3
    assert store.check() == []


def test_what_came_back_is_news_to_nobody_but_a_custody_log(store: Store) -> None:
    with store.write() as transaction:
        transaction.write_custody(PEER, bytes(16), NOW_MS, lambda one: one)
    seen = store.arrival()
    take(store, LANE.cut(1, 5))
    with store.write() as transaction:
        entry = transaction.write_custody(PEER, bytes(16), NOW_MS, lambda one: one)
    assert entry is not None
    assert entry.lanes == (claim_of(Receipt(LANE.lane, short(5))),)
    assert store.arrival() == seen + 1


def test_what_came_back_is_no_news(store: Store) -> None:
    seen = store.arrival()
    take(store, LANE.cut(1, 5))
    assert store.arrival() == seen
    assert store.news(0, 9) == []


def test_what_is_coming_back_may_not_be_let_go(store: Store) -> None:
    take(store, sample_lane(2, ONE, 1).whole())
    with pytest.raises(NotShed) as caught:
        shed(store, ONE)
    assert caught.value.cause == "wanted"


def test_a_rebuild_in_the_middle_loses_nothing(store: Store) -> None:
    take(store, LANE.cut(1, 2), LANE.cut(6, 7))
    assert store.rebuild().problems == ()
    assert store.refills(PEER, 9) == {ONE: {ACTOR: short(2)}}
    assert take(store, LANE.cut(3, 5)).refilled == (ONE,)
    whole(store, 7)


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_any_cuts_brings_it_all_back(place: Place, seed: int) -> None:
    """Whatever was held when it was let go, and however it is cut on its way."""
    dice = random.Random(seed)
    store, total = place.store, 8
    base = dice.randint(1, total)
    hold(store, LANE.cut(1, base))
    admit_all(store)
    claimed(store, receipt(LANE, base))
    shed(store, ONE)
    want(store, ONE)
    for _ in range(60):
        reached = store.refills(PEER, 9).get(ONE, {}).get(ACTOR, ShortState(0, b"")).length
        first = dice.randint(1, min(reached + 1, total)) if dice.random() < 0.8 else 1
        take(store, LANE.cut(first, dice.randint(first, total), signed=dice.random() < 0.8))
        assert store.vectors([ONE])[ONE][ACTOR].length >= base
        assert store.check() == []
        if not store.shed_documents([ONE]):
            break
    length = store.vectors([ONE])[ONE][ACTOR].length
    assert [one.held for one in store.lanes(ONE)] == [
        LaneState(length, LANE.written[length - 1].hash)
    ]
    whole(store, length)
