"""deploy/THREATS.md: each line of what stops an attacker names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "THREATS.md").read_text()
ROWS = [line.split("|")[1:4] for line in TEXT.splitlines() if line.startswith("|")]
STOPS = [
    stops.strip()
    for after, stops, _ in ROWS
    if after.strip() != "after" and not set(stops.strip()) <= {"-"}
]
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", TEXT)))
ATTACKERS = (
    *("laptop, off", "laptop, sealed", "laptop, locked", "laptop, unlocked", "LAN", "insider"),
    *("stick", "authority key", "relay", "backup", "Revoked device"),
)


@pytest.mark.parametrize("name", NAMED)
def test_each_named_test_exists(name: str) -> None:
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    functions = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert function in functions if function else any(one.startswith("test_") for one in functions)


@pytest.mark.parametrize("stops", STOPS)
def test_each_line_names_a_test_or_says_that_nothing_stops_it(stops: str) -> None:
    assert "`tests/" in stops or stops == "nothing"


def test_each_attacker_has_a_part() -> None:
    heads = [line for line in TEXT.splitlines() if line.startswith("## ")]
    assert len(heads) == len(ATTACKERS) + 1  # and what this is not
    for attacker in ATTACKERS:
        assert any(attacker in head for head in heads)
