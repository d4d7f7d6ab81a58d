"""Stores whose content a garrison holds, so that it may be let go."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conflict.identity import DocumentId, NodeId
from conflict.lane import LaneRun, ShortState
from conflict.scope import scope_id
from storage import Freed, NotShed, Store
from sync import custody
from sync.ports import Applied, Receipt
from tests.contracts.store_samples import (
    NOW_MS,
    PEER,
    SampleLane,
    admit_all,
    document,
    hold,
    receipt,
)

GARRISON = NodeId(b"role3garrison16!")
EPOCH = custody.new_epoch(NOW_MS, bytes(16))
LATER = custody.new_epoch(NOW_MS + 1, bytes(16))
SHED_MS = NOW_MS + 1_000
ONE, TWO = document(1), document(2)
X, Y = scope_id("bas-2"), scope_id("ROLE2-A")
NOTHING = ShortState(0, b"")


def claimed(store: Store, *claims: Receipt, epoch: bytes = EPOCH) -> None:
    """The garrison says that it holds this."""
    store.trust([GARRISON])
    with store.write() as transaction:
        transaction.save_receipts(GARRISON, epoch, claims, NOW_MS)


def shed(store: Store, document: DocumentId, now_ms: int = SHED_MS) -> Freed:
    """Let go of one document. Raises `NotShed`."""
    with store.write() as transaction:
        return transaction.shed(document, now_ms)


def want(store: Store, *documents: DocumentId, now_ms: int = SHED_MS + 1) -> None:
    """Have them back."""
    with store.write() as transaction:
        transaction.want(documents, now_ms)


def held_at_garrison(store: Store, lanes: Sequence[SampleLane]) -> None:
    """Hold lanes, open them, and let the garrison claim them."""
    hold(store, *(lane.whole() for lane in lanes))
    admit_all(store)
    claimed(store, *(receipt(lane, len(lane.written)) for lane in lanes))


def take(store: Store, *runs: LaneRun, source: NodeId | None = PEER) -> Applied:
    """Hold runs; what came of it."""
    with store.write() as transaction:
        return transaction.hold(runs, source, SHED_MS + 2)


def view(store: Store) -> tuple[object, ...]:
    """All that a peer compares."""
    cells = store.sketch(16).to_bytes()
    return store.summary(), store.listing(None, 9), store.vectors([ONE, TWO]), cells


def refused(store: Store, cause: str) -> None:
    with pytest.raises(NotShed) as caught:
        shed(store, ONE)
    assert caught.value.cause == cause
    assert caught.value.code == "not-shed"
