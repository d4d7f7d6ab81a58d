"""`silent on` and `silent off`: no socket to anybody, until a person says otherwise."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from node.cli.opening import AsJson, desk_of, home_of, settings_of
from node.cli.output import say, say_json
from node.home import read_running


class Word(StrEnum):
    """What is said."""

    ON = "on"
    OFF = "off"


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(silent)


def silent(
    context: typer.Context,
    word: Annotated[Word, typer.Argument(help="on: close every socket to others. off: open them.")],
    as_json: AsJson = False,
) -> None:
    """Be silent, also after a restart: no listening, no dialling, no multicast; records go on.

    A locked node can be silenced, and must be unlocked before it speaks again.
    """
    from node.sealed import SEALED
    from sync.link_profile import LinkKind

    configured = settings_of(context).sync.link is LinkKind.SILENT
    wanted = word is Word.ON
    running = read_running(home_of(context))
    if running is not None and running.sync != SEALED:
        with desk_of(context) as desk:
            found = desk.silence(silent=wanted)["silent"]
    else:
        from node.silence import keep

        keep(home_of(context), silent=wanted)
        found = wanted or configured
    if as_json:
        say_json({"silent": found, "configured": configured})
    elif found and not wanted:
        say("Still silent: sync.link is silent in the configuration. Change it and restart.")
    elif found:
        say(
            "Silent: no socket to anybody. Everything is saved here; `aidstation silent off` ends it."
        )
        say("The system itself still answers others: deploy/silent has the rule that stops that.")
    else:
        say("Not silent: peers are looked for and answered.")
