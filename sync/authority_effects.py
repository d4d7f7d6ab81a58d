"""What a session asks and is told about the authority's log; the unions of `effects.py` take these in."""

from __future__ import annotations

from typing import NamedTuple

LINK_SHORT_BYTES = 8


class LogHead(NamedTuple):
    """How far a node has the log: number of its last entry, and the first 8 bytes of that one's link."""

    number: int = 0
    link: bytes = bytes(LINK_SHORT_BYTES)


NO_LOG = LogHead()


class ReadAuthority(NamedTuple):
    """At most so many entries above `after`. Answered by `AuthorityRead`."""

    ticket: int
    after: int
    most: int


class SaveAuthority(NamedTuple):
    """Check entries and keep those that go on where the log here ends. Answered by `AuthoritySaved`."""

    ticket: int
    entries: tuple[bytes, ...]


class AuthorityDiffers(NamedTuple):
    """The peer has another log of the same authority: a code of `trust/errors.py`."""

    code: str


class AuthorityRead(NamedTuple):
    """See `ReadAuthority`."""

    after: int
    entries: tuple[bytes, ...]


class AuthoritySaved(NamedTuple):
    """See `SaveAuthority`: how far the log is here now; `refused`: why some were not taken, a code."""

    head: LogHead
    refused: str = ""


AuthorityAnswer = AuthorityRead | AuthoritySaved
