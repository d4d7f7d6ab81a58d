"""Several processes keep one sketch: right in any order of commits, under one key, checked by `check`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from storage import SqlStore, lanes, sketches
from storage.database import reading, writing
from storage.tables import document as document_table
from storage.tables import sketch, tally
from sync.limits import SKETCH_CELLS_KEPT
from sync.sketch import Sketch, Symbol
from tests.contracts.store_samples import PEER, SampleLane, document, hold, sample_lane
from tests.postgres import Postgres

SECRET = bytes(range(16))


@pytest.fixture(params=["sqlite", "postgres"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[SqlStore, SqlStore]]:
    """Two stores on one database, as two processes have it open."""
    url = str(tmp_path / "a.db")
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.lend()
    stores = SqlStore.open(url, entropy=bytes(16)), SqlStore.open(url, entropy=bytes(16))
    yield stores
    for store in stores:
        store.close()
    if request.param == "postgres":
        server.take_back(url)


def assert_one_snapshot_agrees(store: SqlStore) -> None:
    """Cells and listing read in one snapshot are of the same set."""
    with reading(store.engine) as connection:
        found = sketches.kept(connection)
        listed = lanes.listing(connection, None, 10_000, None)
    anew = Sketch(found.key, SKETCH_CELLS_KEPT)
    for one in listed:
        anew.add(found.key.symbol(one.document, one.digest))
    assert found.cells() == anew.cells()


def test_every_snapshot_has_the_sketch_of_what_it_holds(pair: tuple[SqlStore, SqlStore]) -> None:
    groups = [[sample_lane(10 * t + n, document(n), 12) for n in range(4)] for t in range(4)]
    failed: list[BaseException] = []

    def write(store: SqlStore, group: list[SampleLane]) -> None:
        try:
            for seq in range(1, 13):
                for lane in group:
                    hold(store, lane.cut(seq, seq))
        except BaseException as fault:  # noqa: BLE001  reported by the main thread
            failed.append(fault)

    threads = [
        threading.Thread(target=write, args=(pair[number % 2], group))
        for number, group in enumerate(groups)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert_one_snapshot_agrees(pair[0])
    for thread in threads:
        thread.join()
    assert failed == []
    assert_one_snapshot_agrees(pair[1])
    assert pair[0].check() == []


def test_a_process_writes_under_the_secret_that_another_one_set(
    pair: tuple[SqlStore, SqlStore],
) -> None:
    one, other = pair
    lanes_held = [sample_lane(seed, document(seed), 3) for seed in range(20)]
    hold(one, *(lane.cut(1, 1) for lane in lanes_held))
    other.sketch_with(SECRET)
    hold(one, *(lane.cut(2, 2) for lane in lanes_held))
    hold(other, *(lane.cut(3, 3) for lane in lanes_held[:5]))
    assert one.sketch(4).key.name == sketches.key_of(SECRET).name
    assert one.sketch(SKETCH_CELLS_KEPT).cells() == other.sketch(SKETCH_CELLS_KEPT).cells()
    assert one.check() == other.check() == []


def test_a_secret_may_change_while_others_write(pair: tuple[SqlStore, SqlStore]) -> None:
    one, other = pair
    lane = sample_lane(1, document(1), 40)
    hold(one, *(sample_lane(9, document(number), 1).whole() for number in range(2, 400)))
    failed: list[BaseException] = []

    def write() -> None:
        try:
            for seq in range(1, 41):
                hold(one, lane.cut(seq, seq))
        except BaseException as fault:  # noqa: BLE001  reported by the main thread
            failed.append(fault)

    writer = threading.Thread(target=write)
    writer.start()
    for number in range(8):
        other.sketch_with(bytes([number]) * 16)
    writer.join()
    assert failed == []
    assert one.check() == []


@pytest.mark.parametrize("lost", [tally.c.steps, sketch.c.cells])
def test_a_sketch_that_went_wrong_is_reported_and_rebuilt(
    pair: tuple[SqlStore, SqlStore], lost: object
) -> None:
    store = pair[0]
    many = [sample_lane(seed, document(seed), 2) for seed in range(300)]
    hold(store, *(lane.cut(1, 1) for lane in many))  # poured into the cells
    hold(store, *(lane.cut(2, 2) for lane in many[:4]))  # steps
    before = store.sketch(SKETCH_CELLS_KEPT).cells()
    with writing(store.engine) as connection:
        assert connection.scalar(select(sketch.c.cells)) is not None
        if lost is sketch.c.cells:
            connection.execute(delete(sketch))
        else:
            connection.execute(update(tally).values(steps=b""))
    assert [one.code for one in store.check()] == ["sketch"]
    store.rebuild()
    assert store.check() == []
    assert store.sketch(SKETCH_CELLS_KEPT).cells() == before


def test_damaged_cells_stop_no_save_and_are_found(pair: tuple[SqlStore, SqlStore]) -> None:
    store = pair[0]
    many = [sample_lane(seed, document(seed), 2) for seed in range(300)]
    hold(store, *(lane.cut(1, 1) for lane in many))
    with writing(store.engine) as connection:
        connection.execute(update(sketch).values(cells=b"short"))
        connection.execute(update(tally).values(steps=b"odd"))
    assert [one.code for one in store.check()] == ["sketch"]
    hold(store, *(lane.cut(2, 2) for lane in many))
    assert [one.code for one in store.check()] == ["sketch"]
    store.rebuild()
    assert store.check() == []


def test_a_symbol_that_went_wrong_is_reported_and_rebuilt(pair: tuple[SqlStore, SqlStore]) -> None:
    store = pair[0]
    hold(store, *(sample_lane(seed, document(seed), 1).whole() for seed in range(3)), source=PEER)
    [listed] = [one for one in store.listing(None, 5) if one.document == document(1)]
    symbol = store.sketch(1).key.symbol(*listed)
    mine = document_table.c.document == document(1)
    with writing(store.engine) as connection:
        connection.execute(update(document_table).where(mine).values(symbol=7))
    assert [one.code for one in store.check()] == ["document-symbol"]
    assert store.named([symbol, Symbol(7)]) == {Symbol(7): document(1)}
    store.rebuild()
    assert store.check() == []
    assert store.named([symbol, Symbol(7)]) == {symbol: document(1)}
