"""All links of a node: whom to accept, one session per peer, what status may claim.

Runs on the event loop. `dialling.py` says whom to call, a handshake proves who it is; of two links
with one peer, the one led by the lower node id stays, so both sides keep the same one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, Final

import structlog

from conflict.catalogue import fingerprint
from conflict.identity import NodeId
from discovery import Address, Peer, PeerTable, Recognition
from node.acquaintance import SETTING_PREFIX, Acquaintance
from node.admitting import Admitting, Network, certified, web
from node.allowances import BUDGET_SPENT, SILENT, Allowances
from node.dialling import Dialling
from node.enforcing import REGRANTED, Enforcing
from node.engine import Engine
from node.fetching import Fetching
from node.herald import Air, Herald
from node.link import Link
from node.metering import Call, Meter
from node.relaying import Relaying
from node.turns import TURN_S_MAX, Turns
from sync import effects, shed_effects
from sync.effects import Phase
from sync.handshake import Greeting
from sync.link_profile import LinkProfile
from sync.ports import Keyring, Terms
from sync.session import Session
from sync.transport.channel import Channel, LinkFailed

READER_THREADS = 2
DUPLICATE = "duplicate-link"
PAUSED = "paused"

log = structlog.get_logger("peering")


class Peering:
    """Links to peers. `known`: whom status speaks of before they were met; `introduce`: what is known of
    a node then; `static`: configured addresses."""

    def __init__(
        self,
        *,
        engine: Engine,
        keyring: Keyring,
        known: Iterable[NodeId],
        introduce: Callable[[NodeId], Acquaintance] = Acquaintance,
        static: Iterable[tuple[Address, NodeId]],
        entropy: Callable[[int], bytes],
        now_ms: Callable[[], int],
        profiles: Mapping[NodeId, LinkProfile] | None = None,
        default: LinkProfile | None = None,
        network: Network = web,
    ) -> None:
        self._engine = engine
        self._catalogue = fingerprint(engine.catalogue)
        self._keyring = keyring
        self._entropy = entropy
        self._now_ms = now_ms
        self._loop = asyncio.get_running_loop()
        self._readers = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="reader")
        self._air: Air | None = None
        self._links: dict[NodeId, Link] = {}
        self._open: dict[Link, Call] = {}
        self._turns = Turns(self._loop.time, self._links)
        self._tasks: set[asyncio.Task[object]] = set()
        self._bytes_before = [0, 0]
        self._introduce = introduce
        self.acquaintances = {node: self._acquainted(node) for node in known}
        self.allowances: Final = Allowances(
            profiles or {}, default or LinkProfile.lan(), self.acquaintances
        )
        self._enforcing = Enforcing(engine, self._links, self._open)
        self._admitting = Admitting(engine.belonging, engine.key, self._enforcing.bars)
        self._dialer, self._listener = self._admitting.ends(self._accept, self.allowances, network)
        self._meter = Meter(self.allowances, now_ms, self._remember)
        self.table = PeerTable(engine.key.node, self._random)
        for address, node in static:
            self.table.static(address, node)
        self._dialling = Dialling(
            table=self.table,
            allowances=self.allowances,
            bars=self._admitting.bars_dial,
            dial=lambda peer: self._spawn(self._dial(peer)),
            entropy=self._random,
            now_ms=now_ms,
        )
        self._herald = _herald(engine, self._dialling)
        self._relaying = Relaying(engine, self._links, self._open)
        self.fetching: Final = Fetching(engine, self._links, self.acquaintances)

    def _acquainted(self, node: NodeId) -> Acquaintance:
        """A peer as it is introduced, with what is remembered of it."""
        one = self._introduce(node)
        if remembered := self._engine.store.setting(SETTING_PREFIX + node.hex()):
            one.recall(remembered)
        return one

    @property
    def port(self) -> int:
        """Where peers reach us, once started."""
        return self._listener.port

    @property
    def paused(self) -> bool:
        """See `pause`."""
        return self._dialling.paused

    @property
    def mdns_fault(self) -> str:
        """Why multicast cannot be used now; empty: it can, or is off."""
        return self._herald.fault

    # Life -----------------------------------------------------------------------------------

    async def start(self, air: Air | None) -> None:
        """Listen and advertise (None: dial only). Raises `OSError` when the address is taken.

        A silent node opens nothing.
        """
        self._air = air
        await self._speak()
        self._spawn(self._dialling.run())

    async def _speak(self) -> None:
        if self._air is None or self.allowances.silent:
            return
        await self._listener.listen(self._air.host, self._air.port)
        self._air = replace(self._air, port=self.port)  # the same one after a silence
        if not self.paused:
            await self._herald.speak(self._air, self.port)

    async def close(self) -> None:
        """End all links, say goodbye."""
        self._relaying.stop()
        self._enforcing.stop()
        self.fetching.stop()
        await self._silence(goodbye=True, code="")
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
        self._dialling.paused = paused
        if paused:
            await self._silence(goodbye=False, code=PAUSED)
        elif self._air is not None and not self.allowances.silent:
            await self._herald.speak(self._air, self.port)
        self._dialling.wake()

    async def silence(self, *, silent: bool) -> None:
        """Silent: every socket to others is closed when it returns, and nothing was said on the way.

        Raises `OSError` when the address has been taken meanwhile.
        """
        if silent == self.allowances.silenced:
            return
        self.allowances.silenced = silent
        if silent:
            await self._silence(goodbye=False, code="")
            await self._listener.close()
            await self._dialer.close()
        else:
            await self._speak()
        self._dialling.wake()

    async def _silence(self, *, goodbye: bool, code: str) -> None:
        await self._herald.hush(goodbye=goodbye)
        for link in list(self._open):
            link.end(code)
        await asyncio.gather(*(link.done.wait() for link in list(self._open)))

    def _random(self) -> float:
        return int.from_bytes(self._entropy(6), "big") / (1 << 48)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Links ----------------------------------------------------------------------------------

    async def _dial(self, peer: Peer) -> None:
        cause = "no-address"
        for address in peer.addresses:
            try:
                channel = await self._open_channel(address, peer.node)
            except LinkFailed as fault:
                cause = fault.code
                continue
            link = self._link(channel, Call(address, peer.node), leader=True)
            cause = await self._run(link)
            if link.peer is not None:
                break
        self._admitting.dialled(peer.node, cause)
        self.table.failed(peer, cause or "ended", self._loop.time())
        self._dialling.wake()

    async def _open_channel(self, address: Address, node: NodeId | None) -> Channel:
        connect_s_max = self.allowances.profile_of(node).connect_s_max
        return await self._dialer.dial(str(address), connect_s_max=connect_s_max)

    async def _accept(self, channel: Channel) -> None:
        if not self.paused and not self.allowances.silent:
            await self._run(self._link(channel, Call(), leader=False))

    def _link(self, channel: Channel, call: Call, *, leader: bool) -> Link:
        greeting = Greeting(
            epoch=self._engine.epoch,
            nonce=self._entropy(16),
            catalogue=self._catalogue,
            clock_ms=self._now_ms(),
            sketch_key=self._engine.store.sketch(1).key.name,
            log=self._engine.belonging.log_head,
        )
        session = Session(
            signer=self._engine.key,
            keyring=self._keyring,
            certified=certified(channel),
            greeting=greeting,
            terms=partial(self._terms, call),
            leader=leader,
            now=self._loop.time(),
        )
        link = Link(channel, session, self._engine, self._readers, self._noticed)
        self._open[link] = call
        return link

    def _terms(self, call: Call, node: NodeId | None) -> Terms:
        """How to deal with a peer; None: with whom we dial, or with a caller who has said nothing."""
        node = node or call.dialled
        if node is None:
            called = call.address is None  # then the caller's HELLO tells which figures hold
            return Terms(self.allowances.slowest() if called else self.allowances.profile_of(None))
        one = self.acquaintances.get(node)
        call.sparing = not call.by_hand and self.allowances.sparing(node, self._now_ms())
        known = one.known(self._engine.epoch) if one else None
        shared = call.shared = self._engine.grants.shared_with(node)
        terms = Terms(self.allowances.profile_of(node), known, call.sparing, scopes=shared)
        return (
            terms
            if terms.profile.thin
            else terms._replace(may_repair=partial(self._turns.take, call))
        )

    async def _run(self, link: Link) -> str:
        try:
            return await link.run()
        finally:
            self._turns.give_back(self._open[link])
            self._meter.charge(link, self._open.pop(link))
            self._bytes_before[0] += link.bytes_in
            self._bytes_before[1] += link.bytes_out
            self._ended(link)

    def _ended(self, link: Link) -> None:
        node = link.peer
        if node is None or self._links.get(node) is not link:
            return
        del self._links[node]
        self.fetching.without(node)
        one = self.acquaintances[node]
        one.phase, one.cause = Phase.CLOSED, link.session.cause
        now_ms = one.last_contact_ms = self._now_ms()
        by_peer = not self.allowances.spent(node, now_ms)
        if by_peer and link.end_code in {BUDGET_SPENT, SILENT}:
            self.allowances.halt(node, link.end_code, now_ms)
        self._remember(one.node)
        self.table.disconnected(node, link.end_code or "ended", self._loop.time())
        self._dialling.wake()

    def _noticed(self, link: Link, notice: effects.Notice) -> None:
        match notice:
            case effects.Proven():
                self._proven(link, notice)
            case effects.Entered(phase, cause) if link.peer in self.acquaintances:
                self._entered(link, phase, cause)
            case effects.Outdated() if link.peer in self.acquaintances:
                self.acquaintances[link.peer].outdated()
                self._remember(link.peer)
            case effects.PeerRefused(lane, _, code, _) if link.peer in self.acquaintances:
                self.acquaintances[link.peer].refused[lane.document.hex()] = code
            case shed_effects.PeerReleased(total) if link.peer in self.acquaintances:
                self.acquaintances[link.peer].let_go = total
            case shed_effects.PeerWithholds():
                self.fetching.without(link.peer)

    def _proven(self, link: Link, proven: effects.Proven) -> None:
        now, call = self._loop.time(), self._open[link]
        if call.address is not None:
            self.table.learned(call.address, proven.node, now)
        bar = self._enforcing.bars(proven.node) or self._meter.bars(link, call, proven.node)
        if bar:
            link.end(bar)
            return
        if self._enforcing.regranted(proven.node, call):  # since it said HELLO
            link.end(REGRANTED)
            return
        rival = self._links.get(proven.node)
        if rival is not None and not self._prevails(link, rival, proven):
            link.end(DUPLICATE)
            return
        self._links[proven.node] = link
        if rival is not None:
            rival.end(DUPLICATE)
        one = self.acquaintances.get(proven.node) or self._acquainted(proven.node)
        self.acquaintances[proven.node] = one
        one.answers_in(proven.epoch, self._now_ms())
        one.clock_ahead_ms = proven.clock_ahead_ms
        one.last_contact_ms = self._now_ms()
        self.table.connected(proven.node, now)
        self._admitting.dialled(proven.node, "")
        self.fetching.met(proven.node)
        self._spawn(self._meter.watch(link, call))
        log.info("linked", peer=proven.node.hex()[:8])

    def _prevails(self, link: Link, rival: Link, proven: effects.Proven) -> bool:
        """The link that the lower id leads stays; of two led by the same side, the newer, and of two
        copies of one device too: else one of them would never be heard."""
        leads, lower = link.session.leader, self._engine.key.node < proven.node
        copies = proven.epoch.hex() != self.acquaintances[proven.node].epoch
        return copies or leads in {rival.session.leader, lower}

    def _entered(self, link: Link, phase: Phase, cause: str) -> None:
        assert link.peer is not None  # noqa: S101  guarded by the caller
        one = self.acquaintances[link.peer]
        if self._links.get(link.peer) is not link:
            return
        one.phase, one.cause = phase, cause
        if phase is Phase.REPAIRING:
            self._loop.call_later(TURN_S_MAX, self._turns.next)
        elif phase is not Phase.CHECKING:
            self._turns.give_back(self._open.get(link))
        if phase is Phase.EQUAL and (proved := link.session.proved) is not None:
            one.equal(proved, self._engine.epoch, self._now_ms())
            self.allowances.resume(link.peer)
            self._remember(one.node)

    def _remember(self, node: NodeId) -> None:
        remembered = self.acquaintances[node].remembered()
        self._engine.set_setting(SETTING_PREFIX + node.hex(), remembered)

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

    def stopped(self, node: NodeId) -> str:
        """See `Allowances.stopped` and `Admitting.stopped`."""
        barred = self.allowances.stopped(node, self._now_ms())
        return barred or self._admitting.stopped(node)

    async def dial_by_hand(self, address: Address, node: NodeId | None) -> Link:
        """A link that somebody asked for, running. Raises `LinkFailed`."""
        channel = await self._open_channel(address, node)
        link = self._link(channel, Call(address, node, by_hand=True), leader=True)
        self._spawn(self._run(link))
        return link

    @contextlib.contextmanager
    def asking(self, link: Link) -> Iterator[None]:
        """Somebody waits for what this link brings, budget or not."""
        call = self._open.get(link, Call())
        call.askers += 1
        try:
            yield
        finally:
            call.askers -= 1


def _herald(engine: Engine, dialling: Dialling) -> Herald:
    belonging = engine.belonging
    recognition = Recognition(lambda: belonging.secret, lambda: belonging.names)
    return Herald(engine.key.node, recognition, dialling.seen, dialling.lost)
