"""A device is lost or not to be trusted: `revoke`, and what becomes of its words: `release`, `condemn`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.approving import Device
from node.cli.opening import AsJson
from node.cli.output import plain, say, say_json
from node.cli.signing_hand import PassphraseFile, Yes, at_work, confirm, opened_key, publish


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(revoke)
    app.command()(release)
    app.command()(condemn)


def revoke(
    context: typer.Context,
    node: Device,
    reason: Annotated[str, typer.Option(help="Why; every device shows it.")],
    lost_after: Annotated[
        str,
        typer.Option(help="When it was last in good hands, as 2026-11-20T12:00Z; else until now."),
    ] = "",
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Put a device out of the theatre. What no garrison had receipted by then is held, not shown."""
    from conflict.identity import parse_node
    from node.authority import named
    from node.errors import BadRequest
    from sync.ports import Position

    until_ms = _moment(lost_after) if lost_after else None
    key = opened_key(context, passphrase_file)
    with at_work(context, key, yes=yes) as (desk, working):
        device = named(working.theatre, node)
        if device.node.hex() == desk.membership()["node"]:
            raise BadRequest("this is the authority's own node. Nothing was changed")
        if not yes:
            confirm(
                f"Revoke {plain(device.name)}, node {device.node.hex()}? Its key is out for good."
            )
        positions = [
            (parse_node(one["node"]), Position(bytes.fromhex(one["epoch"]), one["number"]))
            for one in desk.custody_positions(until_ms)
        ]
        working.revoke(device, reason, positions)
        publish(context, desk, working)
        number = working.theatre.head.number
    if as_json:
        said = {"node": device.node.hex(), "number": number}
        say_json({**said, "garrisons": [one.hex() for one, _ in sorted(positions)]})
        return
    say(
        f"Entry {number}: {plain(device.name)} is revoked. Every node that this reaches refuses it."
    )
    say(
        "What it wrote and no garrison had is held and not shown: `aidstation release` or `condemn`."
    )


def _moment(text: str) -> int:
    from conflict.clinical_time import instants
    from conflict.errors import BadTime
    from node.errors import BadRequest

    try:
        return int(instants(text).earliest.timestamp() * 1000)
    except BadTime as fault:
        raise BadRequest(f"--lost-after: {fault}. Nothing was changed") from fault


def release(
    context: typer.Context,
    node: Device,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Show what a revoked device wrote after all, on every node."""
    _judge(context, node, passphrase_file, released=True, yes=yes, as_json=as_json)


def condemn(
    context: typer.Context,
    node: Device,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Never show what a revoked device wrote and no garrison had. It stays held."""
    _judge(context, node, passphrase_file, released=False, yes=yes, as_json=as_json)


def _judge(
    context: typer.Context,
    node: str,
    passphrase_file: Path | None,
    *,
    released: bool,
    yes: bool,
    as_json: bool,
) -> None:
    from node.authority import named

    key = opened_key(context, passphrase_file)
    with at_work(context, key, yes=yes) as (desk, working):
        device = named(working.theatre, node)
        working.judge(device, released=released)
        if not yes:
            name = f"{plain(device.name)}, node {device.node.hex()},"
            what = "Show again what" if released else "Never show what"
            confirm(f"{what} {name} wrote and no garrison had? Every node follows this.")
        publish(context, desk, working)
        number = working.theatre.head.number
    if as_json:
        say_json({"node": device.node.hex(), "number": number, "released": released})
    else:
        done = "shown again" if released else "not shown, for good"
        said = f"what {plain(device.name)} wrote and no garrison had is {done}"
        say(f"Entry {number}: {said}, wherever this entry is.")
