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
    for gets, stops, _ in ROWS
    if gets.strip() != "gets" and not set(stops.strip()) <= {"-"}
]
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", TEXT)))
ATTACKERS = ("laptop, locked", "laptop, unlocked", "LAN", "insider", "stick", "authority", "relay")


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
def test_each_line_names_a_test_or_is_being_built(stops: str) -> None:
    assert "`tests/" in stops or "(being built)" in stops or stops.endswith("it signs only")


def test_each_attacker_has_a_part() -> None:
    heads = [line for line in TEXT.splitlines() if line.startswith("## ")]
    assert len(heads) == len(ATTACKERS)
    for attacker in ATTACKERS:
        assert any(attacker in head for head in heads)
