"""mDNS on the local network: tells others of this node, and tells this node of others.

The only importer of zeroconf. Three habits of networks shaped it: addresses change under a running
node, so interfaces are looked at again every `RESCAN_S`; a link that was down hears nothing of
what was said meanwhile, so the advert is repeated each time; a node that loses power says no
goodbye, so long silence counts as one. A name is random, new at each start, and given up for another
after about `ROTATE_S`. What is heard of nodes of our theatre is a hint, handed on as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence

import zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from conflict.identity import NodeId
from discovery.advert import SERVICE_TYPE, Advert, encode_properties
from discovery.errors import (
    BadAdvert,
    DiscoveryError,
    MulticastUnavailable,
    interface_refused,
    multicast_refused,
    quoted,
)
from discovery.interfaces import Interface, present, reachable, replugged, socket_keys
from discovery.limits import RESCAN_S, RESOLVE_MS_MAX, RESOLVING_MAX, ROTATE_S, SILENCE_S_MAX
from discovery.recognition import LABEL_BYTES, Recognition, new_label
from discovery.sightings import Sightings, service_name

_REFUSALS = (OSError, RuntimeError, zeroconf.Error)
"""What zeroconf lets through when sockets, interfaces or a closing instance refuse."""


class Mdns:
    """Publishes one advert and reports those of others, on all interfaces or the `interfaces` named.

    An entry of `interfaces` is an interface name or one of its IP addresses; it may be absent for
    a while. Callbacks run from the event loop, one after another: what they raise goes to the
    loop's exception handler and disturbs nothing here.
    """

    def __init__(
        self,
        recognition: Recognition,
        interfaces: Sequence[str] | None = None,
        *,
        rescan_s: float = RESCAN_S,
        silence_s_max: float = SILENCE_S_MAX,
        rotate_s: float = ROTATE_S,
    ) -> None:
        self._recognition = recognition
        self._rotate_s = rotate_s
        self._chosen = interfaces
        self._rescan_s = rescan_s
        self._silence_s_max = silence_s_max
        self._air: _Air | None = None

    async def start(
        self,
        advert: Advert,
        on_seen: Callable[[Advert], None],
        on_lost: Callable[[NodeId], None],
        on_fault: Callable[[DiscoveryError], None],
    ) -> None:
        """Publish `advert` and listen. Raises `MulticastUnavailable`; may then be tried again.

        With no `hosts` in `advert` the addresses that this machine has at the time are published.
        `on_fault` hears of adverts refused and of interfaces that fail, once each while it lasts.
        """
        if self._air is not None:
            raise RuntimeError("this Mdns runs already: close it first")
        own = Sightings(advert.node, self._recognition, silence_s_max=self._silence_s_max)
        ear = _Ear(own, on_seen, on_lost, on_fault)
        net, ipv6 = _open()
        speech = _Speech(advert, self._recognition, own, self._rotate_s)
        self._air = _Air(net, ear, speech, self._chosen, ipv6=ipv6)
        try:
            await self._air.begin(self._rescan_s)
        except _REFUSALS as refusal:
            await self.close()
            raise multicast_refused(refusal) from refusal
        except asyncio.CancelledError:
            await self.close()
            raise

    async def rescan(self) -> None:
        """Look at the interfaces again now, and repeat the advert (the operator's button)."""
        if self._air is not None:
            await self._air.rescan()

    async def close(self, *, goodbye: bool = True) -> None:
        """Stop. Without `goodbye` nothing more is sent, as when going silent. Idempotent."""
        air, self._air = self._air, None
        if air is not None:
            await air.end(goodbye=goodbye)


class _Speech:
    """Our own advert under the name of the hour."""

    def __init__(
        self, advert: Advert, recognition: Recognition, sightings: Sightings, rotate_s: float
    ) -> None:
        self._advert, self._recognition, self._sightings = advert, recognition, sightings
        self._rotate_s = rotate_s
        self._random = random.SystemRandom()
        self.rename(0.0)

    def rename(self, now: float) -> None:
        """Go by another name from now on."""
        self._label = new_label(self._random.randbytes(LABEL_BYTES))
        self._sightings.name(self._label)
        self._until = now + self._rotate_s * self._random.uniform(0.75, 1.25)

    def worn(self, now: float) -> bool:
        """It is time for another name."""
        return now >= self._until

    def service(self, interfaces: Sequence[Interface]) -> AsyncServiceInfo:
        """What to register."""
        advert, label = self._advert, self._label
        return AsyncServiceInfo(
            SERVICE_TYPE,
            service_name(label),
            port=advert.port,
            properties=encode_properties(advert, label, self._recognition),
            server=f"{label}.local.",  # the machine's own name says too much
            parsed_addresses=list(advert.hosts or reachable(interfaces)),
        )


class _Air:
    """One open zeroconf: our registration, the browser, and the round of rescans."""

    def __init__(
        self,
        net: AsyncZeroconf,
        ear: _Ear,
        speech: _Speech,
        chosen: Sequence[str] | None,
        *,
        ipv6: bool,
    ) -> None:
        self._net = net
        self._ear = ear
        self._speech = speech
        self._chosen = chosen
        self._ipv6 = ipv6
        self._interfaces: tuple[Interface, ...] = ()
        self._info = speech.service(())
        self._browser: AsyncServiceBrowser | None = None
        self._rounds: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._told: set[str] = set()

    async def begin(self, rescan_s: float) -> None:
        core = self._net.zeroconf
        await core.async_wait_for_start()
        self._interfaces = present(self._chosen)
        self._speech.rename(asyncio.get_running_loop().time())
        self._info = self._speech.service(self._interfaces)
        await self._adopt()
        core.async_add_listener(self._ear, None)
        self._browser = AsyncServiceBrowser(core, SERVICE_TYPE, listener=self._ear)
        # names are random: probing for the name would cost a second and gain nothing
        await (await self._net.async_register_service(self._info, cooperating_responders=True))
        self._rounds = asyncio.get_running_loop().create_task(self._rescan_forever(rescan_s))
        self._rounds.add_done_callback(_stopped)

    async def end(self, *, goodbye: bool) -> None:
        if self._rounds is not None:
            self._rounds.cancel()
            await asyncio.wait([self._rounds])
        async with self._turn:
            await self._ear.close()
            if self._browser is not None:
                await self._browser.async_cancel()
            if not goodbye:
                self._net.zeroconf.registry.async_remove(self._info)
            await self._net.async_close()

    async def rescan(self) -> None:
        async with self._turn:
            try:
                await self._look_again()
            except _REFUSALS as refusal:
                self._report([multicast_refused(refusal)])

    async def _rescan_forever(self, rescan_s: float) -> None:
        while True:
            await asyncio.sleep(rescan_s)
            await self.rescan()

    async def _look_again(self) -> None:
        before, self._interfaces = self._interfaces, present(self._chosen)
        if replugged(before, self._interfaces):
            # zeroconf compares addresses only and would keep sockets of the device that is gone
            await self._net.async_update_interfaces([])
        now = asyncio.get_running_loop().time()
        if self._speech.worn(now):
            await self._adopt()
            await self._rename(now)
            self._ear.end_round()
            return
        info = self._speech.service(self._interfaces)
        moved = info.parsed_addresses() != self._info.parsed_addresses()
        if moved:
            self._net.zeroconf.registry.async_update(info)
            self._info = info
        await self._adopt()
        await self._announce(insist=moved)
        self._ear.end_round()

    async def _rename(self, now: float) -> None:
        """The new name first, then the old one's goodbye: so nobody thinks that we have left."""
        former = self._info
        self._speech.rename(now)
        self._info = self._speech.service(self._interfaces)
        await (await self._net.async_register_service(self._info, cooperating_responders=True))
        await (await self._net.async_unregister_service(former))

    async def _announce(self, *, insist: bool) -> None:
        core = self._net.zeroconf
        if insist:
            await (await self._net.async_update_service(self._info))
        else:
            core.async_send(core.generate_service_broadcast(self._info, None))

    async def _adopt(self) -> None:
        """Open sockets on interfaces that came, close those of interfaces that went."""
        keys = socket_keys(self._interfaces, ipv6=self._ipv6)
        try:
            await self._net.async_update_interfaces(keys)
        except _REFUSALS:
            await self._adopt_singly(keys)
        # zeroconf skips what it cannot use without a word to its caller: count what is there
        live = {sender.interface_key[0] for sender in self._net.zeroconf.engine.senders}
        four = [key for key in keys if isinstance(key, str)]
        faults = [interface_refused(address) for address in four if address not in live]
        self._report(faults if live else [*faults, interface_refused()])

    async def _adopt_singly(self, keys: Sequence[str | int]) -> None:
        """One interface that refuses must not keep the others out."""
        good: list[str | int] = []
        for key in keys:
            with contextlib.suppress(*_REFUSALS):
                await self._net.async_update_interfaces([*good, key])
                good.append(key)

    def _report(self, faults: Sequence[MulticastUnavailable]) -> None:
        for fault in faults:
            if fault.cause not in self._told:
                self._ear.fault(fault)
        self._told = {fault.cause for fault in faults}


class _Ear(zeroconf.RecordUpdateListener, zeroconf.ServiceListener):
    """Hears records, asks for those that are missing, and passes on what they say."""

    def __init__(
        self,
        sightings: Sightings,
        on_seen: Callable[[Advert], None],
        on_lost: Callable[[NodeId], None],
        on_fault: Callable[[DiscoveryError], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sightings = sightings
        self._on_seen = on_seen
        self._on_lost = on_lost
        self._on_fault = on_fault
        self._repeated: dict[str, zeroconf.Zeroconf] = {}
        self._lookups: dict[str, asyncio.Task[None]] = {}
        self._refused: set[str] = set()

    def fault(self, fault: DiscoveryError) -> None:
        self._loop.call_soon(self._on_fault, fault)

    def end_round(self) -> None:
        """Report the nodes that have been silent too long; complain anew about bad adverts."""
        self._refused.clear()
        for node in self._sightings.overdue(self._loop.time()):
            self._loop.call_soon(self._on_lost, node)

    async def close(self) -> None:
        lookups = list(self._lookups.values())
        for lookup in lookups:
            lookup.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)

    # -- called by the browser: an instance came, changed or said goodbye ------------------------

    def add_service(self, zc: zeroconf.Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002
        self._look_up(zc, name)

    def update_service(self, zc: zeroconf.Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002
        self._look_up(zc, name)

    def remove_service(self, zc: zeroconf.Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002
        lookup = self._lookups.pop(name, None)
        if lookup is not None:
            lookup.cancel()
        node = self._sightings.leave(name)
        if node is not None:
            self._loop.call_soon(self._on_lost, node)

    # -- called for each packet: the browser keeps quiet about one that repeats what is known -----

    def async_update_records(
        self, zc: zeroconf.Zeroconf, now: float, records: list[zeroconf.RecordUpdate]
    ) -> None:
        for update in records:
            record = update.new
            alive = update.old is not None and not record.is_expired(now)
            if alive and self._sightings.concerns(record.name):
                self._repeated[record.name] = zc

    def async_update_records_complete(self) -> None:
        repeated, self._repeated = self._repeated, {}
        for name, zc in repeated.items():
            self._look_up(zc, name)

    # -- from records to adverts -----------------------------------------------------------------

    def _look_up(self, zc: zeroconf.Zeroconf, name: str) -> None:
        full = name in self._lookups or len(self._lookups) >= RESOLVING_MAX
        if full or not self._sightings.concerns(name):
            return
        lookup = self._loop.create_task(self._complete(zc, name))
        self._lookups[name] = lookup
        lookup.add_done_callback(lambda done: self._looked_up(name, done))

    def _looked_up(self, name: str, lookup: asyncio.Task[None]) -> None:
        if self._lookups.get(name) is lookup:
            del self._lookups[name]

    async def _complete(self, zc: zeroconf.Zeroconf, name: str) -> None:
        try:
            info = AsyncServiceInfo(SERVICE_TYPE, name)
            # what stays incomplete is heard when it is announced again
            if await info.async_request(zc, RESOLVE_MS_MAX):
                self._sight(name, info)
        except (BadAdvert, zeroconf.Error) as refusal:
            self._refuse(name, refusal)

    def _sight(self, name: str, info: AsyncServiceInfo) -> None:
        advert = self._sightings.hear(
            name,
            info.properties,
            hosts=info.parsed_scoped_addresses(),
            port=info.port,
            now=self._loop.time(),
        )
        if advert is not None:
            self._loop.call_soon(self._on_seen, advert)
        for node in self._sightings.overdue(self._loop.time()):
            self._loop.call_soon(self._on_lost, node)

    def _refuse(self, name: str, refusal: Exception) -> None:
        if name in self._refused or len(self._refused) >= RESOLVING_MAX:
            return
        self._refused.add(name)
        known = refusal if isinstance(refusal, BadAdvert) else None
        self.fault(known or BadAdvert(f"advert refused: {quoted(name)} is no service name"))


def _stopped(rounds: asyncio.Task[None]) -> None:
    """Rescans end by being cancelled; anything else is a defect that somebody has to see."""
    defect = None if rounds.cancelled() else rounds.exception()
    if defect is not None:
        context = {"message": "mDNS rescans stopped", "exception": defect, "task": rounds}
        rounds.get_loop().call_exception_handler(context)


def _open() -> tuple[AsyncZeroconf, bool]:
    """A zeroconf that listens on no interface yet, and whether it knows IPv6."""
    try:
        return AsyncZeroconf(interfaces=[], ip_version=zeroconf.IPVersion.All), True
    except OSError:
        # a kernel without IPv6; whatever else is wrong refuses again below
        pass
    try:
        return AsyncZeroconf(interfaces=[], ip_version=zeroconf.IPVersion.V4Only), False
    except OSError as refusal:
        raise multicast_refused(refusal) from refusal
