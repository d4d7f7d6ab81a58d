"""`cosign`: a provider puts their name under what a medic wrote."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.opening import AsJson, desk_of, find_document
from node.cli.output import now, plain, say, say_json, when


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(cosign)


def cosign(
    context: typer.Context,
    casualty: Annotated[
        str, typer.Argument(metavar="[CASUALTY]", help="None: list the notes that wait.")
    ] = "",
    statements: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STATEMENT]...", help="None: every note that waits."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Co-sign a casualty's notes as a provider. What is corrected afterwards is not co-signed."""
    if not casualty:
        _list_waiting(context, as_json=as_json)
        return
    with desk_of(context) as desk:
        found = desk.cosign(find_document(desk, casualty), statements or ())
    if as_json:
        say_json(found)
    else:
        count = found["cosigned"]
        say(f"Co-signed here: {count} {'entry' if count == 1 else 'entries'}")


def _list_waiting(context: typer.Context, *, as_json: bool) -> None:
    with desk_of(context) as desk:
        found = desk.uncosigned()
    if as_json:
        say_json(found)
        return
    for one in found:
        author = f"{plain(one['by']) or 'unnamed'}, {plain(one['by_role'])}"
        said = ", ".join(part for part in (author, when(one["at"], now())) if part)
        say(f"{plain(one['document'])} {plain(one['label'])}".rstrip())
        say(f"  {plain(one['statement'])}  {plain(one['words'])}  ({said})")
    if not found:
        say("No note waits for a co-signature.")
