"""Tables of audit logs; truth, as `tables.py` says."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table

from storage.metadata import metadata

audit_branch = Table(
    "audit_branch",
    metadata,
    Column("device", LargeBinary, primary_key=True),
    Column("branch", Integer, primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False),
    Column("epoch", LargeBinary, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("grown_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How far each device's audit log is here (`audit_chain.py`); `epoch`, `number`, `link`: its head."""
audit_entry = Table(
    "audit_entry",
    metadata,
    Column("device", LargeBinary, primary_key=True),
    Column("branch", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Entries of those logs as written; `signature` is empty but at the end of a transaction or frame."""
audit_ack = Table(
    "audit_ack",
    metadata,
    Column("garrison", LargeBinary, primary_key=True),
    Column("epoch", LargeBinary, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("short", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What garrisons say to hold of this device's own audit log."""
