"""Making a node and running it: `init`, `run`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.opening import AsJson, home_of, settings_of
from node.cli.output import say, say_json, tell

if TYPE_CHECKING:
    from conflict.signature import SigningKey
    from node.home import Home, Running

SyncListen = Annotated[
    str | None, typer.Option(help="host:port where peers reach this node; port 0: any free one.")
]
ApiListen = Annotated[
    str | None, typer.Option(help="host:port of the local API; port 0: any free one.")
]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(init)
    app.command()(run)


def init(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="What people call it; else the host.")] = None,
    role: Annotated[str, typer.Option(help="field or garrison.")] = "field",
    sync_listen: SyncListen = None,
    api_listen: ApiListen = None,
    keep_config: Annotated[
        bool, typer.Option("--keep-config", help="Use the configuration that is there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a node: its key and its configuration. Overwrites nothing."""
    from node import home as homes
    from node.config import load, write_toml

    home = home_of(context)
    if keep_config:
        load(home)
    text = None
    if not keep_config:
        listens = sync_listen, api_listen
        text = write_toml(name or _host(), role, *listens)
    key = homes.init(home, text)
    _say_made(home, key, load(home).settings.node.name, as_json=as_json)


def _host() -> str:
    import platform

    return platform.node().partition(".")[0] or "aidstation"


def _say_made(home: Home, key: SigningKey, name: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"node": key.node.hex(), "home": str(home.root)})
        return
    say(f"node {key.node.hex()}")
    tell(f"\nMade '{name}' in {home.root}, configured in {home.config}.")
    tell(
        "It records from now on, and talks to others once it is enrolled: `aidstation enrol request`."
    )
    tell("Next: `aidstation run`, and `aidstation doctor` to check this machine.")


def run(
    context: typer.Context, sync_listen: SyncListen = None, api_listen: ApiListen = None
) -> None:
    """Run the node until it is interrupted. The default when no command is given."""
    flags = {"sync.listen": sync_listen, "api.listen": api_listen}
    settings = settings_of(context, flags)
    from node import app, logs

    logs.configure()
    app.run(settings, home_of(context), _tell_ready)


def _tell_ready(running: Running) -> None:
    peers = "silent to peers" if running.sync == "silent" else f"peers at {running.sync}"
    tell(f"Running as process {running.pid}: {peers}, local API at {running.api}.")
    sys.stderr.flush()
