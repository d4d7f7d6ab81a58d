"""A consistent copy of an embedded database, taken while others read and write it, and what is in one.

A SQLite database holds its whole content under one read transaction, so the copy is of one moment;
one of SQLCipher's stays encrypted under its key. A server's database has tools of its own for this.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import func, select

from storage import database
from storage.database import reading
from storage.errors import DatabaseCorrupt, translated
from storage.metadata import metadata
from storage.schema import refuse_newer

STEP_PAGES = 256
Progress = Callable[[int, int], None]
"""Told how many pages are copied, and of how many."""


class Contents(NamedTuple):
    """What is in a database: its schema, and the rows of each table."""

    schema: int
    rows: Mapping[str, int]


def file_bytes(path: Path) -> int:
    """Room that a copy may need."""
    ends = ("", "-wal")
    files = (path.with_name(path.name + end) for end in ends)
    return sum(one.stat().st_size for one in files if one.exists())


def copy(
    source: Path, target: Path, key: bytes | None = None, on_progress: Progress | None = None
) -> None:
    """Write all that `source` holds now to the new file `target`, on the disk when it returns.

    Raises what `database.connect` raises, `DiskFull`, `WrongKey`.
    """
    with translated(), contextlib.ExitStack() as open_ones:
        old, new = (
            open_ones.enter_context(contextlib.closing(database.bare(path, key)))
            for path in (source, target)
        )
        old.execute("BEGIN")
        old.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on one moment
        old.backup(new, pages=STEP_PAGES, progress=_telling(on_progress))
        old.execute("ROLLBACK")
        new.execute("PRAGMA journal_mode = DELETE").fetchall()  # all of it in the one file
    handle = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _telling(on_progress: Progress | None) -> Callable[[int, int, int], None] | None:
    if on_progress is None:
        return None
    return lambda _state, left, total: on_progress(total - left, total)


def look(path: Path, key: bytes | None = None) -> Contents:
    """Check a database that nobody else uses, and count.

    Raises `DatabaseCorrupt`, `DatabaseTooNew`, `WrongKey`, and as `database.connect`.
    """
    engine = database.connect(path, key)
    try:
        with reading(engine) as connection:
            schema = refuse_newer(connection)
            said = [row[0] for row in connection.exec_driver_sql("PRAGMA quick_check(1)")]
            if said != ["ok"]:
                raise DatabaseCorrupt("The copy of the database fails its check")
            there = {
                str(name)
                for (name,) in connection.exec_driver_sql(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                )
            }
            tables = [one for one in metadata.sorted_tables if one.name in there]
            rows = {
                one.name: connection.scalar(select(func.count()).select_from(one)) or 0
                for one in tables
            }
    finally:
        engine.dispose()
    return Contents(schema, rows)
