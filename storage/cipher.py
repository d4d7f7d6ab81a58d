"""SQLCipher: connections with a key, changing the key, and a plain file made an encrypted one.

The only file that knows sqlcipher3. Keys are 32 raw bytes, so that opening derives nothing: what a
person types is stretched in the vault, once. Plain sqlite3 accepts `PRAGMA key` in silence, hence
the checks of version and header.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from sqlcipher3 import dbapi2

from storage import limits
from storage.errors import (
    DatabaseUnsafe,
    KeyNeeded,
    NotEncrypted,
    WrongKey,
    translated,
)

DRIVER = dbapi2
KEY_BYTES = 32
PAGE_BYTES = 4096
PLAIN_HEADER = b"SQLite format 3\0"
_NOISE_VALUES_MIN = 200  # a page of noise has 256 of 256 byte values, text and structures have few
_NOT_A_DATABASE = 26


def is_plain(path: Path) -> bool:
    """Whether a database is there that anybody can read."""
    return _head(path).startswith(PLAIN_HEADER)


def is_empty(path: Path) -> bool:
    """Whether nothing is there yet: no file, or one without a byte."""
    return not _head(path)


def looks_encrypted(path: Path) -> bool:
    """Whether the first page is noise, as an encrypted one is (and a damaged one may be)."""
    head = _head(path)
    return len(head) == PAGE_BYTES and len(set(head)) >= _NOISE_VALUES_MIN


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(PAGE_BYTES)
    except FileNotFoundError:
        return b""


def refuse_mismatch(path: Path, key: bytes | None) -> None:
    """Raise `NotEncrypted` for a plain file and a key, `KeyNeeded` for the other way round."""
    if key is not None and is_plain(path):
        raise NotEncrypted(
            "The database lies readable on the disk although this node has a vault. Nothing was "
            "changed. Another file was put in its place, or its encryption was interrupted."
        )
    if key is None and looks_encrypted(path):
        raise KeyNeeded(
            "The database is encrypted (or its first page is damaged) and no key was given. "
            "Nothing was changed. Its key is in the vault of the home that made it."
        )


def open_keyed(path: Path, key: bytes) -> dbapi2.Connection:
    """A connection with `key`. Raises `WrongKey`, `DatabaseCorrupt`, `DatabaseUnsafe`.

    Sorting and temporary tables stay in memory: SQLite would spill them to plain files.
    """
    connection = dbapi2.connect(
        path,
        check_same_thread=False,
        isolation_level=None,
        timeout=limits.BUSY_TIMEOUT_MS / 1000,
        cached_statements=256,
    )
    try:
        with translated():
            _give_key(connection, path, key)
    except BaseException:
        connection.close()
        raise
    return connection


def _give_key(connection: dbapi2.Connection, path: Path, key: bytes) -> None:
    connection.execute("PRAGMA cipher_log_level = NONE")  # a wrong key would be told on stderr
    connection.execute(f"PRAGMA key = {_literal(key)}")
    version = connection.execute("PRAGMA cipher_version").fetchone()
    if not (version and version[0]):
        raise DatabaseUnsafe(
            "This installation's SQLite cannot encrypt (no cipher_version), so the database was not "
            "opened. Install Aidstation again with its sqlcipher3."
        )
    connection.execute("PRAGMA temp_store = MEMORY")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except dbapi2.DatabaseError as fault:
        code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
        if code != _NOT_A_DATABASE or not looks_encrypted(path):
            raise  # busy, unreadable, or no file of ours at all
        raise WrongKey(
            "The vault's key does not open the database. Nothing was changed. The file is from "
            "another vault, or its first page is damaged: put back store.db and vault.json that "
            "belong together, from one backup."
        ) from None


def _literal(key: bytes) -> str:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a database key has {KEY_BYTES} bytes")
    return f"\"x'{key.hex()}'\""


def rekey(path: Path, key: bytes, new: bytes) -> None:
    """Encrypt every page anew: one transaction, so after a crash either key opens it, never none.

    Nothing happens where nothing is there. The caller owns the database.
    """
    if is_empty(path):
        return
    with translated(), contextlib.closing(open_keyed(path, key)) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA rekey = {_literal(new)}").fetchall()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def export_encrypted(plain: Path, target: Path, key: bytes) -> None:
    """Write all that a plain database holds to `target`, encrypted and on the disk when it returns.

    `target` is replaced if it is there. Afterwards `plain` is whole in its one file, without a log.
    The caller owns both.
    """
    target.unlink(missing_ok=True)
    with translated(), contextlib.closing(sqlite3.connect(plain, isolation_level=None)) as merged:
        merged.execute("PRAGMA journal_mode = DELETE").fetchall()
    with translated(), contextlib.closing(dbapi2.connect(plain, isolation_level=None)) as source:
        source.execute(f"ATTACH DATABASE ? AS kept KEY {_literal(key)}", (str(target),))
        source.execute("SELECT sqlcipher_export('kept')").fetchall()
        source.execute("DETACH DATABASE kept")
    with target.open("rb") as file:
        os.fsync(file.fileno())
    open_keyed(target, key).close()
