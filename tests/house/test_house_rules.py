"""The house: sizes, lists in documents, contracts that cover every module."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("conflict", "sync", "storage", "discovery", "node")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
SOURCES = [
    path
    for room in ROOMS
    for path in sorted((ROOT / room).rglob("*.py"))
    if "versions" not in path.parts  # a migration is one long list of columns
]
BANNED_NAMES = {"utils", "helpers", "manager", "common", "misc"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_idea_of_bounded_size(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= FILE_LINES_MAX
    assert path.stem not in BANNED_NAMES
    tree = ast.parse(text)
    if tree.body:
        assert ast.get_docstring(tree), "a module opens with what lives here"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{node.name} has {lines} lines"


def test_every_module_of_the_sync_core_is_under_its_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    listed = {
        module
        for contract in contracts["contracts"]
        if contract["name"].startswith("inside sync")
        for module in contract["source_modules"]
    }
    present = {f"sync.{path.stem}" for path in (ROOT / "sync").glob("*.py")} - {"sync.__init__"}
    packages = {f"sync.{path.parent.name}" for path in (ROOT / "sync").glob("*/__init__.py")}
    assert listed == present | packages - {"sync.transport"}


def test_the_protocol_document_names_every_message_and_phase_rule() -> None:
    from sync import codec, session

    text = (ROOT / "sync" / "PROTOCOL.md").read_text()
    for kind, number in codec._TYPES.items():
        assert f"| {number} | {kind.__name__.upper()} |" in text
    table = text.partition("<!-- generated: phases -->")[2].partition("<!-- end -->")[0]
    order = list(session.Phase)
    for kind, (phases, _) in session._TAKES.items():
        words = ", ".join(sorted((p.value for p in phases), key=[o.value for o in order].index))
        assert f"| {kind.__name__.upper()} | {words} |" in table


def test_no_test_folder_is_a_package() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names))
