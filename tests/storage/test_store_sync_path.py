"""What sync asks often costs no scan, and what it asks for many documents is few statements."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from conflict.identity import DocumentId, Lane
from conflict.lane import ShortState
from conflict.urgency import LaneUrgency
from storage import SqlStore
from storage.database import reading
from sync.continuing import end_of
from sync.limits import SKETCH_CELLS_KEPT, VECTORS_DOCUMENTS_MAX
from sync.sketch import SECRET_BYTES, SketchKey
from tests.contracts.store_samples import NOW_MS, PEER, admit_all, document, hold, sample_lane

NOTHING = ShortState(0, b"")
KEY = SketchKey(bytes(SECRET_BYTES))
SMALL = {
    "SCAN tally",  # one row on SQLite, at most eight on PostgreSQL
    "SCAN sketch",  # the same
}
GIVEN = re.compile(r"CONSTANT ROW|\(subquery")
"""The list that a question came with."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    found = SqlStore.open(tmp_path / "a.db", entropy=bytes(16))
    hold(found, *(sample_lane(seed, document(seed), 2).whole() for seed in range(20)))
    hold(found, sample_lane(21, document(21), 2).cut(1, 1, signed=False))
    admit_all(found)
    yield found
    found.close()


class Traced:
    """Statements of a store since it was traced, as SQLite runs them."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.statements: list[str] = []
        store.engine.dispose()
        event.listen(
            store.engine,
            "connect",
            lambda raw, _record: raw.set_trace_callback(self.statements.append),
        )

    def selects(self, ask: Callable[[SqlStore], object]) -> list[str]:
        """What one question reads with."""
        self.statements.clear()
        ask(self._store)
        return [one for one in self.statements if one.startswith("SELECT")]

    def scans(self, ask: Callable[[SqlStore], object]) -> set[str]:
        """Tables that one question reads from end to end."""
        selects = self.selects(ask)
        assert selects
        plans: list[str] = []
        with reading(self._store.engine) as connection:
            for statement in selects:
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
                plans += [f"{row[3]}" for row in rows]
        return {plan for plan in plans if plan.startswith("SCAN") and not GIVEN.search(plan)}


def test_the_sync_path_scans_no_table(store: SqlStore) -> None:
    traced = Traced(store)
    lanes = [sample_lane(seed, document(seed), 2) for seed in range(3)]
    ids = [lane.lane.document for lane in lanes]
    symbols = [KEY.symbol(one.document, one.digest) for one in store.listing(None, 3)]
    places = [end_of(lane.cut(1, length))[0] for lane in lanes for length in (1, 2)]
    places.append(end_of(sample_lane(21, document(21), 2).cut(1, 1))[0])
    questions: dict[str, Callable[[SqlStore], object]] = {
        "summary": lambda one: one.summary(),
        "arrival": lambda one: one.arrival(),
        "news": lambda one: one.news(3, 100),
        "news of all": lambda one: one.news(0, 5),
        "sketch": lambda one: one.sketch(SKETCH_CELLS_KEPT),
        "named": lambda one: one.named(symbols),
        "vectors": lambda one: one.vectors(ids),
        "vectors for a peer": lambda one: one.vectors([*ids, document(21)], PEER),
        "bases": lambda one: one.bases(places, PEER),
        "lacking": lambda one: one.lacking([(each, {}) for each in ids], 0),
        "reach": lambda one: one.reach([(each.lane, NOTHING) for each in lanes], 1 << 20),
        "runs": lambda one: one.runs(ids[0], {}, 1 << 20),
        "runs from": lambda one: one.runs_from(lanes[0].lane, 1, 1 << 20),
        "listing": lambda one: one.listing(ids[0], 5),
        "listing between": lambda one: one.listing_between(ids[0], ids[1]),
        "receipts": lambda one: one.receipts(ids[0]),
    }
    scans = {name: traced.scans(ask) - SMALL for name, ask in questions.items()}
    assert {name: found for name, found in scans.items() if found} == {}


def test_lists_go_by_an_index_of_what_they_list(store: SqlStore) -> None:
    traced = Traced(store)
    assert traced.scans(lambda one: one.listing(None, 5)) == {"SCAN document"}  # up to its limit
    partial = "SCAN document USING INDEX document_dirty"
    assert traced.scans(lambda one: one.dirty_documents()) == {partial}
    wanted = "SCAN blob_need USING INDEX blob_need_missing"
    assert traced.scans(lambda one: one.blobs_wanted(5)) == {wanted}
    assert traced.scans(lambda one: one.urgent(NOW_MS, 5)) == set()
    [lane] = store.lanes(document(1))
    with store.write() as transaction:
        urgency = LaneUrgency(NOW_MS, summary=False)
        transaction.save_urgency(document(1), lane.lane.actor, urgency)
    assert store.urgent(NOW_MS, 5) == [lane.lane]


def test_many_documents_are_looked_up_with_few_statements(store: SqlStore) -> None:
    base = sample_lane(1, document(1), 2)
    count = VECTORS_DOCUMENTS_MAX
    ids = [DocumentId(bytes([2]) + number.to_bytes(15, "big")) for number in range(count)]
    runs = [replace(base.whole(), lane=Lane(one, base.lane.actor)) for one in ids]
    hold(store, *runs)
    symbols = [KEY.symbol(one.document, one.digest) for one in store.listing(None, 1000)]
    traced = Traced(store)
    assert len(traced.selects(lambda one: one.lacking([(each, {}) for each in ids], 0))) <= 2
    assert len(traced.selects(lambda one: one.vectors(ids, PEER))) <= 4
    assert len(traced.selects(lambda one: one.named(symbols))) <= 2
    places = [end_of(run)[0] for run in runs]
    assert len(traced.selects(lambda one: one.bases(places, PEER))) <= 4
    lanes = [(run.lane, NOTHING) for run in runs]
    assert len(traced.selects(lambda one: one.reach(lanes, 1 << 24))) <= 10  # two look for branches
    assert len(traced.selects(lambda one: one.reach(lanes, 1))) <= 3  # one looks for branches
    assert len(traced.selects(lambda one: one.news(0, 10_000))) == 1


def test_what_is_read_is_bounded_by_what_was_asked_for(store: SqlStore) -> None:
    """However much a lane holds, its changes are read only as far as they will be sent."""
    lane = sample_lane(40, document(40), 60, "x" * 3000)
    for seq in range(1, 61):
        hold(store, lane.cut(seq, seq))
    traced = Traced(store)
    read = traced.selects(lambda one: one.reach([(lane.lane, NOTHING)], 10_000))[-1]
    assert 1 <= read.count(lane.lane.document.hex()) <= 4
