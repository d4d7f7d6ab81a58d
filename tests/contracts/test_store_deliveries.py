"""Order, grouping, splitting and duplication of deliveries do not matter, on no store.

Hypothesis makes deliveries (signed or not, with branches, from two peers) and every back end gets
the same ones; what they hold must be equal, and equal to what a rebuild finds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conflict.lane import LaneRun
from storage import MemoryStore, SqlStore, Store
from sync.ports import Applied
from tests.contracts.conftest import EPOCH, Postgres, wipe
from tests.contracts.store_samples import (
    NOW_MS,
    OTHER_PEER,
    PEER,
    SampleLane,
    branch_of,
    document,
    hold,
    sample_lane,
)

CHANGES = 6
LANES = [sample_lane(seed, document(seed % 3), CHANGES) for seed in range(5)]
BRANCHES = [branch_of(LANES[0], 2, 4), branch_of(LANES[1], 0, 6)]
DOCUMENTS = [document(number) for number in range(3)]

Delivery = tuple[int, int, int, bool, bool]
"""Lane, first, last change, signed, from the other peer."""

deliveries = st.lists(
    st.tuples(
        st.integers(0, len(LANES) + len(BRANCHES) - 1),
        st.integers(1, CHANGES),
        st.integers(1, CHANGES),
        st.integers(0, 3).map(bool),
        st.booleans(),
    ),
    max_size=25,
)
in_batches = st.lists(st.integers(1, 5), min_size=25, max_size=25)
relaxed = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def sql_stores(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[SqlStore]]:
    """One SQLite and one PostgreSQL store; `fresh` empties them for each example."""
    urls: list[str | Path] = [tmp_path_factory.mktemp("deliveries") / "a.db", postgres.lend()]
    stores = [SqlStore.open(url, entropy=EPOCH) for url in urls]
    yield stores
    for store in stores:
        store.close()
    postgres.take_back(str(urls[1]))


def fresh(sql_stores: list[SqlStore]) -> list[Store]:
    """Empty stores of every back end."""
    for store in sql_stores:
        wipe(store.engine)
    return [MemoryStore(EPOCH), *sql_stores]


def run_of(delivery: Delivery) -> LaneRun:
    """The run that a delivery carries."""
    number, one, two, signed, _ = delivery
    lane: SampleLane = (LANES + BRANCHES)[number]
    return lane.cut(min(one, two), max(one, two), signed=signed)


def deliver(store: Store, made: list[Delivery], batches: list[int]) -> list[Applied]:
    """Hold deliveries in batches of the given sizes."""
    answers: list[Applied] = []
    rest, sizes, clock = list(made), iter(batches), NOW_MS
    while rest:
        size = next(sizes)
        batch, rest = rest[:size], rest[size:]
        clock += 1
        for source, other in ((PEER, False), (OTHER_PEER, True)):
            runs = [run_of(one) for one in batch if one[4] == other]
            with store.write() as transaction:
                answers.append(transaction.hold(runs, source, clock))
    return answers


def content(store: Store) -> tuple[object, ...]:
    """Everything that peers compare, and everything that they are sent."""
    sent = [store.runs(one, {}, 0) for one in DOCUMENTS]
    return store.summary(), store.listing(None, 10), store.vectors(DOCUMENTS), sent


@given(made=deliveries, batches=in_batches)
@relaxed
def test_all_stores_answer_and_hold_the_same(
    sql_stores: list[SqlStore], made: list[Delivery], batches: list[int]
) -> None:
    memory, *others = fresh(sql_stores)
    answers = deliver(memory, made, batches)
    for other in others:
        assert deliver(other, made, batches) == answers
        assert content(other) == content(memory)
        assert other.set_aside_items() == memory.set_aside_items()
        assert other.counts() == memory.counts()
        assert other.dirty_documents() == memory.dirty_documents()
        assert other.check() == []


@given(made=deliveries, batches=in_batches, seed=st.integers(0, 1 << 32))
@relaxed
def test_the_end_is_equal_whatever_the_order(
    sql_stores: list[SqlStore], made: list[Delivery], batches: list[int], seed: int
) -> None:
    honest = [one for one in made if one[0] < len(LANES)]
    for store in fresh(sql_stores):
        shuffled = honest + honest[:5]
        random.Random(seed).shuffle(shuffled)
        deliver(store, shuffled, [*batches, *batches])
        hold(store, *(lane.whole() for lane in LANES))
        reference = MemoryStore(EPOCH)
        hold(reference, *(lane.whole() for lane in LANES))
        assert store.summary() == reference.summary()
        assert store.listing(None, 10) == reference.listing(None, 10)
        assert store.vectors(DOCUMENTS) == reference.vectors(DOCUMENTS)
        assert store.counts().set_aside == 0


@given(made=deliveries, batches=in_batches)
@relaxed
def test_the_incremental_digest_is_the_rebuilt_one(
    sql_stores: list[SqlStore], made: list[Delivery], batches: list[int]
) -> None:
    for store in fresh(sql_stores):
        deliver(store, made, batches)
        before = content(store)
        store.rebuild()
        assert content(store) == before
        assert store.check() == []


@given(made=deliveries, batches=in_batches)
@relaxed
def test_what_one_store_sends_makes_another_equal(
    sql_stores: list[SqlStore], made: list[Delivery], batches: list[int]
) -> None:
    for store in fresh(sql_stores):
        deliver(store, made, batches)
        receiver = MemoryStore(EPOCH)
        deliver(receiver, [one for one in made if one[0] < len(LANES)][:8], batches)
        sent = [store.runs(one, receiver.vectors([one])[one], 1 << 20) for one in DOCUMENTS]
        hold(receiver, *(run for runs, _ in sent for run in runs))
        back = [receiver.runs(one, store.vectors([one])[one], 1 << 20) for one in DOCUMENTS]
        hold(store, *(run for runs, _ in back for run in runs))
        if not (receiver.set_aside_items() or store.set_aside_items()):
            assert content(store)[:3] == content(receiver)[:3]
