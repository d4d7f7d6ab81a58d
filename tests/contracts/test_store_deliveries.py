"""Order, grouping, splitting and duplication of deliveries do not matter, on no store.

Hypothesis makes deliveries (signed or not, with branches, from two peers) and every back end gets
the same ones; what they hold must be equal, and equal to what a rebuild finds.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conflict.identity import Lane
from conflict.lane import LaneRun, ShortState
from storage import MemoryStore, SqlStore, Store
from sync.limits import SKETCH_CELLS_KEPT
from sync.ports import Applied
from sync.sketch import Sketch
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
    cells = store.sketch(SKETCH_CELLS_KEPT).cells()
    return store.summary(), store.listing(None, 10), store.vectors(DOCUMENTS), cells, sent


def changes(runs: Iterable[LaneRun]) -> dict[Lane, list[tuple[int, bytes]]]:
    """Numbered raw changes by lane, however they are cut into runs."""
    found: dict[Lane, list[tuple[int, bytes]]] = {}
    for run in runs:
        found.setdefault(run.lane, []).extend(enumerate(run.changes, run.first_seq))
    return found


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
        for source in (PEER, OTHER_PEER):
            assert other.vectors(DOCUMENTS, source) == memory.vectors(DOCUMENTS, source)


@given(made=deliveries, batches=in_batches)
@relaxed
def test_the_kept_sketch_is_the_one_made_anew_whatever_came_in_which_order(
    sql_stores: list[SqlStore], made: list[Delivery], batches: list[int]
) -> None:
    for store in fresh(sql_stores):
        deliver(store, made, batches)
        kept = store.sketch(SKETCH_CELLS_KEPT)
        anew = Sketch(kept.key, SKETCH_CELLS_KEPT)
        for one in store.listing(None, 10):
            anew.add(kept.key.symbol(one.document, one.digest))
        assert kept.cells() == anew.cells()


@given(made=deliveries, batches=in_batches, bytes_max=st.integers(0, 4000))
@relaxed
def test_runs_in_pieces_are_the_runs_that_are_lacking(
    sql_stores: list[SqlStore], made: list[Delivery], batches: list[int], bytes_max: int
) -> None:
    receiver = MemoryStore(EPOCH)
    deliver(receiver, made[::2], batches)
    vectors = receiver.vectors(DOCUMENTS)
    for store in fresh(sql_stores):
        deliver(store, made, batches)
        lacking, behind = store.lacking(list(vectors.items()), 0)
        lanes: Sequence[tuple[Lane, ShortState]] = [(one.lane, one.have) for one in lacking]
        found: list[LaneRun] = []
        named = set(behind)
        while lanes:
            piece = store.reach(lanes, bytes_max)
            found += piece.runs
            named |= {lane.document for lane in piece.behind}
            assert sum(len(raw) for run in piece.runs for raw in run.changes) <= bytes_max or (
                len(piece.runs) == 1
            )
            lanes = piece.rest
        assert all(run.signature for run in found)
        expected = [store.runs(one, vectors[one], 1 << 20) for one in sorted(DOCUMENTS)]
        assert changes(found) == changes(run for runs, _ in expected for run in runs)
        flags = zip(sorted(DOCUMENTS), expected, strict=True)
        assert named == {one for one, (_, beyond) in flags if beyond}


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
            assert content(store)[:4] == content(receiver)[:4]
