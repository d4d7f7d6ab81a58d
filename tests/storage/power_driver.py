"""SQLite on a recorded disk: a VFS that notes or fails what the database does to its files, and the
driver that lets the store use it.

The store's own SQLAlchemy engine, pragmas and transactions run unchanged. Only what makes a connection
is another: `apsw` instead of sqlite3, behind the part of sqlite3's interface that SQLAlchemy's dialect
uses, with sqlite3's own exceptions. A key makes SQLCipher's format, as SQLite3MultipleCiphers writes it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from tests.storage.power_disk import Disk, Truncate, Write

Refuse = Callable[[str, str], int]
"""Told what is about to happen ("write", "sync" …) and to which file: an SQLite code, or 0 to go on."""

VFS = "recorded"
KEYED_VFS = "multipleciphers-recorded"  # encrypts above it, so what is recorded is encrypted
_MADE_WITH_ITS_NAME = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL


class RecordingVfs(apsw.VFS):
    """Real files in a real folder, with every change told to a disk; nothing is really synced."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "unix")
        self.disk = Disk()
        self.refuse: Refuse = lambda _what, _name: 0

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        """See SQLite: a file without a name is for sorting and is not recorded."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if not path:
            return apsw.VFSFile("unix", name, flags)
        self.check("open", path)
        return _File(self, name, Path(path).name, flags)

    def xDelete(self, name: str, sync_names: bool) -> None:
        """See SQLite."""
        self.check("delete", name)
        super().xDelete(name, False)
        self.disk.deleted(Path(name).name)
        if sync_names:
            self.disk.names_synced()

    def check(self, what: str, name: str) -> None:
        """Raise what the schedule of faults has for this call."""
        if code := self.refuse(what, name):
            raise apsw.exception_for(code)


class _File(apsw.VFSFile):
    def __init__(self, vfs: RecordingVfs, name: Any, short: str, flags: list[int]) -> None:
        kind = flags[0]
        super().__init__("unix", name, flags)
        self._vfs, self._disk, self._name = vfs, vfs.disk, short
        self._inode, made = vfs.disk.opened(short)
        # SQLite's unix VFS syncs the folder with the first sync of a journal that it made
        self._names_too = made and bool(kind & _MADE_WITH_ITS_NAME)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._vfs.check("read", self._name)
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._vfs.check("write", self._name)
        super().xWrite(data, offset)
        self._disk.events.append(Write(self._inode, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        self._vfs.check("truncate", self._name)
        super().xTruncate(size)
        self._disk.events.append(Truncate(self._inode, size))

    def xSync(self, _flags: int) -> None:
        self._vfs.check("sync", self._name)
        self._disk.synced(self._inode)
        if self._names_too:
            self._disk.names_synced()
            self._names_too = False


# --- what SQLAlchemy's sqlite dialect takes for its driver ----------------------------------------

Error = sqlite3.Error
DatabaseError = sqlite3.DatabaseError
OperationalError = sqlite3.OperationalError
IntegrityError = sqlite3.IntegrityError
InterfaceError = sqlite3.InterfaceError
InternalError = sqlite3.InternalError
ProgrammingError = sqlite3.ProgrammingError
NotSupportedError = sqlite3.NotSupportedError
DataError = sqlite3.DataError
Binary = sqlite3.Binary
paramstyle = "qmark"
sqlite_version_info = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
sqlite_version = apsw.sqlite_lib_version()

_KINDS: dict[int, type[sqlite3.Error]] = {  # as CPython's sqlite3 has it
    apsw.SQLITE_CORRUPT: DatabaseError,
    apsw.SQLITE_NOTADB: DatabaseError,
    apsw.SQLITE_CONSTRAINT: IntegrityError,
    apsw.SQLITE_MISMATCH: IntegrityError,
    apsw.SQLITE_MISUSE: InterfaceError,
    apsw.SQLITE_RANGE: InterfaceError,
}
_CHANGES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "WITH")


@contextmanager
def _as_sqlite3() -> Iterator[None]:
    """Errors as sqlite3 raises them: its classes, with SQLite's extended code."""
    try:
        yield
    except apsw.Error as fault:
        code = getattr(fault, "extendedresult", 0) or getattr(fault, "result", 1)
        error = _KINDS.get(code & 0xFF, OperationalError)(str(fault))
        error.sqlite_errorcode = code
        raise error from None


class Cursor:
    """A sqlite3 cursor over one of apsw's."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor = connection.raw.cursor()
        self._cursor.exec_trace = self._describe
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def _describe(self, cursor: apsw.Cursor, _sql: str, _bound: Any) -> bool:
        columns = cursor.get_description()
        self.description = [(name, *[None] * 6) for name, _ in columns] or None
        return True

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        """See sqlite3."""
        self.description, self.rowcount = None, -1
        raw = self._connection.raw
        with _as_sqlite3(), self._connection.committing(sql):
            self._cursor.execute(sql, tuple(parameters))
        if sql.lstrip().upper().startswith(_CHANGES):
            self.rowcount, self.lastrowid = raw.changes(), raw.last_insert_rowid()
        return self

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        """See sqlite3."""
        total = 0
        for row in rows:
            total += max(0, self.execute(sql, row).rowcount)
        self.rowcount = total
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """See sqlite3."""
        with _as_sqlite3():
            return self._cursor.fetchone()

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """See sqlite3."""
        rows = (self.fetchone() for _ in range(size or self.arraysize))
        return [row for row in rows if row is not None]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """See sqlite3."""
        with _as_sqlite3():
            return self._cursor.fetchall()

    def close(self) -> None:
        """See sqlite3."""
        with _as_sqlite3():
            self._cursor.close(True)


class Connection:
    """A sqlite3 connection in autocommit mode (`isolation_level=None`) over one of apsw's."""

    isolation_level: str | None = None

    def __init__(self, path: Path, key: bytes | None, busy_ms: int) -> None:
        self._rolled_back = False
        with _as_sqlite3():
            self.raw = apsw.Connection(os.fspath(path), vfs=KEYED_VFS if key else VFS)
            self.raw.set_busy_timeout(busy_ms)
            self.raw.set_rollback_hook(self._note_rollback)
            if key is not None:
                for pragma in ("cipher = 'sqlcipher'", "legacy = 4", f"key = \"x'{key.hex()}'\""):
                    self.raw.execute(f"PRAGMA {pragma}").fetchall()
                self.raw.execute("PRAGMA temp_store = MEMORY").fetchall()

    def _note_rollback(self) -> None:
        self._rolled_back = True

    @contextmanager
    def committing(self, sql: str) -> Iterator[None]:
        """A COMMIT that SQLite did is done, although apsw raises what went wrong in the checkpoint
        after it: SQLite itself tells nobody of that."""
        if sql != "COMMIT":
            yield
            return
        self._rolled_back = False
        try:
            yield
        except apsw.Error:
            if self._rolled_back or self.raw.in_transaction:
                raise

    def cursor(self) -> Cursor:
        """See sqlite3."""
        return Cursor(self)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        """See sqlite3."""
        return self.cursor().execute(sql, parameters)

    def commit(self) -> None:
        """See sqlite3."""
        if self.raw.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        """See sqlite3."""
        if self.raw.in_transaction:
            self.execute("ROLLBACK")

    def create_function(
        self, name: str, arguments: int, function: Callable[..., Any], *, deterministic: bool
    ) -> None:
        """See sqlite3."""
        self.raw.create_scalar_function(name, function, arguments, deterministic=deterministic)

    def close(self) -> None:
        """See sqlite3: what goes wrong with files here is told to nobody."""
        with suppress(apsw.Error):
            self.raw.close(True)
