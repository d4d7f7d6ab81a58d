"""The session of a person at the command line: a file in the node's home that only its owner can read."""

from __future__ import annotations

import json
from typing import NamedTuple

from node.home import Home, write_atomic


class OpenSession(NamedTuple):
    """Whose session, and its id. It may have ended: only the running node knows."""

    account: str
    name: str
    token: str


NOBODY = OpenSession("", "", "")


def keep_session(home: Home, session: OpenSession) -> None:
    """Go on as this person in commands that follow (mode 0600)."""
    write_atomic(home.session, json.dumps(session._asdict()).encode())


def read_session(home: Home) -> OpenSession:
    """Who is signed in at the command line; `NOBODY` where there is no such file, or not a whole one."""
    try:
        return OpenSession(**json.loads(home.session.read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):
        return NOBODY


def forget_session(home: Home) -> None:
    """Nobody is signed in any more."""
    home.session.unlink(missing_ok=True)
