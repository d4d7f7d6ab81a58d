"""A simulated node's disk: what is committed is there after a crash, and nothing else.

The store is the real one in memory (`sql_disk.py`: a real SQLite file). A crash leaves a copy of it as it
was at that moment; whatever the dying process still does goes to the old one, which nobody reads any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from conflict.identity import DocumentId
from storage.errors import CommitUncertain, DiskFull
from storage.memory import MemoryStore
from storage.memory_writes import MemoryTransaction

if TYPE_CHECKING:
    from node.sim.lab.sql_disk import SqlDiskStore

DELAY_S = 0.004
"""Of a commit on a sound disk."""

Claims = Callable[[frozenset[DocumentId]], None]
CUT = "the power went in the middle of this simulated commit"


class Tear(NamedTuple):
    """The next commit is cut short: `cut()` ends its process; `dice` says what of it is left."""

    cut: Callable[[], None]
    dice: Random


class DiskStore(MemoryStore):
    """A store on a disk that may be full. `claims` hears, after a commit, of which documents somebody was
    newly said to hold something."""

    full = False
    claims: Claims | None = None
    tear: Tear | None = None

    @contextmanager
    def write(self) -> Iterator[MemoryTransaction]:
        """See `Store.write`; a full disk refuses at the commit. One that is cut short is there as a whole
        or not at all, and nobody is told which."""
        claimed: frozenset[DocumentId] = frozenset()
        tear: Tear | None = None
        try:
            with super().write() as transaction:
                yield transaction
                if self.full and self._rows.journal:
                    raise DiskFull("no room is left on this simulated disk; nothing was changed")
                if self._rows.journal:
                    tear, self.tear = self.tear, None
                if tear and tear.dice.random() < 0.5:
                    raise CommitUncertain(CUT)
                if self.claims is not None:
                    claimed = self._rows.written(self._rows.receipts)
        finally:
            if tear is not None:
                tear.cut()
        if tear is not None:
            raise CommitUncertain(CUT)
        if claimed and self.claims is not None:
            self.claims(claimed)


class Disk:
    """`delay_s`: what a commit takes, from half to one and a half of it."""

    def __init__(
        self, epoch: bytes, dice: Random, store: DiskStore | SqlDiskStore | None = None
    ) -> None:
        self.store: DiskStore | SqlDiskStore = store or DiskStore(epoch)
        self.delay_s = DELAY_S
        self.full = False
        self._dice = dice

    def taken_s(self) -> float:
        """How long the next commit takes."""
        return self.delay_s * (0.5 + self._dice.random())

    def fill(self, *, full: bool) -> None:
        """No room for anything from now on, or room again."""
        self.full = self.store.full = full

    def tear(self, cut: Callable[[], None] | None) -> None:
        """The next commit is cut short, and then `cut` is called; None: it is not."""
        self.store.tear = Tear(cut, self._dice) if cut else None

    def crash(self) -> None:
        """The process that used it is gone: what was committed is what the next one finds."""
        self.replace(self.store.clone())

    def replace(self, store: DiskStore | SqlDiskStore) -> None:
        """Another state of it from now on: a backup that is put back, or a copy of another disk."""
        store.full, store.claims = self.full, self.store.claims
        self.store.claims = self.store.tear = None
        self.store.close()
        self.store = store

    def on_claims(self, told: Claims) -> None:
        """See `DiskStore`; also after a crash."""
        self.store.claims = told
