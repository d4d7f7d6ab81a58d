"""From the command line to a home, its settings and a desk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.home import Home, find_home

if TYPE_CHECKING:
    from conflict.identity import DocumentId
    from node.config import Settings
    from node.desk import Desk

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
By = Annotated[str | None, typer.Option(help="Who says so; else the system's user.")]


def home_of(context: typer.Context) -> Home:
    """The home that this command is about."""
    root = context.find_root()
    return root.obj if isinstance(root.obj, Home) else find_home()


def settings_of(context: typer.Context, flags: Mapping[str, Any] | None = None) -> Settings:
    """Settings with this command's flags. Raises `NotInitialised`, `BadConfiguration`."""
    from node.config import load
    from node.home import not_initialised

    home = home_of(context)
    if not home.key.exists():
        raise not_initialised(home)
    return load(home, flags).settings


@contextmanager
def desk_of(context: typer.Context) -> Iterator[Desk]:
    """The running node's desk, or one over the store opened here."""
    from node.app import open_desk
    from node.cli.asking import secrets_of

    settings = settings_of(context)
    with open_desk(home_of(context), settings, secrets_of(context)) as desk:
        yield desk


def find_document(desk: Desk, text: str) -> DocumentId:
    """The one document that an id, an id prefix or words name. Raises `NotFound`, `Ambiguous`."""
    from conflict.errors import BadIdentity
    from conflict.identity import parse_document
    from node.errors import Ambiguous, NotFound

    try:
        return parse_document(text)
    except BadIdentity:
        found = desk.find(text)
    if not found:
        raise NotFound("No document here has this id or label")
    if len(found) > 1:
        raise Ambiguous(f"{len(found)} documents fit; nothing was done")
    return parse_document(str(found[0]["document"]))


def who(given: str | None) -> str:
    """The person who acts: as given, else the system's user. Raises `BadRequest`."""
    import getpass

    from node.errors import BadRequest

    if given:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError) as fault:
        raise BadRequest("The system does not tell who this is: give --by NAME") from fault
