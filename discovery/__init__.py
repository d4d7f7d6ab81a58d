"""Finding peers: by multicast DNS on the local network, and by configuration where that fails."""

from discovery.address import Address
from discovery.advert import SERVICE_TYPE, Advert, decode_advert, encode_properties
from discovery.errors import (
    BadAdvert,
    BadStaticPeer,
    DiscoveryError,
    MulticastUnavailable,
    TooManyPeers,
)
from discovery.limits import PeerLimits
from discovery.mdns import Mdns
from discovery.peer import Peer, PeerState
from discovery.peers import OWN_ADDRESS, PeerTable
from discovery.recognition import Recognition, new_label
from discovery.static import StaticPeer, parse_peer

__all__ = [
    "OWN_ADDRESS",
    "SERVICE_TYPE",
    "Address",
    "Advert",
    "BadAdvert",
    "BadStaticPeer",
    "DiscoveryError",
    "Mdns",
    "MulticastUnavailable",
    "Peer",
    "PeerLimits",
    "PeerState",
    "PeerTable",
    "Recognition",
    "StaticPeer",
    "TooManyPeers",
    "decode_advert",
    "encode_properties",
    "new_label",
    "parse_peer",
]
