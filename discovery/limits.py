"""Every bound of this room, by name, with units last.

They are generous for a unit of a few hundred nodes on one LAN and small enough that a hostile
neighbour who forges adverts costs a bounded amount of memory and a bounded number of dials.
"""

from __future__ import annotations

from dataclasses import dataclass

TXT_BYTES_MAX = 400
"""RFC 6763 §6.2 wants a TXT record to fit well inside one packet."""

ADVERT_ADDRESSES_MAX = 32
"""Accepted from another node: its present addresses and those that its cache still flushes."""

PUBLISHED_ADDRESSES_MAX = 12
"""Published by this node."""

RESCAN_S = 20.0
"""Interfaces are looked at, and our own advert repeated, this often."""

SILENCE_S_MAX = 6 * RESCAN_S
"""A node that repeated nothing for so long is reported lost: it had no time to say goodbye."""

ROTATE_S = 900.0
"""An instance name is given up after about so long: within a quarter of it, at random."""

OWN_NAMES_MAX = 8
"""Our own former names that may still be heard from caches."""

RESOLVE_MS_MAX = 3000
"""Wait for the records that a first announcement left out."""

RESOLVING_MAX = 64
"""Lookups at one time; what exceeds it is heard at its next announcement."""

HEARD_MAX = 512
"""Instances remembered by the mDNS adapter; the one heard longest ago is reported lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLimits:
    """Bounds and pace of `PeerTable`."""

    peers_max: int = 256
    retry_delay_s_min: float = 1.0
    retry_delay_s_max: float = 60.0
    dial_s_max: float = 45.0
    """A dial that reported nothing for so long counts as failed."""
    settled_s_min: float = 10.0
    """A connection that held so long was a success; a shorter one does not reset the back-off."""
    fresh_after_s: float = 45.0
    """Heard again after this much silence (two missed announcements): seen anew."""
    lost_keep_s: float = 3600.0
    """A peer that nobody vouches for is dialled at the slowest pace for so long, then forgotten."""
    reconnect_spread_s: float = 3.0
    """After a settled connection ended: the other side may have restarted, and all its peers with
    it lost theirs in the same moment."""
    heard_spread_s: float = 0.03
    """For each other peer in the table, up to `reconnect_spread_s`: all of them heard the same
    advert, and would dial in the same moment."""
    own_address_retry_s: float = 900.0
    """A configured address where we answered ourselves is tried again so seldom."""
