"""Composition: the one place that chooses implementations and wires them together.

`open_desk` serves commands (asking the running node, else opening the store), `run` is the node.
"""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from node.acquaintance import introduced
from node.acting import acting_as
from node.audited_desk import AuditedDesk
from node.belonging import Belonging
from node.bundles.arriving import take_kept
from node.desk import Desk
from node.engine import Engine
from node.errors import Locked
from node.guarded_desk import guarded
from node.hardening import forbid_core_dumps
from node.holder import asking
from node.home import (
    Home,
    Running,
    announce,
    hold_lock,
    new_token,
    read_key,
    read_running,
    read_token,
    withdraw,
)
from node.lineage import Lineage, lately_lost, place_of
from node.local_desk import LocalDesk
from node.locker import Locker
from node.reception import Reception, awake_s, system_user
from node.rekeying import settle
from node.remote_desk import RemoteDesk
from node.sealed import OwnEnd, wait_for_secret
from node.session_file import forget_session, read_session
from node.sessions import Sessions
from node.trauma import TraumaRange, default_prefix
from node.unlocking import NOTHING, Opened, Secrets, unlock
from node.vault import STORE
from node.workers import WorkerPool
from storage import SqlStore
from storage.database import embedded_path
from sync.custody import new_epoch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conflict.identity import NodeId
    from discovery import Address
    from node.audit import Audit
    from node.config import Settings
    from node.peering import Peering
    from node.vault import DataKey


GARRISON = "garrison"


def now_ms() -> int:
    """Wall clock, milliseconds."""
    return time.time_ns() // 1_000_000


@contextmanager
def open_desk(home: Home, settings: Settings, given: Secrets = NOTHING) -> Iterator[Desk]:
    """The running node's desk, or one over the store in this process. Raises `NodeError`."""
    running = read_running(home)
    if running is not None:
        yield RemoteDesk(running.api, read_token(running), read_session(home).token)
        return
    with open_engine(home, settings, given) as engine:
        engine.projector.wait_idle()
        name, role = settings.node.name, settings.node.role
        called = {**engine.belonging.names, **_called(settings)}
        trauma, policy = _trauma(settings, engine), settings.hold.policy
        desk = LocalDesk(engine, name, role, trauma=trauma, called=called, policy=policy)
        now = now_ms()  # sessions are a running node's: alone, a command is the owner's
        with acting_as(desk.roster.people(now).owner(now, system_user())):
            yield AuditedDesk(guarded(desk), engine.audit)


@contextmanager
def open_engine(home: Home, settings: Settings, given: Secrets = NOTHING) -> Iterator[Engine]:
    """This process's own engine over the home that it owns meanwhile. Raises `NodeError`."""
    with (
        hold_lock(home),
        _engine(home, settings, data_key(home, settings, given)) as engine,
    ):
        yield engine


@contextmanager
def engine_with(home: Home, settings: Settings, data: DataKey | None) -> Iterator[Engine]:
    """The same where the caller has opened the home already."""
    with hold_lock(home), _engine(home, settings, data) as engine:
        yield engine


def data_key(home: Home, settings: Settings, given: Secrets = NOTHING) -> DataKey | None:
    """The data key of a home that the caller owns; None: a plain one. Raises `NodeError`."""
    with asking(home.lock):
        opened = unlock(home, given)
    return _settled(home, settings, opened)


def _settled(home: Home, settings: Settings, opened: Opened | None) -> DataKey | None:
    """After what a killed change of keys left undone."""
    return settle(home, embedded(home, settings), opened) if opened else None


def open_store(home: Home, settings: Settings, data: DataKey | None) -> SqlStore:
    """The node's store, made if there is none. The caller holds the lock and closes it.

    `data`: the home's data key; None only for a plain home.
    """
    epoch = new_epoch(now_ms(), secrets.token_bytes(16))
    key = data.derive(STORE) if data and embedded(home, settings) else None
    return SqlStore.open(settings.store.url or home.store, entropy=epoch, key=key)


def embedded(home: Home, settings: Settings) -> Path | None:
    """The store's file; None: a server keeps it, and encrypts its own disks."""
    return embedded_path(settings.store.url or home.store)


@contextmanager
def _engine(home: Home, settings: Settings, data: DataKey | None) -> Iterator[Engine]:
    key = read_key(home, data)
    store = open_store(home, settings, data)
    place = place_of(settings.store.url or home.store)
    lineage = Lineage(home.lineage, store, place, now_ms, secrets.token_bytes)
    engine = Engine(
        key=key,
        store=store,
        workers=WorkerPool(settings.workers.count),
        now_ms=now_ms,
        entropy=secrets.token_bytes,
        belonging=Belonging(store, key),
        epoch_began=lineage.new or lately_lost(store, now_ms()),
    )
    engine.on_grown(lambda _: lineage.stirred())
    try:
        yield engine
    finally:
        lineage.close()
        engine.close()


def run(
    settings: Settings,
    home: Home,
    on_ready: Callable[[Running], None] | None = None,
    given: Secrets = NOTHING,
) -> None:
    """Be the node until SIGINT or SIGTERM; sealed first, where nothing at hand opens the home.

    Raises `AlreadyRunning`, `PortBusy`, `StorageError`, `WrongSecret`.
    """
    forbid_core_dumps()
    with hold_lock(home):
        try:
            with asking(home.lock):
                opened = unlock(home, given)
        except Locked:
            opened = asyncio.run(wait_for_secret(settings, home, on_ready))
            if opened is None:
                return
        data = _settled(home, settings, opened)
        with _engine(home, settings, data) as engine:
            idle_ms = settings.lock.idle_ms
            locker = Locker(engine.store, home, data, now_ms, idle_ms, engine.audit)
            asyncio.run(_run(settings, home, engine, locker, on_ready))


async def _run(
    settings: Settings,
    home: Home,
    engine: Engine,
    locker: Locker,
    on_ready: Callable[[Running], None] | None,
) -> None:
    from node.http.app import Readiness, make_app
    from node.http.listening import serve
    from node.http.lock import LockRoutes
    from node.silence import Silence

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    peering, trauma = _peering(settings, engine), _trauma(settings, engine)
    policy, node = settings.hold.policy, settings.node
    desk = LocalDesk(engine, node.name, node.role, peering, loop, trauma, policy=policy)
    if node.role == GARRISON:
        engine.custody.begin()
    else:
        desk.hold.begin(policy)

    def ready() -> Readiness:
        failed = engine.projector.failed
        return Readiness(failed is None, (getattr(failed, "code", "internal"),) if failed else ())

    desk.silencing, desk.locker = Silence(home, peering, settings.sync.address), locker
    try:
        await _listen(settings, peering)
        reception, audited = _reception(desk, home, engine.audit), AuditedDesk(desk, engine.audit)
        lock = LockRoutes(locker, OwnEnd(home))
        app = make_app(audited, reception, ready, lock, engine.audit.unauthorised)
        heed_lock(locker, reception.sessions, partial(take_kept, home.root, audited), loop)
        runner, port = await serve(app, settings.api.address)
        try:
            api = str(settings.api.address._replace(port=port))
            running = Running(os.getpid(), api, desk.silencing.reached_at, str(home.token))
            announce(home, running)
            if on_ready:
                on_ready(running)
            loop.run_in_executor(None, engine.projector.prepare)
            gc.freeze()  # modules and what they declare: no collection looks at them again
            await stop.wait()
        finally:
            await runner.cleanup()
    finally:
        withdraw(home)
        await asyncio.to_thread(desk.hold.stop)
        await peering.close()


def heed_lock(
    locker: Locker, sessions: Sessions, take: Callable[[], None], loop: asyncio.AbstractEventLoop
) -> None:
    """The lock ends sessions; what waits for it to be opened is taken then, and now."""

    def moved(locked: bool) -> None:  # on any thread
        if locked:
            sessions.lock()
        else:
            loop.call_soon_threadsafe(loop.run_in_executor, None, take)

    locker.on_change(moved)
    moved(locked=False)


def _reception(desk: LocalDesk, home: Home, audit: Audit) -> Reception:
    """With no session: those of another process life are gone."""
    forget_session(home)
    sessions, token = Sessions(secrets.token_bytes), new_token(home)
    return Reception(desk.roster, sessions, token, now_ms, awake_s, system_user(), audit)


def _trauma(settings: Settings, engine: Engine) -> TraumaRange:
    own = settings.identity
    prefix = own.trauma_prefix or default_prefix(engine.key.node)
    return TraumaRange(prefix, own.trauma_first, own.trauma_last)


def _peering(settings: Settings, engine: Engine) -> Peering:
    from node.peering import Peering

    return Peering(
        engine=engine,
        keyring=engine.belonging,
        introduce=partial(introduced, engine.belonging, _called(settings)),
        known=_known(settings, engine),
        static=_static(settings),
        entropy=secrets.token_bytes,
        now_ms=now_ms,
        profiles={peer.node_id: peer.profile for peer in settings.peers if peer.profile},
        default=settings.sync.profile,
    )


def _called(settings: Settings) -> dict[NodeId, str]:
    return {peer.node_id: peer.name for peer in settings.peers}


def _known(settings: Settings, engine: Engine) -> list[NodeId]:
    """Whom status speaks of from the start: those configured, and garrisons."""
    garrisons = engine.grants.garrisons - {engine.key.node}
    return list(dict.fromkeys((*_called(settings), *sorted(garrisons))))


def _static(settings: Settings) -> list[tuple[Address, NodeId]]:
    from discovery import parse_peer

    return [
        (parse_peer(peer.address).address, peer.node_id) for peer in settings.peers if peer.address
    ]


async def _listen(settings: Settings, peering: Peering) -> None:
    from node.errors import PortBusy
    from node.herald import Air

    listen = settings.sync.address
    loopback = (listen.host,) if listen.host.startswith("127.") else ()
    air = Air(
        host=listen.host,
        port=listen.port,
        mdns=settings.discovery.mdns,
        interfaces=settings.discovery.interfaces or loopback,
    )
    try:
        await peering.start(air)
    except OSError as fault:
        raise PortBusy(
            f"cannot listen on {listen} for peers: {fault.strerror}. Stop the other program or "
            "set sync.listen; nothing was changed"
        ) from fault
