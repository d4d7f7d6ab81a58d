"""Strangers at the sync port, and the in-memory transport that carries the same session."""

from __future__ import annotations

import asyncio
import random
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conflict.identity import DocumentId, DocumentKind, new_document
from conflict.signature import SigningKey
from conflict.statement import Draft
from discovery import Address
from node.app import now_ms
from node.desk import Save
from node.engine import Engine
from node.errors import NoPeer
from node.link import Link
from node.proving import prove
from node.workers import InlineWorkers
from storage import MemoryStore
from sync import codec, messages
from sync.effects import Phase
from sync.handshake import Greeting
from sync.limits import FRAME_BYTES_MAX
from sync.link_profile import LinkProfile
from sync.ports import Terms
from sync.session import Session
from sync.transport.memory import MemoryChannel, memory_pair
from sync.transport.websocket import WebSocketChannel
from tests.keyring import ConfiguredKeys
from tests.sync import tls_lab
from tests.system.node_lab import LOOPBACK, WAIT_S_MAX, equal, nodes, until
from tests.theatre import Authority

CONNECT_S = LinkProfile.lan().connect_s_max
GARBAGE = random.Random("garbage")
HELLO = messages.Hello(
    1, 1, b"n" * 16, b"e" * 16, b"o" * 16, 1, 1, b"k" * 4, FRAME_BYTES_MAX, 2 * FRAME_BYTES_MAX
)


def episode() -> DocumentId:
    return new_document(DocumentKind.EPISODE, secrets.token_bytes(15))


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([GARBAGE.randbytes(300)], "bad-frame"),
        ([codec.encode(HELLO), codec.encode(messages.Proof(bytes(65)))], "wrong-certificate"),
        ([codec.encode(HELLO._replace(version_min=7, version_max=9))], "version-mismatch"),
        ([codec.encode(messages.Finished(1))], "out-of-turn"),
        ([codec.encode(HELLO)[:-3]], "bad-frame"),
    ],
)
async def test_a_stranger_gets_a_named_fault_and_others_sync_on(
    tmp_path: Path, frames: list[bytes], code: str
) -> None:
    authority = Authority()
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"], authority=authority) as (a, b):
        dialer = tls_lab.dialer(authority)
        stranger = await dialer.dial(f"{LOOPBACK}:{a.peering.port}", connect_s_max=CONNECT_S)
        for frame in frames:
            await stranger.send(frame)
        heard = []
        while (frame := await stranger.receive()) is not None:
            heard.append(codec.decode(frame))
        assert isinstance(heard[-1], messages.Fault)
        assert heard[-1].code == code
        assert not any(isinstance(one, messages.Check | messages.Content) for one in heard)
        await dialer.close()
        await b.save(episode(), Draft(slot="note", value={"text": "care goes on"}, by="Ruiz"))
        await equal([a, b])


async def test_a_frame_over_the_limit_ends_that_connection_only(tmp_path: Path) -> None:
    authority = Authority()
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"], authority=authority) as (a, b):
        dialer = tls_lab.dialer(authority)
        stranger = await dialer.dial(f"{LOOPBACK}:{a.peering.port}", connect_s_max=CONNECT_S)
        assert await stranger.receive() is not None
        await stranger.send(bytes(FRAME_BYTES_MAX + 1))
        assert await stranger.receive() is None
        await dialer.close()
        await b.save(episode(), Draft(slot="note", value={"text": "care goes on"}, by="Ruiz"))
        await equal([a, b])


async def test_a_peer_that_hangs_up_without_a_word_is_told_as_that(tmp_path: Path) -> None:
    async def hang_up(_channel: WebSocketChannel) -> None:
        """Returning closes it."""

    authority = Authority()
    listener = tls_lab.listener(authority, hang_up)
    await listener.listen(LOOPBACK, 0)
    async with nodes([tmp_path / "a.db"], authority=authority) as (a,):
        with pytest.raises(NoPeer, match="link ended: the connection was closed or lost"):
            await prove(a.peering, None, Address(LOOPBACK, listener.port), WAIT_S_MAX)
    await listener.close()


async def test_the_memory_transport_carries_a_whole_session() -> None:
    keys = [SigningKey.from_entropy(secrets.token_bytes(48)) for _ in range(2)]
    engines = [
        Engine(
            key=key,
            store=MemoryStore(secrets.token_bytes(16)),
            workers=InlineWorkers(),
            now_ms=now_ms,
            entropy=secrets.token_bytes,
        )
        for key in keys
    ]
    draft = Draft(slot="note", value={"text": "by memory"}, by="Ruiz")
    for engine in engines:
        await asyncio.to_thread(engine.save, [Save(episode(), (draft,))])
    ring = ConfiguredKeys([key.public for key in keys])
    with ThreadPoolExecutor(2) as readers:
        links = [
            _link(engine, ring, channel, readers, leader=not number)
            for number, (engine, channel) in enumerate(zip(engines, memory_pair(), strict=True))
        ]
        running = [asyncio.create_task(link.run()) for link in links]
        await until(
            lambda: all(link.session.phase is Phase.EQUAL for link in links), "both are equal"
        )
        links[0].end("")
        await asyncio.gather(*running)
    assert engines[0].store.summary() == engines[1].store.summary()
    assert engines[0].store.summary().documents == 2
    for engine in engines:
        await asyncio.to_thread(engine.close)


def _link(
    engine: Engine,
    ring: ConfiguredKeys,
    channel: MemoryChannel,
    readers: ThreadPoolExecutor,
    *,
    leader: bool,
) -> Link:
    greeting = Greeting(
        epoch=engine.epoch,
        nonce=secrets.token_bytes(16),
        catalogue=1,
        clock_ms=now_ms(),
        sketch_key=engine.store.sketch(1).key.name,
    )
    session = Session(
        signer=engine.key,
        keyring=ring,
        certified=None,
        greeting=greeting,
        terms=lambda _node: Terms(LinkProfile.lan()),
        leader=leader,
        now=asyncio.get_running_loop().time(),
    )
    return Link(channel, session, engine, readers, lambda _link, _notice: None)
