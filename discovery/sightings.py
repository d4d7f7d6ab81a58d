"""Which instances mDNS has heard, of which nodes, and since when they have been silent.

Pure bookkeeping of the mDNS adapter: it turns records into adverts and the end of an instance
into the loss of its node. Bounded, because anybody in range can invent instances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from conflict.identity import NodeId
from discovery.advert import SERVICE_TYPE, Advert, decode_advert, instance_name
from discovery.errors import BadAdvert, quoted
from discovery.limits import HEARD_MAX, SILENCE_S_MAX


class _Heard(NamedTuple):
    node: NodeId
    at: float


class Sightings:
    """Instances heard by the adapter whose own instance is `own`."""

    def __init__(self, own: NodeId, *, silence_s_max: float = SILENCE_S_MAX) -> None:
        self._own = service_name(own)
        self._silence_s_max = silence_s_max
        self._heard: dict[str, _Heard] = {}

    def concerns(self, name: str) -> bool:
        """`name` is an instance of our service type, and not our own."""
        return name.endswith(f".{SERVICE_TYPE}") and name != self._own

    def hear(
        self,
        name: str,
        properties: Mapping[bytes, bytes | None],
        *,
        hosts: Sequence[str],
        port: int | None,
        now: float,
    ) -> Advert:
        """The advert of instance `name`. Raises `BadAdvert`, also if the name is another node's."""
        usable = [host for host in hosts if not _without_zone(host)]
        advert = decode_advert(properties, hosts=usable, port=port or 0)
        if name != service_name(advert.node):
            raise BadAdvert(
                f"advert refused: instance {quoted(name)} is not named after its node."
                " It is ignored; nothing needs to be done"
            )
        self._heard.pop(name, None)  # last in the dict = heard last
        self._heard[name] = _Heard(advert.node, now)
        return advert

    def leave(self, name: str) -> NodeId | None:
        """Node of an instance that said goodbye, None if it was never heard."""
        heard = self._heard.pop(name, None)
        return heard.node if heard else None

    def overdue(self, now: float) -> tuple[NodeId, ...]:
        """Nodes to report lost: silent for too long, or one too many. Oldest first; told once."""
        surplus = len(self._heard) - HEARD_MAX
        gone = [
            name
            for place, (name, heard) in enumerate(self._heard.items())
            if place < surplus or now - heard.at >= self._silence_s_max
        ]
        return tuple(self._heard.pop(name).node for name in gone)


def service_name(node: NodeId) -> str:
    """Full DNS-SD name of a node's instance."""
    return f"{instance_name(node)}.{SERVICE_TYPE}"


def _without_zone(host: str) -> bool:
    # a link-local address that came over another link cannot be dialled from here
    return host.startswith("fe80:") and "%" not in host
