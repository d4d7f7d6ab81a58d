"""Telling the local network that this node is here, and hearing who else is, by mDNS.

A thin shell over `discovery.mdns`: multicast that cannot be used now is tried again later, and
silence is silence at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from conflict.identity import NodeId
from discovery import Advert, DiscoveryError, Mdns, MulticastUnavailable, Recognition
from sync import messages

RETRY_S = 30.0

log = structlog.get_logger("herald")


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """How this node shows itself: listen address, mDNS on or off, interfaces (empty: all)."""

    host: str
    port: int
    mdns: bool
    interfaces: tuple[str, ...] = ()


class Herald:
    """Adverts of the node `own`; `seen` and `lost` hear those of others. Runs on the event loop."""

    def __init__(
        self,
        own: NodeId,
        recognition: Recognition,
        seen: Callable[[Advert], None],
        lost: Callable[[NodeId], None],
    ) -> None:
        self._recognition = recognition
        self.fault = ""
        self._own = own
        self._seen = seen
        self._lost = lost
        self._mdns: Mdns | None = None
        self._later: asyncio.Task[None] | None = None

    async def speak(self, air: Air, port: int) -> None:
        """Advertise `port` until `hush`; does nothing where mDNS is off."""
        if not air.mdns or self._mdns is not None:
            return
        hosts = () if air.host in {"0.0.0.0", "::"} else (air.host,)  # noqa: S104  compared, not bound
        advert = Advert(node=self._own, port=port, protocol=messages.VERSION_MAX, hosts=hosts)
        mdns = Mdns(self._recognition, list(air.interfaces) or None)
        try:
            await mdns.start(advert, self._seen, self._lost, _tell)
        except MulticastUnavailable as fault:
            self.fault = str(fault)
            log.warning("multicast unavailable", code=fault.code)
            self._later = asyncio.create_task(self._speak_later(air, port))
        else:
            self.fault = ""
            self._mdns = mdns

    async def hush(self, *, goodbye: bool) -> None:
        """Neither advertise nor listen; without `goodbye` not one more packet is sent."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._mdns is not None:
            await self._mdns.close(goodbye=goodbye)
            self._mdns = None

    async def _speak_later(self, air: Air, port: int) -> None:
        await asyncio.sleep(RETRY_S)
        await self.speak(air, port)


def _tell(fault: DiscoveryError) -> None:
    log.info("discovery", code=fault.code)
