"""The authority's log within a session: whoever has more of it sends it, page by page, before content.

PROOF says how far each side has it. Content of a peer that is ahead waits until its entries are here:
they tell whose signatures count. PROTOCOL.md, *Trust*. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sync import limits, messages
from sync.authority_effects import (
    AuthorityDiffers,
    AuthorityRead,
    AuthoritySaved,
    LogHead,
    ReadAuthority,
    SaveAuthority,
)
from sync.effects import Effect
from sync.errors import OutOfTurn
from sync.messages import Message
from sync.trust.errors import AuthorityForked


class AuthorityExchange:
    """Both sides' logs, as one of them knows. Memory: one page each way."""

    def __init__(
        self, ticket: Callable[[], int], say: Callable[[Message], None], mine: LogHead
    ) -> None:
        self._ticket = ticket
        self._say = say
        self._mine = mine
        self._theirs = LogHead()
        self._sending = False  # a page is being read, or on the way
        self._saving = False
        self._refused = False

    @property
    def behind(self) -> bool:
        """The peer has entries that are still to come."""
        return self._mine.number < self._theirs.number and not self._refused

    def begin(self, theirs: LogHead) -> Iterator[Effect]:
        """The peer's PROOF."""
        self._theirs = theirs
        if theirs.number == self._mine.number and theirs.link != self._mine.link:
            yield AuthorityDiffers(AuthorityForked.code)
        yield from self._send()

    def grown(self, mine: LogHead) -> Iterator[Effect]:
        """The log grew here: written here, or brought by another peer."""
        self._mine = max(mine, self._mine)
        yield from self._send()

    def _send(self) -> Iterator[Effect]:
        if not self._sending and self._theirs.number < self._mine.number:
            self._sending = True
            yield ReadAuthority(self._ticket(), self._theirs.number, limits.AUTHORITY_PAGE)

    def read(self, answer: AuthorityRead) -> None:
        """The next page. The peer says when it has it."""
        page: list[bytes] = []
        size = 0
        for entry in answer.entries:
            size += len(entry)
            if page and size > limits.AUTHORITY_PAGE_BYTES:
                break
            page.append(entry)
        self._sending = bool(page)
        if page:
            self._say(messages.Authority(answer.after, tuple(page)))

    def entries(self, message: messages.Authority) -> Iterator[Effect]:
        """Some of what we lack."""
        if self._saving:
            raise OutOfTurn("entries of the authority's log before the last were acknowledged")
        self._saving = True
        reached = message.after + len(message.entries)
        if reached > self._theirs.number:
            self._theirs = LogHead(reached)
        yield SaveAuthority(self._ticket(), message.entries)

    def saved(self, answer: AuthoritySaved) -> Iterator[Effect]:
        """They are durable, or were refused."""
        self._saving = False
        self._mine = max(answer.head, self._mine)
        if answer.refused:
            self._refused = True
            yield AuthorityDiffers(answer.refused)
        else:
            self._say(messages.AuthorityHave(*self._mine))

    def have(self, message: messages.AuthorityHave) -> Iterator[Effect]:
        """The peer has got so far."""
        self._sending = False
        self._theirs = max(self._theirs, LogHead(message.number, message.link))
        yield from self._send()
