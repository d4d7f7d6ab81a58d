"""What a link is like: its figures with their limits, and the links that people meet in the field.

Plain data. `node/sim/shaping.py` makes bytes behave so; a figure nobody has measured is named as
assumed beside the profile that needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from node.errors import BadRequest

THIN_SEGMENT_BYTES = 256
"""Below 100 kbit/s: 1,200 bytes would hold a 9,600 bit/s link for a second."""
SEGMENT_BYTES = 1_200
FAST_SEGMENT_BYTES = 16_384
"""From 20 Mbit/s: a kernel hands a fast card runs of segments, and Python could not do less."""

RETRY_SLACK_S = 0.2
"""RFC 6298 §2 waits the round trip and its variance; Linux counts no variance below 200 ms."""
RETRY_S_MAX = 60.0
"""RFC 6298 §2.5: a limit on the timeout may not be below 60 s."""
BUFFER_S = 0.03
"""So late a driver may wake up to feed before the link runs dry."""
WINDOW_BYTES_MAX = 64 << 20


class _Limit(NamedTuple):
    """Bounds of a field as people give it: `scale` times the field's own unit."""

    option: str
    low: float
    high: float
    unit: str
    scale: float = 1


_LIMITS = {
    "rate_bits_s": _Limit("rate", 100, 1_000_000_000, "bit/s"),
    "rtt_s": _Limit("rtt", 0, 60, "s"),
    "jitter_s": _Limit("jitter", 0, 60, "s"),
    "loss": _Limit("loss", 0, 90, "%", 100),
    "stall_s": _Limit("stall", 0, 86_400, "s"),
    "every_s": _Limit("every", 0, 604_800, "s"),
    "budget_bytes": _Limit("budget", 0, 1_000_000_000_000, "B"),
    "segment_bytes": _Limit("segment", 64, 65_536, "B"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkShape:
    """A link, the same both ways. Raises `BadRequest` that names field, limit and what was given.

    `rate_bits_s` carries the bytes of the connections (headers are not counted); `rtt_s` there and
    back without waiting; `jitter_s` up to so much more each way; `loss` share of segments lost, of
    1; every `every_s` seconds the link is silent for `stall_s` (0: never); `budget_bytes` a day,
    both ways together (0: without end).
    """

    rate_bits_s: float
    rtt_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    stall_s: float = 0.0
    every_s: float = 0.0
    budget_bytes: int = 0
    segment_bytes: int = SEGMENT_BYTES

    def __post_init__(self) -> None:
        for field, limit in _LIMITS.items():
            _check(limit, getattr(self, field))
        if self.stall_s and self.every_s <= self.stall_s:
            raise BadRequest(
                f"every: {self.every_s:,g} s was given; it must be longer than the stall, "
                f"{self.stall_s:,g} s"
            )
        if self.budget_bytes and self.budget_bytes < self.segment_bytes:
            raise BadRequest(
                f"budget: {self.budget_bytes:,} B was given; it must hold one segment, "
                f"{self.segment_bytes:,} B, or be 0 for none"
            )

    @property
    def delay_s(self) -> float:
        """One way."""
        return self.rtt_s / 2

    @property
    def window_bytes(self) -> int:
        """What a connection may have on its way unacknowledged: rate × round trip + a little.

        The little is two segments, one being sent and one next, and 30 ms for a late driver.
        """
        lasting_s = self.rtt_s + self.jitter_s + BUFFER_S
        wanted = ceil(self.rate_bits_s * lasting_s / 8) + 2 * self.segment_bytes
        return min(wanted, WINDOW_BYTES_MAX)

    def air_s(self, size: int) -> float:
        """How long the link is taken by `size` bytes."""
        return size * 8 / self.rate_bits_s

    def retry_s(self, tries: int) -> float:
        """From a loss to the next try, doubled each time (RFC 6298 §5.5)."""
        first = self.rtt_s + self.jitter_s + RETRY_SLACK_S
        return float(min(first * 2 ** min(tries, 16), max(first, RETRY_S_MAX)))


def _check(limit: _Limit, value: float) -> None:
    given = value * limit.scale
    if not limit.low <= given <= limit.high:
        raise BadRequest(
            f"{limit.option}: {given:,g} {limit.unit} was given; "
            f"the limits are {limit.low:,g} to {limit.high:,.0f} {limit.unit}"
        )


def segment_for(rate_bits_s: float) -> int:
    """Segment size that suits a rate, bytes."""
    if rate_bits_s < 100_000:
        return THIN_SEGMENT_BYTES
    return SEGMENT_BYTES if rate_bits_s < 20_000_000 else FAST_SEGMENT_BYTES


class Profile(NamedTuple):
    """A named link: where its figures come from, and which of them nobody has measured."""

    shape: LinkShape
    source: str
    assumed: tuple[str, ...] = ()


_GEO = "geostationary, 36,000 km up: 600 ms; 1e-5 bit errors lose 2 % of 256 B segments"

PROFILES = {
    "satcom-9600": Profile(
        LinkShape(rate_bits_s=9_600, rtt_s=0.6, loss=0.02, segment_bytes=256), _GEO
    ),
    "satcom-64k": Profile(
        LinkShape(rate_bits_s=64_000, rtt_s=0.6, loss=0.02, segment_bytes=256), _GEO
    ),
    "iridium": Profile(
        LinkShape(rate_bits_s=352_000, rtt_s=0.6, loss=0.02, stall_s=70, every_s=600),
        "Certus as specified, 352 kbit/s (reached in 45 % of tests), silent for up to 70 s: "
        "FFI report 20/01338",
        assumed=("rtt", "loss", "every"),
    ),
    "lan": Profile(
        LinkShape(rate_bits_s=100_000_000, rtt_s=0.001, segment_bytes=FAST_SEGMENT_BYTES),
        "switched Ethernet, 100 Mbit/s",
    ),
}
