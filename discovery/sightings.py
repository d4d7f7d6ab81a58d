"""Which instances mDNS has heard, of which nodes, and since when they have been silent.

Pure bookkeeping of the mDNS adapter: it turns records into adverts and the end of a node's last
instance into the loss of the node. Bounded, because anybody in range can invent instances.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from conflict.identity import NodeId
from discovery.advert import SERVICE_TYPE, Advert, decode_advert
from discovery.limits import HEARD_MAX, OWN_NAMES_MAX, SILENCE_S_MAX
from discovery.recognition import Recognition


class _Heard(NamedTuple):
    node: NodeId
    at: float


class Sightings:
    """Instances of other nodes; `own` is this one."""

    def __init__(
        self, own: NodeId, recognition: Recognition, *, silence_s_max: float = SILENCE_S_MAX
    ) -> None:
        self._own = own
        self._recognition = recognition
        self._silence_s_max = silence_s_max
        self._own_names: deque[str] = deque(maxlen=OWN_NAMES_MAX)
        self._heard: dict[str, _Heard] = {}

    def name(self, label: str) -> None:
        """We go by this name from now on; what we said under others may still be heard."""
        self._own_names.append(service_name(label))

    def concerns(self, name: str) -> bool:
        """`name` is an instance of our service type, and not our own."""
        return name.endswith(f".{SERVICE_TYPE}") and name not in self._own_names

    def hear(
        self,
        name: str,
        properties: Mapping[bytes, bytes | None],
        *,
        hosts: Sequence[str],
        port: int | None,
        now: float,
    ) -> Advert | None:
        """The advert of instance `name`; None: a stranger's, or our own from before.

        Raises `BadAdvert`.
        """
        usable = [host for host in hosts if not _without_zone(host)]
        label = name.removesuffix(f".{SERVICE_TYPE}")
        advert = decode_advert(properties, label, self._recognition, hosts=usable, port=port or 0)
        if advert is None or advert.node == self._own:
            return None
        self._heard.pop(name, None)  # last in the dict = heard last
        self._heard[name] = _Heard(advert.node, now)
        return advert

    def leave(self, name: str) -> NodeId | None:
        """Node whose last instance said goodbye, None if it was never heard or has another name."""
        heard = self._heard.pop(name, None)
        return heard.node if heard and not self._named(heard.node) else None

    def overdue(self, now: float) -> tuple[NodeId, ...]:
        """Nodes to report lost: silent for too long, or one too many. Oldest first; told once."""
        surplus = len(self._heard) - HEARD_MAX
        gone = [
            name
            for place, (name, heard) in enumerate(self._heard.items())
            if place < surplus or now - heard.at >= self._silence_s_max
        ]
        nodes = dict.fromkeys(self._heard.pop(name).node for name in gone)
        return tuple(node for node in nodes if not self._named(node))

    def _named(self, node: NodeId) -> bool:
        return any(heard.node == node for heard in self._heard.values())


def service_name(label: str) -> str:
    """Full DNS-SD name of an instance."""
    return f"{label}.{SERVICE_TYPE}"


def _without_zone(host: str) -> bool:
    # a link-local address that came over another link cannot be dialled from here
    return host.startswith("fe80:") and "%" not in host
