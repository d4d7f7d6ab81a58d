"""What is gone of a store, told by what its machine remembers of it: the file, or its latest part.

A database that was deleted, emptied or robbed of its log opens as if nothing had been there. The
witness beside it (`lineage.py`) knows how far it had come.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from node import lineage
from node.home import Home
from storage.ports import Store

REPAIR = (
    "stop the node and copy its folder; then `aidstation restore` the latest backup, or let peers refill "
    "a new database: deploy/runbooks/damaged-store.md"
)


class Loss(NamedTuple):
    """What is gone, and what to do."""

    cause: str
    cure: str


def of_file(home: Home, store: Path) -> Loss | None:
    """The database's file is not there, or empty, although this machine wrote in it."""
    witness = lineage.read(home.lineage)
    if witness is None or (store.exists() and store.stat().st_size):
        return None
    gone = "is empty" if store.exists() else "is gone"
    return Loss(f"{store.name} {gone}; it held {witness.arrival} deliveries of records", REPAIR)


def of_latest(home: Home, store: Store) -> Loss | None:
    """The database is whole and ends earlier than this machine left it."""
    witness = lineage.read(home.lineage)
    if witness is None or store.arrival() >= witness.arrival:
        return None
    missing = witness.arrival - store.arrival()
    cause = (
        f"the latest {missing} of {witness.arrival} deliveries of records are gone: an older copy, or "
        "a log (store.db-wal) that was removed"
    )
    return Loss(cause, f"put the newer file and its log back if you have them; else {REPAIR}")
