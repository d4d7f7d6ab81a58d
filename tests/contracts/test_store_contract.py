"""What every store promises (storage/INVARIANTS.md), held against memory, SQLite and PostgreSQL."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace

import pytest

from conflict.document import Entry
from conflict.errors import BadIdentity
from conflict.identity import DocumentKind, NodeId, document_text
from conflict.lane import LaneState, set_item, state_digest
from storage import (
    BlobMismatch,
    BlobMisplaced,
    BlobTooLarge,
    Counts,
    ProjectionRow,
    Store,
    limits,
)
from storage.framing import unpack_evidence
from sync.ports import Receipt, SetAside, Summary
from tests.contracts.conftest import EPOCH, Place
from tests.contracts.store_samples import (
    NOW_MS,
    OTHER_PEER,
    PEER,
    admit_all,
    branch_of,
    document,
    hold,
    sample_lane,
)

HOLDER = NodeId(b"garrison" * 2)


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
            transaction.save_receipts(HOLDER, EPOCH, [_receipt(lane, 1)], NOW_MS)
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


# --- branches and what is set aside --------------------------------------------------------------


def test_a_branch_is_set_aside_with_its_bytes_and_blocks_nothing(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 5), sample_lane(2, document(1), 2)
    branch = branch_of(lane, 3, 3)
    hold(store, lane.whole())
    with store.write() as transaction:
        applied = transaction.hold([branch.whole(), other.whole()], PEER, NOW_MS)
    assert [(one.lane, one.first_seq, one.code) for one in applied.set_aside] == [
        (lane.lane, 4, "equivocation")
    ]
    assert applied.grown == ((other.lane, 1),)
    [row] = store.set_aside_items()
    assert (row.source, row.at_ms) == (PEER, NOW_MS)
    assert unpack_evidence(row.item.lane, row.item.first_seq, row.kept) == branch.cut(4, 6)
    assert store.vectors([document(1)])[document(1)][lane.lane.actor].length == 5


@pytest.mark.parametrize(("first", "last"), [(4, 4), (5, 6), (2, 5), (6, 6)])
def test_a_branch_is_seen_however_it_is_cut(store: Store, first: int, last: int) -> None:
    lane = sample_lane(1, document(1), 5)
    branch = branch_of(lane, 3, 3)
    hold(store, lane.cut(1, 2), lane.cut(3, 5))
    hold(store, branch.cut(first, last))
    [row] = store.set_aside_items()
    assert (row.item.code, row.item.first_seq) == ("equivocation", max(4, first))
    hold(store, branch.cut(first, last))
    assert len(store.set_aside_items()) == 1
    assert store.check() == []


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
    assert store.set_aside_items() == []
    hold(store, branch.cut(6, 6))
    [row] = store.set_aside_items()
    assert unpack_evidence(lane.lane, row.item.first_seq, row.kept) == branch.cut(3, 6)
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
def test_a_peer_on_a_branch_gets_the_evidence(store: Store, length: int) -> None:
    lane = sample_lane(1, document(1), 6)
    branch = branch_of(lane, 3, 3)
    hold(store, lane.cut(1, 3))
    hold(store, lane.cut(4, 6))
    vector = {lane.lane.actor: LaneState(length, branch.written[length - 1].hash).short}
    assert store.runs(document(1), vector, 1 << 20) == ([lane.cut(4, 6)], True)


def test_listings_page_in_id_order(store: Store) -> None:
    ids = sorted(document(number) for number in range(7))
    hold(store, *(sample_lane(number, one, 1).whole() for number, one in enumerate(ids)))
    assert [one.document for one in store.listing(None, 4)] == ids[:4]
    assert [one.document for one in store.listing(ids[3], 4)] == ids[4:]
    assert [one.document for one in store.listing_between(ids[1], ids[4])] == ids[2:5]
    assert [one.document for one in store.listing_between(None, ids[1])] == ids[:2]
    assert [one.document for one in store.listing_between(ids[5], None)] == ids[6:]


# --- held, admitted, shown -----------------------------------------------------------------------


def test_held_admitted_and_shown_are_three_states(store: Store) -> None:
    lane = sample_lane(1, document(1), 3)
    hold(store, lane.whole())
    [status] = store.lanes(document(1))
    assert (status.held.length, status.admitted, status.refusal) == (3, 0, None)
    assert store.entries(document(1)) == {}
    assert store.projection(document(1)) is None
    summary = store.summary()
    admit_all(store)
    [status] = store.lanes(document(1))
    assert (status.held.length, status.admitted, status.statements) == (3, 3, 3)
    assert [entry.number for entry in store.entries(document(1))[lane.lane.actor]] == [1, 2, 3]
    assert store.dirty_documents() == []
    assert store.summary() == summary


def test_work_carries_whole_lanes_and_what_was_admitted_before(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 4), sample_lane(2, document(1), 2)
    hold(store, lane.cut(1, 2), other.whole())
    admit_all(store)
    hold(store, lane.cut(3, 4))
    [work] = store.work(10)
    assert [(one.actor, one.changes, one.known) for one in work.lanes] == [
        (lane.lane.actor, tuple(part.raw for part in lane.written), 2)
    ]
    lengths = {actor: len(entries) for actor, entries in work.entries.items()}
    assert lengths == {lane.lane.actor: 2, other.lane.actor: 2}
    assert store.statement_counts([document(1), document(2)]) == {document(1): 4}


def test_a_document_stays_work_until_every_lane_is_judged_at_full_length(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 2), sample_lane(2, document(1), 2)
    hold(store, lane.whole(), other.whole())
    with store.write() as transaction:
        transaction.save_admission(document(1), lane.lane.actor, 1, [Entry("vitals", 1, "{}")])
        transaction.refuse_admission(document(1), other.lane.actor, 2, "unreadable", "detail")
        transaction.mark_clean(document(1))
    [work] = store.work(10)
    assert [one.actor for one in work.lanes] == [lane.lane.actor]
    with store.write() as transaction:
        entries = [Entry("vitals", number, "{}") for number in (1, 2)]
        transaction.save_admission(document(1), lane.lane.actor, 2, entries)
        assert transaction.entries(document(1)) == {lane.lane.actor: tuple(entries)}
        transaction.mark_clean(document(1))
    assert store.work(10) == []
    assert store.counts().refused == 1


def test_a_local_verdict_never_changes_digests(store: Store) -> None:
    lane = sample_lane(1, document(1), 2)
    hold(store, lane.whole())
    before = store.summary(), store.listing(None, 1), store.vectors([document(1)])
    with store.write() as transaction:
        transaction.refuse_admission(document(1), lane.lane.actor, 2, "unreadable", "detail")
        transaction.mark_clean(document(1))
    assert (store.summary(), store.listing(None, 1), store.vectors([document(1)])) == before
    assert store.runs(document(1), {}, 1 << 20) == ([lane.whole()], False)


def test_a_refused_lane_comes_up_again_when_it_grows_or_is_retried(store: Store) -> None:
    lane = sample_lane(1, document(1), 3)
    hold(store, lane.cut(1, 2))
    _refuse(store, lane, 2)
    assert store.work(10) == []
    hold(store, lane.cut(3, 3))
    assert len(store.work(10)[0].lanes[0].changes) == 3
    _refuse(store, lane, 3)
    assert store.work(10) == []
    with store.write() as transaction:
        transaction.retry_admission(document(1))
    assert len(store.work(10)) == 1
    admit_all(store)
    assert store.counts().refused == 0


def test_a_late_verdict_does_not_undo_a_later_one(store: Store) -> None:
    lane = sample_lane(1, document(1), 3)
    hold(store, lane.whole())
    admit_all(store)
    with store.write() as transaction:
        transaction.save_admission(document(1), lane.lane.actor, 1, [Entry("vitals", 1, "{}")])
        transaction.refuse_admission(document(1), lane.lane.actor, 2, "late", "")
        transaction.save_admission(document(1), lane.lane.actor, 9, [])
    [status] = store.lanes(document(1))
    assert (status.admitted, status.statements, status.refusal) == (3, 3, None)


def test_a_local_save_is_held_admitted_and_shown_in_one_transaction(store: Store) -> None:
    lane = sample_lane(1, document(1), 1)
    with store.write() as transaction:
        transaction.hold([lane.whole()], None, NOW_MS)
        transaction.save_admission(document(1), lane.lane.actor, 1, lane.written[0].entries)
        transaction.save_projection(ProjectionRow(document(1), "A", 0, b"body"))
        transaction.mark_clean(document(1))
    assert store.entries(document(1)) == {lane.lane.actor: lane.written[0].entries}
    assert store.work(10) == []
    assert store.counts().statements == 1


def test_work_comes_longest_waiting_first(store: Store) -> None:
    order = [document(number) for number in (5, 1, 4, 2)]
    for number, one in enumerate(order):
        hold(store, sample_lane(number, one, 1).whole())
    assert store.dirty_documents() == order
    assert [one.document for one in store.work(3)] == order[:3]


# --- projections, links, search ------------------------------------------------------------------


def test_projections_page_filter_and_search(store: Store) -> None:
    rows = [
        ProjectionRow(document(1, DocumentKind.PERSON), "DOE, Änne 50%", 0, b"1"),
        ProjectionRow(document(2, DocumentKind.PERSON), "ROE, John", 2, b"2"),
        ProjectionRow(document(3, DocumentKind.EPISODE), "doe, änne_2", 0, b"3"),
    ]
    with store.write() as transaction:
        for row in rows:
            transaction.save_projection(row)
    people = sorted(rows[:2], key=lambda row: row.document)
    assert store.projections(DocumentKind.PERSON) == people
    assert store.projections(after=people[0].document, limit=1) == people[1:]
    assert store.projections(label_contains="ÄNNE") == [rows[0], rows[2]]
    assert store.projections(label_contains="50%") == [rows[0]]
    assert store.projections(label_contains="e_2") == [rows[2]]
    assert store.projections(with_findings=True) == [rows[1]]
    assert store.projection(rows[1].document) == rows[1]
    assert store.counts().review == 1


def test_links_are_read_in_both_directions_and_replaced(store: Store) -> None:
    one, two, three = (document(number) for number in (1, 2, 3))
    with store.write() as transaction:
        transaction.save_projection(ProjectionRow(one, "", 0, b"", (two, three)))
        transaction.save_projection(ProjectionRow(two, "", 0, b"", (one,)))
    assert store.links(one) == tuple(sorted((two, three)))
    assert store.links(three) == (one,)
    with store.write() as transaction:
        transaction.save_projection(ProjectionRow(one, "", 0, b"", ()))
    assert store.links(one) == (two,)
    assert store.links(three) == ()


def test_ids_are_found_by_the_start_of_their_text(store: Store) -> None:
    hold(store, *(sample_lane(number, document(number), 1).whole() for number in range(3)))
    text = document_text(document(1))
    assert store.resolve(text) == [document(1)]
    assert store.resolve(text[:14].upper()) == [document(1)]
    assert store.resolve(text.partition("-")[2][:8]) == [document(1)]
    assert store.resolve("episode-") == sorted(document(number) for number in range(3))
    assert store.resolve("person-") == []
    for wrong in ("casualty-abc", "episode-a1", "episode-" + "a" * 30):
        with pytest.raises(BadIdentity):
            store.resolve(wrong)


# --- receipts ------------------------------------------------------------------------------------


def _receipt(lane, length: int) -> Receipt:  # type: ignore[no-untyped-def]
    return Receipt(lane.lane, LaneState(length, lane.written[length - 1].hash).short)


def test_a_receipt_never_shrinks_within_an_epoch(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 3), sample_lane(2, document(1), 1)
    for claim in (_receipt(lane, 2), _receipt(lane, 1), _receipt(other, 1)):
        with store.write() as transaction:
            transaction.save_receipts(HOLDER, EPOCH, [claim], NOW_MS)
    claimed = {lane.lane.actor: _receipt(lane, 2).state, other.lane.actor: _receipt(other, 1).state}
    assert store.receipts(document(1)) == {HOLDER: claimed}


def test_a_new_epoch_forgets_all_receipts_of_that_holder(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 3), sample_lane(2, document(2), 1)
    with store.write() as transaction:
        transaction.save_receipts(HOLDER, EPOCH, [_receipt(lane, 3), _receipt(other, 1)], NOW_MS)
        transaction.save_receipts(PEER, EPOCH, [_receipt(other, 1)], NOW_MS)
        transaction.save_receipts(HOLDER, bytes(16), [_receipt(lane, 1)], NOW_MS)
    assert store.receipts(document(1)) == {HOLDER: {lane.lane.actor: _receipt(lane, 1).state}}
    assert store.receipts(document(2)) == {PEER: {other.lane.actor: _receipt(other, 1).state}}


def test_a_renewed_epoch_is_kept(place: Place) -> None:
    place.store.renew_epoch(b"e" * 16)
    assert place.reopen().epoch() == b"e" * 16


# --- blobs ---------------------------------------------------------------------------------------


def test_a_blob_is_wanted_until_its_parts_are_complete_and_verified(place: Place) -> None:
    data = bytes(range(256)) * 40
    name = hashlib.sha256(data).digest()
    with place.store.write() as transaction:
        for number in (1, 2):
            row = ProjectionRow(document(number), "", 0, b"", (), ((name, len(data)),))
            transaction.save_projection(row)
        assert not transaction.put_blob_part(name, 0, data[:4000], len(data))
    store = place.reopen()
    assert store.blobs_wanted(10) == [(name, len(data), 4000)]
    assert store.blob(name) is None
    with store.write() as transaction:
        assert not transaction.put_blob_part(name, 3000, data[3000:9000], len(data))
        assert transaction.put_blob_part(name, 9000, data[9000:], len(data))
    assert store.blobs_wanted(10) == []
    assert store.blob(name) == data
    assert store.blob_part(name, 3999, 5002) == (data[3999:9001], len(data))
    assert store.blob_part(name, len(data), 10) == (b"", len(data))
    with store.write() as transaction:
        transaction.save_projection(
            ProjectionRow(document(3), "", 0, b"", (), ((name, len(data)),))
        )
    assert store.blobs_wanted(10) == []
    assert store.counts().blobs == 1


def test_a_blob_with_the_wrong_hash_is_discarded_for_good(store: Store) -> None:
    name = hashlib.sha256(b"right").digest()
    with store.write() as transaction:
        transaction.save_projection(ProjectionRow(document(1), "", 0, b"", (), ((name, 5),)))
        transaction.put_blob_part(name, 0, b"wro", 5)
    with pytest.raises(BlobMismatch), store.write() as transaction:
        transaction.put_blob_part(name, 3, b"ng", 5)
    assert store.blobs_wanted(10) == [(name, 5, 0)]
    with store.write() as transaction:
        assert transaction.put_blob_part(name, 0, b"right", 5)
    assert store.blob(name) == b"right"


def test_a_whole_blob_wins_over_a_peers_wrong_parts(store: Store) -> None:
    name = hashlib.sha256(b"right").digest()
    with store.write() as transaction:
        transaction.put_blob_part(name, 0, b"wro", 5)
        assert transaction.put_blob(b"right") == name
        assert transaction.put_blob(b"right") == name
    assert store.blob(name) == b"right"
    with store.write() as transaction:
        empty = transaction.put_blob(b"")
    assert store.blob(empty) == b""


def test_a_blob_part_out_of_place_is_refused(store: Store) -> None:
    name = bytes(32)
    for offset, data, size, error in (
        (3, b"abc", 10, BlobMisplaced),
        (0, b"abc", 2, BlobMisplaced),
        (0, b"abc", limits.BLOB_BYTES_MAX + 1, BlobTooLarge),
    ):
        with pytest.raises(error), store.write() as transaction:
            transaction.put_blob_part(name, offset, data, size)
    assert store.counts().blobs == 0


def test_a_blob_of_many_parts_reads_back(store: Store) -> None:
    data = hashlib.shake_256(b"photo").digest(3 * limits.BLOB_PART_BYTES + 17)
    with store.write() as transaction:
        name = transaction.put_blob(data)
    assert store.blob(name) == data
    offset = limits.BLOB_PART_BYTES - 5
    assert store.blob_part(name, offset, 10) == (data[offset : offset + 10], len(data))


# --- settings, figures, care ---------------------------------------------------------------------


def test_settings_are_kept(place: Place) -> None:
    with place.store.write() as transaction:
        transaction.set_setting("clock", b"1")
        transaction.set_setting("clock", b"2")
        assert transaction.setting("clock") == b"2"
    assert place.reopen().setting("clock") == b"2"


def test_counts_say_what_is_here(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 3), sample_lane(2, document(2), 2)
    hold(store, lane.whole())
    admit_all(store)
    hold(store, other.whole(), sample_lane(3, document(3), 1).cut(1, 1, signed=False))
    assert store.counts() == Counts(
        documents=2,
        lanes=2,
        changes=5,
        statements=3,
        waiting=1,
        refused=0,
        review=0,
        set_aside=0,
        staged=1,
        blobs=0,
        blobs_wanted=0,
    )


def test_a_rebuild_recreates_every_cache_from_truth(store: Store) -> None:
    lanes = [sample_lane(seed, document(seed % 3), 4) for seed in range(6)]
    for lane in lanes:
        hold(store, lane.cut(1, 2))
        hold(store, lane.cut(3, 4))
    admit_all(store)
    ids = [document(number) for number in range(3)]
    before = store.summary(), store.listing(None, 10), store.vectors(ids), _entries(store, ids)
    heard: list[int] = []
    rebuilt = store.rebuild(heard.append)
    assert (rebuilt.documents, rebuilt.lanes, rebuilt.problems) == (3, 6, ())
    assert heard[-1] == 3
    assert store.counts().waiting == 3
    assert store.projections() == []
    admit_all(store)
    after = store.summary(), store.listing(None, 10), store.vectors(ids), _entries(store, ids)
    assert after == before
    assert store.check() == []
    hold(store, replace(sample_lane(9, document(9), 1).whole()))
    assert store.check() == []


def test_reads_on_other_threads_see_only_finished_transactions(store: Store) -> None:
    lanes = [sample_lane(seed, document(seed), 1) for seed in range(40)]
    seen: list[bool] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(store.summary().documents % 2 == 0)

    reader = threading.Thread(target=read)
    reader.start()
    for one, two in zip(lanes[::2], lanes[1::2], strict=True):
        with store.write() as transaction:
            transaction.hold([one.whole()], PEER, NOW_MS)
            transaction.hold([two.whole()], PEER, NOW_MS)
    done.set()
    reader.join()
    assert all(seen)
    assert store.summary().documents == 40


def test_writers_on_several_threads_lose_nothing(store: Store) -> None:
    groups = [[sample_lane(10 * t + n, document(n), 3) for n in range(5)] for t in range(4)]

    def write(group) -> None:  # type: ignore[no-untyped-def]
        for lane in group:
            hold(store, lane.cut(1, 2))
            hold(store, lane.cut(3, 3))

    threads = [threading.Thread(target=write, args=(group,)) for group in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = store.counts()
    assert (counts.documents, counts.lanes, counts.changes) == (5, 20, 60)
    assert store.check() == []


def _entries(store: Store, ids) -> list:  # type: ignore[no-untyped-def, type-arg]
    return [store.entries(one) for one in ids]


def _refuse(store: Store, lane, length: int) -> None:  # type: ignore[no-untyped-def]
    with store.write() as transaction:
        transaction.refuse_admission(
            lane.lane.document, lane.lane.actor, length, "unreadable", "detail"
        )
        transaction.mark_clean(lane.lane.document)


def test_writers_of_one_receipt_and_one_blob_do_not_lose_each_others_work(store: Store) -> None:
    lanes = [sample_lane(seed, document(1), 1) for seed in range(12)]
    data = bytes(range(200))
    name = hashlib.sha256(data).digest()
    failed: list[BaseException] = []

    def write(mine) -> None:  # type: ignore[no-untyped-def]
        try:
            for lane in mine:
                with store.write() as transaction:
                    transaction.save_receipts(HOLDER, EPOCH, [_receipt(lane, 1)], NOW_MS)
                    transaction.put_blob_part(name, 0, data, len(data))
        except BaseException as fault:  # noqa: BLE001  reported by the main thread
            failed.append(fault)

    threads = [threading.Thread(target=write, args=(lanes[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(store.receipts(document(1))[HOLDER]) == 12
    assert store.blob(name) == data
