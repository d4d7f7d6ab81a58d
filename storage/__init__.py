"""What a node keeps: signed changes, durable before they are acknowledged, and caches of them.

Public names of the room. Other rooms import from here only.
"""

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
    NotShed,
    StorageError,
)
from storage.memory import MemoryStore
from storage.ports import Store, Transaction
from storage.shapes import (
    Counts,
    Custody,
    DocumentWork,
    Freed,
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
from storage.store import SqlStore

__all__ = [
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
    "Holding",
    "Idle",
    "LaneStatus",
    "LaneWork",
    "MemoryStore",
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
]
