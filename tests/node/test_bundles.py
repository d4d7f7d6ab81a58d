"""Nodes that meet by sticks only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.node.bundle_lab import Authority, Member, idle, member
from tests.node.node_lab import document


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def pair(tmp_path: Path, authority: Authority) -> Iterator[tuple[Member, Member]]:
    with ExitStack() as stack:
        one = stack.enter_context(member(tmp_path, authority, "one"))
        other = stack.enter_context(member(tmp_path, authority, "other"))
        one.engine.belonging.add(authority.entries)
        yield one, other


def test_two_nodes_become_equal_by_sticks_only(pair: tuple[Member, Member]) -> None:
    one, other = pair
    for at in range(20):
        one.write(document(at), f"one {at}")
        other.write(document(at + 10), f"other {at}")
    first = other.take(one.seal_to(other))
    assert first["whole"]
    assert first["equal"] is False
    assert first["changes"] == first["statements"] == 20
    second = one.take(other.seal_to(one, since=one.name))
    assert second["whole"]
    assert second["equal"]
    assert second["changes"] == 20
    assert one.digest == other.digest
    idle(one.engine)
    assert one.engine.store.check() == other.engine.store.check() == []
