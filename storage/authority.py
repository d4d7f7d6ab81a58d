"""The theatre's authority log in SQL: entries as received, in order, none missing.

What they say, and whether the authority signed them, is judged before (`sync/trust/`).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from storage.tables import authority_entry
from storage.upsert import insert_new


def entries(connection: Connection, after: int, limit: int) -> list[bytes]:
    """See `LaneReader.authority_entries`."""
    query = (
        select(authority_entry.c.entry)
        .where(authority_entry.c.number > after)
        .order_by(authority_entry.c.number)
        .limit(limit)
    )
    return list(connection.scalars(query))


def save(connection: Connection, after: int, found: Sequence[bytes]) -> None:
    """See `Transaction.save_authority`."""
    last = connection.scalar(select(func.max(authority_entry.c.number))) or 0
    check_place(last, after)
    rows = [{"number": number, "entry": one} for number, one in enumerate(found, after + 1)]
    if rows:
        connection.execute(insert_new(connection, authority_entry), rows)


def check_place(last: int, after: int) -> None:
    """Entries go on where the log ends, or repeat some of it. Raises `ValueError`."""
    if after > last:
        raise ValueError(f"entries after {after} do not follow a log of {last}")
