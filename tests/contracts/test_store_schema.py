"""One schema and one history for SQLite and PostgreSQL: up, down, up, equal to tables.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text, update

from storage import DatabaseTooNew, DatabaseUnreachable, SqlStore, schema
from storage.database import connect, reading, writing
from storage.metadata import metadata
from storage.tables import CACHES, TRUTH, setting
from tests.contracts.conftest import EPOCH
from tests.contracts.store_samples import document, hold, sample_lane


def test_the_history_goes_up_down_and_up_again(url: str) -> None:
    engine = connect(url)
    for _ in range(2):
        with writing(engine) as connection:
            command.upgrade(schema.alembic_config(connection), "head")
            assert {table.name for table in metadata.sorted_tables} <= set(
                inspect(connection).get_table_names()
            )
        with writing(engine) as connection:
            command.downgrade(schema.alembic_config(connection), "base")
            assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    engine.dispose()


def test_the_history_ends_at_the_declared_tables(url: str) -> None:
    engine = schema.open_database(url)
    with reading(engine) as connection:
        applied = MigrationContext.configure(connection)
        assert compare_metadata(applied, metadata) == []
        assert applied.get_current_revision() == f"{schema.SCHEMA_VERSION:04}"
        made = {
            i["name"] for table in metadata.tables for i in inspect(connection).get_indexes(table)
        }
    declared = {index.name for table in metadata.tables.values() for index in table.indexes}
    assert made == declared
    engine.dispose()


def test_every_table_is_truth_or_cache() -> None:
    assert set(TRUTH) | set(CACHES) == set(metadata.tables.values())
    assert not set(TRUTH) & set(CACHES)


def test_opening_again_migrates_nothing_and_keeps_the_epoch(url: str) -> None:
    SqlStore.open(url, entropy=EPOCH).close()
    store = SqlStore.open(url, entropy=bytes(16))
    assert store.epoch() == EPOCH
    store.close()


def test_a_database_from_newer_software_is_refused_and_untouched(url: str) -> None:
    store = SqlStore.open(url, entropy=EPOCH)
    hold(store, sample_lane(1, document(1), 2).whole())
    numbers = {schema.VERSION_KEY: b"99", schema.OLDEST_KEY: b"98"}
    with writing(store.engine) as connection:
        for key, value in numbers.items():
            connection.execute(update(setting).where(setting.c.key == key).values(value=value))
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    store.close()
    before = Path(url).read_bytes() if Path(url).exists() else b""
    with pytest.raises(DatabaseTooNew, match=r"schema 99.*Nothing was changed.*Install"):
        SqlStore.open(url, entropy=EPOCH)
    assert not before or Path(url).read_bytes() == before
    assert DatabaseTooNew.code == "database-too-new"


def test_a_newer_database_that_older_code_may_open_is_opened(url: str) -> None:
    store = SqlStore.open(url, entropy=EPOCH)
    with writing(store.engine) as connection:
        mine = setting.c.key == schema.VERSION_KEY
        connection.execute(update(setting).where(mine).values(value=b"9"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    store.close()
    store = SqlStore.open(url, entropy=EPOCH)
    hold(store, sample_lane(1, document(1), 2).whole())
    assert store.setting(schema.VERSION_KEY) == b"9"
    store.close()


@pytest.mark.parametrize("place", ["/nowhere/at/all/a.db", "postgresql://nobody@127.0.0.1:1/none"])
def test_a_place_that_cannot_be_reached_is_a_typed_error(place: str) -> None:
    with pytest.raises(DatabaseUnreachable) as caught:
        SqlStore.open(place, entropy=EPOCH)
    assert caught.value.retryable
