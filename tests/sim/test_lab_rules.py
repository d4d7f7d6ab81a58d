"""What keeps a run a pure function: nothing of the lab asks the machine for time, chance or threads, and
nothing but the commands knows of the lab."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAB = ROOT / "node" / "sim" / "lab"
FORBIDDEN = {"time", "secrets", "uuid", "threading", "socket", "subprocess"}
PROCESSES = {"many.py"}
"""Many runs side by side: each of them is still a function."""


def imported(path: Path) -> Iterator[str]:
    """Names of the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", sorted(LAB.rglob("*.py")), ids=lambda path: path.name)
def test_nothing_in_the_lab_asks_the_machine(path: Path) -> None:
    if path.name not in PROCESSES:
        assert not FORBIDDEN & {one.partition(".")[0] for one in imported(path)}


def test_only_the_commands_know_of_the_lab() -> None:
    rooms = ("conflict", "sync", "storage", "discovery", "node")
    files = (path for room in rooms for path in (ROOT / room).rglob("*.py"))
    users = {
        str(path.relative_to(ROOT))
        for path in files
        if LAB not in path.parents and any(one.startswith("node.sim.lab") for one in imported(path))
    }
    assert users == {"node/cli/simulating.py", "node/cli/shrinking.py"}
