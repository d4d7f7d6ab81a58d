"""The peer table under any sequence of events: what must always hold, and that it is repeatable."""

from __future__ import annotations

import contextlib
import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from conflict.identity import NodeId
from discovery import Address, Advert, Peer, PeerLimits, PeerState, PeerTable, TooManyPeers

OWN = NodeId(b"\x00" * 16)
LIMITS = PeerLimits(peers_max=4, lost_keep_s=300.0)
nodes = st.sampled_from([NodeId(bytes([n]) * 16) for n in range(6)])  # 0 is our own
hosts = st.sampled_from([f"10.0.0.{n}" for n in range(1, 6)])
causes = st.sampled_from(["refused", "timeout"])


class Events(RuleBasedStateMachine):
    """Two tables get the same events; one is looked at between them, the other is not."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.table = PeerTable(OWN, random.Random(1).random, LIMITS)
        self.twin = PeerTable(OWN, random.Random(1).random, LIMITS)
        self.configured: set[Address] = set()
        self.connected: set[NodeId] = set()
        self.dials: list[Peer] = []

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(node=nodes, found=st.lists(hosts, min_size=1, max_size=3, unique=True))
    def seen(self, node: NodeId, found: list[str]) -> None:
        advert = Advert(node=node, port=8470, protocol=1, hosts=tuple(found))
        assert self.table.seen(advert, self.now) == self.twin.seen(advert, self.now)

    @rule(node=nodes)
    def lost(self, node: NodeId) -> None:
        self.table.lost(node, self.now)
        self.twin.lost(node, self.now)

    @rule(host=hosts, node=st.none() | nodes)
    def static(self, host: str, node: NodeId | None) -> None:
        address = Address(host, 8470)
        try:
            self.table.static(address, node)
        except TooManyPeers:
            assert len(self.table.peers()) == LIMITS.peers_max
        else:
            self.configured |= {address} if node != OWN else set()
        with contextlib.suppress(TooManyPeers):
            self.twin.static(address, node)

    @rule(host=hosts, node=nodes)
    def learned(self, host: str, node: NodeId) -> None:
        address = Address(host, 8470)
        kept = self.table.learned(address, node, self.now)
        assert kept == self.twin.learned(address, node, self.now)

    @rule(node=nodes)
    def connect(self, node: NodeId) -> None:
        if self.table.connected(node, self.now):
            self.connected.add(node)
        self.twin.connected(node, self.now)

    @rule(node=nodes, cause=causes)
    def disconnect(self, node: NodeId, cause: str) -> None:
        self.connected.discard(node)
        self.table.disconnected(node, cause, self.now)
        self.twin.disconnected(node, cause, self.now)

    @rule()
    def dial(self) -> None:
        due = self.table.due(self.now)
        assert due == self.twin.due(self.now)
        for peer in due:
            assert peer.addresses
            assert peer.state is PeerState.DIALLING
            assert peer.node not in self.connected
        deadline = self.table.next_deadline()
        assert deadline is None or deadline > self.now, "nothing is due twice"
        self.dials += due

    @rule(cause=causes)
    def fail(self, cause: str) -> None:
        for peer in self.dials:
            self.table.failed(peer, cause, self.now)
            self.twin.failed(peer, cause, self.now)
        self.dials.clear()
        deadline = self.table.next_deadline()
        assert deadline is None or deadline <= self.now + max(
            LIMITS.own_address_retry_s, LIMITS.lost_keep_s
        )

    @invariant()
    def each_node_is_one_peer_and_never_our_own(self) -> None:
        named = [peer.node for peer in self.table.peers() if peer.node is not None]
        assert len(set(named)) == len(named)
        assert OWN not in named

    @invariant()
    def the_table_is_bounded_and_in_order(self) -> None:
        peers = self.table.peers()
        assert len(peers) <= LIMITS.peers_max
        order = [(peer.node is None, peer.node or b"", peer.addresses) for peer in peers]
        assert order == sorted(order)

    @invariant()
    def each_configured_address_is_dialled_for_somebody(self) -> None:
        held = {
            a for peer in self.table.peers() if "static" in peer.sources for a in peer.addresses
        }
        assert self.configured <= held

    @invariant()
    def nameless_peers_have_the_one_address_that_was_configured(self) -> None:
        for peer in self.table.peers():
            if peer.node is None:
                assert (len(peer.addresses), peer.sources) == (1, ("static",))
            assert len(set(peer.addresses)) == len(peer.addresses)

    @invariant()
    def those_connected_are_in_the_table(self) -> None:
        listed = {p.node for p in self.table.peers() if p.state is PeerState.CONNECTED}
        assert listed == self.connected

    def teardown(self) -> None:
        assert self.table.peers() == self.twin.peers(), "the same events give the same table"


Events.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnySequenceOfEvents = Events.TestCase
