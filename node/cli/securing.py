"""`lock`, `unlock` and `zeroize`: who may see what this machine holds, down to nobody ever again."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.asking import KeyFile, PassphraseFile, asked_text, secrets_of
from node.cli.opening import AsJson, home_of
from node.cli.output import say, say_json, tell
from node.errors import EXIT_DEGRADED, BadRequest, Locked, NodeError, NotInitialised, NotRunning

if TYPE_CHECKING:
    from node.home import Home
    from node.remote_desk import RemoteDesk

_START_S_MAX = 60.0
_POLL_S = 0.05


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(lock)
    app.command()(unlock)
    app.command()(zeroize)


def _desk(home: Home) -> RemoteDesk:
    from node.home import read_running, read_token
    from node.remote_desk import RemoteDesk
    from node.unlocking import refuse_waiting

    running = read_running(home)
    if running is None:
        refuse_waiting(home)
        raise NotRunning("No node runs here. Every command asks for what opens the home itself")
    return RemoteDesk(running.api, read_token(running))


def lock(context: typer.Context, as_json: AsJson = False) -> None:
    """Have the running node show nothing until `unlock`; it goes on receiving and relaying."""
    _desk(home_of(context)).lock()
    if as_json:
        say_json({"locked": True})
    else:
        say("Locked: it receives and relays, and shows nothing. Its keys stay in memory.")


def unlock(
    context: typer.Context,
    pin: Annotated[
        bool, typer.Option("--pin", help="By PIN; opens a node that runs, never a disk.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Have the running node show records again, or a sealed one start."""
    home = home_of(context)
    way, secret = secret_of(context, pin=pin, passphrase_file=passphrase_file, key_file=key_file)
    found = _desk(home).unlock(way, secret)
    if found["was"] == "sealed":
        _wait_until_open(home)
    if as_json:
        say_json(found)
    else:
        say("Unlocked." if found["was"] == "locked" else "Unsealed: the node has started.")


def secret_of(
    context: typer.Context,
    *,
    pin: bool = False,
    passphrase_file: Path | None = None,
    key_file: Path | None = None,
) -> tuple[str, str]:
    """Which way in, and the secret as text."""
    from node.unlocking import key_files, read_vault
    from node.vault import PASSPHRASE

    if pin:
        return "pin", asked_text("PIN: ", passphrase_file)
    home = home_of(context)
    given = secrets_of(context, passphrase_file, key_file)
    vault = read_vault(home)
    places = [given.key_file] if given.key_file else key_files(home, vault) if vault else []
    for path in places:
        if path.is_file() and not passphrase_file:
            return "key", path.read_bytes().hex()
    if given.passphrase:
        return PASSPHRASE, given.passphrase().decode()
    raise Locked("Neither passphrase nor key file is at hand")


def _wait_until_open(home: Home) -> None:
    deadline = time.monotonic() + _START_S_MAX
    while time.monotonic() < deadline:
        try:
            _desk(home).status()
        except NodeError:
            time.sleep(_POLL_S)  # it lets go of the sealed address and listens anew
        else:
            return
    raise NotRunning("It was unsealed and does not answer yet: see its log")


def zeroize(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the node's name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Destroy this node for good: its vault first, then keys, store, logs, everything in its home.

    Works on a locked node and beside a running one, which is ended; interrupted, give it again.
    """
    from node.zeroizing import zeroize as destroy

    home = home_of(context)
    if not home.root.is_dir():
        raise NotInitialised(f"There is no folder {home.root}: nothing is left to destroy.")
    name, store, server = _known(home)
    if not yes and not _confirmed(name):
        raise BadRequest("Nothing was destroyed: give --yes, or type the node's name")
    plain = not home.vault.exists()
    left = destroy(home, [store] if store else [])
    if as_json:
        say_json({"zeroized": not left, "left": [str(path) for path in left]})
    else:
        _say_zeroized(left, plain=plain, server=server)
    if left:
        raise typer.Exit(EXIT_DEGRADED)


def _known(home: Home) -> tuple[str, Path | None, bool]:
    """The node's name, its store outside of the home, whether a server keeps it; as far as readable."""
    from node.app import embedded
    from node.config import load

    try:
        settings = load(home).settings
    except NodeError:
        return "", None, False
    store = embedded(home, settings)
    return settings.node.name, store, store is None


def _confirmed(name: str) -> bool:
    if not name or not sys.stdin.isatty():
        return False
    tell(f"This destroys the node '{name}' and every record that only it has.")
    return bool(typer.prompt("Type its name", err=True) == name)


def _say_zeroized(left: list[Path], *, plain: bool, server: bool) -> None:
    say("Zeroized: nothing here opens any more." if not left else "The keys are destroyed.")
    for path in left:
        tell(f"could not be removed: {path}")
    if plain:
        tell("There was no vault: what was removed was not encrypted and may still be on the disk.")
    if server:
        tell("The store is on a server: destroy it there.")
