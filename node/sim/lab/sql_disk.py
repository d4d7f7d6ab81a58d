"""A simulated node's disk with a real encrypted SQLite file on it: `store = "sqlite"` in a scenario.

A crash copies the file and its write-ahead log as they are, without a checkpoint; a process that the
power left in the middle of a commit leaves some sectors of it and others not. What only a lying disk
or a missing sync would lose is looked for in tests/storage, on a disk that records every write.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Self

from conflict.identity import DocumentId
from node.sim.lab.disk import CUT, Claims, Tear
from storage import SqlStore
from storage.errors import CommitUncertain, DiskFull
from storage.shapes import Holding
from storage.transaction import SqlTransaction

KEY = bytes(range(32))
SECTOR_BYTES = 512
WHOLE, LOG = "store.db", "store.db-wal"
Files = Mapping[str, bytes]


class SqlDiskStore(SqlStore):
    """See `disk.DiskStore`."""

    full = False
    claims: Claims | None = None
    tear: Tear | None = None
    _folder: Path
    _disks: SqlDisks
    _left: Files | None = None  # by a commit that the power cut short
    _told: Mapping[DocumentId, list[Holding]]

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        """See `DiskStore.write`."""
        tear = before = None
        with super().write() as transaction:
            changes = _changes(transaction)
            yield transaction
            transaction.flush()
            if wrote := _changes(transaction) > changes:
                if self.full:
                    raise DiskFull("no room is left on this simulated disk; nothing was changed")
                tear, self.tear = self.tear, None
                before = self.files() if tear else None
        if tear and before is not None:
            self._left = torn(before, self.files(), tear.dice)
            tear.cut()
            raise CommitUncertain(CUT)
        if wrote and self.claims is not None:
            self._tell(self.claims)

    def _tell(self, claims: Claims) -> None:
        """Of which documents somebody is newly said to hold something."""
        documents = [one.document for one in self.shared(None).listing(None, 100_000)]
        told = {one: self.holders(one) for one in documents}
        before, self._told = self._told, told
        if claimed := frozenset(one for one in told if told[one] != before.get(one, [])):
            claims(claimed)

    def files(self) -> Files:
        """What is on the disk now."""
        places = ((name, self._folder / name) for name in (WHOLE, LOG))
        return {name: place.read_bytes() for name, place in places if place.exists()}

    def clone(self) -> Self:
        """See `DiskStore.clone`."""
        made = self._disks.over(self._left or self.files(), self.epoch())
        if self._left is None:
            made._told = self._told
        return made  # type: ignore[return-value]  # there is one kind of them

    def free_bytes(self) -> int | None:
        """See `Store.free_bytes`: the machine's own disk is nobody's business."""
        return None


class SqlDisks:
    """Files of a world, in a folder that goes with it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="aidstation-sim-")
        self._numbers = count()
        self._open: list[SqlDiskStore] = []

    def new(self, epoch: bytes) -> SqlDiskStore:
        """An empty store of this epoch."""
        made = self.over({WHOLE: _empty()}, epoch)
        made.renew_epoch(epoch)
        return made

    def over(self, files: Files, epoch: bytes) -> SqlDiskStore:
        """A store over these files, on a disk of their own."""
        folder = Path(self._folder.name) / str(next(self._numbers))
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        made = SqlDiskStore.open(folder / WHOLE, entropy=epoch, key=KEY)
        assert isinstance(made, SqlDiskStore)  # noqa: S101  `open` makes what it is asked of
        made._folder, made._disks, made._told = folder, self, {}
        self._open.append(made)
        return made

    def close(self) -> None:
        """All of them are gone."""
        for one in self._open:
            one.close()
        self._folder.cleanup()


def torn(before: Files, after: Files, dice: Random) -> Files:
    """What a power cut between two states may leave: SQLite writes its log, syncs it, and may then write
    pages of the database. Of what was not synced each sector is there, or is not."""
    if before[WHOLE] != after[WHOLE]:
        return {**after, WHOLE: _mixed(before[WHOLE], after[WHOLE], dice)}
    return {**before, LOG: _mixed(before.get(LOG, b""), after.get(LOG, b""), dice)}


def _mixed(before: bytes, after: bytes, dice: Random) -> bytes:
    kept = dice.choice((0.0, 0.3, 0.7, 0.95, 1.0))
    whole = bytearray(before.ljust(len(after), b"\0"))
    for at in range(0, len(after), SECTOR_BYTES):
        sector = slice(at, at + SECTOR_BYTES)
        if after[sector] != whole[sector] and dice.random() < kept:
            whole[sector] = after[sector]
    return bytes(whole)


def _changes(transaction: SqlTransaction) -> int:
    """How many rows its connection has written so far."""
    changes: int = transaction._connection.connection.driver_connection.total_changes  # type: ignore[union-attr]
    return changes


@cache
def _empty() -> bytes:
    """The file of a store that nothing was written to, made once: migrations take their time."""
    with tempfile.TemporaryDirectory(prefix="aidstation-sim-") as folder:
        SqlStore.open(Path(folder) / WHOLE, entropy=bytes(16), key=KEY).close()
        return (Path(folder) / WHOLE).read_bytes()
