"""Statements that SQLite and PostgreSQL spell through different constructs, and id lists in chunks.

Statements are built once per table and dialect, because building costs more than running.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Dialect, Table, bindparam, text
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


def among(
    connection: Connection, columns: Sequence[Column[Any]], tuples: Sequence[tuple[Any, ...]]
) -> tuple[Any, dict[str, Any]]:
    """That columns together are one of these tuples, found by the index on them; its parameters.

    SQLite scans the table for a plain list of tuples, those of a subquery it looks up; PostgreSQL
    plans a long list for long, so it gets one array a column.
    """
    dialect = connection.dialect.name
    found = _among(dialect, tuple(columns))
    if dialect == "sqlite":
        return found, {"among": tuples}
    return found, {f"among_{at}": list(some) for at, some in enumerate(zip(*tuples, strict=True))}


_ARRAYS = {bytes: "bytea[]", int: "integer[]"}


@cache
def _among(dialect: str, columns: tuple[Column[Any], ...]) -> Any:
    names = ", ".join(f"{column.table.name}.{column.name}" for column in columns)
    if dialect == "sqlite":
        listed: Any = bindparam("among", expanding=True)
        return text(f"({names}) IN (SELECT * FROM :among)").bindparams(listed)  # noqa: S608  our names
    arrays = ", ".join(
        f"CAST(:among_{at} AS {_ARRAYS[column.type.python_type]})"
        for at, column in enumerate(columns)
    )
    return text(f"({names}) IN (SELECT * FROM unnest({arrays}))")  # noqa: S608  our names


def write_rows(connection: Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run a statement once for each row, as it would be with `execute`, at half the cost: rows go to the
    driver as they are. Their values are what drivers take: bytes, text, numbers, None."""
    text, names, given = _prepared(connection.dialect, statement, tuple(rows[0]))
    if given:
        rows = [{**given, **row} for row in rows]
    if names is None:  # PostgreSQL's driver takes names
        connection.exec_driver_sql(text, list(rows))
    else:
        connection.exec_driver_sql(text, list(map(itemgetter(*names), rows)))


@lru_cache(maxsize=256)
def _prepared(
    dialect: Dialect, statement: Any, columns: tuple[str, ...]
) -> tuple[str, Sequence[str] | None, dict[str, Any]]:
    """The text of a statement, its parameters in order if they have one, and those that it brings."""
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    given = {name: value for name, value in compiled.params.items() if name not in columns}
    return compiled.string, compiled.positiontup, given


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Slices that fit an IN list."""
    for at in range(0, len(items), limits.IN_LIST_MAX):
        yield items[at : at + limits.IN_LIST_MAX]
