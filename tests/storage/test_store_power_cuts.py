"""What is acknowledged survives a power cut: the real store on disks that kept, dropped or tore what
was not synced. Planted faults show that this can fail.
"""

from __future__ import annotations

import random
from pathlib import Path
from unittest.mock import patch

import pytest

from storage import database as database_module
from tests.storage.power_disk import Disk, Sync, SyncNames, Truncate, Write
from tests.storage.power_lab import FILE, KEY, SOUND, Life, fault_of, fresh, live

STATES = 500  # of each kind of file
STATES_NIGHTLY = 10_000
STATES_OF_A_LIFE = 50
TRANSACTIONS = 12

kinds = pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])


def _faults(folder: Path, key: bytes | None, states: int) -> tuple[int, list[str]]:
    """How many disks were looked at, and what was wrong with any.

    Every life begins with what a cut left of the one before; every eighth begins with nothing.
    """
    found: list[str] = []
    looked = 0
    files: dict[str, bytes] = {}
    while looked < states:
        seed = looked // STATES_OF_A_LIFE
        if seed % 8 == 0:
            files = {}
        life = live(folder / "life", key, seed, files, TRANSACTIONS)
        crashes = list(life.crashes(STATES_OF_A_LIFE, seed))
        for crash in crashes:
            if fault := fault_of(crash, life, folder / "cut"):
                found.append(f"life {seed}, cut at event {crash.cut}: {fault}")
        looked += len(crashes)
        files = random.Random(seed).choice(crashes).files
    return looked, found


@kinds
def test_nothing_acknowledged_is_lost_in_a_power_cut(folder: Path, key: bytes | None) -> None:
    assert _faults(folder, key, STATES) == (STATES, [])


@pytest.mark.nightly
@kinds
def test_nothing_acknowledged_is_lost_in_many_power_cuts(folder: Path, key: bytes | None) -> None:
    assert _faults(folder, key, STATES_NIGHTLY) == (STATES_NIGHTLY, [])


# --- planted faults --------------------------------------------------------------------------------


def _caught(folder: Path, life: Life) -> str:
    """The first thing that is found wrong after cuts of a life."""
    for crash in life.crashes(100, 1):
        if fault := fault_of(crash, life, folder / "cut"):
            return fault
    return SOUND


def _live(folder: Path, key: bytes | None) -> Life:
    return live(folder / "life", key, 1, {}, TRANSACTIONS)


@kinds
@pytest.mark.parametrize("level", ["OFF", "NORMAL"])
def test_a_store_that_syncs_too_little_is_caught(
    folder: Path, key: bytes | None, level: str
) -> None:
    set_pragmas = database_module._set_pragmas

    def weaker(raw, record) -> None:  # type: ignore[no-untyped-def]
        set_pragmas(raw, record)
        raw.execute(f"PRAGMA synchronous = {level}").fetchall()

    with (
        patch.object(database_module, "_set_pragmas", weaker),
        patch.object(database_module, "refuse_unsafe", lambda _connection: None),
    ):
        life = _live(folder, key)
    assert _caught(folder, life)


def test_an_acknowledgement_before_the_commit_is_caught(folder: Path) -> None:
    life = live(folder / "life", None, 1, {}, TRANSACTIONS, early=True)
    assert _caught(folder, life) == "acknowledged and lost"


def test_a_disk_that_lies_about_syncs_is_caught(folder: Path) -> None:
    life = live(folder / "life", None, 1, {}, TRANSACTIONS, lying=True)
    assert _caught(folder, life)


def test_a_transaction_in_two_parts_is_caught(folder: Path) -> None:
    """A commit in the middle of a block that writes twice."""
    begin = database_module._begin_sqlite

    def autocommit(connection) -> None:  # type: ignore[no-untyped-def]
        if not connection.get_execution_options().get(database_module._WRITES):
            begin(connection)

    files = fresh(folder / "fresh", None)
    with patch.object(database_module, "_begin_sqlite", autocommit):
        life = live(folder / "life", None, 1, files, TRANSACTIONS)
    assert _caught(folder, life) == "never was so"


# --- the disk --------------------------------------------------------------------------------------

BEFORE, AFTER = b"a" * 1024, b"b" * 1024


def _outcomes(disk: Disk, cut: int | None = None) -> set[bytes | None]:
    """What a file may be after a cut, None: not there."""
    at = len(disk.events) if cut is None else cut
    crashes = (next(disk.crashes([at], seed)) for seed in range(300))
    return {crash.files.get(FILE) for crash in crashes}


def _written(*, lying: bool = False) -> Disk:
    disk = Disk({FILE: BEFORE}, lying)
    disk.events.append(Write(0, 0, AFTER))
    return disk


def test_what_was_not_synced_is_kept_dropped_or_torn() -> None:
    torn = {b"a" * 512 + b"b" * 512, b"b" * 512 + b"a" * 512}
    assert _outcomes(_written()) == {BEFORE, AFTER, *torn}
    assert _outcomes(_written(), cut=0) == {BEFORE}


def test_what_was_synced_stays_unless_the_disk_lies() -> None:
    for lying in (False, True):
        disk = _written(lying=lying)
        disk.synced(0)
        assert (_outcomes(disk) == {AFTER}) is not lying


def test_a_later_write_may_stay_where_an_earlier_one_went() -> None:
    disk = Disk({FILE: b""})
    disk.events += [Write(0, 0, b"one"), Write(0, 3, b"two")]
    assert _outcomes(disk) == {b"", b"one", b"onetwo", bytes(3) + b"two"}


def test_a_size_that_was_not_synced_may_be_the_old_one() -> None:
    disk = Disk({FILE: b"abcd"})
    disk.events.append(Truncate(0, 2))
    assert _outcomes(disk) == {b"abcd", b"ab"}


def test_names_are_there_when_their_folder_was_synced() -> None:
    disk = Disk({})
    inode, made = disk.opened(FILE)
    disk.events += [Write(inode, 0, b"x"), Sync(inode)]
    assert made
    assert _outcomes(disk) == {None, b"x"}
    disk.events.append(SyncNames())
    assert _outcomes(disk) == {b"x"}
    disk.deleted(FILE)
    assert _outcomes(disk) == {None, b"x"}
