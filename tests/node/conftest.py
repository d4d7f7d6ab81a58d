"""A node on a SQLite file of its own for each test, or two nodes of one invented theatre."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from node.engine import Engine
from tests.node.bundle_lab import Authority, Member, member
from tests.node.node_lab import open_sql, running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    with running(open_sql(path)) as started:
        yield started


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def pair(tmp_path: Path, authority: Authority, stack: ExitStack) -> tuple[Member, Member]:
    one = stack.enter_context(member(tmp_path, authority, "one"))
    other = stack.enter_context(member(tmp_path, authority, "other"))
    one.engine.belonging.add(authority.entries)
    return one, other
