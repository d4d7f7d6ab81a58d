"""What commands of the authority have in common: passphrase, key, log, questions to the person."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.opening import desk_of, home_of
from node.cli.output import tell

if TYPE_CHECKING:
    from node.authority import Authority
    from node.authority_key import AuthorityKey
    from node.desk import Desk

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--authority-passphrase-file",
        help="File with the authority's passphrase in its first line; else it is asked.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing: the check was made elsewhere.")]
Expires = Annotated[str, typer.Option(help="How long the certificate lasts: 30d, 52w.")]
LIFETIME = "365d"
_DAY_MS = 86_400_000


def passphrase_of(
    file: Path | None, what: str = "Authority's passphrase", *, new: bool = False
) -> bytes:
    """From a file's first line or from the terminal. Raises `BadRequest`."""
    from node.errors import BadRequest

    if file is not None:
        try:
            return file.read_bytes().split(b"\n", 1)[0].rstrip(b"\r")
        except OSError as fault:
            raise BadRequest(
                f"{file} cannot be read: {fault.strerror}. Nothing was changed"
            ) from fault
    if not sys.stdin.isatty():
        raise BadRequest(
            f"{what} is needed: run this in a terminal, or give --authority-passphrase-file"
        )
    typed: str = typer.prompt(what, hide_input=True, confirmation_prompt=new, err=True)
    return typed.encode()


def opened_key(context: typer.Context, file: Path | None) -> AuthorityKey:
    """The authority's key of this machine. Raises `NoAuthority`, `WrongSecret`."""
    from node import authority_key

    closed = authority_key.read(home_of(context))
    return closed.open(passphrase_of(file))


@contextmanager
def at_work(
    context: typer.Context, key: AuthorityKey, *, yes: bool
) -> Iterator[tuple[Desk, Authority]]:
    """Desk and authority, and nobody else signs meanwhile."""
    from node import signing
    from node.app import now_ms

    with signing.alone(home_of(context)), desk_of(context) as desk:
        working = signing.at_work(home_of(context), desk, key, now_ms())
        doubt_clock(working.leap_ms, yes=yes)
        yield desk, working


def publish(context: typer.Context, desk: Desk, working: Authority) -> None:
    """Make durable what was signed."""
    from node import signing

    signing.publish(home_of(context), desk, working)


def doubt_clock(leap_ms: int, *, yes: bool) -> None:
    """Time that the authority signed cannot be taken back, so a leap of it is asked about."""
    if leap_ms and not yes:
        from node.cli.output import now

        said = now().strftime("%Y-%m-%d %H:%MZ")
        ahead = f"{leap_ms // _DAY_MS} days after the authority's last entry"
        confirm(
            f"This machine's clock says {said}, {ahead}. Signed time cannot be taken back. Right?"
        )


def confirm(question: str) -> None:
    """Go on after a yes only. Raises `BadRequest` after anything else."""
    from node.errors import BadRequest

    sys.stderr.write(f"{question} [y/N]: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        tell("")
        raise BadRequest("Not confirmed. Nothing was changed")


def lifetime_ms(text: str) -> int:
    """`365d` in milliseconds. Raises `BadRequest`."""
    from node import quantities

    return int(quantities.age("expires", text) * 1000)
