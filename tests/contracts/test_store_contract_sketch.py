"""The sketch, arrival numbers and what is staged of a peer: `LaneReader` against every store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conflict.identity import DocumentId, DocumentKind, Lane, NodeId
from conflict.lane import LaneState, ShortState
from storage import Store
from sync.limits import SKETCH_CELLS_KEPT, SKETCH_CELLS_MAX
from sync.sketch import SALT_BYTES, SECRET_BYTES, Sketch, SketchKey, Symbol, decode
from tests.contracts.conftest import EPOCH, MakePlace, Place
from tests.contracts.store_samples import (
    NOW_MS,
    OTHER_PEER,
    PEER,
    SampleLane,
    admit_all,
    branch_of,
    document,
    hold,
    sample_lane,
)

NO_SECRET = bytes(SECRET_BYTES)
SECRET = bytes(range(SECRET_BYTES))
SALT = bytes(range(100, 100 + SALT_BYTES))


class Broken(Exception):
    """A fault in the middle of a transaction."""


def made_anew(store: Store, key: SketchKey, size: int = SKETCH_CELLS_KEPT) -> list[int]:
    """Cells from the listing: what the kept ones must be."""
    found = Sketch(key, size)
    for one in store.listing(None, 100_000):
        found.add(key.symbol(one.document, one.digest))
    return found.cells()


def assert_sketch_is_right(store: Store, secret: bytes = NO_SECRET) -> None:
    """Kept cells and symbols are those of the held set."""
    key = SketchKey(secret)
    found = store.sketch(SKETCH_CELLS_KEPT)
    assert found.key.name == key.name
    assert found.cells() == made_anew(store, key)
    listed = store.listing(None, 100_000)
    symbols = {key.symbol(one.document, one.digest): one.document for one in listed}
    assert store.named(symbols) == symbols
    assert store.check() == []


# --- kept cells ----------------------------------------------------------------------------------


def test_an_empty_store_has_empty_cells_and_no_news(store: Store) -> None:
    assert store.sketch(SKETCH_CELLS_KEPT).cells() == [0] * SKETCH_CELLS_KEPT
    assert store.named([Symbol(0), Symbol(7)]) == {}
    assert store.named([]) == {}
    assert (store.arrival(), store.news(0, 10)) == (0, [])
    assert store.salted_sketch(SALT, 4)[0].cells() == [0] * 4


def test_the_sketch_follows_what_is_held(place: Place) -> None:
    lanes = [sample_lane(seed, document(seed % 7), 4) for seed in range(20)]
    for first in range(1, 5):
        for lane in lanes:
            hold(place.store, lane.cut(first, first))
        assert_sketch_is_right(place.store)
    assert_sketch_is_right(place.reopen())


def test_many_documents_in_one_transaction_are_all_in_the_sketch(store: Store) -> None:
    base = sample_lane(1, document(1), 2)
    runs = [replace(base.cut(1, 1), lane=Lane(document(n), base.lane.actor)) for n in range(900)]
    hold(store, *runs)
    hold(store, *(replace(base.cut(2, 2), lane=run.lane) for run in runs[::2]))
    assert_sketch_is_right(store)
    store.rebuild()
    assert_sketch_is_right(store)


def test_a_document_that_goes_on_growing_leaves_one_symbol(store: Store) -> None:
    lane = sample_lane(1, document(1), 300)
    for seq in range(1, 301):
        hold(store, lane.cut(seq, seq))
    assert_sketch_is_right(store)
    empty = Sketch(store.sketch(8).key, 8)
    assert decode(store.sketch(8).subtract(empty)).ours == tuple(store.named(_symbols(store)))


def _symbols(store: Store) -> list[Symbol]:
    key = store.sketch(1).key
    return [key.symbol(*one) for one in store.listing(None, 1000)]


@pytest.mark.parametrize("size", [1, 7, SKETCH_CELLS_KEPT, SKETCH_CELLS_KEPT + 1, 5000])
def test_any_number_of_cells_is_a_prefix_of_the_same_stream(store: Store, size: int) -> None:
    hold(store, *(sample_lane(seed, document(seed), 1).whole() for seed in range(30)))
    assert store.sketch(size).cells() == made_anew(store, SketchKey(NO_SECRET), size)


@pytest.mark.parametrize("size", [-1, 0, SKETCH_CELLS_MAX + 1])
def test_a_sketch_of_an_impossible_size_is_refused(store: Store, size: int) -> None:
    with pytest.raises(ValueError, match="SKETCH_CELLS_MAX"):
        store.sketch(size)


def test_a_sketch_that_was_read_is_its_readers_own(store: Store) -> None:
    hold(store, sample_lane(1, document(1), 1).whole())
    store.sketch(SKETCH_CELLS_KEPT).add(Symbol(5))
    assert_sketch_is_right(store)


def test_a_broken_transaction_leaves_sketch_and_arrivals_as_they_were(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 3), sample_lane(2, document(2), 1)
    hold(store, lane.cut(1, 1))
    before = store.sketch(SKETCH_CELLS_KEPT).cells(), store.news(0, 10)

    def fail() -> None:
        with store.write() as transaction:
            transaction.hold([lane.cut(2, 3), other.whole()], PEER, NOW_MS)
            raise Broken

    with pytest.raises(Broken):
        fail()
    assert (store.sketch(SKETCH_CELLS_KEPT).cells(), store.news(0, 10)) == before
    hold(store, lane.cut(2, 3), other.whole())
    assert_sketch_is_right(store)


def test_what_two_stores_do_not_share_is_decoded_and_named(new_place: MakePlace) -> None:
    one, two = new_place().store, new_place().store
    lanes = [sample_lane(seed, document(seed), 2) for seed in range(12)]
    for store in (one, two):
        store.sketch_with(SECRET)
        hold(store, *(lane.cut(1, 1) for lane in lanes))
    hold(one, lanes[3].cut(2, 2), sample_lane(20, document(20), 1).whole())
    hold(two, lanes[7].cut(2, 2))
    found = decode(one.sketch(64).subtract(two.sketch(64)))
    assert found.complete
    assert set(one.named(found.ours).values()) == {document(3), document(7), document(20)}
    assert set(two.named(found.theirs).values()) == {document(3), document(7)}
    assert document(20) in one.named(found.lacking_there).values()


def _twin(number: int) -> DocumentId:
    return DocumentId(bytes([DocumentKind.EPISODE]) + number.to_bytes(13, "big") + b"\xab\xcd")


def test_two_documents_that_share_a_symbol_break_nothing(store: Store) -> None:
    base = sample_lane(1, document(1), 2)
    twins = [_twin(12259), _twin(29694)]  # found by trying, as one in 2^32 pairs is
    hold(store, *(replace(base.cut(1, 1), lane=Lane(one, base.lane.actor)) for one in twins))
    [symbol] = set(_symbols(store))
    assert store.named([symbol]) == {symbol: twins[0]}
    assert store.sketch(SKETCH_CELLS_KEPT).cells() == made_anew(store, SketchKey(NO_SECRET))
    assert store.check() == []
    hold(store, replace(base.cut(2, 2), lane=Lane(twins[0], base.lane.actor)))
    assert store.named([symbol]) == {symbol: twins[1]}
    store.rebuild()
    assert_sketch_is_right(store)


# --- keys ----------------------------------------------------------------------------------------


def test_another_secret_makes_symbols_and_cells_anew_and_is_kept(place: Place) -> None:
    lanes = [sample_lane(seed, document(seed), 2) for seed in range(40)]
    hold(place.store, *(lane.cut(1, 1) for lane in lanes))
    place.store.sketch_with(SECRET)
    assert_sketch_is_right(place.store, SECRET)
    hold(place.store, *(lane.cut(2, 2) for lane in lanes))
    assert_sketch_is_right(place.store, SECRET)
    store = place.reopen()
    assert_sketch_is_right(store, SECRET)
    store.sketch_with(SECRET)
    store.rebuild()
    assert_sketch_is_right(store, SECRET)
    store.sketch_with(NO_SECRET)
    assert_sketch_is_right(store)


@pytest.mark.parametrize("secret", [b"", bytes(15), bytes(17)])
def test_a_secret_of_another_length_is_refused(store: Store, secret: bytes) -> None:
    store.sketch_with(SECRET)
    with pytest.raises(ValueError, match="16 bytes"):
        store.sketch_with(secret)
    assert_sketch_is_right(store, SECRET)


def test_a_salted_sketch_is_the_same_set_under_another_key(store: Store) -> None:
    hold(store, *(sample_lane(seed, document(seed), 1).whole() for seed in range(30)))
    store.sketch_with(SECRET)
    key = SketchKey(SECRET, SALT)
    found, owners = store.salted_sketch(SALT, 100)
    assert found.key.name == key.name
    assert found.cells() == made_anew(store, key, 100)
    listed = store.listing(None, 100)
    assert owners == {key.symbol(one.document, one.digest): one.document for one in listed}
    with pytest.raises(ValueError, match="salt"):
        store.salted_sketch(b"short", 100)


# --- arrivals ------------------------------------------------------------------------------------


def test_news_are_the_lanes_that_grew_and_from_where_latest_first(place: Place) -> None:
    store = place.store
    one, two, three = (sample_lane(seed, document(seed), 4) for seed in range(3))
    hold(store, one.cut(1, 1), two.cut(1, 1))
    since = store.arrival()
    hold(store, three.cut(1, 1))
    hold(store, one.cut(2, 2))
    hold(store, one.cut(3, 3))
    assert store.arrival() == since + 3
    assert store.news(since, 10) == [(one.lane, 2), (three.lane, 1)]
    assert store.news(since + 2, 10) == [(one.lane, 3)]
    assert store.news(0, 3) == [(one.lane, 1), (three.lane, 1), (two.lane, 1)]
    assert store.news(0, 2) is None
    assert store.news(store.arrival(), 0) == []
    assert store.news(since, 0) is None
    hold(store, one.cut(2, 3), two.cut(3, 4))  # held already, and a gap: nothing grew
    assert store.arrival() == since + 3
    store = place.reopen()
    store.rebuild()
    assert (store.arrival(), store.news(since + 2, 10)) == (since + 3, [(one.lane, 3)])
    hold(store, two.cut(2, 4))
    assert store.news(since + 3, 10) == [(two.lane, 2)]


def test_one_lane_that_grew_often_is_one_piece_of_news(store: Store) -> None:
    busy, quiet = sample_lane(1, document(1), 60), sample_lane(2, document(2), 1)
    hold(store, quiet.whole())
    since = store.arrival()
    for seq in range(1, 61):
        hold(store, busy.cut(seq, seq))
    assert store.news(0, 2) == [(busy.lane, 1), (quiet.lane, 1)]
    assert store.news(0, 1) is None
    assert store.news(since, 1) == [(busy.lane, 1)]
    assert store.news(since + 50, 1) == [(busy.lane, 51)]


# --- what is staged of a peer --------------------------------------------------------------------


def test_a_vector_for_a_peer_reaches_as_far_as_its_staged_prefix(store: Store) -> None:
    lane, fresh = sample_lane(1, document(1), 6), sample_lane(2, document(2), 3)
    hold(store, lane.cut(1, 2))
    hold(store, lane.cut(3, 4, signed=False), fresh.cut(1, 2, signed=False))
    ids = [document(1), document(2), document(3)]
    held = {document(1): {lane.lane.actor: _state(lane, 2)}, document(2): {}, document(3): {}}
    assert store.vectors(ids) == held
    assert store.vectors(ids, OTHER_PEER) == held
    assert store.vectors(ids, PEER) == {
        document(1): {lane.lane.actor: _state(lane, 4)},
        document(2): {fresh.lane.actor: _state(fresh, 2)},
        document(3): {},
    }
    assert store.staged(PEER) == sorted([document(1), document(2)])
    assert store.staged(OTHER_PEER) == []
    hold(store, lane.cut(5, 6))
    assert store.staged(PEER) == [document(2)]
    assert store.vectors(ids[:1], PEER) == {document(1): {lane.lane.actor: _state(lane, 6)}}


def test_a_staged_prefix_shorter_than_what_is_held_is_not_shown(store: Store) -> None:
    lane = sample_lane(1, document(1), 6)
    branch = branch_of(lane, 2, 2)
    hold(store, lane.whole())
    hold(store, branch.cut(3, 4, signed=False))
    assert store.counts().staged == 1
    assert store.vectors([document(1)], PEER) == store.vectors([document(1)])


def test_staged_prefixes_of_nobody_are_no_peers(store: Store) -> None:
    lane = sample_lane(1, document(1), 3)
    hold(store, lane.cut(1, 2, signed=False), source=None)
    assert store.vectors([document(1)], PEER) == {document(1): {}}
    assert store.vectors([document(1)], NodeId(bytes(16))) == {document(1): {}}


def _state(lane: SampleLane, length: int) -> ShortState:
    return LaneState(length, lane.written[length - 1].hash).short


def test_what_is_shown_never_changes_the_sketch(store: Store) -> None:
    hold(store, *(sample_lane(seed, document(seed), 2).whole() for seed in range(5)))
    before = store.sketch(SKETCH_CELLS_KEPT).cells(), store.arrival()
    admit_all(store)
    with store.write() as transaction:
        transaction.fold_again()
    store.renew_epoch(EPOCH[::-1])
    assert (store.sketch(SKETCH_CELLS_KEPT).cells(), store.arrival()) == before
