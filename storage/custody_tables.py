"""Tables of garrisons' custody logs (`custody.py`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, Table

from storage.metadata import metadata

custody_log = Table(
    "custody_log",
    metadata,
    Column("garrison", LargeBinary, primary_key=True),
    Column("epoch", LargeBinary, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("believed", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
"""How far each garrison's log is here. `believed` False: its node was since met in an older epoch."""
custody_entry = Table(
    "custody_entry",
    metadata,
    Column("garrison", LargeBinary, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),
)
"""Entries of those logs as received."""
custody_blob = Table(
    "custody_blob",
    metadata,
    Column("alias", LargeBinary, primary_key=True),
    Column("holder", LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
)
"""Blobs that garrisons say they have."""
