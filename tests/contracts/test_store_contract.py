"""Holding, staging, sending: storage/INVARIANTS.md against every store."""

from __future__ import annotations

import pytest

from conflict.lane import LaneState, set_item, state_digest
from storage import (
    ProjectionRow,
    Store,
    limits,
)
from sync.ports import SetAside, Summary
from tests.contracts.conftest import EPOCH, Place
from tests.contracts.store_samples import (
    HOLDER,
    NOW_MS,
    OTHER_PEER,
    PEER,
    branch_of,
    document,
    hold,
    receipt,
    sample_lane,
)


class Broken(Exception):
    """A fault in the middle of a transaction."""


# --- holding -------------------------------------------------------------------------------------


def test_an_empty_store_has_its_epoch_and_an_empty_summary(store: Store) -> None:
    assert store.epoch() == EPOCH
    assert store.summary() == Summary(0, bytes(8))
    assert store.listing(None, 10) == []
    assert store.vectors([document(1)]) == {document(1): {}}


def test_what_is_acknowledged_is_there_after_reopening(place: Place) -> None:
    lane = sample_lane(1, document(1), 5)
    hold(place.store, lane.cut(1, 3), lane.cut(4, 5))
    before = place.store.summary(), place.store.listing(None, 10)
    store = place.reopen()
    assert (store.summary(), store.listing(None, 10)) == before
    assert store.epoch() == EPOCH
    assert store.runs(document(1), {}, 1 << 20) == ([lane.whole()], False)


def test_holding_reports_lanes_held_and_grown(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 5), sample_lane(2, document(1), 2)
    hold(store, lane.cut(1, 3))
    with store.write() as transaction:
        applied = transaction.hold([lane.cut(4, 5), other.whole()], PEER, NOW_MS)
    assert [(one.lane, one.state) for one in applied.held] == [
        (lane.lane, LaneState(5, lane.written[4].hash)),
        (other.lane, LaneState(2, other.written[1].hash)),
    ]
    assert applied.grown == ((lane.lane, 4), (other.lane, 1))
    assert (applied.gaps, applied.set_aside) == ((), ())


def test_the_digest_is_a_function_of_held_lanes(store: Store) -> None:
    lanes = [sample_lane(seed, document(seed % 2), 3) for seed in range(4)]
    hold(store, *(lane.cut(1, 2) for lane in lanes))
    hold(store, *(lane.cut(3, 3) for lane in lanes))
    total = 0
    for listed in store.listing(None, 10):
        mine = [lane for lane in lanes if lane.lane.document == listed.document]
        heads = [(lane.lane.actor, lane.written[2].hash) for lane in mine]
        assert listed.digest == state_digest(listed.document, heads)
        total += set_item(listed.document, listed.digest)
    assert store.summary() == Summary(2, (total % (1 << 64)).to_bytes(8, "big"))


def test_holding_twice_changes_nothing(store: Store) -> None:
    lane = sample_lane(1, document(1), 5)
    hold(store, lane.whole())
    before = store.summary(), store.counts()
    with store.write() as transaction:
        applied = transaction.hold([lane.whole(), lane.cut(2, 4), lane.cut(5, 5)], PEER, NOW_MS)
    assert (store.summary(), store.counts()) == before
    assert applied.grown == ()
    assert applied.held[0].state.length == 5
    assert store.runs(document(1), {}, 1 << 20) == ([lane.whole()], False)


def test_an_overlap_adds_only_its_new_tail(store: Store) -> None:
    lane = sample_lane(1, document(1), 6)
    hold(store, lane.cut(1, 3))
    with store.write() as transaction:
        applied = transaction.hold([lane.cut(2, 6)], PEER, NOW_MS)
    assert applied.grown == ((lane.lane, 4),)
    assert store.runs_from(lane.lane, 1, 0) == [lane.cut(1, 3), lane.cut(4, 6)]
    assert store.check() == []


def test_runs_of_one_lane_may_come_in_any_order_within_a_delivery(store: Store) -> None:
    lane = sample_lane(1, document(1), 6)
    with store.write() as transaction:
        applied = transaction.hold([lane.cut(5, 6), lane.cut(3, 4), lane.cut(1, 2)], PEER, NOW_MS)
    assert applied.gaps == ()
    assert store.vectors([document(1)])[document(1)][lane.lane.actor].length == 6


def test_a_gap_is_named_and_not_kept(store: Store) -> None:
    lane = sample_lane(1, document(1), 6)
    hold(store, lane.cut(1, 2))
    with store.write() as transaction:
        applied = transaction.hold([lane.cut(4, 6)], PEER, NOW_MS)
    assert applied.gaps == (lane.lane,)
    assert applied.grown == ()
    assert applied.held[0].state.length == 2


def test_a_broken_transaction_changes_nothing(store: Store) -> None:
    lane, later = sample_lane(1, document(1), 3), sample_lane(2, document(2), 3)
    hold(store, lane.cut(1, 2))
    before = store.summary(), store.counts(), store.listing(None, 10)

    def fail() -> None:
        with store.write() as transaction:
            transaction.hold([lane.cut(3, 3), later.cut(1, 2)], PEER, NOW_MS)
            transaction.hold([later.cut(3, 3, signed=False)], PEER, NOW_MS)
            transaction.save_projection(ProjectionRow(document(1), "label", 1, b"", (document(2),)))
            transaction.save_receipts(HOLDER, EPOCH, [receipt(lane, 1)], NOW_MS)
            transaction.put_blob(b"photo")
            transaction.set_setting("key", b"value")
            raise Broken

    with pytest.raises(Broken):
        fail()
    assert (store.summary(), store.counts(), store.listing(None, 10)) == before
    assert store.setting("key") is None
    assert store.links(document(2)) == ()
    assert store.receipts(document(1)) == {}
    assert store.check() == []
    hold(store, lane.cut(3, 3), later.whole())
    assert store.summary().documents == 2


# --- what is set aside -----------------------------------------------------------------------------


def test_set_aside_items_are_kept_once_and_cleared_by_lane(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 1), sample_lane(2, document(1), 1)
    items = [SetAside(one.lane, 1, "bad-checksum", "detail") for one in (lane, other)]
    for _ in range(2):
        with store.write() as transaction:
            transaction.set_aside(items, {items[0]: b"bytes"}, PEER, NOW_MS)
    kept = {row.item: row.kept for row in store.set_aside_items()}
    assert kept == {items[0]: b"bytes", items[1]: b""}
    with store.write() as transaction:
        transaction.clear_set_aside(lane.lane)
    assert [row.item for row in store.set_aside_items()] == [items[1]]


def test_set_aside_bytes_end_with_the_sources_quota(store: Store) -> None:
    lane = sample_lane(1, document(1), 1).lane
    size = limits.SET_ASIDE_BYTES_MAX_PER_SOURCE // 2 + 1
    items = [SetAside(lane, number, "bad", "") for number in (1, 2)]
    with store.write() as transaction:
        transaction.set_aside(items, dict.fromkeys(items, bytes(size)), PEER, NOW_MS)
        transaction.set_aside(items[1:], {items[1]: b"x" * size}, OTHER_PEER, NOW_MS)
    sizes = sorted(len(row.kept) for row in store.set_aside_items())
    assert sizes == [0, size, size]


# --- staging -------------------------------------------------------------------------------------


def test_an_unsigned_prefix_is_not_held_until_its_signed_end_comes(store: Store) -> None:
    lane = sample_lane(1, document(1), 6)
    hold(store, lane.cut(1, 2, signed=False))
    hold(store, lane.cut(3, 4, signed=False))
    assert store.summary().documents == 0
    assert store.counts().staged == 1
    with store.write() as transaction:
        applied = transaction.hold([lane.cut(5, 6)], PEER, NOW_MS)
    assert applied.grown == ((lane.lane, 1),)
    assert store.runs(document(1), {}, 1 << 20) == ([lane.whole()], False)
    assert store.counts().staged == 0


def test_one_peers_prefix_is_not_joined_to_anothers_end(store: Store) -> None:
    lane = sample_lane(1, document(1), 4)
    hold(store, lane.cut(1, 2, signed=False), source=OTHER_PEER)
    with store.write() as transaction:
        applied = transaction.hold([lane.cut(3, 4)], PEER, NOW_MS)
    assert applied.gaps == (lane.lane,)
    assert store.counts().staged == 1


def test_a_prefix_of_a_branch_is_judged_when_it_is_signed(store: Store) -> None:
    lane = sample_lane(1, document(1), 4)
    branch = branch_of(lane, 2, 4)
    hold(store, lane.whole())
    hold(store, branch.cut(3, 5, signed=False))
    assert store.forked() == []
    hold(store, branch.cut(6, 6))
    [forked] = store.forked()
    assert {*forked.heads} == {lane.written[-1].hash, branch.written[-1].hash}
    assert store.counts().staged == 0


def test_an_unsigned_run_beyond_what_is_here_is_a_gap(store: Store) -> None:
    lane = sample_lane(1, document(1), 4)
    with store.write() as transaction:
        applied = transaction.hold([lane.cut(3, 4, signed=False)], PEER, NOW_MS)
    assert applied.gaps == (lane.lane,)
    assert store.counts().staged == 0


def test_a_staging_quota_drops_the_oldest_of_that_peer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes = [sample_lane(seed, document(seed), 2) for seed in range(4)]
    monkeypatch.setattr(limits, "STAGED_LANES_MAX_PER_PEER", 2)
    for number, lane in enumerate(lanes):
        with store.write() as transaction:
            source = OTHER_PEER if number == 0 else PEER
            transaction.hold([lane.cut(1, 1, signed=False)], source, NOW_MS + number)
    assert store.counts().staged == 3
    with store.write() as transaction:
        applied = transaction.hold([lane.cut(2, 2) for lane in lanes[1:]], PEER, NOW_MS)
    assert applied.gaps == (lanes[1].lane,)
    assert [lane for lane, _ in applied.grown] == [lanes[2].lane, lanes[3].lane]


# --- what peers are sent -------------------------------------------------------------------------


def test_a_peer_gets_the_tail_that_it_lacks(store: Store) -> None:
    lane = sample_lane(1, document(1), 6)
    hold(store, lane.cut(1, 4))
    hold(store, lane.cut(5, 6))
    for have in range(1, 6):
        vector = {lane.lane.actor: LaneState(have, lane.written[have - 1].hash).short}
        assert store.runs(document(1), vector, 1 << 20) == ([lane.cut(have + 1, 6)], False)
    equal = store.vectors([document(1)])[document(1)]
    assert store.runs(document(1), equal, 1 << 20) == ([], False)


def test_runs_are_joined_only_within_the_byte_limit(store: Store) -> None:
    lane = sample_lane(1, document(1), 6)
    for first in (1, 3, 5):
        hold(store, lane.cut(first, first + 1))
    size = max(sum(map(len, lane.cut(first, first + 1).changes)) for first in (1, 3, 5))
    pairs = [lane.cut(1, 2), lane.cut(3, 4), lane.cut(5, 6)]
    assert store.runs(document(1), {}, size) == (pairs, False)
    assert store.runs(document(1), {}, 2 * size) == ([lane.cut(1, 4), lane.cut(5, 6)], False)
    assert store.runs_from(lane.lane, 4, 2 * size) == [lane.cut(3, 6)]


def test_a_store_says_when_a_peer_has_more(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 4), sample_lane(2, document(1), 2)
    hold(store, lane.cut(1, 2))
    longer = {lane.lane.actor: LaneState(4, lane.written[3].hash).short}
    unknown = {other.lane.actor: LaneState(2, other.written[1].hash).short}
    assert store.runs(document(1), longer, 1 << 20) == ([], True)
    assert store.runs(document(1), unknown, 1 << 20) == ([lane.cut(1, 2)], True)
    assert store.runs(document(9), unknown, 1 << 20) == ([], True)
    assert store.runs(document(9), {}, 1 << 20) == ([], False)


@pytest.mark.parametrize("length", [4, 5, 6])
def test_a_peer_on_a_branch_gets_the_other_one_whole(store: Store, length: int) -> None:
    lane = sample_lane(1, document(1), 6)
    branch = branch_of(lane, 3, 3)
    hold(store, lane.cut(1, 3))
    hold(store, lane.cut(4, 6))
    vector = {lane.lane.actor: LaneState(length, branch.written[length - 1].hash).short}
    assert store.runs(document(1), vector, 1 << 20) == ([lane.whole()], True)


def test_listings_page_in_id_order(store: Store) -> None:
    ids = sorted(document(number) for number in range(7))
    hold(store, *(sample_lane(number, one, 1).whole() for number, one in enumerate(ids)))
    assert [one.document for one in store.listing(None, 4)] == ids[:4]
    assert [one.document for one in store.listing(ids[3], 4)] == ids[4:]
    assert [one.document for one in store.listing_between(ids[1], ids[4])] == ids[2:5]
    assert [one.document for one in store.listing_between(None, ids[1])] == ids[:2]
    assert [one.document for one in store.listing_between(ids[5], None)] == ids[6:]
