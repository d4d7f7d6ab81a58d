"""Who there is to talk to: what mDNS heard and what an operator configured, one peer per node.

Everything said here about a node is a hint until a handshake proves it, so an advert never takes
over an address that somebody configured: such an address belongs to nobody (`node` None), to the
node it is pinned to, or to the node that last proved to answer there (`learned`).

Pure: `now` is seconds on the caller's clock, entropy a supplied function, results frozen values in
an order that depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from conflict.identity import NodeId
from discovery.address import Address
from discovery.advert import Advert
from discovery.errors import TooManyPeers
from discovery.limits import PeerLimits
from discovery.peer import Peer, PeerRecord, PeerState

OWN_ADDRESS = "own-address"
"""Cause of a dial of a configured address where this node itself answered."""


class PeerTable:
    """Peers of the node `own`, which is never among them.

    `entropy` returns floats in [0, 1); it is asked once for each delay. Methods that may have to
    make room return whether the peer is in the table.
    """

    def __init__(
        self, own: NodeId, entropy: Callable[[], float], limits: PeerLimits | None = None
    ) -> None:
        self._own = own
        self._entropy = entropy
        self._limits = limits or PeerLimits()
        self._named: dict[NodeId, PeerRecord] = {}
        self._unnamed: dict[Address, PeerRecord] = {}
        self._pins: dict[Address, NodeId] = {}

    # -- events ---------------------------------------------------------------------------------

    def static(self, address: Address, node: NodeId | None = None) -> None:
        """An operator configured `address`, perhaps pinned to `node`. Raises `TooManyPeers`."""
        if node == self._own:
            return
        if node is not None:
            placed = self._assign(address, node, float("-inf"))
        else:
            placed = self._holder(address) is not None or self._add_unnamed(address)
        if placed and node is not None:
            self._pins[address] = node
        if not placed:
            raise TooManyPeers(
                f"{address} does not fit: the table holds {self._limits.peers_max} peers that are"
                " configured or connected. Remove configured peers that are not needed"
            )

    def seen(self, advert: Advert, now: float) -> bool:
        """mDNS heard `advert`, for the first time or again."""
        if advert.node == self._own:
            return False
        record = self._named.get(advert.node) or self._add_named(advert.node)
        if record is not None:
            others = len(self._named) + len(self._unnamed) - 1
            spread_s = min(others * self._limits.heard_spread_s, self._limits.reconnect_spread_s)
            record.hear(advert.addresses, now, self._entropy() * spread_s, self._limits)
        return record is not None

    def lost(self, node: NodeId, now: float) -> None:
        """mDNS heard a goodbye of `node`, or nothing for too long."""
        record = self._named.get(node)
        if record is not None and record.heard:
            record.miss(now, self._entropy(), self._limits)

    def learned(self, address: Address, node: NodeId, now: float) -> bool:
        """A handshake at `address`, which we dialled, proved that `node` answers there.

        A pinned address stays with its node; that another one answers is the dialler's finding.
        """
        if self._pins.get(address, node) != node:
            return False
        if node == self._own:
            self._found_own(address, now)
            return False
        if self._holder(address) is not None:
            self._assign(address, node, now)
        record = self._named.get(node) or self._add_named(node)
        if record is not None:
            record.answer(address, now)
        return record is not None

    def connected(self, node: NodeId, now: float) -> bool:
        """The one session with `node` stands, whoever called."""
        if node == self._own:
            return False
        record = self._named.get(node) or self._add_named(node)
        if record is not None:
            record.connect(now)
        return record is not None

    def disconnected(self, node: NodeId, cause: str, now: float) -> None:
        """The one session with `node` ended; `cause` is a stable code."""
        record = self._named.get(node)
        if record is not None and record.state is PeerState.CONNECTED:
            record.disconnect(cause, now, self._entropy(), self._limits)

    def failed(self, peer: Peer, cause: str, now: float) -> None:
        """The dial of `peer` (a value from `due`) made no session; `cause` is a stable code."""
        record = self._find(peer)
        if record is not None and record.state is PeerState.DIALLING:
            record.fail(cause, now, self._entropy(), self._limits)

    def defer(self, peer: Peer, cause: str, until: float) -> None:
        """`peer` (a value from `due`) is not dialled, and not before `until` (inf: never).

        An advert that tells something new makes it due again; then it can be deferred again.
        """
        record = self._find(peer)
        if record is not None and record.state is PeerState.DIALLING:
            record.defer(cause, until)

    # -- questions ------------------------------------------------------------------------------

    def peers(self) -> tuple[Peer, ...]:
        """All peers: by node id, then those without one by address."""
        return tuple(record.snapshot() for record in self._records())

    def due(self, now: float) -> tuple[Peer, ...]:
        """Peers to dial now, longest overdue first. They count as being dialled from here on."""
        self._forget(now)
        ready = [(at, record) for at, record in self._waiting() if at <= now]
        ready.sort(key=lambda pair: pair[0])
        for _, record in ready:
            record.dial(now, self._limits)
        return tuple(record.snapshot() for _, record in ready)

    def next_deadline(self) -> float | None:
        """When `due` should be asked again, None if only an event can change anything."""
        dials = [at for at, _ in self._waiting()]
        ends = [self._forgotten_at(record) for record in self._records() if not record.vouched()]
        return min(dials + ends, default=None)

    # -- the records ----------------------------------------------------------------------------

    def _records(self) -> Iterator[PeerRecord]:
        for node in sorted(self._named):
            yield self._named[node]
        for address in sorted(self._unnamed):
            yield self._unnamed[address]

    def _waiting(self) -> Iterator[tuple[float, PeerRecord]]:
        for record in self._records():
            at = record.waits_until()
            if at is not None:
                yield at, record

    def _find(self, peer: Peer) -> PeerRecord | None:
        if peer.node is not None:
            return self._named.get(peer.node)
        # the address may have found its owner while the dial was under way
        return self._holder(peer.addresses[0])

    def _holder(self, address: Address) -> PeerRecord | None:
        """The record that a configured address belongs to."""
        if address in self._unnamed:
            return self._unnamed[address]
        return next((r for r in self._named.values() if address in r.configured), None)

    def _add_named(self, node: NodeId) -> PeerRecord | None:
        if not self._make_room():
            return None
        record = self._named[node] = PeerRecord(node)
        return record

    def _add_unnamed(self, address: Address) -> bool:
        if not self._make_room():
            return False
        self._unnamed[address] = PeerRecord(None, [address], [address])
        return True

    def _make_room(self) -> bool:
        if len(self._named) + len(self._unnamed) < self._limits.peers_max:
            return True
        victim = min(
            (record for record in self._records() if record.evictable()),
            key=PeerRecord.worth,
            default=None,
        )
        if victim is not None and victim.node is not None:
            del self._named[victim.node]
        return victim is not None

    def _forget(self, now: float) -> None:
        for record in list(self._records()):
            gone = not record.vouched() and now >= self._forgotten_at(record)
            if gone and record.node is not None:
                del self._named[record.node]

    def _forgotten_at(self, record: PeerRecord) -> float:
        return record.unvouched_at + self._limits.lost_keep_s

    # -- whose address it is --------------------------------------------------------------------

    def _assign(self, address: Address, node: NodeId, now: float) -> bool:
        """Give a configured address to `node`, taking it from whoever had it."""
        former = self._holder(address)
        if former is not None and former.node == node:
            return True
        target = self._named.get(node)
        if target is None and former is not None and former.node is None:
            # the record itself gets its name, and keeps the dial that is under way
            del self._unnamed[address]
            former.node = node
            self._named[node] = former
            return True
        target = target or self._add_named(node)
        if target is None:
            return False
        if former is not None and former.node is not None:
            former.release(address, now)
        elif former is not None:
            del self._unnamed[address]
            target.take_over(former)
        target.configure(address)
        return True

    def _found_own(self, address: Address, now: float) -> None:
        """We answer at this configured address ourselves: try it again, but seldom."""
        former = self._holder(address)
        if former is not None and former.node is not None:
            former.release(address, now)  # we moved to where that node was
            if not self._add_unnamed(address):
                former.configure(address)  # no room: better under a wrong name than forgotten
        record = self._unnamed.get(address)
        if record is not None:
            record.fail(OWN_ADDRESS, now, self._entropy(), self._limits)
            record.dial_at = now + self._limits.own_address_retry_s
