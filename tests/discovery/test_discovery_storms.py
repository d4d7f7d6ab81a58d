"""Whom not to dial for now, and how a node that comes back is not dialled by all at once."""

from __future__ import annotations

import random

import pytest

from conflict.identity import NodeId
from discovery import Address, Advert, Peer, PeerLimits, PeerState, PeerTable

OWN, A, B, C = (NodeId(bytes([n]) * 16) for n in (255, 1, 2, 3))
AT_A, AT_A2 = Address("10.0.0.1", 8470), Address("10.9.0.1", 8470)
LIMITS = PeerLimits()


def _table() -> PeerTable:
    return PeerTable(OWN, lambda: 1.0, LIMITS)


def _advert(node: NodeId, *addresses: Address) -> Advert:
    hosts = tuple(address.host for address in addresses)
    return Advert(node=node, port=addresses[0].port, protocol=1, hosts=hosts)


def _only(table: PeerTable) -> Peer:
    (peer,) = table.peers()
    return peer


# -- whom not to dial -----------------------------------------------------------------------------


def test_a_peer_that_is_not_to_be_dialled_is_not_due_before_the_time_given() -> None:
    table = _table()
    table.static(AT_A, A)
    (peer,) = table.due(0.0)
    table.defer(peer, "budget-spent", 500.0)
    assert (_only(table).cause, _only(table).failures) == ("budget-spent", 0)
    assert (table.due(499.0), table.next_deadline()) == ((), 500.0)
    assert len(table.due(500.0)) == 1


def test_a_peer_that_is_never_to_be_dialled_wakes_nobody_until_something_new_is_heard() -> None:
    table = _table()
    table.static(AT_A, A)
    (peer,) = table.due(0.0)
    table.defer(peer, "manual", float("inf"))
    assert (table.due(1e9), table.next_deadline()) == ((), None)
    table.seen(_advert(A, AT_A2), 1e9)
    assert len(table.due(1e9)) == 1, "asked again, and deferred again"


def test_a_connection_that_came_meanwhile_is_not_touched_by_a_deferral() -> None:
    table = _table()
    table.static(AT_A, A)
    (peer,) = table.due(0.0)
    table.connected(A, 0.1)
    table.defer(peer, "manual", float("inf"))
    assert _only(table).state is PeerState.CONNECTED


# -- storms -------------------------------------------------------------------------------------

CROWD = 100


def _crowd(seed: str) -> list[PeerTable]:
    """Nodes of one LAN, each with entropy of its own; A is the garrison that all of them know."""
    tables = [PeerTable(OWN, random.Random(f"{seed}/{n}").random, LIMITS) for n in range(CROWD)]
    for table in tables:
        table.static(AT_A, A)
    return tables


def _busiest_second(times: list[float]) -> int:
    return max(sum(start <= one < start + 1 for one in times) for start in times)


def _deadlines(tables: list[PeerTable]) -> list[float]:
    found = [one for one in (table.next_deadline() for table in tables) if one is not None]
    assert len(found) == CROWD
    return found


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_a_garrison_that_restarts_is_not_dialled_by_all_in_the_same_second(seed: str) -> None:
    tables = _crowd(seed)
    for table in tables:
        table.due(0.0)
        table.connected(A, 0.0)
        table.disconnected(A, "link-lost", 1000.0)
    times = _deadlines(tables)
    assert max(times) <= 1000.5 + LIMITS.reconnect_spread_s
    assert _busiest_second(times) <= CROWD // 2


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_a_garrison_that_was_away_long_is_dialled_by_few_in_any_second(seed: str) -> None:
    tables, horizon = _crowd(seed), 600.0
    dials: list[float] = []
    for table in tables:
        now = 0.0
        while now < horizon:
            (peer,) = table.due(now)
            dials.append(now)
            table.failed(peer, "refused", now)
            now = table.next_deadline() or horizon
    assert _busiest_second([one for one in dials if one > 300.0]) <= CROWD // 10


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_an_advert_that_all_hear_at_once_does_not_make_all_dial_at_once(seed: str) -> None:
    tables = [PeerTable(OWN, random.Random(f"{seed}/{n}").random, LIMITS) for n in range(CROWD)]
    others = [NodeId(bytes([n, 9]) * 8) for n in range(CROWD - 1)]
    for table in tables:
        for number, node in enumerate(others):
            table.seen(_advert(node, Address(f"10.1.0.{number + 1}", 8470)), 0.0)
            table.connected(node, 0.0)
        table.seen(_advert(A, AT_A), 1000.0)
    times = _deadlines(tables)
    assert max(times) <= 1000.0 + LIMITS.reconnect_spread_s
    assert _busiest_second(times) <= CROWD // 2


def test_in_a_small_unit_an_advert_is_answered_at_once() -> None:
    table = _table()
    for node in (A, B, C):
        table.seen(_advert(node, AT_A), 1.0)
    assert len(table.due(1.1)) == 3
