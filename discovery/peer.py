"""One peer: the frozen `Peer` that readers get, and the record behind it with its dialling state.

    waiting ──due──▶ dialling ──handshake──▶ connected
       ▲                │                        │
       └──── failed ────┘◀───── disconnected ────┘

`PeerTable` alone changes records. Time and entropy are arguments; times are seconds on the
caller's clock, delays grow by doubling and are jittered over their upper half, so that two nodes
that lost each other do not call in step. What many see at once (a node that comes back) is spread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from conflict.identity import NodeId
from discovery.address import Address
from discovery.limits import PeerLimits

_DOUBLINGS_MAX = 16
_AT_ONCE = float("-inf")
_NEVER = float("inf")
NO_OUTCOME = "no-outcome"
"""Cause of a dial of which nothing more was reported."""


class PeerState(StrEnum):
    """Where a peer stands between two dials."""

    WAITING = "waiting"
    DIALLING = "dialling"
    CONNECTED = "connected"


@dataclass(frozen=True, slots=True)
class Peer:
    """A node that could be or is talked to, as known at one moment."""

    node: NodeId | None
    """None: only an address is configured and nobody has answered there yet."""
    addresses: tuple[Address, ...]
    """Most recently seen first, no repeats. Empty: the node called us and told no address."""
    sources: tuple[str, ...]
    """Who vouches for it now: `mdns`, `static`, both or neither."""
    last_seen: float | None
    """When it last gave a sign of life (advert, handshake, end of a connection)."""
    state: PeerState
    failures: int
    """Dials without success since the last one that counted."""
    cause: str | None
    """Why the last dial or connection ended."""


@dataclass(slots=True)
class PeerRecord:
    """Mutable state of one peer."""

    node: NodeId | None
    addresses: list[Address] = field(default_factory=list)
    configured: list[Address] = field(default_factory=list)
    heard: bool = False
    last_seen: float | None = None
    state: PeerState = PeerState.WAITING
    failures: int = 0
    cause: str | None = None
    dial_at: float = _AT_ONCE
    dialled_at: float = float("-inf")
    connected_at: float = 0.0
    unvouched_at: float = 0.0

    def snapshot(self) -> Peer:
        """The record as a value."""
        return Peer(
            node=self.node,
            addresses=tuple(self.addresses),
            sources=self.sources(),
            last_seen=self.last_seen,
            state=self.state,
            failures=self.failures,
            cause=self.cause,
        )

    def sources(self) -> tuple[str, ...]:
        """Sorted names of those that vouch for this peer."""
        return ("mdns",) * self.heard + ("static",) * bool(self.configured)

    def vouched(self) -> bool:
        """Somebody says that the peer is there, or it is connected."""
        return self.heard or bool(self.configured) or self.state is PeerState.CONNECTED

    def evictable(self) -> bool:
        """Nothing but adverts speaks for it, and it is not connected."""
        return not self.configured and self.state is not PeerState.CONNECTED

    def worth(self) -> tuple[bool, bool, float]:
        """Order of eviction: first what is not heard any more, then what was heard longest ago."""
        seen = self.last_seen if self.last_seen is not None else float("-inf")
        return (self.heard, self.state is PeerState.DIALLING, seen)

    # -- what is seen ---------------------------------------------------------------------------

    def hear(
        self, addresses: tuple[Address, ...], now: float, spread_s: float, limits: PeerLimits
    ) -> None:
        """An advert arrived. One that tells something new makes a waiting peer due soon.

        `spread_s`: how much later, so that not all that heard it dial at once.
        """
        silence = now - self.last_seen if self.last_seen is not None else limits.fresh_after_s
        moved = any(address not in self.addresses for address in addresses)
        anew = not self.heard or moved or silence >= limits.fresh_after_s
        self.heard = True
        self.last_seen = now
        self._keep(addresses)
        if anew and self.state is not PeerState.CONNECTED:
            self.failures = 0
        if anew and self.state is PeerState.WAITING:
            # never sooner than the shortest delay after the last dial: adverts can be forged
            soon = max(now, self.dialled_at + limits.retry_delay_s_min) + spread_s
            self.dial_at = soon if self.dial_at == _AT_ONCE else min(self.dial_at, soon)

    def miss(self, now: float, entropy: float, limits: PeerLimits) -> None:
        """A goodbye or silence. Multicast may have failed alone: dialling goes on, slowly."""
        self.heard = False
        if self.vouched():
            return
        self.unvouched_at = now
        self.failures = max(self.failures, _DOUBLINGS_MAX)
        if self.state is PeerState.WAITING:
            self.dial_at = max(self.dial_at, now + self._delay_s(entropy, limits))

    def answer(self, address: Address, now: float) -> None:
        """The node proved to be at `address`: dial there first next time."""
        self.addresses = [address, *(known for known in self.addresses if known != address)]
        self.last_seen = now
        self.unvouched_at = now

    def configure(self, address: Address) -> None:
        """A configured address is this peer's; it is dialled last until it proves itself."""
        self.configured.append(address)
        self.addresses = list(dict.fromkeys((*self.addresses, address)))

    def release(self, address: Address, now: float) -> None:
        """A configured address turned out to be another node's."""
        self.configured.remove(address)
        self.addresses.remove(address)
        self.unvouched_at = now

    def _keep(self, addresses: Iterable[Address]) -> None:
        self.addresses = list(
            dict.fromkeys((*addresses, *(a for a in self.addresses if a in self.configured)))
        )

    # -- dialling -------------------------------------------------------------------------------

    def waits_until(self) -> float | None:
        """When a dial is due, None if there is nothing to dial."""
        if self.state is PeerState.CONNECTED or not self.addresses or self.dial_at == _NEVER:
            return None
        return self.dial_at

    def dial(self, now: float, limits: PeerLimits) -> None:
        """A dial starts; it reports within `dial_s_max` or counts as failed."""
        if self.state is PeerState.DIALLING:
            self.failures += 1
            self.cause = NO_OUTCOME
        self.state = PeerState.DIALLING
        self.dialled_at = now
        self.dial_at = now + limits.dial_s_max

    def fail(self, cause: str, now: float, entropy: float, limits: PeerLimits) -> None:
        """The dial ended without a connection."""
        self.state = PeerState.WAITING
        self.cause = cause
        self.dial_at = now + self._delay_s(entropy, limits)
        self.failures += 1

    def defer(self, cause: str, until: float) -> None:
        """No dial was made, and none is wanted before `until` unless something new is heard."""
        self.state = PeerState.WAITING
        self.cause = cause
        self.dial_at = until

    def take_over(self, other: PeerRecord) -> None:
        """`other` turned out to be this node: the dial that found out goes on here."""
        if other.state is PeerState.DIALLING and self.state is PeerState.WAITING:
            self.state = other.state
            self.dial_at = other.dial_at
            self.dialled_at = other.dialled_at

    def connect(self, now: float) -> None:
        """A connection stands."""
        self.state = PeerState.CONNECTED
        self.cause = None
        self.connected_at = now
        self.last_seen = now

    def disconnect(self, cause: str, now: float, entropy: float, limits: PeerLimits) -> None:
        """The connection ended; one that had settled starts the back-off afresh."""
        settled = now - self.connected_at >= limits.settled_s_min
        if settled:
            self.failures = 0
        self.fail(cause, now, entropy, limits)
        if settled:
            spread_s = entropy * limits.reconnect_spread_s
            self.dial_at = now + limits.retry_delay_s_min / 2 + spread_s
        self.last_seen = now
        self.unvouched_at = now

    def _delay_s(self, entropy: float, limits: PeerLimits) -> float:
        doubled = limits.retry_delay_s_min * 2.0 ** min(self.failures, _DOUBLINGS_MAX)
        return min(limits.retry_delay_s_max, doubled) * (0.5 + entropy / 2)
