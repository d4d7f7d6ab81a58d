"""What was refused or could not be opened, why, and what helps: `set-aside list`, `retry`, `export`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from node.cli.opening import AsJson, desk_of
from node.cli.output import at_ms, now, plain, say, say_json
from node.errors import EXIT_DEGRADED, BadRequest

aside = typer.Typer(help="What was refused or could not be opened here.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    aside.command("list")(list_items)
    aside.command()(retry)
    aside.command()(export)
    app.add_typer(aside, name="set-aside")


def list_items(context: typer.Context, as_json: AsJson = False) -> None:
    """Each with its cause and the next step; everything else goes on. Exits 3 if there is any."""
    with desk_of(context) as desk:
        found = desk.set_aside()
    if as_json:
        say_json(found)
    elif not found:
        say("Nothing is set aside.")
    present = now()
    for one in [] if as_json else found:
        at = f", {at_ms(one['at'], present)}" if one["at"] else ""
        whom = "written by" if one["kind"] == "lane" else "from"
        source = f" {whom} {plain(one['source'])[:8]}" if one["source"] else ""
        lane = f"{plain(one['document'])} lane {plain(one['actor'])[:8]}"
        say(f"{plain(one['code'])}: {lane} from change {one['first_seq']}{source}{at}")
        say(f"  Cause: {one['cause']}. ({plain(one['detail'])})")
        say(f"  Next: {one['next_step']}.")
    if found:
        raise typer.Exit(EXIT_DEGRADED)


def retry(context: typer.Context, as_json: AsJson = False) -> None:
    """Open again what could not be opened, and let what was refused come again: after an upgrade."""
    with desk_of(context) as desk:
        done = desk.retry_set_aside()
    if as_json:
        say_json(done)
    else:
        say(f"To be opened again: {done['documents']} documents.")
        say(
            f"Refused deliveries forgotten: {done['lanes']} lanes; the next exchange brings them again."
        )


def export(
    context: typer.Context,
    to: Annotated[Path, typer.Option("--to", help="A new file. It holds clear patient data.")],
    as_json: AsJson = False,
) -> None:
    """Reasons and bytes, one JSON object a line, for whoever looks into it."""
    import orjson

    with desk_of(context) as desk:
        found = desk.set_aside(with_bytes=True)
    try:
        handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as fault:
        raise BadRequest(f"{to} cannot be made: {fault.strerror}. Give a new file.") from fault
    with os.fdopen(handle, "wb") as file:
        file.writelines(orjson.dumps(one) + b"\n" for one in found)
    if as_json:
        say_json({"file": str(to), "items": len(found)})
    else:
        say(f"{len(found)} items in {to}, readable by you alone. It holds clear patient data.")
