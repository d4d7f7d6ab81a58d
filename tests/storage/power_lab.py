"""Lives of the real store on a recorded disk, and the checks that what a power cut leaves must pass.

A life is one process: it opens the store (on a new disk, or on what a cut left of a life before), does
transactions of every kind, each acknowledged after its block has ended, and closes it, or not. What a
cut leaves is opened by the store's own drivers.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from storage import SqlStore, StorageError, limits
from storage import database as database_module
from storage.database import reading
from storage.metadata import metadata
from tests.contracts.store_samples import document, hold, sample_lane
from tests.storage import power_driver
from tests.storage.power_deeds import DEEDS_MAX, deed
from tests.storage.power_disk import Acknowledged, Crash, Disk, Files
from tests.storage.power_driver import Connection, RecordingVfs, Refuse

KEY = bytes(range(32))
FILE = "store.db"
SOUND = ""
_ENTROPY = bytes(16)
_VFS = RecordingVfs(power_driver.VFS)


def _never(_what: str, _name: str) -> int:
    return 0


def opened(folder: Path, key: bytes | None) -> SqlStore:
    """The store of a folder, as a node opens it."""
    return SqlStore.open(folder / FILE, entropy=_ENTROPY, key=key)


@contextmanager
def recorded(disk: Disk, refuse: Refuse = _never, checkpoint_pages: int = 1000) -> Iterator[None]:
    """Stores opened meanwhile live on this disk. `refuse`: a schedule of faults."""

    def driver(path: Path, key: bytes | None) -> tuple[object, Callable[[], Connection]]:
        def creator() -> Connection:
            connection = Connection(path, key, limits.BUSY_TIMEOUT_MS)
            connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}").fetchall()
            return connection

        return power_driver, creator

    _VFS.disk, _VFS.refuse = disk, refuse
    try:
        with patch.object(database_module, "_driver", driver):
            yield
    finally:
        _VFS.disk, _VFS.refuse = Disk(), _never


def print_of(store: SqlStore) -> bytes:
    """A hash of every row of every table: what the store holds, truth and caches."""
    whole = hashlib.sha256()
    with reading(store.engine) as connection:
        for name in sorted(metadata.tables):
            cursor = connection.connection.cursor()  # the driver's own: nothing to compile
            rows = sorted(map(repr, cursor.execute(f"SELECT * FROM {name}").fetchall()))  # noqa: S608
            whole.update(repr((name, rows)).encode())
    return whole.digest()


def fresh(folder: Path, key: bytes | None) -> Files:
    """The files of a store that was just made."""
    folder.mkdir(parents=True)
    opened(folder, key).close()
    return {FILE: (folder / FILE).read_bytes()}


@dataclass
class Life:
    """What a process did: `prints[n]` is the store after its n-th transaction, [0] after opening,
    which took the first `opening` events.
    """

    disk: Disk
    key: bytes | None
    opening: int = 0
    prints: list[bytes] = field(default_factory=list)
    sound: set[bytes] = field(default_factory=set)  # prints whose caches and chains were compared

    def crashes(self, count: int, seed: int) -> Iterator[Crash]:
        """The disk after cuts anywhere in this life, few of them while the store was made."""
        dice = random.Random(f"cuts {seed}")
        ends = [(0, self.opening), *[(self.opening, len(self.disk.events))] * 19]
        cuts = sorted(dice.randint(*dice.choice(ends)) for _ in range(count))
        yield from self.disk.crashes(cuts, seed)


def live(
    folder: Path,
    key: bytes | None,
    seed: int,
    baseline: Files,
    transactions: int,
    *,
    lying: bool = False,
    early: bool = False,
) -> Life:
    """One process, from opening its store to its end. Its deeds are those of numbers that no life
    on the same store had. Planted faults: `lying` syncs do nothing, `early` acknowledges before the
    transaction has ended.
    """
    dice = random.Random(f"life {seed}")
    life = Life(Disk(baseline, lying), key)
    write_files(folder, baseline)
    first = dice.randrange(DEEDS_MAX)
    with recorded(life.disk, checkpoint_pages=dice.choice((4, 20, 1000))), ExitStack() as readers:
        store = opened(folder, key)
        life.prints.append(print_of(store))
        life.opening = len(life.disk.events)
        for number in range(transactions):
            if early:
                life.disk.events.append(Acknowledged(number + 1))
            deed(first + number, dice).do(store)
            life.disk.events.append(Acknowledged(number + 1))
            life.prints.append(print_of(store))
            if dice.random() < 0.1:  # a long read holds checkpoints back
                snapshot = readers.enter_context(reading(store.engine))
                snapshot.exec_driver_sql("SELECT count(*) FROM run").scalar_one()
            elif dice.random() < 0.2:
                readers.close()
            if dice.random() < 0.1:
                readers.close()
                store.close()
                store = opened(folder, key)
        readers.close()
        store.close()
    return life


def write_files(folder: Path, files: Files, dice: random.Random | None = None) -> None:
    """A folder with just these files. The shared memory's file may be there with anything in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    if dice and dice.random() < 0.3:
        (folder / f"{FILE}-shm").write_bytes(dice.randbytes(32768))


def fault_of(crash: Crash, life: Life, folder: Path) -> str:
    """What is wrong with a store after a cut; `SOUND`: nothing."""
    write_files(folder, crash.files, random.Random(crash.cut))
    try:
        store = opened(folder, life.key)
    except StorageError as error:
        return f"does not open: {error.code}"
    try:
        return _fault_in(store, crash, life)
    except StorageError as error:
        return f"cannot be used: {error.code}"
    finally:
        store.close()


def _fault_in(store: SqlStore, crash: Crash, life: Life) -> str:
    with reading(store.engine) as connection:
        verdict = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    if verdict != ["ok"]:
        return "damaged"
    found = print_of(store)
    if found not in life.prints[crash.acknowledged : crash.acknowledged + 2]:
        earlier = found in life.prints[: crash.acknowledged]
        return "acknowledged and lost" if earlier else "never was so"
    if found not in life.sound and store.check():
        return "check finds faults"
    life.sound.add(found)
    lane = sample_lane(1_000_000, document(1_000_000), 1)
    hold(store, lane.whole())
    written = store.vectors([document(1_000_000)])[document(1_000_000)]
    return SOUND if lane.lane.actor in written else "what is written later is not there"
