"""Receipts, blobs, settings, care: storage/INVARIANTS.md against every store."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace

import pytest

from conflict.identity import DocumentId
from storage import (
    BlobMismatch,
    BlobMisplaced,
    BlobTooLarge,
    Counts,
    ProjectionRow,
    Store,
    limits,
)
from tests.contracts.conftest import EPOCH, Place
from tests.contracts.store_samples import (
    HOLDER,
    NOW_MS,
    PEER,
    SampleLane,
    admit_all,
    document,
    hold,
    receipt,
    sample_lane,
)

# --- receipts ------------------------------------------------------------------------------------


def test_a_receipt_never_shrinks_within_an_epoch(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 3), sample_lane(2, document(1), 1)
    for claim in (receipt(lane, 2), receipt(lane, 1), receipt(other, 1)):
        with store.write() as transaction:
            transaction.save_receipts(HOLDER, EPOCH, [claim], NOW_MS)
    claimed = {lane.lane.actor: receipt(lane, 2).state, other.lane.actor: receipt(other, 1).state}
    assert store.receipts(document(1)) == {HOLDER: claimed}


def test_a_new_epoch_forgets_all_receipts_of_that_holder(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 3), sample_lane(2, document(2), 1)
    with store.write() as transaction:
        transaction.save_receipts(HOLDER, EPOCH, [receipt(lane, 3), receipt(other, 1)], NOW_MS)
        transaction.save_receipts(PEER, EPOCH, [receipt(other, 1)], NOW_MS)
        transaction.save_receipts(HOLDER, bytes(16), [receipt(lane, 1)], NOW_MS)
    assert store.receipts(document(1)) == {HOLDER: {lane.lane.actor: receipt(lane, 1).state}}
    assert store.receipts(document(2)) == {PEER: {other.lane.actor: receipt(other, 1).state}}


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

    def write(group: list[SampleLane]) -> None:
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


def _entries(store: Store, ids: list[DocumentId]) -> list[object]:
    return [store.entries(one) for one in ids]


def test_writers_of_one_receipt_and_one_blob_do_not_lose_each_others_work(store: Store) -> None:
    lanes = [sample_lane(seed, document(1), 1) for seed in range(12)]
    data = bytes(range(200))
    name = hashlib.sha256(data).digest()
    failed: list[BaseException] = []

    def write(mine: list[SampleLane]) -> None:
        try:
            for lane in mine:
                with store.write() as transaction:
                    transaction.save_receipts(HOLDER, EPOCH, [receipt(lane, 1)], NOW_MS)
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
