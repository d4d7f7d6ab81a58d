"""Making a node and running it: `init`, `run`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.asking import KeyFile, PassphraseFile, say_protection, secrets_of
from node.cli.opening import AsJson, home_of, settings_of
from node.cli.output import say, say_json, tell

if TYPE_CHECKING:
    from conflict.signature import SigningKey
    from node.home import Home, Running
    from node.settings import Settings

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
    *,
    name: Annotated[str | None, typer.Option(help="What people call it; else the host.")] = None,
    role: Annotated[str, typer.Option(help="field or garrison.")] = "field",
    sync_listen: SyncListen = None,
    api_listen: ApiListen = None,
    keep_config: Annotated[
        bool, typer.Option("--keep-config", help="Use the configuration that is there.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Encrypt nothing: records lie readable on this disk.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a node: its key and its configuration, encrypted. Overwrites nothing.

    A passphrase opens it (asked twice, or from --passphrase-file), a key file (--key-file, made when it
    is not there), or both.
    """
    from node import home as homes
    from node.cli.asking import new_vault
    from node.config import load, write_toml

    home = home_of(context)
    if keep_config:
        role = load(home).settings.node.role
    text = None
    if not keep_config:
        listens = sync_listen, api_listen
        text = write_toml(name or _host(), role, *listens)
    homes.refuse_second(home)
    fresh = None if plain else new_vault(home, role, passphrase_file, key_file)
    key = homes.init(home, text, fresh)
    made = load(home).settings
    _say_made(home, key, made, as_json=as_json)
    if not as_json:
        say_protection(home, fresh, made)


def _host() -> str:
    import platform

    return platform.node().partition(".")[0] or "aidstation"


def _say_made(home: Home, key: SigningKey, made: Settings, *, as_json: bool) -> None:
    if as_json:
        say_json({"node": key.node.hex(), "home": str(home.root)})
        return
    say(f"node {key.node.hex()}")
    tell(f"\nMade '{made.node.name}' in {home.root}, configured in {home.config}.")
    joins = "aidstation enrol request"
    if made.node.role == "garrison":
        joins = "aidstation garrison init` founds a theatre, `aidstation enrol request"
    tell(f"It records from now on, and talks to others once it is enrolled: `{joins}`.")
    tell("Next: `aidstation run`, and `aidstation doctor` to check this machine.")


def run(
    context: typer.Context,
    sync_listen: SyncListen = None,
    api_listen: ApiListen = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
) -> None:
    """Run the node until it is interrupted. The default when no command is given.

    Where nothing at hand opens an encrypted home and nobody can be asked, it waits for `unlock`.
    """
    flags = {"sync.listen": sync_listen, "api.listen": api_listen}
    settings = settings_of(context, flags)
    from node import app, logs

    logs.configure()
    given = secrets_of(context, passphrase_file, key_file)
    app.run(settings, home_of(context), _tell_ready, given)


def _tell_ready(running: Running) -> None:
    if running.sync == "sealed":
        tell(f"Sealed as process {running.pid}: `aidstation unlock` starts it; API {running.api}.")
        sys.stderr.flush()
        return
    peers = "silent to peers" if running.sync == "silent" else f"peers at {running.sync}"
    tell(f"Running as process {running.pid}: {peers}, local API at {running.api}.")
    sys.stderr.flush()
