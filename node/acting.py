"""Who acts: set around each request and command, read by what guards, signs and audits.

No other module of this room is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Acting:
    """`person`: as people write the name; `role`: a column of the permission table; `account`: empty
    where nobody signed in; `purpose`: the reason of an override of access in force, else empty."""

    person: str
    role: str
    purpose: str = ""
    account: str = ""


acting: ContextVar[Acting | None] = ContextVar("acting", default=None)
"""None: this software itself (a session with a peer, the simulator)."""


@contextmanager
def acting_as(who: Acting | None) -> Iterator[None]:
    """Act as somebody until the block ends."""
    before = acting.set(who)
    try:
        yield
    finally:
        acting.reset(before)
