"""Who acts now: set where a person is let in, read by what permits and by what is audited.

A context variable, so that it follows a request into the thread that answers it (`asyncio.to_thread`
and tasks copy it; a bare executor does not) and nothing in between has to pass it on.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Acting(NamedTuple):
    """Account and role of the person who acts, and why, where a reason was asked for (break-glass).

    Empty texts: nobody is known, as when the node works by itself.
    """

    person: str = ""
    role: str = ""
    purpose: str = ""


NOBODY = Acting()
_ACTING: ContextVar[Acting] = ContextVar("acting", default=NOBODY)


def acting() -> Acting:
    """Who acts in this context."""
    return _ACTING.get()


@contextmanager
def act_as(who: Acting) -> Iterator[None]:
    """`who` acts until the block ends."""
    token = _ACTING.set(who)
    try:
        yield
    finally:
        _ACTING.reset(token)


def system_user() -> str:
    """`os:ruiz`: who runs this process, as the operating system says; empty: it does not say."""
    try:
        return f"os:{getpass.getuser()}"
    except (KeyError, OSError):
        return ""
