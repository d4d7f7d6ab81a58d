"""Peers that an operator names in the configuration, for links where multicast does not reach.

One peer is `host:port`, optionally pinned to a node as `nodeid@host:port`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from conflict.identity import ID_BYTES, NodeId, parse_node
from discovery.address import PORT_MAX, Address, canonical_ip, canonical_name
from discovery.errors import BadStaticPeer, quoted

_NODE = re.compile(rf"[0-9a-fA-F]{{{2 * ID_BYTES}}}")
_EXAMPLES = "10.0.0.5:8470, [fd00::5]:8470 or aid-post.example:8470"


@dataclass(frozen=True, slots=True)
class StaticPeer:
    """A configured address; `node` is None until a handshake tells who answers there."""

    address: Address
    node: NodeId | None = None


def parse_peer(text: str) -> StaticPeer:
    """One `host:port` or `nodeid@host:port`. Raises `BadStaticPeer`."""
    pin, at, place = text.strip().rpartition("@")
    node = _pinned(text, pin) if at else None
    host, port = _split(text, place)
    return StaticPeer(Address(_host(text, host), _port(text, port)), node)


def _pinned(text: str, pin: str) -> NodeId:
    if not _NODE.fullmatch(pin):
        raise _fault(text, f"what stands before @ is no node id ({2 * ID_BYTES} hex letters)")
    return parse_node(pin)


def _split(text: str, place: str) -> tuple[str, str]:
    if place.startswith("["):
        host, closed, port = place[1:].partition("]")
        if not closed or not port.startswith(":") or ":" not in host:
            raise _fault(text, "an IPv6 address is written [address]:port")
        return host, port[1:]
    host, colon, port = place.rpartition(":")
    if ":" in host:
        raise _fault(text, "an IPv6 address needs brackets, and a port after them")
    if not colon:
        raise _fault(text, "the port is missing")
    return host, port


def _host(text: str, host: str) -> str:
    # canonical_name never accepts a colon, so what stood in brackets is an IPv6 literal or refused
    found = canonical_ip(host) or canonical_name(host)
    if found is None:
        raise _fault(text, f"{quoted(host)} is neither one host's IP address nor a host name")
    return found


def _port(text: str, port: str) -> int:
    # isdigit alone would let other scripts' digits through
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    if not 1 <= number <= PORT_MAX:
        raise _fault(text, f"port {quoted(port)} is not a number within 1..{PORT_MAX}")
    return number


def _fault(text: str, cause: str) -> BadStaticPeer:
    return BadStaticPeer(f"peer {quoted(text)} cannot be used: {cause}. Write it like {_EXAMPLES}")
