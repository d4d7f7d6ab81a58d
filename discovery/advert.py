"""What a node says about itself on the local network: a port, a protocol version, a tag.

mDNS tells everybody in radio range, so nothing here may name a unit, a role, a person or a place,
nor be the same tomorrow (RFC 8882). An advert is a hint and proves nothing: who answers is settled
by the handshake.

TXT record (RFC 6763 §6): `v` = protocol version in decimal, `t` = 16 hex letters by which nodes of
one theatre recognise each other (`recognition.py`). Port and addresses travel in the SRV, A and AAAA
records. Unknown keys are ignored, so newer software may add some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conflict.identity import ID_BYTES, NodeId
from discovery.address import PORT_MAX, Address, canonical_ip
from discovery.errors import BadAdvert, quoted
from discovery.limits import ADVERT_ADDRESSES_MAX, TXT_BYTES_MAX
from discovery.recognition import TAG_BYTES, Recognition

SERVICE_TYPE = "_aidstation._tcp.local."
PROTOCOL_MAX = 65535
_PROTOCOL_KEY = b"v"
_TAG_KEY = b"t"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """One node's advert. Raises `BadAdvert` if a field is out of bounds.

    `hosts` are IP literals without port, best first; empty only in our own advert, where it means:
    whatever addresses this machine has at the time.
    """

    node: NodeId
    port: int
    protocol: int
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(len(self.node) == ID_BYTES, f"a node id has {ID_BYTES} bytes")
        _require(1 <= self.port <= PORT_MAX, f"port {self.port} is not within 1..{PORT_MAX}")
        _require(
            1 <= self.protocol <= PROTOCOL_MAX,
            f"protocol version {self.protocol} is not within 1..{PROTOCOL_MAX}",
        )
        _require(
            len(self.hosts) <= ADVERT_ADDRESSES_MAX,
            f"{len(self.hosts)} addresses, at most {ADVERT_ADDRESSES_MAX}",
        )
        for host in self.hosts:
            _require(canonical_ip(host) == host, f"{quoted(host)} is not a host's IP address")

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where to dial, best first."""
        return tuple(Address(host, self.port) for host in self.hosts)


def encode_properties(
    advert: Advert, label: str, recognition: Recognition
) -> dict[bytes, bytes | None]:
    """TXT record properties of `advert` under the name `label`. Inverse of `decode_advert`."""
    return {
        _PROTOCOL_KEY: str(advert.protocol).encode(),
        _TAG_KEY: recognition.tag(label, advert.node).hex().encode(),
    }


def decode_advert(
    properties: Mapping[bytes, bytes | None],
    label: str,
    recognition: Recognition,
    *,
    hosts: Sequence[str],
    port: int,
) -> Advert | None:
    """Advert from TXT properties, the addresses and the port of SRV; None: a stranger's.

    Raises `BadAdvert`.
    """
    size = sum(len(key) + len(value or b"") + 2 for key, value in properties.items())
    _require(size <= TXT_BYTES_MAX, f"a TXT record of {size} bytes, at most {TXT_BYTES_MAX}")
    _require(bool(hosts), "no address")
    canonical = [canonical_ip(host) or host for host in hosts[: ADVERT_ADDRESSES_MAX + 1]]
    node = recognition.node_of(label, _tag(properties))
    protocol = _protocol(properties)
    found = Advert(  # a stranger's is held to the same rules
        node=node or NodeId(bytes(ID_BYTES)),
        port=port,
        protocol=protocol,
        hosts=tuple(dict.fromkeys(canonical)),
    )
    return None if node is None else found


def _protocol(properties: Mapping[bytes, bytes | None]) -> int:
    raw = properties.get(_PROTOCOL_KEY) or b""
    plain = raw.isdigit() and len(raw) <= len(str(PROTOCOL_MAX)) and not raw.startswith(b"0")
    _require(plain, f"protocol version {quoted(raw)} is not a decimal number")
    return int(raw)


def _tag(properties: Mapping[bytes, bytes | None]) -> bytes:
    raw = properties.get(_TAG_KEY) or b""
    plain = len(raw) == 2 * TAG_BYTES and all(letter in b"0123456789abcdef" for letter in raw)
    _require(plain, f"tag {quoted(raw)} is not {2 * TAG_BYTES} hex letters")
    return bytes.fromhex(raw.decode())


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise BadAdvert(f"advert refused: {reason}. It is ignored; nothing needs to be done")
