"""What can go wrong in a store: one tree, each leaf with a stable code and whether a retry can help.

Driver errors are translated here and nowhere else. Their own text is dropped, because it can quote
values: a message says what happened, what is safe and what to do next, never what a record holds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlcipher3 import dbapi2 as sqlcipher

from conflict.identity import DocumentId


class StorageError(Exception):
    """Root of what the store raises. Whatever is raised, the transaction changed nothing."""

    code = "storage"
    retryable = False


class DiskFull(StorageError):
    """No room left for a write. Everything acknowledged before is safe."""

    code = "disk-full"
    retryable = True


class DatabaseLocked(StorageError):
    """Another process held the database for longer than the busy timeout, or won a deadlock."""

    code = "database-locked"
    retryable = True


class DatabaseCorrupt(StorageError):
    """The file is damaged or no Aidstation database."""

    code = "database-corrupt"


class WrongKey(StorageError):
    """The key does not open the database, which may be whole."""

    code = "wrong-key"


class KeyNeeded(StorageError):
    """The database is encrypted and no key was given."""

    code = "key-needed"


class NotEncrypted(StorageError):
    """A key was given and the database is plain."""

    code = "not-encrypted"


class DatabaseTooNew(StorageError):
    """Newer software wrote this database and older software must not open it."""

    code = "database-too-new"


class DatabaseUnsafe(StorageError):
    """The database is set up so that it could lose what was acknowledged."""

    code = "database-unsafe"


class DatabaseUnreachable(StorageError):
    """The server or file cannot be reached or opened."""

    code = "database-unreachable"
    retryable = True


class DatabaseRefused(StorageError):
    """The database refused a statement: a fault in this software or its schema."""

    code = "database-refused"


class CommitUncertain(StorageError):
    """A commit reported an error: the writes may be durable or not. Writing again is safe."""

    code = "commit-uncertain"
    retryable = True


class NotShed(StorageError):
    """A document whose content may not be let go. `cause`: a stable code of why."""

    code = "not-shed"

    def __init__(self, cause: str, document: DocumentId) -> None:
        super().__init__(f"{NOT_SHED[cause]} Nothing was let go.")
        self.cause = cause
        self.document = document


NOT_SHED = {
    "not-held": "This document's content is not here.",
    "kind": "Documents of this kind say who may hold what, so they always stay.",
    "garrison": "This store has signed that it holds it, as a garrison: a garrison lets nothing go.",
    "no-garrison": "No garrison is known here: add one to [[peers]] with its key.",
    "not-at-garrison": "No garrison is known to hold all of it: sync, then try again.",
    "blob-not-at-garrison": "No garrison is known to hold its attachments: sync, then try again.",
    "waiting": "It has not been opened yet: wait until `aidstation status` shows nothing waiting.",
    "refused": "A part of it could not be opened, so what it names is unknown: see `aidstation doctor`.",
    "branches": "Its author signed two histories of it, and both must stay: see `aidstation doctor`.",
    "staged": "A part of it is just coming in: let that finish, then try again.",
    "wanted": "It is being fetched.",
    "review": "It waits for a person's decision: see `aidstation review list`.",  # the node's rule
}
"""Causes of `NotShed`: what is so, and what to do."""


class BlobMismatch(StorageError):
    """A blob's bytes do not have the hash or size they were announced with; parts are discarded."""

    code = "blob-mismatch"
    retryable = True


class BlobMisplaced(StorageError):
    """A blob part that starts beyond what is here, or ends beyond the blob."""

    code = "blob-misplaced"
    retryable = True


class BlobTooLarge(StorageError):
    """A blob over the limit of `limits.BLOB_BYTES_MAX`."""

    code = "blob-too-large"


DRIVER_ERRORS = (SQLAlchemyError, sqlite3.Error, sqlcipher.Error)
"""What drivers raise: SQLCipher's errors are other classes than sqlite3's, with the same codes."""

_BUSY = "Another process is using the database. Nothing was changed; try again."
FULL = (
    "The disk that holds the database is full. Nothing was changed and everything saved before is "
    "safe. Free space, then try again."
)
_CORRUPT = (
    "The database is damaged or is not an Aidstation database. Nothing was changed. Keep the file: "
    "restore a backup, or let peers refill a new one."
)
_GONE = "The database cannot be reached. Nothing was changed. Check the path or server, then retry."
_UNCERTAIN = (
    "The database reported an error while committing, so the save may or may not be durable. "
    "Saving again is safe and stores nothing twice."
)
# https://www.sqlite.org/rescode.html, primary codes
_SQLITE: dict[int, tuple[type[StorageError], str]] = {
    5: (DatabaseLocked, _BUSY),
    6: (DatabaseLocked, _BUSY),
    8: (DatabaseUnreachable, _GONE),
    10: (DatabaseUnreachable, _GONE),
    11: (DatabaseCorrupt, _CORRUPT),
    13: (DiskFull, FULL),
    14: (DatabaseUnreachable, _GONE),
    26: (DatabaseCorrupt, _CORRUPT),
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html, longest prefix first
_POSTGRES: tuple[tuple[str, type[StorageError], str], ...] = (
    ("53100", DiskFull, FULL),
    ("55P03", DatabaseLocked, _BUSY),
    ("40", DatabaseLocked, _BUSY),
    ("XX001", DatabaseCorrupt, _CORRUPT),
    ("XX002", DatabaseCorrupt, _CORRUPT),
    ("08", DatabaseUnreachable, _GONE),
    ("57P", DatabaseUnreachable, _GONE),
    ("53", DatabaseUnreachable, _GONE),
    ("28", DatabaseUnreachable, _GONE),
    ("3D", DatabaseUnreachable, _GONE),
)


def translate(fault: BaseException) -> StorageError:
    """The typed error for a driver's, without the driver's text."""
    if isinstance(fault, PoolTimeout):
        return DatabaseLocked(_BUSY)
    origin = fault.orig if isinstance(fault, DBAPIError) else fault
    if (kind := _sqlite_kind(origin)) is not None and kind in _SQLITE:
        error, message = _SQLITE[kind]
        return error(message)
    state = getattr(origin, "sqlstate", None) or ""
    for prefix, error, message in _POSTGRES:
        if state.startswith(prefix):
            return error(message)
    lost = isinstance(fault, DBAPIError) and fault.connection_invalidated
    if lost or (type(origin).__name__ == "OperationalError" and not state and kind is None):
        return DatabaseUnreachable(_GONE)
    return DatabaseRefused(
        f"The database refused a statement ({type(origin).__name__} {state or kind or ''}). "
        "Nothing was changed. Report this with the log."
    )


def _sqlite_kind(origin: BaseException | None) -> int | None:
    code = getattr(origin, "sqlite_errorcode", None)
    if code is not None:
        return int(code) & 0xFF
    return 1 if isinstance(origin, sqlite3.Error | sqlcipher.Error) else None


def translate_commit(fault: BaseException) -> StorageError:
    """The typed error for a failed COMMIT.

    SQLite reports FULL and BUSY only while the commit record is not yet written; any other error
    leaves open whether it was.
    """
    error = translate(fault)
    if isinstance(error, DiskFull | DatabaseLocked):
        return error
    return CommitUncertain(_UNCERTAIN)


@contextmanager
def translated() -> Iterator[None]:
    """Raise the typed error for any driver error inside."""
    try:
        yield
    except DRIVER_ERRORS as fault:
        raise translate(fault) from None
