"""What a person is asked for: passphrases and PINs, from a terminal, a file or a key file.

A secret never stands on a command line, where every process of the machine could read it. Nobody to
ask means `Locked`, with what to give, never a prompt that waits for ever.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import tell
from node.errors import BadRequest, Locked
from node.home import KEY_FILE_VARIABLE, PASSPHRASE_VARIABLE

if TYPE_CHECKING:
    from node.config import Settings
    from node.home import Fresh, Home
    from node.unlocking import Secrets

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help=f"First line: the passphrase. -: stdin; else {PASSPHRASE_VARIABLE}."
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help=f"What opens the home unattended; else {KEY_FILE_VARIABLE}, else where it was.",
    ),
]
_LINE_BYTES_MAX = 1 << 12


def secrets_of(
    context: typer.Context, passphrase_file: Path | None = None, key_file: Path | None = None
) -> Secrets:
    """What is at hand to open a home: of this command, before it, or in the environment."""
    from node.unlocking import Secrets

    given = context.find_root().params
    file = passphrase_file or given.get("passphrase_file") or _named(PASSPHRASE_VARIABLE)
    key = key_file or given.get("key_file") or _named(KEY_FILE_VARIABLE)
    ask: Callable[[], bytes] | None = None
    if file:
        ask = functools.partial(passphrase_in, file)
    elif sys.stdin.isatty():
        ask = functools.partial(_asked, "Passphrase: ")
    return Secrets(functools.cache(ask) if ask else None, key)


def _named(variable: str) -> Path | None:
    return Path(value) if (value := os.environ.get(variable)) else None


def passphrase_in(file: Path) -> bytes:
    """The first line of a file, or of stdin for `-`. Raises `BadRequest`."""
    from node.unlocking import passphrase_bytes

    try:
        if str(file) == "-":
            raw = sys.stdin.buffer.readline(_LINE_BYTES_MAX)
        else:
            with file.expanduser().open("rb") as lines:
                raw = lines.readline(_LINE_BYTES_MAX)
        return passphrase_bytes(raw.rstrip(b"\r\n").decode())
    except OSError as fault:
        raise BadRequest(f"{file} cannot be read: {fault.strerror}. Nothing was changed") from fault
    except UnicodeDecodeError as fault:
        raise BadRequest(f"{file} is not UTF-8 text. Nothing was changed") from fault


def _asked(prompt: str) -> bytes:
    from getpass import getpass

    from node.unlocking import passphrase_bytes

    return passphrase_bytes(getpass(prompt))


def asked_text(prompt: str, file: Path | None = None) -> str:
    """A secret as text, from a file or a person. Raises `Locked` when there is nobody."""
    if file:
        return passphrase_in(file).decode()
    if not sys.stdin.isatty():
        raise Locked("There is no terminal to ask on, and no file was given")
    return _asked(prompt).decode()


def new_passphrase(file: Path | None) -> bytes:
    """One fit for a new slot, asked twice. Raises `BadRequest`, `Locked`."""
    from node.unlocking import check_new_passphrase

    if file:
        return check_new_passphrase(passphrase_in(file))
    first = check_new_passphrase(asked_text("New passphrase: ").encode())
    if asked_text("The same again: ").encode() != first:
        raise BadRequest("The two differ. Nothing was changed")
    return first


def new_vault(home: Home, role: str, passphrase_file: Path | None, key_file: Path | None) -> Fresh:
    """A vault that opens by what was given, else by a passphrase; a garrison's by a key file.

    Raises `BadRequest`, `BadConfiguration`.
    """
    from node import unlocking

    by_passphrase = bool(passphrase_file) or (key_file is None and role != "garrison")
    if by_passphrase and not passphrase_file and not sys.stdin.isatty():
        raise BadRequest(
            "How shall this node be encrypted? There is no terminal to ask for a passphrase: give "
            "--passphrase-file, --key-file, or --plain to encrypt nothing. Nothing was made"
        )
    ways = []
    if by_passphrase:
        passphrase = new_passphrase(passphrase_file)
        ways.append(unlocking.by_passphrase(passphrase, unlocking.iterations_here()))
    if key_file or not by_passphrase:
        ways.append(unlocking.by_key_file(home, key_file))
    return unlocking.fresh_vault(ways)


def say_protection(home: Home, fresh: Fresh | None, settings: Settings) -> None:
    """In words what the disk shows from now on to whoever has it."""
    from node.app import embedded
    from node.unlocking import key_files

    if fresh is None:
        tell("NOT ENCRYPTED: whoever has this disk has every record on it (`vault encrypt`).")
        return
    tell("Encrypted. Nobody can bring a lost passphrase or key file back: `vault escrow`.")
    for path in key_files(home, fresh.vault):
        if path.is_relative_to(home.root):
            tell(
                f"{path} lies beside what it opens: it protects a stolen database file, nothing else."
            )
    if embedded(home, settings) is None:
        tell("The store is on a server, which must encrypt its own disks; here the node's key is.")
