"""What a bundle asks of every store: lanes by their latest arrival, blobs of documents, epochs told."""

from __future__ import annotations

from storage import Store
from tests.contracts.store_samples import HOLDER, NOW_MS, document, hold, sample_lane


def test_lanes_come_latest_first_and_once_in_pages(store: Store) -> None:
    samples = [sample_lane(seed, document(seed), changes=4) for seed in range(1, 6)]
    for one in samples:
        hold(store, one.cut(1, 2))
    hold(store, samples[0].cut(3, 4))  # grew again: now the latest
    expected = [samples[at].lane for at in (0, 4, 3, 2, 1)]
    found = store.latest(None, 3)
    assert [lane for lane, _ in found] == expected[:3]
    rest = store.latest(found[-1][1], 3)
    assert [lane for lane, _ in rest] == expected[3:]
    assert store.latest(rest[-1][1], 3) == []


def test_the_latest_epoch_that_a_node_told_is_known(store: Store) -> None:
    assert store.epoch_told(HOLDER) is None
    with store.write() as transaction:
        transaction.save_receipts(HOLDER, b"e" * 16, (), NOW_MS)
    assert store.epoch_told(HOLDER) == b"e" * 16
