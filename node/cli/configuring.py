"""`config show`, `config path`, `config check`: what is set, and which file says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.opening import AsJson, home_of
from node.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.config import Loaded

_PASSWORD = re.compile(r"(://[^:/@]*:)[^@]*@")


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(help="What is set, and where.", rich_markup_mode=None)
    group.command("show")(show)
    group.command("path")(path)
    group.command("check")(check)
    app.add_typer(group, name="config")


def show(
    context: typer.Context,
    origin: Annotated[bool, typer.Option("--origin", help="Where each value came from.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every setting with its value. Passwords are not shown."""
    from node.config import load

    rows = list(_rows(load(home_of(context))))
    if as_json:
        say_json({key: {"value": value, "origin": place} for key, value, place in rows})
    elif origin:
        say_table(("setting", "value", "from"), rows)
    else:
        say_table(("setting", "value"), [row[:2] for row in rows])


def _rows(loaded: Loaded) -> Iterator[tuple[str, Any, str]]:
    from node.config import known_keys

    values = loaded.settings.model_dump(mode="json")
    for key in known_keys():
        section, _, name = key.partition(".")
        value = values[section][name] if name else values[section]
        if isinstance(value, str):
            value = _PASSWORD.sub(r"\1***@", value)
        yield key, value, loaded.origins.get(key, "default")


def path(context: typer.Context, as_json: AsJson = False) -> None:
    """The files that are looked for, the one that wins first."""
    from node.config import config_files

    rows = [(str(file), file.exists()) for file in config_files(home_of(context))]
    if as_json:
        say_json([{"file": file, "exists": exists} for file, exists in rows])
        return
    for file, exists in rows:
        say(f"{file} ({'read' if exists else 'not there'})")


def check(context: typer.Context, as_json: AsJson = False) -> None:
    """Whether the configuration can be used; the cause and exit code 2 if not."""
    from node.config import load

    loaded = load(home_of(context))
    if as_json:
        say_json({"ok": True, "peers": len(loaded.settings.peers)})
    else:
        say(f"The configuration is good; {len(loaded.settings.peers)} peers.")
