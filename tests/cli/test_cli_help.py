"""Help answers at once, covers every command, and heavy libraries wait for the command."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from node.cli.main import app, home_first
from tests.cli.cli_lab import aidstation

HEAVY = {
    *("aiohttp", "asyncio", "automerge", "cryptography", "orjson", "platformdirs", "pydantic"),
    *("pydantic_settings", "rich", "sqlalchemy", "structlog", "zeroconf"),
    *("conflict", "discovery", "storage", "sync"),
}
WRITING = {"run"}


def commands(
    group: Any = None, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, node.cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_every_command_says_what_it_does(tmp_path: Path, path: tuple[str, ...]) -> None:
    command = dict(commands())[path]
    assert inspect.cleandoc(command.help).endswith(".")
    options = {name for one in command.params for name in getattr(one, "opts", ())}
    assert "--json" in options or path[0] in WRITING


def test_help_names_every_command_and_exit_code(tmp_path: Path) -> None:
    answer = aidstation(tmp_path, "--help")
    assert answer.code == 0
    for path, _ in commands():
        assert path[0] in answer.out
    for words in ("3 degraded", "4 review", "5 locked", "6 integrity", "75 no peer"):
        assert words in " ".join(answer.out.split())


def test_only_the_node_option_moves_to_the_front() -> None:
    given = ["record", "note", "text=--home x", "--home", "h", "--at", "t", "--", "--home", "y"]
    assert home_first(given) == [
        *("--home", "h", "record", "note", "text=--home x", "--at", "t", "--", "--home", "y")
    ]
    assert home_first(["status", "--home"]) == ["--home", "status"]


def test_version_is_one_object(tmp_path: Path) -> None:
    found = aidstation(tmp_path, "version", "--json").result
    assert {"aidstation", "python", "api", "schema"} <= set(found)
