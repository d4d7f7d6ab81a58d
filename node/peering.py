"""All links of a node: who to dial, whom to accept, one session per peer, what status may claim.

Runs on the event loop. Discovery says who there may be, a handshake proves it; of two links with
one peer, the one led by the lower node id stays, so both sides keep the same one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import structlog

from conflict.catalogue import fingerprint
from conflict.identity import NodeId
from discovery import Address, Advert, DiscoveryError, Mdns, MulticastUnavailable, Peer, PeerTable
from node.acquaintance import SETTING_PREFIX, Acquaintance
from node.engine import Engine, Grown
from node.errors import NoPeer
from node.link import Link
from sync import effects, messages
from sync.effects import Phase
from sync.errors import PeerUnknown
from sync.handshake import Greeting
from sync.ports import Keyring
from sync.session import Session
from sync.transport.channel import Channel, LinkFailed
from sync.transport.websocket import Dialer, Listener, WebSocketChannel

READER_THREADS = 2
DUPLICATE = "duplicate-link"
PAUSED = "paused"
MDNS_RETRY_S = 30.0

log = structlog.get_logger("peering")


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """How this node shows itself: listen address, mDNS on or off, interfaces (empty: all)."""

    host: str
    port: int
    mdns: bool
    interfaces: tuple[str, ...] = ()


class Peering:
    """Links to peers. `known` gives name and role by node; `static` are configured addresses."""

    def __init__(
        self,
        *,
        engine: Engine,
        keyring: Keyring,
        known: Mapping[NodeId, Acquaintance],
        static: Iterable[tuple[Address, NodeId]],
        entropy: Callable[[int], bytes],
        now_ms: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._catalogue = fingerprint(engine.catalogue)
        self._keyring = keyring
        self._entropy = entropy
        self._now_ms = now_ms
        self._loop = asyncio.get_running_loop()
        self._readers = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="reader")
        self._dialer = Dialer()
        self._listener = Listener(self._accept)
        self._mdns: Mdns | None = None
        self._air: Air | None = None
        self._links: dict[NodeId, Link] = {}
        self._open: set[Link] = set()
        self._addresses: dict[Link, Address] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._news = asyncio.Event()
        self.paused = False
        self._bytes_before = [0, 0]
        self.mdns_fault = ""
        self.acquaintances = dict(known)
        for node, one in self.acquaintances.items():
            if remembered := engine.store.setting(SETTING_PREFIX + node.hex()):
                one.recall(remembered)
        self.table = PeerTable(engine.key.node, self._random)
        for address, node in static:
            self.table.static(address, node)
        self._stop_listening = engine.on_grown(self._grown_elsewhere)

    @property
    def port(self) -> int:
        """Where peers reach us, once started."""
        return self._listener.port

    # Life -----------------------------------------------------------------------------------

    async def start(self, air: Air | None) -> None:
        """Listen and advertise (None: dial only). Raises `OSError` when the address is taken."""
        if air is not None:
            await self._listener.listen(air.host, air.port)
            self._air = air
            await self._advertise()
        self._spawn(self._dial_forever())

    async def close(self) -> None:
        """End all links, say goodbye."""
        self._stop_listening()
        await self._silence(goodbye=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.close()
        await self._dialer.close()
        self._readers.shutdown(wait=True, cancel_futures=True)

    async def pause(self, *, paused: bool) -> None:
        """Paused: no links, none answered, nothing advertised."""
        if paused == self.paused:
            return
        self.paused = paused
        if paused:
            await self._silence(goodbye=False)
        else:
            await self._advertise()
        self._news.set()

    async def _silence(self, *, goodbye: bool) -> None:
        if self._mdns is not None:
            await self._mdns.close(goodbye=goodbye)
            self._mdns = None
        for link in list(self._open):
            link.end(PAUSED if not goodbye else "")
        await asyncio.gather(*(link.done.wait() for link in list(self._open)))

    async def _advertise(self) -> None:
        air = self._air
        if air is None or not air.mdns:
            return
        hosts = () if air.host in {"0.0.0.0", "::"} else (air.host,)  # noqa: S104  compared, not bound
        advert = Advert(
            node=self._engine.key.node,
            port=self.port,
            protocol=messages.VERSION_MAX,
            hosts=hosts,
        )
        mdns = Mdns(list(air.interfaces) or None)
        try:
            await mdns.start(advert, self._seen, self._lost, self._fault)
        except MulticastUnavailable as fault:
            self.mdns_fault = str(fault)
            log.warning("multicast unavailable", code=fault.code)
            self._spawn(self._advertise_later())
        else:
            self.mdns_fault = ""
            self._mdns = mdns

    async def _advertise_later(self) -> None:
        await asyncio.sleep(MDNS_RETRY_S)
        if self._mdns is None and not self.paused:
            await self._advertise()

    def _seen(self, advert: Advert) -> None:
        self.table.seen(advert, self._loop.time())
        self._news.set()

    def _lost(self, node: NodeId) -> None:
        self.table.lost(node, self._loop.time())

    def _fault(self, fault: DiscoveryError) -> None:
        log.info("discovery", code=fault.code)

    def _random(self) -> float:
        return int.from_bytes(self._entropy(6), "big") / (1 << 48)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Links ----------------------------------------------------------------------------------

    async def _dial_forever(self) -> None:
        while True:
            self._news.clear()
            if not self.paused:
                for peer in self.table.due(self._loop.time()):
                    if peer.node is None or peer.node in self.acquaintances:
                        self._spawn(self._dial(peer))
                    else:
                        self.table.failed(peer, PeerUnknown.code, self._loop.time())
            deadline = None if self.paused else self.table.next_deadline()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()

    async def _dial(self, peer: Peer) -> None:
        cause = "no-address"
        for address in peer.addresses:
            try:
                channel = await self._dialer.dial(str(address))
            except LinkFailed as fault:
                cause = fault.code
                continue
            link = self._link(channel, leader=True)
            self._addresses[link] = address
            cause = await self._run(link)
            if link.peer is not None:
                return
        self.table.failed(peer, cause or "ended", self._loop.time())
        self._news.set()

    async def _accept(self, channel: WebSocketChannel) -> None:
        if not self.paused:
            await self._run(self._link(channel, leader=False))

    def _link(self, channel: Channel, *, leader: bool) -> Link:
        greeting = Greeting(
            epoch=self._engine.epoch,
            nonce=self._entropy(16),
            catalogue=self._catalogue,
            clock_ms=self._now_ms(),
        )
        session = Session(
            signer=self._engine.key,
            keyring=self._keyring,
            greeting=greeting,
            leader=leader,
            now=self._loop.time(),
        )
        return Link(channel, session, self._engine, self._readers, self._noticed)

    async def _run(self, link: Link) -> str:
        self._open.add(link)
        try:
            return await link.run()
        finally:
            self._open.discard(link)
            self._addresses.pop(link, None)
            self._bytes_before[0] += link.bytes_in
            self._bytes_before[1] += link.bytes_out
            self._ended(link)

    def _ended(self, link: Link) -> None:
        node = link.peer
        if node is None or self._links.get(node) is not link:
            return
        del self._links[node]
        one = self.acquaintances[node]
        one.phase, one.cause = Phase.CLOSED, link.session.cause or link.end_code
        one.last_contact_ms = self._now_ms()
        self._remember(one)
        self.table.disconnected(node, link.end_code or "ended", self._loop.time())
        self._news.set()

    def _noticed(self, link: Link, notice: effects.Notice) -> None:
        match notice:
            case effects.Proven():
                self._proven(link, notice)
            case effects.Entered(phase, cause) if link.peer in self.acquaintances:
                self._entered(link, phase, cause)
            case effects.PeerRefused(lane, _, code, _) if link.peer in self.acquaintances:
                self.acquaintances[link.peer].refused[lane.document.hex()] = code

    def _proven(self, link: Link, proven: effects.Proven) -> None:
        now = self._loop.time()
        if link in self._addresses:
            self.table.learned(self._addresses[link], proven.node, now)
        rival = self._links.get(proven.node)
        if rival is not None and not self._prevails(link, rival):
            link.end(DUPLICATE)
            return
        self._links[proven.node] = link
        if rival is not None:
            rival.end(DUPLICATE)
        one = self.acquaintances.setdefault(proven.node, Acquaintance(proven.node))
        one.answers_in(proven.epoch)
        one.clock_ahead_ms = proven.clock_ahead_ms
        one.last_contact_ms = self._now_ms()
        self.table.connected(proven.node, now)
        log.info("linked", peer=proven.node.hex()[:8])

    def _prevails(self, link: Link, rival: Link) -> bool:
        """The link that the lower id leads stays; of two led by the same side, the newer."""
        if link.session.leader == rival.session.leader:
            return True
        assert link.peer is not None  # noqa: S101  called once proven
        return link.session.leader == (self._engine.key.node < link.peer)

    def _entered(self, link: Link, phase: Phase, cause: str) -> None:
        assert link.peer is not None  # noqa: S101  guarded by the caller
        one = self.acquaintances[link.peer]
        if self._links.get(link.peer) is not link:
            return
        one.phase, one.cause = phase, cause
        if phase is Phase.EQUAL and (summary := link.session.proved) is not None:
            one.equal(summary, self._now_ms())
            self._remember(one)

    def _remember(self, one: Acquaintance) -> None:
        self._engine.set_setting(SETTING_PREFIX + one.node.hex(), one.remembered())

    def _grown_elsewhere(self, lanes: Grown, source: NodeId | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: the node is stopping
            self._loop.call_soon_threadsafe(self._grown, lanes, source)

    def _grown(self, lanes: Grown, source: NodeId | None) -> None:
        for node, link in self._links.items():
            if node != source:
                link.grown(lanes)

    @property
    def traffic(self) -> tuple[int, int]:
        """Bytes received and sent over all links since the start."""
        links = list(self._open)
        received = self._bytes_before[0] + sum(link.bytes_in for link in links)
        return received, self._bytes_before[1] + sum(link.bytes_out for link in links)

    # For the desk ---------------------------------------------------------------------------

    def link(self, node: NodeId) -> Link | None:
        """The live link with `node`."""
        return self._links.get(node)

    async def prove(self, node: NodeId | None, address: Address | None, timeout_s: float) -> NodeId:
        """Equality with a peer, proved now or by what flows meanwhile. Raises `NoPeer`."""
        try:
            async with asyncio.timeout(timeout_s):
                link = self._links.get(node) if node is not None else None
                if link is None:
                    link = await self._fresh(node, address)
                proofs = link.session.proofs + (1 if link.session.leader else 0)
                link.check()
                await self._equal(link, proofs)
                assert link.peer is not None  # noqa: S101  equal means proven
                return link.peer
        except TimeoutError:
            raise NoPeer(
                f"no equality within {timeout_s:.0f} s; everything is saved here. "
                "See 'aidstation peers' for the cause"
            ) from None

    async def _fresh(self, node: NodeId | None, address: Address | None) -> Link:
        addresses = [address] if address else self._addresses_of(node)
        if not addresses:
            raise NoPeer("this peer has no known address: give one, or wait until it is found")
        fault: LinkFailed | None = None
        for one in addresses:
            try:
                channel = await self._dialer.dial(str(one))
            except LinkFailed as failed:
                fault = failed
                continue
            link = self._link(channel, leader=True)
            self._addresses[link] = one
            self._spawn(self._run(link))
            return link
        raise NoPeer(f"{fault}; everything is saved here, try again when there is a link")

    def _addresses_of(self, node: NodeId | None) -> list[Address]:
        return [one for peer in self.table.peers() if peer.node == node for one in peer.addresses]

    async def _equal(self, link: Link, proofs: int) -> None:
        """Until this link, or the one that replaced it, is equal with nothing waiting."""
        while True:
            current = self._links.get(link.peer, link) if link.peer else link
            if current.session.phase is Phase.CLOSED:
                raise NoPeer(f"the link ended: {current.session.cause or current.end_code}")
            enough = current.session.proofs >= (proofs if current is link else 1)
            if current.session.phase is Phase.EQUAL and enough and not current.session.busy:
                return
            current.changed.clear()
            await current.changed.wait()
