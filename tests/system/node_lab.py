"""Whole nodes in this process: real engines, real stores on disk or PostgreSQL, real sockets."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from conflict.fold import Catalogue
from conflict.identity import DocumentId, NodeId
from conflict.signature import SigningKey
from conflict.slot import CATALOGUE
from conflict.statement import Draft
from discovery import Address
from node.acquaintance import introduced
from node.app import now_ms
from node.belonging import Belonging
from node.desk import Save
from node.engine import Engine
from node.herald import Air
from node.local_desk import LocalDesk
from node.peering import Peering
from node.workers import InlineWorkers
from storage import SqlStore
from sync.custody import new_epoch
from sync.link_profile import LinkProfile
from tests.theatre import Authority

LOOPBACK = "127.0.0.1"
WAIT_S_MAX = 60.0
CUSTODY_PACE_S = 0.02


@dataclass
class Node:
    """One running node."""

    name: str
    engine: Engine
    peering: Peering
    desk: LocalDesk
    authority: Authority

    async def save(self, document: DocumentId, *drafts: Draft) -> list[str]:
        """A local save, as the API does it."""
        ids = await asyncio.to_thread(self.desk.save, [Save(document, drafts)])
        return ids[0]

    async def status(self) -> dict[str, object]:
        """As the API gives it."""
        return await asyncio.to_thread(self.desk.status)


@asynccontextmanager
async def nodes(
    urls: Sequence[str | Path],
    *,
    static: bool = True,
    mdns: bool = False,
    catalogues: Sequence[Catalogue] = (),
    links: Mapping[tuple[int, int], LinkProfile] | None = None,
    clock: Callable[[], int] = now_ms,
    garrisons: Collection[int] = (),
    keys: Sequence[SigningKey] = (),
    scopes: Mapping[int, Sequence[str]] | None = None,
    logs: Mapping[int, int] | None = None,
    authority: Authority | None = None,
) -> AsyncIterator[list[Node]]:
    """Nodes of one theatre. `static`: the first one's address is configured.

    `catalogues`: what each folds with, as older and newer software does; else this one's own.
    `keys`: who they are, where that matters; else new ones.
    `garrisons`: numbers of those that are; their logs are written at once.
    `links`: what a node's configuration says of its link to another, by their numbers; else LAN.
    `logs`: how many entries of the authority's log some have heard of; else all of them.
    `scopes`: codes of what each may hold, as the theatre's log says; else everything.
    `authority`: of the theatre, where others are of it as well.
    """
    keys = keys or [SigningKey.from_entropy(secrets.token_bytes(48)) for _ in urls]
    authority = authority or Authority()
    _enrol(authority, keys, scopes or {}, garrisons)
    async with AsyncExitStack() as stack:
        made: list[Node] = []
        for number, (url, key) in enumerate(zip(urls, keys, strict=True)):
            first = made[0] if made and static else None
            address = [(Address(LOOPBACK, first.peering.port), keys[0].node)] if first else []
            catalogue = catalogues[number] if catalogues else CATALOGUE
            profiles = {
                keys[other].node: profile
                for (one, other), profile in (links or {}).items()
                if one == number
            }
            made_of = _Parts(
                f"n{number}",
                url,
                key,
                keys,
                address,
                catalogue,
                profiles,
                clock,
                authority,
                (logs or {}).get(number),
            )
            node = await _node(made_of, mdns=mdns)
            stack.push_async_callback(_stop, node)
            made.append(node)
        yield made


class _Parts(NamedTuple):
    name: str
    url: str | Path
    key: SigningKey
    keys: Sequence[SigningKey]
    static: Iterable[tuple[Address, NodeId]]
    catalogue: Catalogue
    profiles: Mapping[NodeId, LinkProfile]
    clock: Callable[[], int]
    authority: Authority
    known: int | None


def _enrol(
    authority: Authority,
    keys: Sequence[SigningKey],
    scopes: Mapping[int, Sequence[str]],
    garrisons: Collection[int],
) -> None:
    for number, key in enumerate(keys):
        role = "garrison" if number in garrisons else "field"
        authority.enrol(key, f"n{number}", role, scopes.get(number))


async def _node(parts: _Parts, *, mdns: bool) -> Node:
    epoch = new_epoch(parts.clock(), secrets.token_bytes(16))
    store = SqlStore.open(parts.url, entropy=epoch)
    engine = Engine(
        key=parts.key,
        store=store,
        workers=InlineWorkers(parts.catalogue),
        now_ms=parts.clock,
        entropy=secrets.token_bytes,
        catalogue=parts.catalogue,
        belonging=parts.authority.admit(Belonging(store, parts.key), parts.key, parts.known),
    )
    peering = Peering(
        engine=engine,
        keyring=engine.belonging,
        introduce=partial(introduced, engine.belonging, {}),
        known=[one.node for one in parts.keys if one is not parts.key],
        static=parts.static,
        entropy=secrets.token_bytes,
        now_ms=parts.clock,
        profiles=parts.profiles,
    )
    if parts.key.node in store.custody_positions():
        engine.custody.begin(CUSTODY_PACE_S)
    await peering.start(Air(host=LOOPBACK, port=0, mdns=mdns, interfaces=(LOOPBACK,)))
    desk = LocalDesk(engine, parts.name, "field", peering, asyncio.get_running_loop())
    return Node(parts.name, engine, peering, desk, parts.authority)


async def _stop(node: Node) -> None:
    await node.peering.close()
    await asyncio.to_thread(node.engine.close)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for an event that has no callback, bounded; the loop runs meanwhile."""
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            while not condition():  # noqa: ASYNC110  threads, sockets and stores share no one event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never came: {what}") from None


async def equal(party: Sequence[Node]) -> None:
    """Until all hold the same and show all of it."""
    await until(lambda: len({one.engine.store.summary() for one in party}) == 1, "equal digests")
    for one in party:
        await asyncio.to_thread(one.engine.projector.wait_idle, WAIT_S_MAX)
