"""The peer table: one peer per node, however it was found, dialled at a bounded pace."""

from __future__ import annotations

import pytest

from conflict.identity import NodeId
from discovery import OWN_ADDRESS, Address, Advert, Peer, PeerLimits, PeerState, PeerTable
from discovery.errors import TooManyPeers
from discovery.peer import NO_OUTCOME

OWN, A, B, C = (NodeId(bytes([n]) * 16) for n in (255, 1, 2, 3))
AT_A, AT_A2, AT_B = Address("10.0.0.1", 8470), Address("10.9.0.1", 8470), Address("10.0.0.2", 8470)
LIMITS = PeerLimits()
FULL_JITTER = 1.0


def _table(limits: PeerLimits = LIMITS, jitter: float = FULL_JITTER) -> PeerTable:
    return PeerTable(OWN, lambda: jitter, limits)


def _advert(node: NodeId, *addresses: Address) -> Advert:
    hosts = tuple(address.host for address in addresses)
    return Advert(node=node, port=addresses[0].port, protocol=1, hosts=hosts)


def _only(table: PeerTable) -> Peer:
    (peer,) = table.peers()
    return peer


def _delays(table: PeerTable, node: NodeId, rounds: int) -> list[float]:
    """Seconds between the failure of a dial and the next dial, that many times."""
    now, delays = 0.0, []
    for _ in range(rounds):
        (peer,) = table.due(now)
        assert peer.node == node
        table.failed(peer, "refused", now)
        due_at = table.next_deadline()
        assert due_at is not None
        delays.append(due_at - now)
        now = due_at
    return delays


# -- one peer per node --------------------------------------------------------------------------


def test_a_configured_address_is_a_peer_without_name_until_somebody_answers() -> None:
    table = _table()
    table.static(AT_A)
    assert _only(table) == Peer(
        node=None,
        addresses=(AT_A,),
        sources=("static",),
        last_seen=None,
        state=PeerState.WAITING,
        failures=0,
        cause=None,
    )
    table.learned(AT_A, A, 5.0)
    assert (_only(table).node, _only(table).last_seen) == (A, 5.0)


def test_a_node_found_both_ways_is_one_peer_whichever_came_first() -> None:
    heard_first, configured_first = _table(), _table()
    heard_first.seen(_advert(A, AT_A2), 1.0)
    heard_first.static(AT_A)
    configured_first.static(AT_A)
    configured_first.seen(_advert(A, AT_A2), 1.0)
    for table in (heard_first, configured_first):
        assert len(table.peers()) == 2
        table.learned(AT_A, A, 2.0)
        assert _only(table).sources == ("mdns", "static")
        assert _only(table).addresses == (AT_A, AT_A2)


def test_an_advert_alone_takes_over_no_configured_address() -> None:
    table = _table()
    table.static(AT_A)
    table.seen(_advert(B, AT_A), 1.0)
    assert [peer.node for peer in table.peers()] == [B, None]
    table.learned(AT_A, A, 2.0)
    assert {peer.node: peer.sources for peer in table.peers()} == {A: ("static",), B: ("mdns",)}


def test_a_pinned_address_belongs_to_its_node_from_the_start_and_stays_there() -> None:
    table = _table()
    table.static(AT_A, A)
    assert (_only(table).node, _only(table).sources) == (A, ("static",))
    assert table.learned(AT_A, B, 1.0) is False
    assert (_only(table).node, _only(table).addresses) == (A, (AT_A,))


def test_a_pin_given_later_names_the_address() -> None:
    table = _table()
    table.static(AT_A)
    table.static(AT_A, A)
    table.static(AT_A)
    assert (_only(table).node, _only(table).sources) == (A, ("static",))


def test_a_configured_address_that_changed_hands_follows_the_node_that_answers() -> None:
    table = _table()
    table.static(AT_A)
    table.learned(AT_A, A, 1.0)
    table.learned(AT_A, B, 2.0)
    by_node = {peer.node: peer for peer in table.peers()}
    assert by_node[B].addresses == (AT_A,)
    assert (by_node[A].addresses, by_node[A].sources) == ((), ())


def test_addresses_are_listed_most_recently_seen_first_without_repeats() -> None:
    table = _table()
    table.static(AT_A, A)
    table.seen(_advert(A, AT_A2, AT_A), 1.0)
    assert _only(table).addresses == (AT_A2, AT_A)
    table.learned(AT_A, A, 2.0)
    assert _only(table).addresses == (AT_A, AT_A2)
    table.seen(_advert(A, AT_B), 3.0)
    assert _only(table).addresses == (AT_B, AT_A), "configured stays, what mDNS dropped goes"


def test_the_own_node_is_never_a_peer() -> None:
    table = _table()
    table.static(AT_A, OWN)
    assert table.seen(_advert(OWN, AT_A), 1.0) is False
    assert table.connected(OWN, 1.0) is False
    assert table.learned(AT_B, OWN, 1.0) is False
    assert table.peers() == ()


def test_a_configured_address_that_is_our_own_is_marked_and_seldom_tried_again() -> None:
    table = _table()
    table.static(AT_A)
    table.due(0.0)
    table.learned(AT_A, OWN, 1.0)
    assert (_only(table).node, _only(table).cause) == (None, OWN_ADDRESS)
    assert table.next_deadline() == 1.0 + LIMITS.own_address_retry_s


def test_an_address_of_a_node_that_becomes_our_own_leaves_that_node() -> None:
    table = _table()
    table.static(AT_A)
    table.learned(AT_A, A, 1.0)
    table.learned(AT_A, OWN, 2.0)
    former, own = table.peers()
    assert (former.node, former.addresses, former.sources) == (A, (), ())
    assert (own.node, own.addresses, own.cause) == (None, (AT_A,), OWN_ADDRESS)


def test_a_configured_address_is_never_lost_even_from_a_full_table() -> None:
    table = _table(PeerLimits(peers_max=1))
    table.static(AT_A)
    table.learned(AT_A, A, 1.0)
    table.connected(A, 1.0)
    table.learned(AT_A, OWN, 2.0)
    assert _only(table).addresses == (AT_A,)
    assert _only(table).sources == ("static",)


def test_a_node_that_called_us_is_a_peer_without_address_and_not_dialled() -> None:
    table = _table()
    table.connected(A, 1.0)
    assert (_only(table).addresses, _only(table).sources) == ((), ())
    table.disconnected(A, "closed", 2.0)
    assert table.due(1000.0) == ()
    assert table.next_deadline() == 2.0 + LIMITS.lost_keep_s


def test_peers_come_in_one_order_whatever_the_order_of_events() -> None:
    one, other = _table(), _table()
    for node in (A, B, C):
        one.seen(_advert(node, AT_A), 1.0)
    for node in (C, A, B):
        other.seen(_advert(node, AT_A), 1.0)
    for address in (AT_B, AT_A2):
        one.static(address)
    for address in (AT_A2, AT_B):
        other.static(address)
    assert one.peers() == other.peers()
    assert [peer.node for peer in one.peers()] == [A, B, C, None, None]


# -- when to dial -------------------------------------------------------------------------------


def test_a_new_peer_is_due_at_once_and_only_once() -> None:
    table = _table()
    table.seen(_advert(A, AT_A), 1.0)
    assert [peer.state for peer in table.due(1.0)] == [PeerState.DIALLING]
    assert table.due(1.0) == ()


def test_failed_dials_back_off_by_doubling_up_to_the_cap() -> None:
    table = _table()
    table.static(AT_A, A)
    assert _delays(table, A, 9) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_jitter_takes_up_to_half_of_a_delay() -> None:
    table = _table(jitter=0.0)
    table.static(AT_A, A)
    assert _delays(table, A, 8) == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_dial_that_reports_nothing_counts_as_failed() -> None:
    table = _table()
    table.static(AT_A, A)
    table.due(0.0)
    assert table.due(LIMITS.dial_s_max - 0.1) == ()
    (again,) = table.due(LIMITS.dial_s_max)
    assert (again.failures, again.cause) == (1, NO_OUTCOME)


def test_a_connected_peer_is_not_dialled_and_a_settled_one_starts_afresh() -> None:
    table = _table()
    table.static(AT_A, A)
    _delays(table, A, 6)
    table.connected(A, 200.0)
    assert (_only(table).state, table.due(500.0)) == (PeerState.CONNECTED, ())
    table.disconnected(A, "link-lost", 500.0)
    assert (_only(table).cause, _only(table).last_seen) == ("link-lost", 500.0)
    assert table.next_deadline() == 500.0 + 0.5 + LIMITS.reconnect_spread_s


def test_a_connection_that_did_not_settle_goes_on_backing_off() -> None:
    table = _table()
    table.static(AT_A, A)
    _delays(table, A, 3)
    table.connected(A, 100.0)
    table.disconnected(A, "protocol", 100.0 + LIMITS.settled_s_min - 1)
    assert table.next_deadline() == 100.0 + LIMITS.settled_s_min - 1 + 8


def _heard_but_not_reached(table: PeerTable) -> float:
    """Advertised all the time, no dial succeeded: the next one is a minute from the time given."""
    now = next_dial = 0.0
    for _ in range(7):
        now = next_dial
        table.seen(_advert(A, AT_A), now)
        (peer,) = table.due(now)
        table.failed(peer, "refused", now)
        next_dial = table.next_deadline() or 0.0
    assert next_dial == now + LIMITS.retry_delay_s_max
    return now


def test_a_peer_that_mdns_lost_and_sees_anew_is_dialled_soon() -> None:
    table = _table()
    now = _heard_but_not_reached(table)
    table.lost(A, now + 1)
    assert table.due(now + 2) == ()
    table.seen(_advert(A, AT_A), now + 3)
    (peer,) = table.due(now + 3)
    assert peer.failures == 0


@pytest.mark.parametrize(
    ("address", "silence_s", "anew"),
    [
        (AT_A, LIMITS.fresh_after_s, True),
        (AT_A, LIMITS.fresh_after_s - 1, False),
        (AT_A2, 5.0, True),
    ],
)
def test_a_peer_heard_after_silence_or_elsewhere_is_seen_anew(
    address: Address, silence_s: float, anew: bool
) -> None:
    table = _table()
    now = _heard_but_not_reached(table)
    table.seen(_advert(A, address), now + silence_s)
    assert bool(table.due(now + silence_s)) is anew


def test_an_advert_that_only_repeats_itself_changes_no_pace() -> None:
    table = _table()
    table.seen(_advert(A, AT_A), 0.0)
    now = sum(_delays(table, A, 4))
    before = table.next_deadline()
    table.seen(_advert(A, AT_A), now - 1)
    assert table.next_deadline() == before
    assert _only(table).failures == 4


def test_forged_news_cannot_make_dials_follow_faster_than_the_shortest_delay() -> None:
    table = _table()
    table.seen(_advert(A, AT_A), 0.0)
    (peer,) = table.due(0.0)
    table.failed(peer, "refused", 0.1)
    table.seen(_advert(A, AT_A2), 0.2)
    assert table.due(LIMITS.retry_delay_s_min - 0.01) == ()
    assert len(table.due(LIMITS.retry_delay_s_min)) == 1


def test_the_dial_that_named_a_peer_reports_to_the_named_one() -> None:
    table = _table()
    table.static(AT_A)
    table.connected(A, 0.0)
    table.disconnected(A, "closed", 1.0)
    (nameless,) = table.due(0.0)
    table.learned(AT_A, A, 2.0)
    assert _only(table).state is PeerState.DIALLING, "the dial goes on under its name"
    table.failed(nameless, "busy", 3.0)
    assert (_only(table).state, _only(table).cause) == (PeerState.WAITING, "busy")


def test_a_failed_dial_does_not_touch_a_peer_that_called_us_meanwhile() -> None:
    table = _table()
    table.seen(_advert(A, AT_A), 0.0)
    (peer,) = table.due(0.0)
    table.connected(A, 0.1)
    table.failed(peer, "refused", 0.2)
    assert _only(table).state is PeerState.CONNECTED


def test_the_longest_overdue_peer_is_dialled_first() -> None:
    table = _table()
    table.seen(_advert(A, AT_A), 2.0)
    table.seen(_advert(B, AT_B), 1.0)
    assert [peer.node for peer in table.due(3.0)] == [B, A]


# -- loss and bounds ----------------------------------------------------------------------------


def test_a_lost_peer_is_dialled_at_the_slowest_pace_then_forgotten() -> None:
    table = _table()
    table.seen(_advert(A, AT_A), 0.0)
    table.lost(A, 0.0)
    assert (_only(table).sources, table.due(59.9)) == ((), ())
    (peer,) = table.due(60.0)
    table.failed(peer, "refused", 60.0)
    assert table.next_deadline() == 120.0
    table.due(LIMITS.lost_keep_s)
    assert table.peers() == ()
    assert table.next_deadline() is None


def test_a_loss_told_twice_does_not_keep_a_peer_longer() -> None:
    table = _table()
    table.seen(_advert(A, AT_A), 0.0)
    table.lost(A, 0.0)
    table.lost(A, LIMITS.lost_keep_s - 1)
    table.due(LIMITS.lost_keep_s)
    assert table.peers() == ()


def test_loss_changes_nothing_for_connected_or_configured_peers() -> None:
    table = _table()
    table.static(AT_A, A)
    table.seen(_advert(A, AT_A), 0.0)
    table.seen(_advert(B, AT_B), 0.0)
    table.connected(B, 0.0)
    for node in (A, B, C):
        table.lost(node, 1.0)
    assert [peer.node for peer in table.due(1.0)] == [A]
    assert [peer.node for peer in table.peers()] == [A, B]
    table.disconnected(B, "closed", 20.0)
    assert table.next_deadline() == 20.0 + 0.5 + LIMITS.reconnect_spread_s, "it was there just now"


def test_a_full_table_evicts_the_unheard_then_the_one_heard_longest_ago() -> None:
    table = _table(PeerLimits(peers_max=3))
    table.seen(_advert(A, AT_A), 1.0)
    table.seen(_advert(B, AT_A), 2.0)
    table.seen(_advert(C, AT_A), 3.0)
    table.lost(C, 4.0)
    table.seen(_advert(NodeId(b"d" * 16), AT_A), 5.0)
    assert C not in [peer.node for peer in table.peers()]
    table.seen(_advert(NodeId(b"e" * 16), AT_A), 6.0)
    assert [peer.node for peer in table.peers()] == [B, NodeId(b"d" * 16), NodeId(b"e" * 16)]


def test_configured_and_connected_peers_are_never_evicted() -> None:
    table = _table(PeerLimits(peers_max=2))
    table.static(AT_A)
    table.connected(B, 0.0)
    assert table.seen(_advert(C, AT_B), 1.0) is False
    assert table.connected(C, 1.0) is False
    assert [peer.node for peer in table.peers()] == [B, None]
    with pytest.raises(TooManyPeers) as fault:
        table.static(AT_B)
    assert (fault.value.code, "Remove configured peers" in str(fault.value)) == (
        "too-many-peers",
        True,
    )


def test_a_flood_of_dialled_strangers_keeps_no_newcomer_out() -> None:
    table = _table(PeerLimits(peers_max=2))
    table.seen(_advert(A, AT_A), 1.0)
    table.seen(_advert(B, AT_A), 1.0)
    assert len(table.due(1.5)) == 2
    assert table.seen(_advert(C, AT_B), 2.0) is True
