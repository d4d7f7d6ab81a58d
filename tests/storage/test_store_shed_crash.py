"""Letting go and coming back under kill -9: all of a document or nothing, and nothing twice."""

from __future__ import annotations

import itertools
import os
import random
import signal
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import delete, update

from storage import SqlStore
from storage.database import writing
from storage.tables import lane as lane_table
from storage.tables import run, shed_lane
from tests.contracts.shed_samples import SHED_MS, held_at_garrison, shed, take, want
from tests.contracts.store_samples import admit_all, document, hold, sample_lane

DOCUMENTS = 24
KILLS = 12
LANES = {
    number: [sample_lane(seed, document(number), 6) for seed in (2 * number, 2 * number + 1)]
    for number in range(DOCUMENTS)
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    store = SqlStore.open(path, entropy=bytes(16))
    held_at_garrison(store, list(itertools.chain.from_iterable(LANES.values())))
    store.close()
    return path


def _killed(path: Path, commits: int, work: int) -> int:
    """Commits that a process acknowledged which lets go of documents and has them back for ever."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _let_go_for_ever(path, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as acknowledgements:
        lines = [acknowledgements.readline() for _ in range(commits)]
        sum(range(work))
        os.kill(child, signal.SIGKILL)
        lines += acknowledgements.readlines()
    os.waitpid(child, 0)
    return sum(line.endswith(b"\n") for line in lines)


def _let_go_for_ever(path: Path, writer: int) -> NoReturn:
    try:
        store = SqlStore.open(path, entropy=bytes(16))
        admit_all(store)
        for number in itertools.cycle(range(DOCUMENTS)):
            one = document(number)
            if not store.shed_documents([one]):
                shed(store, one)
            want(store, one)
            for lane in LANES[number]:
                for first in (1, 4):
                    take(store, lane.cut(first, first + 2))
                    os.write(writer, b"ok\n")
            admit_all(store)
    finally:
        os._exit(1)


def test_a_kill_at_any_moment_leaves_each_document_here_or_away(path: Path) -> None:
    dice = random.Random(7)
    store = SqlStore.open(path, entropy=bytes(16))
    before = store.summary(), store.listing(None, 99)
    store.close()
    acknowledged = 0
    for _ in range(KILLS):
        acknowledged += _killed(path, dice.randint(1, 9), dice.randrange(1, 300_000))
        store = SqlStore.open(path, entropy=bytes(16))
        assert (store.summary(), store.listing(None, 99)) == before
        assert store.check() == []
        away = store.shed_documents([document(number) for number in range(DOCUMENTS)])
        for number, lanes in LANES.items():
            here = {one.lane.actor for one in store.lanes(document(number)) if not one.shed}
            stored = [one for one in lanes if store.runs_from(one.lane, 1, 1 << 20)]
            assert {one.lane.actor for one in stored} == here
            assert (len(here) < len(lanes)) == (document(number) in away)
        store.close()
    assert acknowledged > KILLS


def test_check_finds_what_was_let_go_without_a_trace_and_a_rebuild_shortens_it(path: Path) -> None:
    """A lane whose base is lost is no chain: named, set aside, and sent again by peers."""
    store = SqlStore.open(path, entropy=bytes(16))
    one = document(0)
    shed(store, one)
    late = sample_lane(0, one, 8)
    hold(store, late.cut(7, 8))
    assert store.check() == []
    with writing(store.engine) as connection:
        connection.execute(delete(shed_lane).where(shed_lane.c.document == one))
    assert "broken-run" in {problem.code for problem in store.check()}
    assert [problem.code for problem in store.rebuild().problems] == ["broken-run"]
    assert store.vectors([one]) == {one: {}}
    assert hold(store, late.whole()) is None
    assert store.vectors([one])[one] != {}
    store.close()


def test_check_finds_a_cache_that_went_wrong_over_what_was_let_go(path: Path) -> None:
    store = SqlStore.open(path, entropy=bytes(16))
    one = document(0)
    shed(store, one, SHED_MS)
    with writing(store.engine) as connection:
        connection.execute(update(lane_table).where(lane_table.c.document == one).values(length=5))
    assert "lane-state" in {problem.code for problem in store.check()}
    store.rebuild()
    assert store.check() == []
    with writing(store.engine) as connection:  # and a run within what was let go belongs nowhere
        row = connection.execute(run.select().limit(1)).one()._mapping
        connection.execute(run.insert(), {**row, "document": one, "actor": LANES[0][0].lane.actor})
    assert "broken-run" in {problem.code for problem in store.check()}
    store.close()
