"""A store that was restored, copied or brought begins a new epoch; one that goes on does not."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from node.lineage import Lineage, Witness, began, judge, place_of, read
from storage import SqlStore
from tests.contracts.store_samples import document, hold, sample_lane

HERE = ("machine", "1:2")
WITNESS = Witness(("a",), 7, *HERE)


@pytest.mark.parametrize(
    ("mark", "arrival", "here", "witness", "cause"),
    [
        ("", 0, HERE, None, ""),
        ("a", 7, HERE, WITNESS, ""),
        ("a", 9, HERE, WITNESS, ""),  # a power cut took the last notes
        ("b", 9, HERE, WITNESS._replace(marks=("a", "b")), ""),  # killed between two writes
        ("a", 6, HERE, WITNESS, "restored"),
        ("b", 9, HERE, WITNESS, "restored"),
        ("", 0, HERE, WITNESS, "restored"),
        ("a", 9, HERE, None, "brought"),
        ("a", 9, ("other", "1:2"), WITNESS, "copied"),
        ("a", 9, ("machine", "1:3"), WITNESS, "copied"),
    ],
)
def test_what_a_store_and_its_witness_say(
    mark: str, arrival: int, here: tuple[str, str], witness: Witness | None, cause: str
) -> None:
    assert judge(mark, arrival, here, witness) == cause


class Machine:
    """A home folder in which a store is opened again and again."""

    def __init__(self, root: Path) -> None:
        root.mkdir(exist_ok=True)
        self.root, self.store = root, root / "store.db"
        self.lanes = count(1)

    def life(self, saves: int = 0) -> tuple[str, bytes]:
        """One start and orderly end; why an epoch began, and the epoch."""
        store = SqlStore.open(self.store, entropy=secrets.token_bytes(16))
        lineage = self.lineage(store)
        for _ in range(saves):
            hold(store, sample_lane(next(self.lanes), document(1), 1).whole())
        lineage.close()
        found = lineage.cause, store.epoch()
        store.close()
        return found

    def lineage(self, store: SqlStore) -> Lineage:
        return Lineage(
            self.root / "lineage", store, place_of(self.store), lambda: 1, secrets.token_bytes
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home")


def test_a_store_that_goes_on_keeps_its_epoch(machine: Machine) -> None:
    cause, epoch = machine.life(3)
    assert cause == ""
    for _ in range(3):
        assert machine.life(1) == ("", epoch)


def test_an_older_copy_put_back_is_noticed(machine: Machine, tmp_path: Path) -> None:
    _, epoch = machine.life(2)
    shutil.copy(machine.store, tmp_path / "backup.db")
    machine.life(2)
    shutil.copy(tmp_path / "backup.db", machine.store)
    cause, renewed = machine.life()
    assert cause == "restored"
    assert renewed > epoch
    assert machine.life() == ("", renewed)


def test_a_copy_from_the_same_start_put_back_is_noticed(machine: Machine, tmp_path: Path) -> None:
    store = SqlStore.open(machine.store, entropy=bytes(16))
    lineage = machine.lineage(store)
    hold(store, sample_lane(1, document(1), 1).whole())
    with (
        closing(sqlite3.connect(machine.store)) as one,
        closing(sqlite3.connect(tmp_path / "backup.db")) as other,
    ):
        one.backup(other)
    hold(store, sample_lane(2, document(1), 1).whole())
    lineage.close()
    store.close()
    shutil.copy(tmp_path / "backup.db", machine.store)
    assert machine.life()[0] == "restored"


def test_how_far_it_came_is_noted_while_it_runs(machine: Machine) -> None:
    store = SqlStore.open(machine.store, entropy=bytes(16))
    lineage = machine.lineage(store)
    hold(store, sample_lane(1, document(1), 1).whole())
    lineage._note(store.arrival())
    witness = read(machine.root / "lineage")
    assert witness is not None
    assert witness.arrival == store.arrival() == 1
    assert witness.marks == ((store.setting("lineage.mark") or b"").decode(),)
    lineage.close()
    store.close()


def test_a_home_that_was_copied_is_another_store(machine: Machine, tmp_path: Path) -> None:
    _, epoch = machine.life(1)
    shutil.copytree(machine.root, tmp_path / "copy")
    copy = Machine(tmp_path / "copy")
    cause, renewed = copy.life()
    assert (cause, renewed > epoch) == ("copied", True)
    assert machine.life() == ("", epoch)


def test_a_store_without_its_folder_is_another_store(machine: Machine, tmp_path: Path) -> None:
    machine.life(1)
    alone = Machine(tmp_path / "alone")
    shutil.copy(machine.store, alone.store)
    assert alone.life()[0] == "brought"
    store = SqlStore.open(alone.store, entropy=bytes(16))
    assert began(store).startswith("this store came here without")
    store.close()


def test_a_witness_that_cannot_be_read_is_none(machine: Machine) -> None:
    machine.life(1)
    (machine.root / "lineage").write_bytes(b"00\n{")
    assert machine.life()[0] == "brought"
