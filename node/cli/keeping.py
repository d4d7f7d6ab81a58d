"""Who else holds what is here, and whether this device may be wiped: `custody`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from node.cli.opening import AsJson, desk_of, find_document
from node.cli.output import at_ms, now, plain, say, say_json
from node.cli.shedding import away_lines
from node.errors import EXIT_DEGRADED


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(custody)


def custody(
    context: typer.Context,
    casualty: Annotated[
        str | None,
        typer.Argument(help="An id, its start, or a label: who holds this record. None: all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Who holds what is here, by their signed receipts; alone: whether this device is safe to wipe.

    Exits 3 unless a garrison is known to hold all of it. Of a garrison: what other garrisons hold.
    """
    with desk_of(context) as desk:
        if casualty is None:
            found = desk.custody()
            held = bool(found["safe_to_wipe"])
        else:
            found = desk.record_custody(find_document(desk, casualty))
            held = bool(found["at_garrison"])
    if as_json:
        say_json(found)
    elif casualty is None:
        _say_whole(found)
    else:
        _say_record(found)
    if not held:
        raise typer.Exit(EXIT_DEGRADED)


def _say_whole(found: Mapping[str, Any]) -> None:
    present = now()
    say(f"Safe to wipe: {'yes' if found['safe_to_wipe'] else 'no'}")
    for reason in found["reasons"]:
        say(f"  {plain(reason['words'])}")
    if found["at_garrison_ms"]:
        other = "another " if found["garrison"] else ""
        say(f"At {other}garrison as of {at_ms(found['at_garrison_ms'], present)}")
    if found["garrison"]:
        last = at_ms(found["backed_up_ms"], present)
        say(f"Last backup: {last or 'none yet, `aidstation backup FILE`'}")
    for one in found["records"]:
        since = at_ms(one["since_ms"], present)
        label = plain(one["label"]) or "unnamed"
        say(f"  {plain(one['document'])} {label}: {one['changes']} since {since or 'unknown'}")


def _say_record(found: Mapping[str, Any]) -> None:
    present = now()
    say(f"{plain(found['label']) or 'Unnamed casualty'}: {found['statements']} statements")
    away = found.get("shed") or []
    for line in away_lines(away):
        say(f"Not here any more: {line}")
    if len(away) < len(found["documents"]):
        say("Saved here" if not away else "The rest: saved here")
    for one in found["holders"]:
        place = "garrison " if one["garrison"] else ""
        name = plain(one["name"] or one["node"])
        told = ", ".join(_ways(one, present))
        say(f"Also on {place}{name}: {one['statements']} of {found['statements']}, {told}")
    if not found["holders"]:
        say("Nobody else is known to hold any of it.")
    elif not found["at_garrison"]:
        say(f"No {'other ' if found['garrison'] else ''}garrison is known to hold all of it.")


def _ways(one: Mapping[str, Any], present: Any) -> list[str]:
    ways = []
    if one["direct_ms"]:
        ways.append(f"told directly {at_ms(one['direct_ms'], present)}")
    if one["entry"]:
        told = at_ms(one["entry_ms"], present)
        ways.append(f"relayed {told} (entry {one['entry']} of its log)")
    return ways
