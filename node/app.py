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
from node.acting import Acting, act_as, system_user
from node.allowances import SILENT
from node.audited_desk import AuditedDesk
from node.belonging import Belonging
from node.desk import Desk
from node.engine import Engine
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
from node.local_desk import LocalDesk
from node.remote_desk import RemoteDesk
from node.trauma import TraumaRange, default_prefix
from node.workers import WorkerPool
from storage import SqlStore
from sync.custody import new_epoch

if TYPE_CHECKING:
    from collections.abc import Callable

    from conflict.identity import NodeId
    from discovery import Address
    from node.config import Settings
    from node.peering import Peering


GARRISON = "garrison"


def now_ms() -> int:
    """Wall clock, milliseconds."""
    return time.time_ns() // 1_000_000


@contextmanager
def open_desk(home: Home, settings: Settings) -> Iterator[Desk]:
    """The running node's desk, or one over the store in this process. Raises `NodeError`."""
    running = read_running(home)
    if running is not None:
        yield RemoteDesk(running.api, read_token(running))
        return
    with hold_lock(home), _engine(home, settings) as engine:
        engine.projector.wait_idle()
        name, role = settings.node.name, settings.node.role
        called = {**engine.belonging.names, **_called(settings)}
        trauma, policy = _trauma(settings, engine), settings.hold.policy
        desk = LocalDesk(engine, name, role, trauma=trauma, called=called, policy=policy)
        with act_as(Acting(person=system_user())):
            yield AuditedDesk(desk, engine.audit)


def open_store(home: Home, settings: Settings) -> SqlStore:
    """The node's store, made if there is none. The caller holds the lock and closes it."""
    epoch = new_epoch(now_ms(), secrets.token_bytes(16))
    return SqlStore.open(settings.store.url or home.store, entropy=epoch)


@contextmanager
def _engine(home: Home, settings: Settings) -> Iterator[Engine]:
    key, store = read_key(home), open_store(home, settings)
    engine = Engine(
        key=key,
        store=store,
        workers=WorkerPool(settings.workers.count),
        now_ms=now_ms,
        entropy=secrets.token_bytes,
        belonging=Belonging(store, key),
    )
    try:
        yield engine
    finally:
        engine.close()


def run(settings: Settings, home: Home, on_ready: Callable[[Running], None] | None = None) -> None:
    """Be the node until SIGINT or SIGTERM. Raises `AlreadyRunning`, `PortBusy`, `StorageError`."""
    with hold_lock(home), _engine(home, settings) as engine:
        asyncio.run(_run(settings, home, engine, on_ready))


async def _run(
    settings: Settings,
    home: Home,
    engine: Engine,
    on_ready: Callable[[Running], None] | None,
) -> None:
    from node.http.app import Readiness, make_app
    from node.http.listening import serve

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    peering = _peering(settings, engine)
    trauma = _trauma(settings, engine)
    policy, named = settings.hold.policy, (settings.node.name, settings.node.role)
    desk = LocalDesk(engine, *named, peering, loop, trauma, policy=policy)
    if settings.node.role == GARRISON:
        engine.custody.begin()
    else:
        desk.hold.begin(policy)

    def ready() -> Readiness:
        failed = engine.projector.failed
        return Readiness(failed is None, (getattr(failed, "code", "internal"),) if failed else ())

    try:
        await _listen(settings, peering)
        refused = engine.audit.unauthorised
        app = make_app(AuditedDesk(desk, engine.audit), new_token(home), ready, refused)
        runner, port = await serve(app, settings.api.address)
        try:
            running = Running(
                os.getpid(),
                str(settings.api.address._replace(port=port)),
                SILENT
                if peering.allowances.silent
                else str(settings.sync.address._replace(port=peering.port)),
                str(home.token),
            )
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
