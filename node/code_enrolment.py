"""Enrolment over the network with a one-time code: the authority listens, the device asks.

Before enrolment there is no certificate, so the channel is sealed with the code alone
(`sync/trust/code_channel.py`), on a port of its own that is open while the command runs. One frame
each way, then the device says that it has joined. Whoever does not know the code can use up tries
and connections, both bounded, and learns nothing.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from node.errors import BadRequest, Unreachable
from node.faults import translate
from node.settings import Listen
from sync import limits
from sync.trust.code_channel import (
    GREETING_BYTES,
    NONCE_BYTES,
    SIZE_BYTES,
    CodeChannel,
    frame_size,
    greeting,
    read_greeting,
)
from sync.trust.enrolment import Request, read_request
from sync.trust.errors import BadEnrolment

CONNECTIONS_MAX = 8
TRIES_MAX = 100
PROOF_S = 5.0
"""How long a stranger may hold a connection: until its first frame opened."""

ANSWER_S = 120.0
"""How long a device that knows the code may take to join, and the authority to answer."""

APPROVED, REFUSED, JOINED = b"\1", b"\0", b"\2"
_TEXT_BYTES_MAX = 1000


class Outcome(NamedTuple):
    """What became of an offer. `tries`: frames that did not open."""

    joined: int
    approved: int
    tries: int


class Offer:
    """One code's worth of enrolment. `decide` approves a request (bytes of the approval), on a thread;
    it raises what the device is told. `told` hears each device that has joined."""

    def __init__(
        self,
        code: str,
        uses: int,
        decide: Callable[[Request], bytes],
        told: Callable[[Request], None] = lambda _: None,
    ) -> None:
        self._code = code
        self._uses = uses
        self._decide = decide
        self._told = told
        self._answers: dict[bytes, bytes] = {}
        self._joined: set[bytes] = set()
        self._tries = 0
        self._open = 0
        self._deciding = asyncio.Lock()
        self._over = asyncio.Event()

    async def listen(
        self, listen: Listen, for_s: float, ready: Callable[[Listen], None]
    ) -> Outcome:
        """Until all uses have joined, the time is up, or there were `TRIES_MAX` wrong codes."""
        most = limits.ENROL_REQUEST_BYTES_MAX + 64
        server = await asyncio.start_server(self._connected, listen.host, listen.port, limit=most)
        async with server:
            port = server.sockets[0].getsockname()[1]
            ready(listen._replace(port=port))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), for_s)
        return Outcome(len(self._joined), len(self._answers), self._tries)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= CONNECTIONS_MAX:
                await self._serve(reader, writer)
        except (BadEnrolment, OSError, asyncio.IncompleteReadError, TimeoutError):
            pass  # a stranger, or a link that broke: whoever knows the code asks again
        finally:
            self._open -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(PROOF_S):
            channel, content = await self._first(reader, writer)
        async with asyncio.timeout(ANSWER_S):
            request, answer = await self._answer(content)
            writer.write(channel.frame(answer))
            await writer.drain()
            if request is not None and await _frame(reader, channel, len(JOINED)) == JOINED:
                self._count(request)

    async def _first(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[CodeChannel, bytes]:
        theirs = read_greeting(await reader.readexactly(GREETING_BYTES))
        ours = secrets.token_bytes(NONCE_BYTES)
        writer.write(greeting(ours))
        channel = CodeChannel(self._code, theirs, ours, asks=False)
        size = frame_size(await reader.readexactly(SIZE_BYTES), limits.ENROL_REQUEST_BYTES_MAX)
        sealed = await reader.readexactly(size)
        try:
            return channel, channel.open(sealed)
        except BadEnrolment:
            self._tries += 1
            if self._tries >= TRIES_MAX:
                self._over.set()
            raise

    async def _answer(self, content: bytes) -> tuple[Request | None, bytes]:
        try:
            request = read_request(content)
            async with self._deciding:
                return request, APPROVED + await self._approved(request)
        except Exception as error:  # noqa: BLE001  the edge: translated and told to the device
            text = translate(error).message.encode()
            return None, REFUSED + text[:_TEXT_BYTES_MAX]

    async def _approved(self, request: Request) -> bytes:
        """One answer a request, however often it is asked for: an answer may be lost on the way."""
        known = self._answers.get(request.digest)
        if known is None:
            if len(self._answers) >= self._uses:
                raise BadRequest("this code was used already: the authority has to make a new one")
            known = self._answers[request.digest] = await asyncio.to_thread(self._decide, request)
        return known

    def _count(self, request: Request) -> None:
        if request.digest not in self._joined:
            self._joined.add(request.digest)
            self._told(request)
        if len(self._joined) >= self._uses:
            self._over.set()


async def _frame(reader: asyncio.StreamReader, channel: CodeChannel, bytes_max: int) -> bytes:
    size = frame_size(await reader.readexactly(SIZE_BYTES), bytes_max)
    return channel.open(await reader.readexactly(size))


# The device's side -------------------------------------------------------------------------------


@contextmanager
def asked(code: str, address: Listen, request: bytes) -> Iterator[bytes]:
    """The approval's bytes; when the block ends well, the authority hears that this node has joined.

    Raises `Unreachable`, `BadEnrolment`; a refusal of the authority's as `BadRequest`.
    """
    with ExitStack() as stack:
        try:
            link = stack.enter_context(socket.create_connection(address, timeout=ANSWER_S))
            channel = _greeted(link, code)
            link.sendall(channel.frame(request))
            answer = _opened(link, channel)
        except OSError as fault:
            raise Unreachable(
                f"Nothing answers on {address} as `aidstation enrol open` does "
                f"({fault.strerror or type(fault).__name__}). Nothing was changed."
            ) from fault
        if answer[:1] != APPROVED:
            text = answer[1:].decode(errors="replace")
            raise BadRequest(f"The authority refused: {text}")
        yield answer[1:]
        with suppress(OSError):  # it has joined whether or not that is heard
            link.sendall(channel.frame(JOINED))


def _greeted(link: socket.socket, code: str) -> CodeChannel:
    ours = secrets.token_bytes(NONCE_BYTES)
    link.sendall(greeting(ours))
    theirs = read_greeting(_exactly(link, GREETING_BYTES))
    return CodeChannel(code, ours, theirs, asks=True)


def _opened(link: socket.socket, channel: CodeChannel) -> bytes:
    try:
        size = frame_size(_exactly(link, SIZE_BYTES))
    except BadEnrolment as fault:
        raise BadEnrolment(
            "the authority closed the connection: the code is another one, was used, or its time is "
            "up. Nothing was changed"
        ) from fault
    return channel.open(_exactly(link, size))


def _exactly(link: socket.socket, size: int) -> bytes:
    parts, left = [], size
    while left and (part := link.recv(min(left, 1 << 16))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
