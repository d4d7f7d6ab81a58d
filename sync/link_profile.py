"""What a link can carry, and the figures of a session that follow from it. Pure values.

A link is described by people (`[[peers]] link, rate, rtt, daily`); nothing here is measured. Each
figure has its reason beside it, so that a wrong one can be argued with.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from sync import limits
from sync.errors import SyncError

LAN_FRAME_BYTES = 256 * 1024
LAN_CREDIT_BYTES = 1 << 20
LAN_PUSH_BYTES = 128 * 1024
"""One bandwidth-delay product of 1 Gbit/s × 1 ms."""

FRAME_S = 0.2
"""A frame in service cannot be pre-empted: what is urgent waits so long for it at most."""
THIN_FRAME_BYTES_MIN = 256
"""Below, heads and signatures (64 B) would be most of what is sent."""
RAW_PER_PACKED = 5
"""Raw changes pack about 6:1 (5:1 when few); so much raw content fills one frame."""
HANDSHAKE_BYTES = 8_000
"""HTTP upgrade, TLS with both chains (2 to 5 kB), HELLO, PROOF, both ways and rounded up."""
HANDSHAKE_TRIPS = 6
"""TCP, TLS, upgrade, HELLO, PROOF, and one that was lost."""
LAN_CONNECT_S_MAX = 10.0
TCP_REPEATS_S = 30.0
"""Lost packets of a connection that opens are said again after 1, 3, 7, 15 s, then, of the upgrade, 3
and 9 s later (RFC 6298): on a link that loses one in fifty, enough but once in millions."""
CHECK_BYTES = 128
CHECK_SHARE = 0.02
"""Of the link's time, for proving equality again after live changes."""
CHECK_DELAY_S_MAX = 60.0
RECEIPT_BYTES = 80
RECEIPT_SHARE = 0.05
"""Of the link's way back, for receipts."""
RESERVE_SHARE = 0.1
"""Of a daily budget, kept for what is urgent."""


class BadLinkProfile(SyncError, ValueError):
    """A link that cannot be: the message names field, limits and what was given."""

    code = "bad-link-profile"
    retryable = False


class LinkKind(StrEnum):
    """How a link is used; the words of the configuration."""

    LAN = "lan"
    """Dialled and answered whenever there is somebody; fast enough for every default."""
    SATCOM = "satcom"
    """Dialled and answered likewise; thin, perhaps with a daily budget."""
    MANUAL = "manual"
    """Opened only when a person asks; the peer's calls are answered: a person asked there."""
    SILENT = "silent"
    """Never dialled, never answered."""


class _Limit(NamedTuple):
    name: str
    low: float
    high: float
    unit: str


_LIMITS = {
    "rate_bits_s": _Limit("rate", 100, 1_000_000_000, "bit/s"),
    "rtt_s": _Limit("rtt", 0, 60, "s"),
    "daily_bytes": _Limit("daily", 10_000, 1_000_000_000_000, "B"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkProfile:
    """One link, the same both ways. Raises `BadLinkProfile`.

    `rate_bits_s` 0: not described, so as fast as a LAN. `rtt_s` there and back without waiting.
    `daily_bytes` of a UTC day, both ways together; 0: without end.
    """

    kind: LinkKind
    rate_bits_s: float = 0.0
    rtt_s: float = 0.0
    daily_bytes: int = 0

    def __post_init__(self) -> None:
        for field, limit in _LIMITS.items():
            _check(limit, getattr(self, field))
        if self.kind is LinkKind.SATCOM and not self.rate_bits_s:
            raise BadLinkProfile('rate: none was given; a satcom link needs it, as "9600" or "64k"')
        if self.kind in {LinkKind.LAN, LinkKind.SILENT}:
            for field, limit in _LIMITS.items():
                if getattr(self, field):
                    raise BadLinkProfile(
                        f"{limit.name}: was given for a {self.kind} link, which has none; "
                        "describe it as satcom or manual, or leave this out"
                    )
        if self.rtt_s and not self.rate_bits_s:
            raise BadLinkProfile("rtt: was given without rate; give both or none")

    @classmethod
    def lan(cls) -> LinkProfile:
        """A local network."""
        return cls(kind=LinkKind.LAN)

    @classmethod
    def granted(cls, frame_bytes_max: int, credit_bytes: int) -> LinkProfile:
        """What a peer that described the link must have said, from the figures that follow from it."""
        if frame_bytes_max >= LAN_FRAME_BYTES:
            return cls.lan()
        low, high = _LIMITS["rate_bits_s"].low, _LIMITS["rate_bits_s"].high
        rate = min(max(frame_bytes_max * 8 / FRAME_S, low), high)
        trip_bytes = max(0, credit_bytes - 4 * frame_bytes_max)
        rtt_s = min(trip_bytes * 8 / rate, _LIMITS["rtt_s"].high)
        return cls(kind=LinkKind.SATCOM, rate_bits_s=rate, rtt_s=rtt_s)

    @property
    def thin(self) -> bool:
        """Its rate is described: bytes and round trips are worth saving."""
        return bool(self.rate_bits_s)

    @property
    def dialled(self) -> bool:
        """Links are opened without being asked."""
        return self.kind in {LinkKind.LAN, LinkKind.SATCOM}

    @property
    def answered(self) -> bool:
        """The peer's own calls are accepted."""
        return self.kind is not LinkKind.SILENT

    @property
    def trip_bytes(self) -> int:
        """Bandwidth-delay product: what the link carries in one round trip."""
        return ceil(self.rate_bits_s * self.rtt_s / 8)

    @property
    def frame_bytes_max(self) -> int:
        """Largest frame on the wire: what is urgent overtakes between frames, not within one."""
        if not self.thin:
            return LAN_FRAME_BYTES
        wanted = int(self.rate_bits_s * FRAME_S / 8)
        return min(max(wanted, THIN_FRAME_BYTES_MIN), limits.FRAME_BYTES_MAX)

    @property
    def credit_bytes(self) -> int:
        """What may be on the wire and not yet acknowledged by the receiver.

        One round trip of bytes keeps the link full; four frames are for acknowledgements, which come
        a quarter of the credit late and wait behind a frame of the other direction. Measured both
        ways busy at 9,600 bit/s and 600 ms: one frame uses 72 % of the link, two 76 %, four all.
        """
        if not self.thin:
            return LAN_CREDIT_BYTES
        return self.trip_bytes + 4 * self.frame_bytes_max

    @property
    def content_raw_bytes(self) -> int:
        """Raw changes aimed at per CONTENT message: packed, about one frame."""
        if not self.thin:
            return limits.CONTENT_RAW_BYTES
        return min(RAW_PER_PACKED * self.frame_bytes_max, limits.CONTENT_RAW_BYTES)

    @property
    def window_bytes(self) -> int:
        """Raw content sent and not yet receipted.

        Receipts come after commit, a little later than acknowledgements: twice what the credit
        holds when unpacked, and never less than four messages.
        """
        if not self.thin:
            return limits.WINDOW_BYTES
        wanted = max(2 * RAW_PER_PACKED * self.credit_bytes, 4 * self.content_raw_bytes)
        return min(wanted, limits.WINDOW_BYTES)

    @property
    def push_bytes_max(self) -> int:
        """Urgent content pushed in the first flight, before anything is compared.

        One bandwidth-delay product: it arrives while the answer to HELLO is on its way, so it
        costs no time; on a very short link one frame.
        """
        return max(self.trip_bytes, self.frame_bytes_max) if self.thin else LAN_PUSH_BYTES

    @property
    def connect_s_max(self) -> float:
        """From dialling to an open connection: TCP's and the upgrade's."""
        return (TCP_REPEATS_S if self.thin else LAN_CONNECT_S_MAX) + self._opening_s

    @property
    def handshake_s_max(self) -> float:
        """From connection to proof."""
        return limits.HANDSHAKE_S_MAX + self._opening_s

    @property
    def _opening_s(self) -> float:
        """What a thin link itself needs to carry all that is said before a proof."""
        if not self.thin:
            return 0.0
        return HANDSHAKE_TRIPS * self.rtt_s + HANDSHAKE_BYTES * 8 / self.rate_bits_s

    @property
    def stall_s_max(self) -> float:
        """Silence while something is expected: Iridium goes on after 70 s (FFI 20/01338)."""
        return limits.STALL_S_MAX

    @property
    def check_delay_s(self) -> float:
        """From the last live change to the next proof of equality: a bounded share of the link."""
        if not self.thin:
            return limits.CHECK_DELAY_S
        wanted = max(CHECK_BYTES * 8 / self.rate_bits_s / CHECK_SHARE, 4 * self.rtt_s)
        return min(max(wanted, limits.CHECK_DELAY_S), CHECK_DELAY_S_MAX)

    @property
    def receipt_delay_s(self) -> float:
        """A receipt waits so long for others to share its signature; on a LAN for nothing."""
        if not self.thin:
            return 0.0
        return max(RECEIPT_BYTES * 8 / self.rate_bits_s / RECEIPT_SHARE, self.rtt_s)

    @property
    def reserve_bytes(self) -> int:
        """Part of the daily budget that routine traffic may not touch; 0 without a budget."""
        return int(self.daily_bytes * RESERVE_SHARE)


def _check(limit: _Limit, given: float) -> None:
    if given and not limit.low <= given <= limit.high:  # nan is within no limits
        raise BadLinkProfile(
            f"{limit.name}: {given:,g} {limit.unit} was given; "
            f"the limits are {limit.low:,.0f} to {limit.high:,.0f} {limit.unit}, or leave it out"
        )
