"""Three nodes on three machines that find each other by mDNS, while cables are pulled and put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from node.demo.founding import Member, found
from node.home import find_home
from tests.cli.cli_lab import aidstation
from tests.system.namespace_lab import (
    Switch,
    command_in,
    running_in,
    status_in,
    switch_or_skip,
)

NAMES = ("alpha", "bravo", "charlie")
TRIES = 12
SYNC_S = "10"


@pytest.fixture
def switch() -> Iterator[Switch]:
    built = switch_or_skip(*NAMES)
    yield built
    built.remove()


class Machine:
    """A machine with a node on it."""

    def __init__(self, switch: Switch, name: str, home: Path) -> None:
        self.name, self.home, self.namespace = name, home, switch.machines[name]

    def record(self, category: str) -> None:
        words = ("--new", "episode", f"category={category}", "--by", "Ruiz", "--json")
        assert '"document"' in command_in(self.namespace, self.home, "record", "triage", *words)

    def digest(self) -> tuple[int, str]:
        found = status_in(self.namespace, self.home)
        return found["documents"], found["digest"]

    def sync(self, other: Machine) -> str:
        """What one attempt said; it waits for a link and for equality, up to a limit."""
        return command_in(self.namespace, self.home, "sync", other.name, "--timeout", SYNC_S)


@pytest.fixture
def machines(switch: Switch, tmp_path: Path) -> Iterator[dict[str, Machine]]:
    """Enrolled in one theatre, running, and told of nobody."""
    made = {name: Machine(switch, name, tmp_path / name) for name in NAMES}
    for one in made.values():
        listens = ("--sync-listen", "0.0.0.0:0", "--api-listen", "127.0.0.1:0")
        assert aidstation(one.home, "init", "--plain", "--name", one.name, *listens).code == 0
    found(Member(one.name, find_home(one.home)) for one in made.values())
    with ExitStack() as running:
        for one in made.values():
            running.enter_context(running_in(one.namespace, one.home))
        yield made


def _until_equal(machines: list[Machine], documents: int) -> None:
    """Each asks the next one until all hold the same: they find each other in their own time."""
    for _ in range(TRIES):
        digests = {one.digest() for one in machines}
        if len(digests) == 1 and digests.pop()[0] == documents:
            return
        for one, other in pairwise(machines):
            if one.digest() != other.digest():
                one.sync(other)
    pytest.fail(f"not equal: {[one.digest() for one in machines]}")


def test_three_machines_find_each_other_and_heal_after_every_cut(
    switch: Switch, machines: dict[str, Machine]
) -> None:
    alpha, bravo, charlie = every = list(machines.values())
    alpha.record("immediate")
    _until_equal(every, 1)
    switch.port("charlie", "down")
    charlie.record("delayed")
    alpha.record("minimal")
    _until_equal([alpha, bravo], 2)
    assert charlie.digest()[0] == 2
    assert charlie.digest() != alpha.digest()
    switch.port("alpha", "down")
    switch.port("charlie", "up")
    _until_equal([bravo, charlie], 3)  # across what alpha wrote before it was cut off
    assert alpha.digest()[0] == 2
    switch.port("alpha", "up")
    _until_equal(every, 3)
