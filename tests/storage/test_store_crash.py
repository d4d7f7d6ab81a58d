"""What is acknowledged survives kill -9 and a full disk; a damaged file is never trusted.

All of it for a plain and an encrypted file.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import event, text, update

from storage import (
    CommitUncertain,
    DatabaseCorrupt,
    DatabaseLocked,
    DatabaseUnsafe,
    DiskFull,
    SqlStore,
    StorageError,
    limits,
)
from storage import database as database_module
from storage.database import reading, writing
from storage.tables import document as document_table
from storage.tables import run, tally
from tests.contracts.store_samples import (
    NOW_MS,
    PEER,
    admit_all,
    document,
    hold,
    limit_pages,
    sample_lane,
)

KILLS = 20
KEY = bytes(range(32))


@pytest.fixture(params=["plain", "sealed"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return tmp_path / f"{request.param}.db"


def _open(path: Path) -> SqlStore:
    return SqlStore.open(path, entropy=bytes(16), key=KEY if path.stem == "sealed" else None)


def _seeds_acknowledged(path: Path, first: int, commits: int, work: int) -> list[int]:
    """Seeds that a writer process acknowledged; it is killed after its `commits`-th commit."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _write_for_ever(path, first, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as acknowledgements:
        lines = [acknowledgements.readline() for _ in range(commits)]
        sum(range(work))  # so that kills fall at different places of the next transaction
        os.kill(child, signal.SIGKILL)
        lines += acknowledgements.readlines()
    os.waitpid(child, 0)
    return [int(line) for line in lines if line.endswith(b"\n")]


def _write_for_ever(path: Path, first: int, writer: int) -> NoReturn:
    """The writer process: one line after each commit has returned."""
    try:
        store = _open(path)
        for seed in itertools.count(first):
            lane = sample_lane(seed, document(seed % 7), 3)
            with store.write() as transaction:
                transaction.hold([lane.cut(1, 2)], PEER, NOW_MS)
                transaction.hold([lane.cut(3, 3)], PEER, NOW_MS)
            os.write(writer, b"%d\n" % seed)
    finally:
        os._exit(1)


def test_every_acknowledged_run_survives_kill_minus_nine(path: Path) -> None:
    rng = random.Random(20)
    acknowledged: list[int] = []
    first = 0
    for _ in range(KILLS):
        acknowledged += _seeds_acknowledged(
            path, first, rng.randint(1, 6), rng.randrange(1, 400_000)
        )
        first = acknowledged[-1] + 1
        store = _open(path)
        _assert_holds(store, acknowledged)
        assert store.check() == []
        store.close()
    assert len(acknowledged) >= KILLS


def _assert_holds(store: SqlStore, seeds: list[int]) -> None:
    vectors = store.vectors([document(number) for number in range(7)])
    for seed in seeds:
        lane = sample_lane(seed, document(seed % 7), 3)
        state = vectors[document(seed % 7)][lane.lane.actor]
        assert state == lane.whole().state.short
    held = sum(state.length for vector in vectors.values() for state in vector.values())
    assert held % 3 == 0  # both holds of a transaction or none
    assert held <= 3 * (len(seeds) + KILLS)  # at most the one in flight at each kill besides


def test_a_full_disk_is_typed_and_the_store_goes_on(path: Path) -> None:
    store = _open(path)
    lanes = [sample_lane(seed, document(seed), 3, "x" * 3000) for seed in range(30)]
    hold(store, *(lane.whole() for lane in lanes[:5]))
    before = store.summary(), store.listing(None, 100), store.counts()
    limit_pages(store, extra=5)
    with pytest.raises(DiskFull, match="Free space") as caught:
        hold(store, *(lane.whole() for lane in lanes[5:]))
    assert caught.value.retryable
    assert (store.summary(), store.listing(None, 100), store.counts()) == before
    assert store.check() == []
    limit_pages(store, extra=10_000)
    hold(store, *(lane.whole() for lane in lanes[5:]))
    assert store.summary().documents == 30
    store.close()


def test_a_file_that_is_no_database_is_corrupt(path: Path) -> None:
    path.write_bytes(b"this is a text file, not a database\n" * 200)
    before = path.read_bytes()
    with pytest.raises(DatabaseCorrupt, match="restore"):
        _open(path)
    assert path.read_bytes() == before


def test_damaged_pages_are_found(path: Path) -> None:
    store = _open(path)
    hold(store, *(sample_lane(seed, document(seed), 3).whole() for seed in range(50)))
    store.close()
    raw = bytearray(path.read_bytes())
    for page in range(4, len(raw) // 4096):
        raw[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    path.write_bytes(raw)
    with pytest.raises(DatabaseCorrupt):
        _use_everything(path)


def _use_everything(path: Path) -> None:
    store = _open(path)
    try:
        if store.check():
            raise DatabaseCorrupt("check found it")
    finally:
        store.close()


def test_a_damaged_run_is_reported_and_set_aside_by_a_rebuild(path: Path) -> None:
    store = _open(path)
    lane, other = sample_lane(1, document(1), 6), sample_lane(2, document(2), 2)
    for first in (1, 3, 5):
        hold(store, lane.cut(first, first + 1))
    hold(store, other.whole())
    admit_all(store)
    with writing(store.engine) as connection:
        damage = update(run).where(run.c.document == document(1), run.c.first_seq == 3)
        connection.execute(damage.values(changes=b"\x00\x00\x00\x01x"))
    assert [one.code for one in store.check()] == [
        "broken-run",
        "lane-state",
        "set-digest",
        "sketch",
    ]
    rebuilt = store.rebuild()
    assert [one.code for one in rebuilt.problems] == ["broken-run"]
    assert store.check() == []
    assert store.vectors([document(1)])[document(1)][lane.lane.actor].length == 2
    assert [row.item.first_seq for row in store.set_aside_items()] == [3, 5]
    hold(store, lane.cut(3, 6))
    assert store.check() == []
    assert store.vectors([document(1)])[document(1)][lane.lane.actor].length == 6
    store.close()


def test_caches_that_went_wrong_are_reported_and_rebuilt(path: Path) -> None:
    store = _open(path)
    hold(store, *(sample_lane(seed, document(seed), 2).whole() for seed in range(3)))
    before = store.summary(), store.listing(None, 10)
    with writing(store.engine) as connection:
        connection.execute(update(tally).values(documents=7))
        mine = document_table.c.document == document(1)
        connection.execute(update(document_table).where(mine).values(digest=bytes(16)))
    assert sorted(one.code for one in store.check()) == ["document-digest", "set-digest"]
    store.rebuild()
    assert (store.summary(), store.listing(None, 10)) == before
    assert store.check() == []
    store.close()


def test_an_unsafe_setting_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_pragmas = database_module._set_pragmas

    def weaker(raw, record) -> None:  # type: ignore[no-untyped-def]
        set_pragmas(raw, record)
        raw.execute("PRAGMA synchronous = NORMAL").fetchall()

    monkeypatch.setattr(database_module, "_set_pragmas", weaker)
    with pytest.raises(DatabaseUnsafe, match="power cut"):
        _open(path)


def test_every_connection_is_durable(path: Path) -> None:
    store = _open(path)
    for _ in range(3):
        with reading(store.engine) as one, reading(store.engine) as two:
            for connection in (one, two):
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    store.close()


def test_another_writer_is_waited_for_and_then_a_typed_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BUSY_TIMEOUT_MS", 50)
    store, other = _open(path), _open(path)
    lane = sample_lane(1, document(1), 1)
    with store.write():
        with pytest.raises(DatabaseLocked) as caught:
            hold(other, lane.whole())
        assert caught.value.retryable
    hold(other, lane.whole())
    assert store.summary().documents == 1
    store.close()
    other.close()


def test_a_commit_that_fails_is_uncertain_and_may_be_repeated(path: Path) -> None:
    store = _open(path)
    lane = sample_lane(1, document(1), 1)

    def fail(connection) -> None:  # type: ignore[no-untyped-def]
        connection.exec_driver_sql("SELECT * FROM no_such_table")

    event.listen(store.engine, "commit", fail)
    with pytest.raises(CommitUncertain) as caught:
        hold(store, lane.whole())
    assert caught.value.retryable
    event.remove(store.engine, "commit", fail)
    hold(store, lane.whole())
    assert store.summary().documents == 1
    store.close()


def test_errors_never_quote_what_is_stored(path: Path) -> None:
    store = _open(path)
    name = "DOE, John"

    def fail() -> None:
        with store.write() as transaction:
            transaction.hold([], PEER, NOW_MS)
            transaction._connection.execute(
                text("INSERT INTO projection VALUES (:a, :a, :a, 0, NULL)"), {"a": name}
            )

    with pytest.raises(StorageError) as caught:
        fail()
    assert name not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    store.close()
