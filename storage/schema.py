"""Which software may open which database: two numbers, and the one history of migrations.

`schema.version` is the schema a database has; `schema.oldest` the oldest schema number whose code
may still open it (as in Synapse). Both are checked before anything is changed, even the WAL mode.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, func, inspect, select

from storage import database
from storage.errors import DatabaseTooNew
from storage.tables import setting
from storage.upsert import upsert

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA_VERSION = 9
"""The schema that this code needs: the number of the newest migration."""

SCHEMA_OLDEST = 9
"""The oldest schema number whose code may open what this code writes."""

VERSION_KEY = "schema.version"
OLDEST_KEY = "schema.oldest"
_MIGRATION_LOCK = 0x41494453  # one migrator at a time on PostgreSQL


def open_database(url: str | Path, key: bytes | None = None) -> Engine:
    """Engine for a database whose schema is the one this code needs.

    Raises `DatabaseTooNew` with nothing changed, or what `database.connect` raises.
    """
    engine = database.connect(url, key)
    try:
        with database.reading(engine) as connection:
            version = refuse_newer(connection)
        database.make_durable(engine)
        if version < SCHEMA_VERSION:
            with database.writing(engine) as connection:
                _migrate(connection)
    except BaseException:
        engine.dispose()
        raise
    return engine


def refuse_newer(connection: Connection) -> int:
    """The database's schema version (0: empty). Raises `DatabaseTooNew`."""
    if not inspect(connection).has_table(setting.name):
        return 0
    version, oldest = (_number(connection, key) for key in (VERSION_KEY, OLDEST_KEY))
    if oldest > SCHEMA_VERSION:
        raise DatabaseTooNew(
            f"This database was written by newer software (schema {version}, readable from schema "
            f"{oldest}); this software knows schema {SCHEMA_VERSION}. Nothing was changed. Install "
            "the newer version again, or open another data folder."
        )
    return version


def _number(connection: Connection, key: str) -> int:
    value = connection.scalar(select(setting.c.value).where(setting.c.key == key))
    return int(value) if value else 0


def _migrate(connection: Connection) -> None:
    from alembic import command  # here: a database that is up to date has no need of it

    if not database.is_sqlite(connection):
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    if refuse_newer(connection) >= SCHEMA_VERSION:
        return  # another process was faster
    command.upgrade(alembic_config(connection), "head")
    numbers = {VERSION_KEY: SCHEMA_VERSION, OLDEST_KEY: SCHEMA_OLDEST}
    rows = [{"key": key, "value": str(number).encode()} for key, number in numbers.items()]
    connection.execute(upsert(connection, setting), rows)


def alembic_config(connection: Connection) -> Config:
    """Alembic over an open connection, from the installed package's own files."""
    from alembic.config import Config

    config = Config()
    here = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", here.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
