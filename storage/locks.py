"""Locks on PostgreSQL, where several processes write; SQLite has one writer and needs none.

Whoever locks documents of several kinds does so in one order: theatre and units, then episodes, then
persons, then blobs, and within a kind by stripe. So no two writers wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select, text

from conflict.identity import ID_BYTES, DocumentKind
from storage.database import is_sqlite

_STRIPES = 512  # locks of one kind in one transaction, bounded by PostgreSQL's lock table
_SPACE = 0x41494453
_REBUILD = 0x4149445352  # writers share it, a rebuild has it alone
_LOCK = text(
    "SELECT pg_advisory_xact_lock(space, stripe) FROM unnest("
    "CAST(:spaces AS int[]), CAST(:stripes AS int[])) AS wanted(space, stripe)"
)


def lock_rows(connection: Connection, names: Iterable[bytes]) -> None:
    """Let no other writer near these documents or blobs."""
    if is_sqlite(connection) or not (wanted := sorted({_place(one) for one in names})):
        return
    connection.execute(select(func.pg_advisory_xact_lock_shared(_REBUILD)))
    spaces, stripes = zip(*wanted, strict=True)
    connection.execute(_LOCK, {"spaces": list(spaces), "stripes": list(stripes)})


def _place(name: bytes) -> tuple[int, int]:
    """Space and stripe of a lock: higher kinds first, what is no document last."""
    kind = name[0] if len(name) == ID_BYTES else 0
    return _SPACE - min(kind, DocumentKind.THEATRE), int.from_bytes(name[-4:], "big") % _STRIPES


def lock_everything(connection: Connection) -> None:
    """Let no other writer near any document."""
    if not is_sqlite(connection):
        connection.execute(select(func.pg_advisory_xact_lock(_REBUILD)))
