"""What each peer's link is allowed: whether it may be called or answered, what it may still cost today.

Bytes are those of frames, both ways, in a UTC day; headers of TCP and IP (about 40 B a packet) are not
seen here, so a metered link is given a little less than is paid for. Pure but for the acquaintances
that it keeps up to date.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from conflict.identity import NodeId
from conflict.statement import Json
from node.acquaintance import Acquaintance
from sync.link_profile import LinkKind, LinkProfile

MANUAL = "manual"
SILENT = "silent"
BUDGET_SPENT = "budget-spent"
BUDGET_LOW = "budget-low"
"""Ends a link that goes on, sparing, as soon as one side calls again."""


_SILENCE = LinkProfile(kind=LinkKind.SILENT)


def day_of(now_ms: int) -> str:
    """UTC day of a wall-clock time, `2026-11-23`."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%d")


def day_ends_in_s(now_ms: int) -> float:
    """From a wall-clock time to the next UTC midnight."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - now).total_seconds()


class Allowances:
    """`profiles` by node, `default` for all others; a silent default silences the whole node."""

    def __init__(
        self,
        profiles: Mapping[NodeId, LinkProfile],
        default: LinkProfile,
        acquaintances: Mapping[NodeId, Acquaintance],
    ) -> None:
        self._profiles = dict(profiles)
        self._default = default
        self._acquaintances = acquaintances
        self.silenced = False
        """At a person's word, whatever is configured."""

    @property
    def silent(self) -> bool:
        """This node opens no socket to anybody."""
        return self.silenced or self._default.kind is LinkKind.SILENT

    def profile_of(self, node: NodeId | None) -> LinkProfile:
        """Profile of the link to a peer; None: a peer that is not known yet, so the default."""
        if self.silent:
            return _SILENCE
        if node is None:
            return self._default
        return self._profiles.get(node, self._default)

    def slowest(self) -> LinkProfile:
        """Profile to greet a caller with: the one that leaves it the most time to say who it is."""
        return max([self._default, *self._profiles.values()], key=lambda one: one.handshake_s_max)

    # What a day costs -----------------------------------------------------------------------

    def charge(self, node: NodeId, size: int, now_ms: int) -> None:
        """`size` bytes went to or came from this peer."""
        if (one := self._acquaintances.get(node)) is not None:
            one.spent_bytes = self._spent(one, now_ms) + size
            one.spent_day = day_of(now_ms)

    def left_bytes(self, node: NodeId, now_ms: int) -> int | None:
        """What the rest of the day may cost; None: without end."""
        daily = self.profile_of(node).daily_bytes
        one = self._acquaintances.get(node)
        if not daily:
            return None
        return max(0, daily - (self._spent(one, now_ms) if one else 0))

    def spent(self, node: NodeId, now_ms: int) -> bool:
        """Today's budget is used up."""
        return self.left_bytes(node, now_ms) == 0

    def sparing(self, node: NodeId, now_ms: int) -> bool:
        """What is left of today is kept for what is urgent."""
        left = self.left_bytes(node, now_ms)
        return left is not None and left <= self.profile_of(node).reserve_bytes

    @staticmethod
    def _spent(one: Acquaintance, now_ms: int) -> int:
        return one.spent_bytes if one.spent_day == day_of(now_ms) else 0

    # Who may be called, who is answered -----------------------------------------------------

    def halt(self, node: NodeId, code: str, now_ms: int) -> None:
        """The peer ended the link with this code: not called again today without being asked."""
        if (one := self._acquaintances.get(node)) is not None:
            one.halted_day, one.halted_code = day_of(now_ms), code

    def resume(self, node: NodeId) -> None:
        """The peer talks to us after all."""
        if (one := self._acquaintances.get(node)) is not None:
            one.halted_day = one.halted_code = ""

    def bars_dial(self, node: NodeId, now_ms: int) -> str:
        """Why this peer is not called unless a person asks, as a code; empty: it may be."""
        profile = self.profile_of(node)
        if not profile.dialled:
            return profile.kind.value
        return BUDGET_SPENT if self.spent(node, now_ms) else self._halted(node, now_ms)

    def stopped(self, node: NodeId, now_ms: int) -> str:
        """What keeps this peer from us that a person may want to change; empty: nothing."""
        cause = self.bars_dial(node, now_ms)
        return "" if cause == MANUAL else cause

    def _halted(self, node: NodeId, now_ms: int) -> str:
        one = self._acquaintances.get(node)
        return one.halted_code if one and one.halted_day == day_of(now_ms) else ""

    def body(self, node: NodeId | None, now_ms: int) -> dict[str, Json]:
        """JSON form of a peer's link: kind, figures (0: not given), and what is left of the day."""
        profile = self.profile_of(node)
        return {
            "kind": profile.kind.value,
            "rate_bits_s": profile.rate_bits_s,
            "rtt_s": profile.rtt_s,
            "daily_bytes": profile.daily_bytes,
            "left_bytes": self.left_bytes(node, now_ms) if node is not None else None,
        }
