"""A database of an older schema, with data, opens: nothing of truth changes, new caches are right."""

from __future__ import annotations

from dataclasses import replace

from alembic import command
from sqlalchemy import Connection, inspect, text, update

from conflict.urgency import LaneUrgency
from storage import SqlStore, schema
from storage.database import connect, reading, writing
from storage.tables import setting
from sync.aliases import claim_of
from sync.custody import Verdict
from sync.limits import SKETCH_CELLS_KEPT
from sync.sketch import SECRET_BYTES, Sketch, SketchKey
from tests.contracts.conftest import EPOCH
from tests.contracts.store_samples import (
    NOW_MS,
    OTHER_PEER,
    PEER,
    admit_all,
    document,
    hold,
    receipt,
    sample_lane,
)

DOCUMENTS = 1_200  # more than are filled in at once

LATEST = str(schema.SCHEMA_VERSION).encode()


def _filled(url: str) -> SqlStore:
    store = SqlStore.open(url, entropy=EPOCH)
    hold(store, *(sample_lane(seed % 9, document(seed), 1).whole() for seed in range(DOCUMENTS)))
    grown = sample_lane(100, document(3), 3)
    hold(store, grown.cut(1, 2))
    admit_all(store)
    hold(store, grown.cut(3, 3))
    with store.write() as transaction:
        transaction.refuse_admission(document(3), grown.lane.actor, 3, "bad", "detail")
    return store


def _told(store: SqlStore) -> tuple[object, ...]:
    return (
        store.summary(),
        store.listing(None, 2000),
        store.vectors([document(3), document(4)]),
        store.lanes(document(3)),
        store.entries(document(3)),
        store.arrival(),
        store.news(0, 5000),
        store.epoch(),
    )


def _step_back(url: str, to: int = 1) -> None:
    """The database as software of that schema left it."""
    engine = connect(url)
    with writing(engine) as connection:
        command.downgrade(schema.alembic_config(connection), f"{to:04}")
        for key in (schema.VERSION_KEY, schema.OLDEST_KEY):
            told = update(setting).where(setting.c.key == key)
            connection.execute(told.values(value=str(to).encode()))
        if to == 1 and engine.dialect.name == "postgresql":  # a shard counted its own runs then
            connection.execute(text("UPDATE tally SET arrival = 1"))
    engine.dispose()


def test_a_database_of_schema_1_with_data_opens_and_its_sketch_is_right(url: str) -> None:
    store = _filled(url)
    before = _told(store)
    store.close()
    _step_back(url)
    store = SqlStore.open(url, entropy=bytes(16))
    assert _told(store) == before
    assert store.setting(schema.VERSION_KEY) == LATEST
    assert store.setting(schema.OLDEST_KEY) == str(schema.SCHEMA_OLDEST).encode()
    key = SketchKey(bytes(SECRET_BYTES))
    anew = Sketch(key, SKETCH_CELLS_KEPT)
    for one in store.listing(None, 2000):
        anew.add(key.symbol(one.document, one.digest))
    assert store.sketch(SKETCH_CELLS_KEPT).cells() == anew.cells()
    assert store.check() == []
    _assert_it_goes_on(store)
    store.close()


def _assert_it_goes_on(store: SqlStore) -> None:
    assert store.counts().waiting == DOCUMENTS  # folded again, so that urgency comes back
    lane = sample_lane(101, document(4), 1)
    arrival = store.arrival()
    hold(store, lane.whole())
    assert store.arrival() > arrival
    with store.write() as transaction:
        entries = lane.written[0].entries
        urgency = LaneUrgency(NOW_MS, summary=True)
        transaction.save_admission(document(4), lane.lane.actor, 1, entries, urgency)
    assert store.urgent(0, 5) == [lane.lane]
    assert store.check() == []


def test_an_opening_that_was_cut_off_before_the_symbols_is_finished_by_the_next(url: str) -> None:
    _filled(url).close()
    _step_back(url)
    schema.open_database(url).dispose()  # the migration alone
    store = SqlStore.open(url, entropy=EPOCH)
    assert store.check() == []
    store.close()


def test_logs_that_spoke_by_id_begin_anew_and_aliases_of_what_is_held_are_known(url: str) -> None:
    lane = sample_lane(1, document(1), 3)
    store = SqlStore.open(url, entropy=EPOCH)
    store.trust([PEER])
    hold(store, lane.whole())
    store.close()
    _step_back(url, 8)
    store = SqlStore.open(url, entropy=EPOCH)
    assert store.check() == []
    with store.write() as transaction:
        own = transaction.write_custody(OTHER_PEER, store.epoch(), NOW_MS, lambda one: one)
        assert own is not None
        assert (own.number, own.lanes) == (1, (claim_of(receipt(lane, 3)),))
        told = replace(own, garrison=PEER)
        assert transaction.save_custody(told, NOW_MS)[0] is Verdict.KEPT
    assert store.custody(9).documents == 0
    store.close()


def test_a_step_back_leaves_the_columns_of_the_first_schema(url: str) -> None:
    engine = connect(url)
    with writing(engine) as connection:
        command.upgrade(schema.alembic_config(connection), "0001")
        first = _described(connection)
        command.upgrade(schema.alembic_config(connection), "head")
        command.downgrade(schema.alembic_config(connection), "0001")
        assert _described(connection) == first
    engine.dispose()


def _described(connection: Connection) -> dict[str, object]:
    found = inspect(connection)
    return {
        table: (
            sorted((one["name"], str(one["type"]), one["nullable"]) for one in columns),
            sorted(str(one["name"]) for one in found.get_indexes(table)),
            found.get_pk_constraint(table)["constrained_columns"],
        )
        for table in sorted(found.get_table_names())
        for columns in [found.get_columns(table)]
    }


def test_what_may_be_long_comes_last_in_a_lane(url: str) -> None:
    """SQLite reads a row from its front: behind long entries, urgency would cost their pages."""
    SqlStore.open(url, entropy=EPOCH).close()
    engine = connect(url)
    with reading(engine) as connection:
        names = [one["name"] for one in inspect(connection).get_columns("lane")]
        if engine.dialect.name == "sqlite":
            assert names[-1] == "entries"
            assert names.index("urgent_ms") < names.index("detail")
        assert connection.execute(text("SELECT count(*) FROM sketch")).scalar_one() == 1
    engine.dispose()
