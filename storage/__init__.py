"""What a node keeps: signed changes, durable before they are acknowledged, and caches of them.

Public names of the room. Other rooms import from here only. A store is imported when it is asked for:
document workers know the shapes of what they are given and bring no database with them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from storage.audit_chain import AuditAck
from storage.shapes import (
    Counts,
    Custody,
    DocumentWork,
    Freed,
    Given,
    Holding,
    Idle,
    LaneStatus,
    LaneWork,
    Problem,
    ProjectionRow,
    Rebuilt,
    Refusal,
    SetAsideRow,
    Shed,
    Uncovered,
)

if TYPE_CHECKING:
    from storage.errors import (
        BlobMismatch,
        BlobMisplaced,
        BlobTooLarge,
        CommitUncertain,
        DatabaseCorrupt,
        DatabaseLocked,
        DatabaseRefused,
        DatabaseTooNew,
        DatabaseUnreachable,
        DatabaseUnsafe,
        DiskFull,
        KeyNeeded,
        NotEncrypted,
        NotShed,
        StorageError,
        WrongKey,
    )
    from storage.memory import MemoryStore
    from storage.ports import Store, Transaction
    from storage.store import SqlStore

__all__ = [
    "AuditAck",
    "BlobMismatch",
    "BlobMisplaced",
    "BlobTooLarge",
    "CommitUncertain",
    "Counts",
    "Custody",
    "DatabaseCorrupt",
    "DatabaseLocked",
    "DatabaseRefused",
    "DatabaseTooNew",
    "DatabaseUnreachable",
    "DatabaseUnsafe",
    "DiskFull",
    "DocumentWork",
    "Freed",
    "Given",
    "Holding",
    "Idle",
    "KeyNeeded",
    "LaneStatus",
    "LaneWork",
    "MemoryStore",
    "NotEncrypted",
    "NotShed",
    "Problem",
    "ProjectionRow",
    "Rebuilt",
    "Refusal",
    "SetAsideRow",
    "Shed",
    "SqlStore",
    "StorageError",
    "Store",
    "Transaction",
    "Uncovered",
    "WrongKey",
]

_PLACES = {
    "MemoryStore": "storage.memory",
    "SqlStore": "storage.store",
    "Store": "storage.ports",
    "Transaction": "storage.ports",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES.get(name, "storage.errors")), name)
