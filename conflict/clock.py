"""The hybrid logical clock that stamps record time (`rec`). It reads no clock: `now` is fed in.

After Kulkarni et al. 2014, "Logical physical clocks". A remote stamp more than five minutes ahead
is kept as its author wrote it but does not advance ours, so one node in 2099 moves nobody.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from conflict.errors import BadTime

REMOTE_AHEAD_MS_MAX = 5 * 60 * 1000
COUNTER_MAX = 999_999_999


class Stamp(NamedTuple):
    """Milliseconds since 1970 (UTC) and a counter that orders stamps of one millisecond."""

    ms: int
    counter: int

    def text(self) -> str:
        """`1795401431123.4`: sorts as (ms, counter), not as text."""
        return f"{self.ms}.{self.counter}"


ZERO = Stamp(0, 0)
_STAMP = re.compile(r"([0-9]{1,15})\.([0-9]{1,9})")


def parse_stamp(text: str) -> Stamp:
    """Inverse of `Stamp.text`. Raises `BadTime`."""
    found = _STAMP.fullmatch(text)
    if found is None:
        raise BadTime("a record stamp reads <milliseconds>.<count>, at most 15 and 9 digits")
    ms, counter = found.groups()
    return Stamp(int(ms), int(counter))


class HybridClock:
    """One node's record clock. `last` survives restarts through the store."""

    def __init__(self, last: Stamp = ZERO) -> None:
        self.last = last

    def tick(self, now_ms: int) -> Stamp:
        """Stamp for a new local statement: later than every stamp given or accepted so far."""
        if now_ms > self.last.ms:
            self.last = Stamp(now_ms, 0)
        elif self.last.counter >= COUNTER_MAX:  # a peer's stamp may stand at the end of its digits
            self.last = Stamp(self.last.ms + 1, 0)
        else:
            self.last = Stamp(self.last.ms, self.last.counter + 1)
        return self.last

    def observe(self, remote: Stamp, now_ms: int) -> bool:
        """Take note of a peer's stamp. False: too far ahead, marked and not followed."""
        if remote.ms > now_ms + REMOTE_AHEAD_MS_MAX:
            return False
        self.last = max(self.last, remote)
        return True
