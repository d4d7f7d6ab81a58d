"""The console script: builds the commands, runs one, and turns whatever goes wrong into words.

Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 degraded, 4 review pending, 5 locked or
already running, 6 integrity failure, 10 nothing for `sim shrink`, 11 to 23 a checker of `sim`, 75 no
peer reachable, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from copy import copy
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_command_name, get_group
from typer.models import CommandInfo

from node.cli import (
    auditing,
    backing_up,
    bundling,
    care,
    charts,
    configuring,
    cosigning,
    demonstrating,
    departing,
    enrolling,
    garrisoning,
    identifying,
    importing,
    keeping,
    people,
    reading,
    recording,
    reviewing,
    revoking,
    running,
    scoping,
    securing,
    setting_aside,
    shaping,
    shedding,
    silencing,
    simulating,
    vaulting,
)
from node.cli.asking import KeyFile, PassphraseFile
from node.cli.output import say_json_error, tell
from node.home import find_home

EXIT_CODES = __doc__.partition("\n\n")[2] if __doc__ else ""

app = typer.Typer(
    name="aidstation",
    help="Offline-capable theatre medical record node. Without a command: run.",
    epilog=EXIT_CODES,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
GROUPS = (
    running,
    people,
    reading,
    keeping,
    auditing,
    shedding,
    charts,
    reviewing,
    cosigning,
    recording,
    identifying,
    importing,
    bundling,
    scoping,
    enrolling,
    garrisoning,
    revoking,
    setting_aside,
    demonstrating,
    shaping,
    simulating,
    silencing,
    care,
    securing,
    backing_up,
    departing,
    vaulting,
    configuring,
)
for group in GROUPS:
    group.add_to(app)


@app.callback(invoke_without_command=True)
def begin(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(help="The node's home directory; else AIDSTATION_HOME, else the user's own."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
) -> None:
    """Offline-capable theatre medical record node. Without a command: run."""
    del passphrase_file, key_file  # `asking.secrets_of` reads them from the context
    context.obj = find_home(home)
    if context.invoked_subcommand is None:
        running.run(context)


@cache
def built(name: str | None) -> TyperGroup:
    """The command or the group of this name, ready to be called; None: all of them.

    To read the options of all from their functions takes longer than most commands do.
    """
    one = copy(app)
    if name is not None:
        one.registered_commands = [each for each in app.registered_commands if _is(each, name)]
        one.registered_groups = [each for each in app.registered_groups if each.name == name]
    return get_group(one if one.registered_commands or one.registered_groups else app)


def _is(command: CommandInfo, name: str) -> bool:
    function = command.callback.__name__ if command.callback else ""
    return (command.name or get_command_name(function)) == name


def main() -> None:
    """Run one command and exit with its code."""
    arguments = sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # not a file in some embeddings; the script always has files
    try:
        words = home_first(arguments)
        built(_name_in(words))(words, prog_name="aidstation")
    except Exception as error:  # noqa: BLE001  the edge: translated and told, never swallowed
        sys.exit(explain(error, as_json="--json" in arguments))


def home_first(arguments: Sequence[str]) -> list[str]:
    """`--home` is the node's, not the command's: let it stand anywhere before a `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    head: list[str] = []
    rest: list[str] = []
    words = iter(arguments[:end])
    for word in words:
        if word == "--home":
            head += [word, *(value for value in (next(words, None),) if value is not None)]
        else:
            (head if word.startswith("--home=") else rest).append(word)
    return [*head, *rest, *arguments[end:]]


def _name_in(words: Sequence[str]) -> str | None:
    """The command's name if it stands in front, but for `--home`."""
    rest = words[2:] if words[:1] == ["--home"] else words
    return rest[0] if rest and not rest[0].startswith("-") else None


def explain(error: Exception, *, as_json: bool) -> int:
    """Say on stderr what happened, what is safe and what to do next; the exit code."""
    from node.faults import translate

    fault = translate(error)
    if as_json:
        say_json_error(fault)
    tell(f"error: {fault.message}")
    tell(f"next: {fault.next_step}")
    tell(f"({fault.code}{', trying again can help' if fault.retryable else ''})")
    return fault.exit_code


if __name__ == "__main__":
    main()
