"""Statements that SQLite and PostgreSQL spell through different constructs, and id lists in chunks.

Statements are built once per table and dialect, because building costs more than running.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from storage import limits

T = TypeVar("T")


def upsert(connection: Connection, table: Table, *columns: str) -> Any:
    """INSERT that overwrites the named columns (none named: all but the key) of an existing row."""
    return _upsert(connection.dialect.name, table, columns)


def insert_new(connection: Connection, table: Table) -> Any:
    """INSERT that leaves an existing row alone."""
    return _insert(connection.dialect.name, table).on_conflict_do_nothing()


@cache
def _upsert(dialect: str, table: Table, columns: tuple[str, ...]) -> Any:
    statement = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    names = columns or [column.name for column in table.columns if column.name not in keys]
    return statement.on_conflict_do_update(
        index_elements=keys, set_={name: statement.excluded[name] for name in names}
    )


def _insert(dialect: str, table: Table) -> Any:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Slices that fit an IN list."""
    for at in range(0, len(items), limits.IN_LIST_MAX):
        yield items[at : at + limits.IN_LIST_MAX]
