"""The cache of branches: which lanes are one actor's several histories (`branches.py`)."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, Table

from storage.metadata import metadata

branch = Table(
    "branch",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("lane", LargeBinary, primary_key=True),
    Column("actor", LargeBinary, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
)
"""Lanes that are branches: whose, and the hashes of all their changes (`conflict/branches.py`)."""
