"""When a link of known rate is free for the next frame, so that none waits in front of a modem.

What waits there cannot be overtaken any more, and acknowledgements that wait there come in bunches,
which leaves a fifth of a link unused that is busy both ways (Zhang, Shenker, Clark, SIGCOMM 1991).
"""

from __future__ import annotations

FRAME_HEAD_BYTES = 30
"""WebSocket: two to four bytes, and four of mask from who dialled; a record of TLS 1.3: 22."""
LATE_S = 0.02
"""A driver may wake up so late and still catch up; more would be a burst."""


class Pace:
    """Of frames one after the other, at `rate_bits_s`; 0: not known, never wait."""

    def __init__(self, rate_bits_s: float = 0.0) -> None:
        self._s_per_byte = 8 / rate_bits_s if rate_bits_s else 0.0
        self._free = float("-inf")

    def sent(self, size: int, now: float) -> float:
        """A frame of `size` bytes goes at `now`, seconds; the next one may go at the time returned."""
        taken_s = (size + FRAME_HEAD_BYTES) * self._s_per_byte
        self._free = max(self._free, now - LATE_S) + taken_s
        return max(self._free, now)
