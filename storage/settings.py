"""Settings of a store in SQL, its epoch among them."""

from __future__ import annotations

from sqlalchemy import Connection, select

from storage.errors import DatabaseCorrupt
from storage.tables import setting
from storage.upsert import upsert

EPOCH = "epoch"
CUSTODY_CURSOR = "custody.cursor"
"""How far this store's own custody log has come."""


def read(connection: Connection, key: str) -> bytes | None:
    """A setting's value."""
    value: bytes | None = connection.scalar(select(setting.c.value).where(setting.c.key == key))
    return value


def write(connection: Connection, key: str, value: bytes) -> None:
    """Keep a setting."""
    connection.execute(upsert(connection, setting), {"key": key, "value": value})


def epoch(connection: Connection) -> bytes:
    """See `LaneReader.epoch`."""
    value = read(connection, EPOCH)
    if value is None:
        raise DatabaseCorrupt("The database has no epoch. Restore it from a backup.")
    return value


def writes_custody(connection: Connection) -> bool:
    """Whether this store has a custody log of its own: what is here was signed for."""
    return read(connection, CUSTODY_CURSOR) is not None
