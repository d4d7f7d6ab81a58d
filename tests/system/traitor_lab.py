"""A peer under the test's control: enrolled, proves who it is, then says whatever it is told to.

And a node to say it to: a process of its own with sockets on loopback, in a theatre of the test's.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import psutil

from conflict.identity import DocumentId, NodeId
from conflict.lane import LaneRun
from conflict.signature import SigningKey
from conflict.statement import Draft
from node.belonging import Belonging
from node.home import find_home, read_key
from sync import codec, messages
from sync.handshake import Greeting, Handshake
from sync.link_profile import LinkProfile
from sync.messages import Message
from sync.packing import pack
from sync.ports import Precedence
from sync.transport.channel import Channel
from sync.transport.tls import Credentials
from sync.transport.websocket import Dialer
from tests.cli.cli_lab import aidstation, data_key, running, store_of
from tests.cli.cli_lab import made as new_home
from tests.conflict.conflict_lab import LabAuthor
from tests.sync.tls_lab import dialer
from tests.theatre import Authority

HEAR_S_MAX = 120.0
_CREDENTIALS: dict[NodeId, tuple[Credentials, Authority]] = {}
"""What each enrolled key shows at TLS, and in whose theatre."""

LAN = LinkProfile.lan()
Kind = TypeVar("Kind", bound=Message)


class Served(NamedTuple):
    """A node's process: its home, where peers reach it, its process."""

    home: Path
    address: str
    process: psutil.Process
    said: bytearray
    """Its log so far."""

    def status(self) -> dict[str, Any]:
        return aidstation(self.home, "status", "--json").result

    def set_aside(self) -> list[dict[str, Any]]:
        return aidstation(self.home, "set-aside", "list", "--json").result


@contextmanager
def serving(home: Path, peers: Sequence[LabAuthor]) -> Iterator[Served]:
    """A node in whose theatre these peers are enrolled."""
    made(home)
    enrolled(Authority(), [home], [one.key for one in peers])
    with served(home) as node:
        yield node


def made(home: Path, more: str = "") -> None:
    """A node's home, with more configuration."""
    new_home(home, home.name)
    with (home / "config.toml").open("a") as file:
        file.write(more)


def enrolled(authority: Authority, homes: Sequence[Path], keys: Sequence[SigningKey]) -> None:
    """Nodes that do not run, and other keys, in one theatre."""
    own = [read_key(find_home(home), data_key(home)) for home in homes]
    for number, key in enumerate((*own, *keys)):
        authority.enrol(key, f"n{number}")
        device = authority.theatre.device(key.node)
        assert device is not None
        shown = Credentials(key, device.certificate.der, authority.certificate)
        _CREDENTIALS[key.node] = shown, authority
    for home, key in zip(homes, own, strict=True):
        store = store_of(home)
        authority.admit(Belonging(store, key), key)
        store.close()


@contextmanager
def served(home: Path) -> Iterator[Served]:
    """A node's process, until the block ends."""
    with running(home) as process:
        address = json.loads((home / "running.json").read_text())["sync"]
        said = bytearray()
        assert process.stderr is not None
        # a log that nobody reads stops whoever writes it after 64 KiB
        reader = threading.Thread(target=_drain, args=(process.stderr.fileno(), said), daemon=True)
        reader.start()
        yield Served(home, address, psutil.Process(process.pid), said)
        process.send_signal(signal.SIGTERM)
        reader.join(HEAR_S_MAX)


def _drain(handle: int, into: bytearray) -> None:
    while some := os.read(handle, 65_536):
        into += some


def calling(author: LabAuthor) -> Dialer:
    """What an enrolled author dials with."""
    credentials, authority = _CREDENTIALS[author.node]
    return dialer(authority, credentials)


class Traitor:
    """One connection of an enrolled author to a node; `async with` proves who it is."""

    def __init__(self, author: LabAuthor, address: str) -> None:
        self.author = author
        self.code = ""
        """With which fault the node ended it."""
        self._address = address
        self._dialer = calling(author)
        self._frames = 0

    async def __aenter__(self) -> Traitor:
        self.channel: Channel = await self._dialer.dial(self._address, connect_s_max=HEAR_S_MAX)
        greeting = Greeting(
            epoch=hashlib.sha256(self.author.node).digest()[:16],
            nonce=os.urandom(16),
            catalogue=1,
            clock_ms=1,
            sketch_key=b"none",
        )
        proof = Handshake(
            signer=self.author.key,
            keyring=_Anybody(),
            certified=None,
            greeting=greeting,
            leader=True,
        )
        await self.say(proof.hello(LAN))
        proof.on_hello(await self.hear(messages.Hello))
        proof.on_proof(await self.hear(messages.Proof))
        await self.say(proof.proof(None))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()
        await self._dialer.close()

    async def say(self, *told: Message | bytes) -> None:
        for one in told:
            await self.channel.send(one if isinstance(one, bytes) else codec.encode(one))

    async def offer(self, *runs: LaneRun) -> int:
        """Runs in one CONTENT message; its number."""
        self._frames += 1
        await self.say(messages.Content(self._frames, Precedence.ROUTINE, pack(runs)))
        return self._frames

    async def hear(self, kind: type[Kind]) -> Kind:
        """The next message of this type; what else is said is passed over."""
        async with asyncio.timeout(HEAR_S_MAX):
            while (frame := await self.channel.receive()) is not None:
                message = codec.decode(frame)
                if isinstance(message, messages.Fault):
                    self.code = message.code
                if isinstance(message, kind):
                    return message
        raise AssertionError(f"the node ended it ({self.code}) before it said {kind.__name__}")

    async def ended(self) -> str:
        """Until the node ends it; its code, or nothing if it hung up."""
        async with asyncio.timeout(HEAR_S_MAX):
            while (frame := await self.channel.receive()) is not None:
                message = codec.decode(frame)
                if isinstance(message, messages.Fault):
                    self.code = message.code
        return self.code

    async def receipted(self, number: int) -> messages.Receipts:
        """The receipt for a CONTENT message."""
        while number not in (receipt := await self.hear(messages.Receipts)).frames:
            pass
        return receipt


class _Anybody:
    """The lab takes the node's word for who it is."""

    def verifies(self, *_: object) -> bool:
        return True


def run_of(author: LabAuthor, document: DocumentId, changes: Sequence[bytes]) -> LaneRun:
    """A run of any bytes in the author's lane, signed over the last one's hash."""
    head = hashlib.sha256(changes[-1][8:]).digest()
    return author.signed(document, 1, changes, head)


def good_run(author: LabAuthor, document: DocumentId) -> LaneRun:
    """One vital sign, as an honest node writes it."""
    author.write(document, Draft(slot="vitals", value={"pulse": 71}, by="T"))
    return author.run(document)
