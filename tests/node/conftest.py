"""A node on a SQLite file of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.engine import Engine
from tests.node.node_lab import open_sql, running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    with running(open_sql(path)) as started:
        yield started
