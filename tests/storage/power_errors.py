"""Schedules of I/O errors under the real store: what it reports, and what is there afterwards.

A call of one kind (write, sync, open …) fails at its n-th time, once, for a while or for good. Whatever
a transaction reported then must be true when the store is opened on a whole disk, or after a power cut.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from storage import CommitUncertain, SqlStore, StorageError
from storage.database import reading
from tests.contracts.store_samples import document, hold, sample_lane
from tests.storage.power_deeds import DEEDS_MAX, Deed, Half, deed
from tests.storage.power_disk import Disk, Files
from tests.storage.power_lab import SOUND, opened, recorded, write_files

DEEDS = 8
_CALLS = {"write": 200, "sync": 24, "read": 60, "truncate": 1, "open": 4, "delete": 2}
"""How late a call of this kind may fail: about as many as such a life has."""
_CODES = {
    "write": (apsw.SQLITE_FULL, apsw.SQLITE_IOERR_WRITE),
    "sync": (apsw.SQLITE_IOERR_FSYNC,),
    "read": (apsw.SQLITE_IOERR_READ,),
    "truncate": (apsw.SQLITE_IOERR_TRUNCATE, apsw.SQLITE_FULL),
    "open": (apsw.SQLITE_CANTOPEN, apsw.SQLITE_FULL),
    "delete": (apsw.SQLITE_IOERR_DELETE,),
}


@dataclass
class Schedule:
    """One fault: calls `first` to `last` of kind `what` fail with an SQLite code."""

    what: str
    first: int
    last: int
    code: int
    calls: int = 0
    fired: int = 0

    @classmethod
    def of(cls, dice: random.Random) -> Schedule:
        """A fault that the dice say."""
        what = dice.choice(("write", "write", "sync", "sync", "read", "truncate", "open", "delete"))
        first = dice.randint(1, _CALLS[what])
        return cls(what, first, first + dice.choice((0, 2, 10_000)), dice.choice(_CODES[what]))

    def refuse(self, what: str, _name: str) -> int:
        """See `power_driver.Refuse`."""
        if what != self.what:
            return 0
        self.calls += 1
        if not self.first <= self.calls <= self.last:
            return 0
        self.fired += 1
        return self.code


@dataclass
class Said:
    """What a life said of its transactions."""

    acknowledged: list[Deed] = field(default_factory=list)
    nothing_changed: list[Deed] = field(default_factory=list)
    uncertain: list[Deed] = field(default_factory=list)
    untyped: str = ""


def survive(
    folder: Path, key: bytes | None, seed: int, baseline: Files
) -> tuple[str, Schedule, Said]:
    """One schedule: what is wrong afterwards (`SOUND`: nothing), what was done, what was said."""
    dice = random.Random(f"errors {seed}")
    schedule, said, disk = Schedule.of(dice), Said(), Disk(baseline)
    write_files(folder, baseline)
    with recorded(disk, schedule.refuse, checkpoint_pages=dice.choice((4, 20, 1000))):
        try:
            _live(folder, key, dice, said)
        except Exception as error:  # noqa: BLE001  what no caller could translate
            said.untyped = type(error).__name__
    if dice.random() < 0.5:
        last = len(disk.events)
        write_files(folder, next(disk.crashes([last], seed)).files)
    return said.untyped or fault_after(folder, key, said), schedule, said


def _live(folder: Path, key: bytes | None, dice: random.Random, said: Said) -> None:
    try:
        store = opened(folder, key)
    except StorageError:
        return  # told; nothing was acknowledged
    first = dice.randrange(DEEDS_MAX)
    for number in range(DEEDS):
        _try(store, deed(first + number, dice), dice, said)
    store.close()


def _try(store: SqlStore, one: Deed, dice: random.Random, said: Said) -> None:
    """Do it; after an error do it again, or leave it."""
    outcome = said.nothing_changed
    for _ in range(dice.choice((1, 3))):
        try:
            one.do(store)
        except CommitUncertain:
            outcome = said.uncertain
        except StorageError:
            pass  # true of this attempt; one before it may have been uncertain
        else:
            outcome = said.acknowledged
            break
    outcome.append(one)


def fault_after(folder: Path, key: bytes | None, said: Said) -> str:
    """What is wrong with the store of a life that had said this."""
    try:
        store = opened(folder, key)
    except StorageError as error:
        return f"does not open: {error.code}"
    try:
        return _fault_in(store, said)
    except StorageError as error:
        return f"cannot be used: {error.code}"
    finally:
        store.close()


def _fault_in(store: SqlStore, said: Said) -> str:
    with reading(store.engine) as connection:
        verdict = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    if verdict != ["ok"] or store.check():
        return "damaged"
    try:
        for one in said.acknowledged:
            if one.there and not one.there(store):
                return f"acknowledged and lost: {one.name}"
        for one in said.nothing_changed:
            if one.there and one.there(store):
                return f"said to have changed nothing, and did: {one.name}"
        for one in said.uncertain:
            if one.there:
                one.there(store)
    except Half as half:
        return f"half of it is there: {half}"
    lane = sample_lane(1_000_000, document(1_000_000), 1)
    hold(store, lane.whole())
    written = store.vectors([document(1_000_000)])[document(1_000_000)]
    return SOUND if lane.lane.actor in written else "what is written later is not there"
