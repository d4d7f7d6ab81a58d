"""An I/O error is told to who writes, or the data are there: the real store under schedules of faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from storage import DiskFull
from storage import database as database_module
from storage import store as store_module
from tests.storage.power_errors import survive
from tests.storage.power_lab import KEY, fresh

SCHEDULES = 250  # of each kind of file
SCHEDULES_NIGHTLY = 2_500

kinds = pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])


def _faults(folder: Path, key: bytes | None, schedules: int) -> tuple[list[str], Counter[str]]:
    """What was wrong after any schedule, and how often what was said and done."""
    found: list[str] = []
    counted: Counter[str] = Counter()
    baseline = fresh(folder / "fresh", key)
    for seed in range(schedules):
        fault, schedule, said = survive(folder / "life", key, seed, baseline)
        if fault:
            found.append(f"schedule {seed}, {schedule}: {fault}")
        counted["fired"] += bool(schedule.fired)
        counted["acknowledged"] += len(said.acknowledged)
        counted["told"] += len(said.nothing_changed) + len(said.uncertain)
    return found, counted


@kinds
def test_an_error_is_told_or_the_data_are_there(folder: Path, key: bytes | None) -> None:
    _assert_sound(folder, key, SCHEDULES)


@pytest.mark.nightly
@kinds
def test_many_errors_are_told_or_the_data_are_there(folder: Path, key: bytes | None) -> None:
    _assert_sound(folder, key, SCHEDULES_NIGHTLY)


def _assert_sound(folder: Path, key: bytes | None, schedules: int) -> None:
    found, counted = _faults(folder, key, schedules)
    assert found == []
    assert counted["fired"] > schedules * 0.8
    assert counted["told"] > schedules * 0.3
    assert counted["acknowledged"] > schedules * 4


# --- planted faults --------------------------------------------------------------------------------


def _first_fault(folder: Path) -> str:
    baseline = fresh(folder / "fresh", None)
    for seed in range(SCHEDULES):
        if fault := survive(folder / "life", None, seed, baseline)[0]:
            return fault
    return ""


def test_a_store_that_swallows_errors_of_the_commit_is_caught(folder: Path) -> None:
    writing = database_module.writing

    @contextmanager
    def deaf(engine):  # type: ignore[no-untyped-def]
        try:
            with writing(engine) as connection:
                yield connection
        except database_module.StorageError:
            pass

    with patch.object(store_module, "writing", deaf):
        assert _first_fault(folder).startswith("acknowledged and lost")


def test_a_store_that_is_sure_of_what_it_cannot_know_is_caught(folder: Path) -> None:
    sure = DiskFull("Nothing was changed.")
    with patch.object(database_module, "translate_commit", lambda _fault: sure):
        assert _first_fault(folder).startswith("said to have changed nothing, and did")


def test_a_store_that_lets_a_drivers_error_out_is_caught(folder: Path) -> None:
    @contextmanager
    def untranslated() -> Iterator[None]:
        yield

    with patch.object(database_module, "translated", untranslated):
        assert _first_fault(folder) in {"OperationalError", "DatabaseError"}
