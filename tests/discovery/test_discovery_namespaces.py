"""mDNS between two machines (Linux network namespaces) whose cable and addresses come and go."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from discovery import MulticastUnavailable
from tests.discovery.discovery_lab import (
    Network,
    Station,
    ip,
    mdns_ear,
    network_or_skip,
    send_marker,
)

A, B, B_NEW = "10.84.0.1/24", "10.84.0.2/24", "10.84.0.7/24"


@pytest.fixture
def network() -> Iterator[Network]:
    built = network_or_skip()
    yield built
    built.remove()


@pytest.fixture
def station(network: Network) -> Iterator[Callable[..., Station]]:
    opened: list[Station] = []

    def open_one(namespace: str, **mdns: Any) -> Station:
        opened.append(Station(namespace, **mdns))
        return opened[-1]

    yield open_one
    for one in opened:
        one.stop()


def test_a_cable_pulled_and_plugged_in_again_carries_adverts_again(
    network: Network, station: Callable[..., Station]
) -> None:
    network.address(network.a, A)
    network.address(network.b, B)
    a, b = station(network.a).start(), station(network.b).start()
    a.until_seen(b)
    network.unplug()
    network.plug()  # a new device with the old address, before anybody looked
    network.address(network.a, A)
    network.address(network.b, B)
    a.rescan()
    b.rescan()
    assert a.until_seen(b).hosts == ("10.84.0.2",)
    a.rescan()
    assert b.until_seen(a).hosts == ("10.84.0.1",)


def test_an_interface_gone_for_a_while_is_taken_up_again(
    network: Network, station: Callable[..., Station]
) -> None:
    network.address(network.a, A)
    network.address(network.b, B)
    a, b = station(network.a).start(), station(network.b).start()
    a.until_seen(b)
    network.unplug()
    a.rescan()
    b.rescan()
    assert "connect a network" in str(a.until_fault("multicast-unavailable"))
    network.plug()
    network.address(network.a, A)
    network.address(network.b, B)
    a.rescan()
    b.rescan()
    assert a.until_seen(b).hosts == ("10.84.0.2",)


def test_an_address_added_after_the_start_is_noticed_without_being_told(
    network: Network, station: Callable[..., Station]
) -> None:
    a = station(network.a, rescan_s=0.2).start()
    b = station(network.b, rescan_s=0.2).start()
    a.until_fault("multicast-unavailable", "every interface")
    network.address(network.a, A)
    network.address(network.b, B)
    assert a.until_seen(b).hosts == ("10.84.0.2",)
    assert b.until_seen(a).hosts == ("10.84.0.1",)


def test_a_changed_address_reaches_the_other_node(
    network: Network, station: Callable[..., Station]
) -> None:
    network.address(network.a, A)
    network.address(network.b, B)
    a, b = station(network.a).start(), station(network.b).start()
    a.until_seen(b, lambda advert: advert.hosts == ("10.84.0.2",))
    network.address(network.b, B, "del")
    network.address(network.b, B_NEW)
    b.rescan()
    assert "10.84.0.7" in a.until_seen(b, lambda advert: "10.84.0.7" in advert.hosts).hosts
    a.rescan()
    b.until_seen(a)  # and the new address is listened at


def test_a_link_with_ipv6_link_local_addresses_only_is_enough(
    network: Network, station: Callable[..., Station]
) -> None:
    network.address(network.a, "fe80::a/64")
    network.address(network.b, "fe80::b/64")
    a, b = station(network.a).start(), station(network.b).start()
    index = a.call(socket.if_nametoindex, "cable")
    assert a.until_seen(b).hosts == (f"fe80::b%{index}",)


def test_only_the_interfaces_chosen_carry_adverts(
    network: Network, station: Callable[..., Station]
) -> None:
    for namespace, address in ((network.a, A), (network.b, B)):
        ip("-n", namespace, "link", "set", "lo", "up")
        network.address(namespace, address)
    a = station(network.a, interfaces=["cable"]).start()
    b = station(network.b, interfaces=["10.84.0.2"]).start()
    deaf = station(network.b, interfaces=["lo"]).start()
    assert a.until_seen(b).hosts == ("10.84.0.2",)
    deaf.rescan()
    b.rescan()
    a.until_seen(b)
    strangers = [what for kind, what in list(a.events.queue) if what.node != b.node]
    assert strangers == []


@pytest.mark.parametrize(("goodbye", "packets"), [(True, 3), (False, 0)])
def test_going_silent_sends_nothing_more_and_leaving_says_goodbye(
    network: Network, station: Callable[..., Station], goodbye: bool, packets: int
) -> None:
    network.address(network.a, A)
    network.address(network.b, B)
    a, witness = station(network.a).start(), station(network.b)
    ear = witness.call(mdns_ear, "10.84.0.2")

    async def leave() -> None:
        send_marker("10.84.0.1", b"before")
        await a.mdns.close(goodbye=goodbye)
        send_marker("10.84.0.1", b"after")

    a.do(leave())
    while ear.recv(9000) != b"before":
        pass
    heard = list(iter(lambda: ear.recv(9000), b"after"))
    ear.close()
    assert len(heard) == packets


def test_a_port_that_another_program_keeps_for_itself_is_a_typed_fault_and_can_be_retried(
    network: Network, station: Callable[..., Station]
) -> None:
    network.address(network.a, A)
    network.address(network.b, B)
    a, b = station(network.a), station(network.b).start()
    holder = a.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    holder.bind(("", 5353))
    with pytest.raises(MulticastUnavailable, match="UDP port 5353") as fault:
        a.start()
    assert fault.value.retryable
    holder.close()
    a.start()
    a.until_seen(b)
