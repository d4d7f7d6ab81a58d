"""What this laptop need not keep: `shed` lets records go that a garrison holds, `fetch` has them back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from node.cli.opening import AsJson, desk_of, find_document
from node.cli.output import at_ms, now, plain, say, say_json
from node.errors import EXIT_DEGRADED


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(shed)
    app.command()(fetch)


def shed(
    context: typer.Context,
    documents: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DOCUMENT]...", help="Ids, their starts, or labels. None: by age."),
    ] = None,
    older_than: Annotated[
        str, typer.Option(help="Records unchanged for so long: 12h, 30d, 8w. Else hold.age.")
    ] = "",
    dry_run: Annotated[bool, typer.Option(help="Say what would go; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let go of records that a garrison holds; they stay in lists and can be fetched again.

    All of one casualty goes, or nothing of it. Exits 3 when something named had to stay.
    """
    from node import quantities

    age_s = quantities.age("older-than", older_than) if older_than else None
    with desk_of(context) as desk:
        named = [find_document(desk, one) for one in documents or ()]
        found = desk.shed(named, age_s, dry_run=dry_run)
    if as_json:
        say_json(found)
    else:
        _say_shed(found)
    if documents and found["kept"]:
        raise typer.Exit(EXIT_DEGRADED)


def _say_shed(found: Mapping[str, Any]) -> None:
    done = "Would let go" if found["dry_run"] else "Let go"
    count = found["shed_count"]
    say(f"{done}: {count} document{'' if count == 1 else 's'}, {_size(found['freed_bytes'])}")
    for one in found["shed"]:
        label = plain(one["label"]) or "unnamed"
        say(f"  {plain(one['document'])} {label}: {_size(one['bytes'])}")
    if found["kept"]:
        say(f"Kept: {found['kept_count']}")
    for one in found["kept"]:
        label = plain(one["label"]) or "unnamed"
        say(f"  {plain(one['document'])} {label}: {plain(one['words'])}")
    used = _size(found["used_bytes"])
    say(f"Database in use: {used}. Its file does not shrink; what is free in it is used again.")


def _size(size: int) -> str:
    return f"{size:,} B" if size < 10_000 else f"{size / 1000:,.0f} kB"


def fetch(
    context: typer.Context,
    document: Annotated[str, typer.Argument(help="An id, its start, or a label.")],
    as_json: AsJson = False,
) -> None:
    """Have a record back that was let go, with all that belongs to the casualty.

    It comes with the next exchange with a peer that has it; `status` says when that waits.
    """
    with desk_of(context) as desk:
        found = desk.fetch(find_document(desk, document))
    if as_json:
        say_json(found)
    elif not found["wanted"]:
        say("Nothing of it was let go: it is here.")
    else:
        count = len(found["wanted"])
        words = f"{count} document{'' if count == 1 else 's'}"
        say(f"To be fetched: {words}. Now: {plain(found['cause'])}.")


def away_lines(away: list[Any]) -> list[str]:
    """What is known of records whose content was let go."""
    present = now()
    lines = []
    for one in away:
        places = ", ".join(_place(place) for place in one["at"]) or "no garrison as far as is known"
        state = "being fetched" if one["wanted_ms"] else f"let go {at_ms(one['shed_ms'], present)}"
        label = f"{plain(one['document'])} {plain(one['label'])}".strip()
        unread = f"; {one['unread']} more came, readable once fetched" if one["unread"] else ""
        lines.append(f"{label}: {one['statements']} statements {state}, at {places}{unread}")
    return lines


def _place(place: Mapping[str, Any]) -> str:
    name = plain(place["name"] or place["node"])
    return f"{name} (entry {place['entry']})" if place["entry"] else name
