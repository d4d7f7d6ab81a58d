"""Opening a database: engines set up so that what is committed stays, on SQLite and PostgreSQL.

This file knows drivers, pragmas and transaction modes; it knows no tables. Reads begin a snapshot,
writes (`writing`) take SQLite's one write lock at once, so that no transaction fails half way.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from storage import cipher, limits
from storage.errors import (
    DRIVER_ERRORS,
    FULL,
    DatabaseUnreachable,
    DatabaseUnsafe,
    DiskFull,
    StorageError,
    translate,
    translate_commit,
    translated,
)

_FULL_SYNC = 2  # PRAGMA synchronous: 2 is FULL, 3 is EXTRA
_WRITES = "aidstation_writes"


def connect(url: str | Path, key: bytes | None = None) -> Engine:
    """Engine for a SQLite file (path or `sqlite:///…`) or a `postgresql://` URL.

    With `key` (32 raw bytes) the file is SQLCipher's; a server encrypts its own disks and takes none.
    Nothing is written yet. Raises `DatabaseUnreachable`, `DatabaseUnsafe`, `DatabaseCorrupt`,
    `NotEncrypted`, `KeyNeeded`; the first read raises `WrongKey`.
    """
    path = embedded_path(url)
    return _postgres(str(url)) if path is None else _sqlite(path, key)


def embedded_path(url: str | Path) -> Path | None:
    """The file of an embedded database; None: a server's."""
    place = str(url)
    if place.startswith(("postgresql:", "postgres:", "postgresql+psycopg:")):
        return None
    return Path(place.removeprefix("sqlite:///"))


def refuse_full(url: str | Path) -> None:
    """Raise `DiskFull` when the disk of an embedded database has no room for a page more."""
    path = embedded_path(url)
    if path is not None and shutil.disk_usage(path.parent).free < limits.DISK_FULL_BYTES:
        raise DiskFull(FULL)


def is_sqlite(connection: Connection | Engine) -> bool:
    """Whether this is the embedded database."""
    return connection.dialect.name == "sqlite"


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent snapshot. Driver errors come out typed."""
    with translated(), engine.connect() as connection:
        if not is_sqlite(connection):
            connection = connection.execution_options(  # noqa: PLW2901  the same connection
                isolation_level="REPEATABLE READ"
            )
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction: committed when the block ends, rolled back on any error."""
    with translated(), engine.connect() as plain:
        connection = plain.execution_options(**{_WRITES: True})
        transaction = connection.begin()
        try:
            yield connection
        except BaseException:
            _roll_back(connection)
            raise
        try:
            transaction.commit()
        except DRIVER_ERRORS as fault:
            error = translate_commit(fault)
            _roll_back(connection)
            raise error from None


def _roll_back(connection: Connection) -> None:
    """Give up the transaction; a connection that cannot even do that leaves the pool."""
    try:
        connection.rollback()
        if is_sqlite(connection):  # a failed COMMIT may have left SQLite's transaction open
            connection.connection.rollback()
    except DRIVER_ERRORS:
        connection.invalidate()


# --- SQLite ------------------------------------------------------------------------------------


def _sqlite(path: Path, key: bytes | None) -> Engine:
    if not path.parent.is_dir():
        raise DatabaseUnreachable(
            f"There is no folder {path.parent} for the database. Create it or change the setting."
        )
    cipher.refuse_mismatch(path, key)
    module, creator = _driver(path, key)
    engine = create_engine(
        "sqlite://",
        module=module,
        creator=creator,
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=8,
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _driver(path: Path, key: bytes | None) -> tuple[Any, Callable[[], Any]]:
    """The module and what makes a connection: SQLCipher's with a key, the standard library's without."""
    if key is not None:
        return cipher.DRIVER, lambda: cipher.open_keyed(path, key)

    def creator() -> sqlite3.Connection:
        return sqlite3.connect(
            path,
            check_same_thread=False,
            isolation_level=None,
            timeout=limits.BUSY_TIMEOUT_MS / 1000,
            cached_statements=256,
        )

    return sqlite3, creator


def bare(path: Path, key: bytes | None) -> Any:
    """A connection of the driver itself to a SQLite file, for what SQLAlchemy has no words for."""
    cipher.refuse_mismatch(path, key)
    return _driver(path, key)[1]()


def _begin_sqlite(connection: Connection) -> None:
    # isolation_level=None keeps the driver from beginning by itself (and never around DDL)
    mode = "BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN"
    connection.exec_driver_sql(mode)


def make_durable(engine: Engine) -> None:
    """Set up every connection for durability and refuse a database that is not.

    Called once the schema number allows this code to touch the file: WAL mode is a change to it.
    """
    if is_sqlite(engine):
        event.listen(engine, "connect", _set_pragmas)
        engine.dispose()  # connections made before had no pragmas
    with translated(), engine.connect() as connection:
        refuse_unsafe(connection)


def _set_pragmas(raw: Any, _record: Any) -> None:
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {limits.BUSY_TIMEOUT_MS}",
        "journal_size_limit = 67108864",
        "cache_size = -16384",
    ):
        raw.execute(f"PRAGMA {pragma}").fetchall()


def refuse_unsafe(connection: Connection) -> None:
    """Raise `DatabaseUnsafe` when an acknowledged commit could be lost by a power cut."""
    if is_sqlite(connection):
        level = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        if level < _FULL_SYNC or journal != "wal":
            raise DatabaseUnsafe(
                f"SQLite runs with synchronous={level} and journal_mode={journal}, which can lose "
                "acknowledged records in a power cut. Use a local disk that allows WAL and FULL."
            )
        return
    for name in ("synchronous_commit", "fsync", "full_page_writes"):
        if connection.execute(text(f"SHOW {name}")).scalar_one() == "off":
            raise DatabaseUnsafe(
                f"PostgreSQL runs with {name}=off, which can lose acknowledged records. "
                f"Set {name}=on and start again."
            )


# --- PostgreSQL --------------------------------------------------------------------------------


def _postgres(url: str) -> Engine:
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    engine = create_engine(
        parsed,
        pool_size=8,
        max_overflow=8,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10},
    )
    try:
        engine.connect().close()
    except SQLAlchemyError as fault:
        engine.dispose()
        error: StorageError = translate(fault)
        raise error from None
    return engine
