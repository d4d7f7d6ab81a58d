"""The lock of a running node as a pure state machine: time is an argument, in milliseconds.

*unlocked* -lock or idle-> *locked* -PIN or passphrase-> *unlocked*. A locked node goes on receiving and
relaying and shows nothing. Wrong attempts cost a growing delay, PIN and passphrase each their own: who
guesses PINs never keeps the owner of the passphrase out, and no delay is longer than `DELAY_MS_MAX`,
whatever the clock does meanwhile.
"""

from __future__ import annotations

import itertools
import json
from typing import NamedTuple

FREE_FAILURES = 3
"""Wrong attempts, the last of which costs the first delay."""

DELAY_MS_FIRST = 30_000
DELAY_MS_MAX = 15 * 60_000
PIN_DIGITS_MIN, PIN_DIGITS_MAX = 4, 12


class Attempts(NamedTuple):
    """Wrong attempts in a row, and when the last one was."""

    failures: int = 0
    at_ms: int = 0

    @property
    def delay_ms(self) -> int:
        """How long after the last one no other is taken: 0, 0, 30 s, 1 min, 2 min … 15 min."""
        over = self.failures - FREE_FAILURES
        return 0 if over < 0 else min(DELAY_MS_FIRST << min(over, 10), DELAY_MS_MAX)

    def wait_ms(self, now_ms: int) -> int:
        """How long yet; a clock that was set back makes nobody wait longer than the delay."""
        return max(0, min(self.delay_ms, self.at_ms + self.delay_ms - now_ms))

    def failed(self, now_ms: int) -> Attempts:
        """One more."""
        return Attempts(self.failures + 1, now_ms)

    def encode(self) -> bytes:
        """For the store, so that a restart forgets nothing."""
        return json.dumps(list(self)).encode()

    @classmethod
    def decode(cls, raw: bytes | None) -> Attempts:
        """Inverse of `encode`; what cannot be read counts as no failures, and the next are counted."""
        try:
            failures, at_ms = json.loads(raw or b"[]")
            return cls(int(failures), int(at_ms))
        except (ValueError, TypeError, OverflowError, RecursionError):
            return cls()


class Lock(NamedTuple):
    """Whether it is locked, and what moves it. `idle_ms`: 0 means never by itself."""

    idle_ms: int
    used_ms: int
    locked: bool = False

    def used(self, now_ms: int) -> Lock:
        """Somebody read or wrote a record."""
        return self if self.locked else self._replace(used_ms=now_ms)

    def at(self, now_ms: int) -> Lock:
        """What it has become by itself."""
        if self.locked or not self.idle_ms:
            return self
        if now_ms < self.used_ms:  # the clock was set back: count from now
            return self._replace(used_ms=now_ms)
        return self._replace(locked=now_ms - self.used_ms >= self.idle_ms)

    def lock(self) -> Lock:
        """Locked from now on."""
        return self._replace(locked=True)

    def unlock(self, now_ms: int) -> Lock:
        """Unlocked: the secret was right."""
        return self._replace(locked=False, used_ms=now_ms)


def is_pin(text: str) -> bool:
    """Whether this may be a PIN: digits, not all the same, not a run such as 1234."""
    if not (text.isascii() and text.isdigit() and PIN_DIGITS_MIN <= len(text) <= PIN_DIGITS_MAX):
        return False
    steps = {int(b) - int(a) for a, b in itertools.pairwise(text)}
    return steps not in ({0}, {1}, {-1})
