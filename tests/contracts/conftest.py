"""Stores for the contract tests, each fresh for its test: memory, a SQLite file plain and encrypted,
PostgreSQL.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage import MemoryStore, SqlStore, Store
from tests.contracts.shed_samples import ONE, TWO
from tests.contracts.store_samples import SampleLane, sample_lane
from tests.postgres import Postgres, wipe

__all__ = ["Postgres", "wipe"]

EPOCH = bytes(range(16))
KEY = bytes(range(100, 132))
BACK_ENDS = ("memory", "sqlite", "sqlcipher", "postgres")
_NUMBERS = itertools.count(1)


@dataclass
class Place:
    """Where a store lives: `store` is open; `reopen` closes it and opens it again."""

    store: Store
    again: Callable[[], Store]

    def reopen(self) -> Store:
        """The store as a new process would find it."""
        self.store = self.again()
        return self.store


MakePlace = Callable[[], Place]


@pytest.fixture(params=BACK_ENDS)
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakePlace]:
    """Makes a fresh store of one back end with each call."""
    places: list[Place] = []
    urls: list[str] = []

    def make() -> Place:
        if request.param == "memory":
            place = _memory()
        elif request.param in {"sqlite", "sqlcipher"}:
            key = KEY if request.param == "sqlcipher" else None
            place = _sql(str(tmp_path / f"{next(_NUMBERS)}.db"), key)
        else:
            server = request.getfixturevalue("postgres")
            urls.append(server.lend())
            place = _sql(urls[-1])
        places.append(place)
        return place

    yield make
    for place in places:
        place.store.close()
    for url in urls:
        request.getfixturevalue("postgres").take_back(url)


@pytest.fixture
def place(new_place: MakePlace) -> Place:
    """One fresh store that can be reopened."""
    return new_place()


@pytest.fixture
def store(place: Place) -> Store:
    """One fresh store."""
    return place.store


def _memory() -> Place:
    store = MemoryStore(EPOCH)
    return Place(store, store.clone)


def _sql(url: str, key: bytes | None = None) -> Place:
    place = Place(
        SqlStore.open(url, entropy=EPOCH, key=key),
        lambda: SqlStore.open(url, entropy=bytes(16), key=key),
    )
    reopen = place.again

    def again() -> Store:
        place.store.close()
        return reopen()

    place.again = again
    return place


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database of one back end in SQL."""
    if request.param == "sqlite":
        return str(tmp_path / "a.db")
    server: Postgres = request.getfixturevalue("postgres")
    return server.create()


@pytest.fixture
def lanes() -> list[SampleLane]:
    return [sample_lane(1, ONE, 5), sample_lane(2, ONE, 3), sample_lane(3, TWO, 4)]
