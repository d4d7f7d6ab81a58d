"""Views on PostgreSQL while several processes write: audiences stay right and nobody waits for ever."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from conflict.identity import DocumentKind
from conflict.scope import scope_id
from storage import ProjectionRow, SqlStore
from tests.contracts.conftest import EPOCH, Postgres
from tests.contracts.store_samples import NOW_MS, document, sample_lane

X, Y = scope_id("BAS-2"), scope_id("ROLE2-A")
EPISODES = [document(n) for n in range(6)]
PERSONS = [document(n, DocumentKind.PERSON) for n in range(6)]
WRITES = 40


def writers(url: str) -> list[Callable[[], None]]:
    """Each with its own store, as processes have: content of everything, units, episodes."""
    stores = [SqlStore.open(url, entropy=EPOCH) for _ in range(4)]

    def content(number: int, store: SqlStore) -> None:
        every = [*EPISODES, *PERSONS, X, Y]
        for seq in range(1, WRITES + 1):
            random.Random(f"{number} {seq}").shuffle(every)
            runs = [sample_lane(number, one, WRITES).cut(seq, seq) for one in every]
            with store.write() as transaction:
                transaction.hold(runs, None, NOW_MS)

    def units(store: SqlStore) -> None:
        chance = random.Random("units")
        for _ in range(WRITES):
            rows = [
                ProjectionRow(unit, "", 0, b"", members=tuple(sorted(some)))
                for unit in (X, Y)
                for some in [chance.sample(EPISODES + PERSONS, chance.randint(0, 8))]
            ]
            show(store, rows)

    def episodes(store: SqlStore) -> None:
        chance = random.Random("episodes")
        for _ in range(WRITES):
            some = chance.sample(EPISODES, 3)
            rows = [
                ProjectionRow(one, "", 0, b"", tuple(sorted(chance.sample(PERSONS, 2))))
                for one in some
            ]
            show(store, rows)

    return [
        lambda: content(1, stores[0]),
        lambda: content(2, stores[1]),
        lambda: units(stores[2]),
        lambda: episodes(stores[3]),
    ]


def show(store: SqlStore, rows: list[ProjectionRow]) -> None:
    with store.write() as transaction:
        for row in rows:
            transaction.save_projection(row)


def test_audiences_are_right_after_content_units_and_episodes_were_written_at_once(
    postgres: Postgres,
) -> None:
    url = postgres.create()
    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(write) for write in writers(url)]:
            one.result(timeout=120)
    store = SqlStore.open(url, entropy=EPOCH)
    assert store.check() == []
    store.close()
