"""Network interfaces of this machine as they are now: addresses come and go under a running node.

Kept apart from the mDNS adapter because it decides two things that the library leaves open: which
addresses are worth telling others, and whether an interface was taken away and put back.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import ifaddr

from discovery.limits import PUBLISHED_ADDRESSES_MAX

_MDNS_GROUP, _MDNS_PORT = "224.0.0.251", 5353


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface that has addresses. `index` is new each time the device is plugged in."""

    name: str
    index: int
    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]
    """Without zone."""


def present(chosen: Sequence[str] | None = None) -> tuple[Interface, ...]:
    """Interfaces by index; only those `chosen` by name or by one of their addresses, if given."""
    every = sorted(_read(), key=lambda interface: interface.index)
    if chosen is None:
        return tuple(every)
    return tuple(kept for kept in (_narrow(one, chosen) for one in every) if kept)


def replugged(before: Sequence[Interface], after: Sequence[Interface]) -> bool:
    """An address went over to another device: its old sockets hear nothing any more."""
    known = {address: one.index for one in before for address in (*one.ipv4, *one.ipv6)}
    return any(
        known.get(address, one.index) != one.index
        for one in after
        for address in (*one.ipv4, *one.ipv6)
    )


def reachable(interfaces: Sequence[Interface]) -> tuple[str, ...]:
    """Addresses to publish, best first: IPv4, wide IPv6, link-local; loopback for want of others.

    Told to a neighbour, a loopback address would name the neighbour itself.
    """
    found = sorted(
        dict.fromkeys(address for one in interfaces for address in (*one.ipv4, *one.ipv6)),
        key=lambda address: (_rank(address), address),
    )
    outside = [address for address in found if _rank(address) < _LOOPBACK_RANK]
    return tuple((outside or found)[:PUBLISHED_ADDRESSES_MAX])


def socket_keys(interfaces: Sequence[Interface], *, ipv6: bool) -> list[str | int]:
    """What zeroconf calls interfaces: IPv4 by address, IPv6 by index (one socket an interface).

    IPv6 multicast over loopback is left out: it works nowhere reliably, and IPv4's does.
    """
    four = [address for one in interfaces for address in one.ipv4]
    six = [one.index for one in interfaces if ipv6 and one.ipv6 and one.ipv6 != ("::1",)]
    return [*four, *six]


_LOOPBACK_RANK = 3


def _rank(address: str) -> int:
    ip = ipaddress.ip_address(address)
    if ip.is_loopback:
        return _LOOPBACK_RANK
    if ip.version == 4:
        return 0
    return 2 if ip.is_link_local else 1


def _narrow(interface: Interface, chosen: Sequence[str]) -> Interface | None:
    if interface.name in chosen:
        return interface
    ipv4 = tuple(address for address in interface.ipv4 if address in chosen)
    ipv6 = tuple(address for address in interface.ipv6 if address in chosen)
    return replace(interface, ipv4=ipv4, ipv6=ipv6) if ipv4 or ipv6 else None


def _read() -> Iterator[Interface]:
    for adapter in ifaddr.get_adapters():
        # ifaddr gives IPv4 as text, IPv6 as (text, flow, scope)
        ipv4 = tuple(ip.ip for ip in adapter.ips if isinstance(ip.ip, str))
        ipv6 = tuple(ip.ip[0].partition("%")[0] for ip in adapter.ips if not isinstance(ip.ip, str))
        if adapter.index is not None and (ipv4 or ipv6):
            yield Interface(adapter.nice_name, adapter.index, ipv4, ipv6)


def multicast_refused(addresses: Sequence[str]) -> str:
    """What the system says against hearing mDNS at these IPv4 addresses of ours; empty: nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            ear.bind(("", _MDNS_PORT))
            for address in addresses:
                group = socket.inet_aton(_MDNS_GROUP) + socket.inet_aton(address)
                ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        except OSError as fault:
            return fault.strerror or "no reason given"
    return ""
