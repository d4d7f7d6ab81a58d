"""Simulated disks, in memory and as real encrypted files: what a crash and a torn commit leave."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from node.sim.lab.disk import Disk
from node.sim.lab.library import find
from node.sim.lab.machine_verbs import TornPage
from node.sim.lab.run import play
from node.sim.lab.scenario import load
from node.sim.lab.sql_disk import LOG, SECTOR_BYTES, WHOLE, SqlDisks, SqlDiskStore, torn
from node.sim.lab.world import World
from storage.cipher import looks_encrypted
from storage.errors import CommitUncertain, DiskFull


@pytest.fixture(params=["memory", "sqlite"])
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    """A disk of either kind."""
    disks = SqlDisks()
    store = disks.new(bytes(16)) if request.param == "sqlite" else None
    yield Disk(bytes(16), Random(1), store)
    disks.close()


def write(disk: Disk, key: str, value: bytes = b"1") -> None:
    """One commit."""
    with disk.store.write() as transaction:
        transaction.set_setting(key, value)


def test_a_crash_keeps_what_was_committed_and_nothing_after_it(disk: Disk) -> None:
    before = disk.store
    write(disk, "one")
    disk.crash()
    with before.write() as transaction:
        transaction.set_setting("two", b"2")
    assert (disk.store.setting("one"), disk.store.setting("two")) == (b"1", None)
    assert disk.store.epoch() == before.epoch()
    assert disk.store.check() == []


def test_a_full_disk_refuses_what_is_new_and_changes_nothing(disk: Disk) -> None:
    disk.fill(full=True)
    with pytest.raises(DiskFull):
        write(disk, "one")
    with disk.store.write():
        pass  # nothing to keep
    disk.crash()
    assert disk.store.setting("one") is None
    with pytest.raises(DiskFull):
        write(disk, "one")
    disk.fill(full=False)
    write(disk, "one")
    assert disk.store.setting("one") == b"1"


def test_a_torn_commit_is_there_as_a_whole_or_not_at_all_and_is_not_acknowledged(
    disk: Disk,
) -> None:
    kept = set()
    value = bytes(range(256)) * 200
    for number in range(30):
        disk.tear(disk.crash)
        with pytest.raises(CommitUncertain):
            write(disk, str(number), value)
        found = disk.store.setting(str(number))
        assert found in {None, value}
        kept.add(found is None)
        write(disk, f"after {number}")
    assert kept == {True, False}
    assert disk.store.check() == []


def test_a_torn_commit_that_wrote_nothing_waits_for_one_that_does(disk: Disk) -> None:
    disk.tear(disk.crash)
    with disk.store.write():
        pass
    with pytest.raises(CommitUncertain):
        write(disk, "one")


def test_a_file_is_encrypted_and_its_log_is_copied_as_it_is() -> None:
    disks = SqlDisks()
    store = disks.new(bytes(16))
    with store.write() as transaction:
        transaction.set_setting("one", b"1")
    assert looks_encrypted(store._folder / WHOLE)
    assert len(store.files()[LOG]) > 4096
    assert store.clone().setting("one") == b"1"
    disks.close()


def test_of_what_was_not_synced_each_sector_is_there_or_not() -> None:
    before = {WHOLE: b"a" * 2048, LOG: b"b" * 1024}
    log = {**before, LOG: b"c" * 4096}
    pages = {WHOLE: b"d" * 2048, LOG: log[LOG]}
    mixed = [torn(before, log, Random(seed))[LOG] for seed in range(40)]
    sectors = {one[at : at + SECTOR_BYTES][:1] for one in mixed for at in range(0, 4096, 512)}
    assert sectors == {b"b", b"c", b"\0"}
    for seed in range(40):
        left = torn(before, pages, Random(seed))
        assert left[LOG] == pages[LOG]  # synced before the database is touched
        assert set(left[WHOLE]) <= set(b"ad")


def test_nothing_of_a_world_stays_on_the_machine() -> None:
    world = World(load(find("power-cuts")), 1)
    with world.begun():
        store = world.machines["alpha"].disk.store
        assert isinstance(store, SqlDiskStore)
        folder = store._folder
        assert (folder / WHOLE).exists()
    assert not folder.exists()


def test_the_next_commit_after_a_torn_page_ends_the_process() -> None:
    world = World(load(find("power-cuts")), 1)
    with world.begun():
        world.pass_until(10)
        world.do(lambda: TornPage("alpha").act(world))
        world.do(lambda: world.people.write(world, "alpha", 0))
        assert world.machines["alpha"].life is None
        assert world.people.kept == []
        world.do(world.heal)
        assert world.machines["alpha"].disk.store.check() == []


def test_the_power_fails_again_and_again_over_real_files_and_nothing_is_lost() -> None:
    assert play(load(find("power-cuts")), 3, keeps_messages=False).failed == []
