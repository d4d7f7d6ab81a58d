"""Little waits below a channel, so that what is urgent can still go first; stalls are borne."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from sync.limits import STALL_S_MAX
from sync.transport import tcp
from sync.transport.channel import LinkFailed
from sync.transport.websocket import HEARTBEAT_S, PATH, WebSocketChannel
from tests.sync import tls_lab
from tests.theatre import Authority

LOOPBACK = "127.0.0.1"
AUTHORITY = Authority()
CONNECT_S = 10.0
FRAME = bytes(256)
BOUND_BYTES = 2_000
RECEIVER_BYTES = 4_096  # SO_RCVBUF of who does not read; Linux doubles it
MUCH_BYTES = 3 << 20  # what Linux would take for a reader who never reads: 2 to 4 MB
CONNECTIONS = 8
ROUNDS = 200  # of the event loop: nothing moves any more


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[WebSocketChannel, WebSocketChannel]]:
    """Who dialled, who accepted."""
    accepted: asyncio.Queue[WebSocketChannel] = asyncio.Queue()
    over = asyncio.Event()

    async def accept(channel: WebSocketChannel) -> None:
        accepted.put_nowait(channel)
        await over.wait()

    listener, dialer = tls_lab.listener(AUTHORITY, accept), tls_lab.dialer(AUTHORITY)
    await listener.listen(LOOPBACK, 0)
    try:
        dialled = await dialer.dial(f"{LOOPBACK}:{listener.port}", connect_s_max=CONNECT_S)
        yield dialled, await accepted.get()
    finally:
        over.set()
        await dialer.close()
        await listener.close()


class Deaf(asyncio.Protocol):
    """Speaks TLS until the upgrade is answered or asked for, and reads nothing ever after."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.answer = answer
        self.read = b""
        self.deaf = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data
        if b"\r\n\r\n" in self.read and not self.deaf.done():
            self.transport.write(self.answer(self.read))
            self.transport.pause_reading()
            self.transport._ssl_protocol._transport.pause_reading()
            self.deaf.set_result(None)


def switching(request: bytes) -> bytes:
    """The answer of a server to an upgrade."""
    key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    proof = base64.b64encode(hashlib.sha1(key + guid).digest())  # noqa: S324  RFC 6455
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Accept: " + proof + b"\r\n\r\n"
    )


def narrow_socket() -> socket.socket:
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVER_BYTES)
    raw.setblocking(False)
    return raw


@asynccontextmanager
async def dialled_to_the_deaf() -> AsyncIterator[WebSocketChannel]:
    """A channel to a peer that answers the upgrade and reads nothing ever after."""
    loop, dialer = asyncio.get_running_loop(), tls_lab.dialer(AUTHORITY)
    listening = narrow_socket()
    listening.bind((LOOPBACK, 0))
    ends: list[Deaf] = []

    def deaf() -> Deaf:
        ends.append(Deaf(switching))
        return ends[-1]

    context = tls_lab.guard(AUTHORITY, tls_lab.enrolled(AUTHORITY)).server()
    server = await loop.create_server(deaf, sock=listening, ssl=context)
    port = server.sockets[0].getsockname()[1]
    channel = await dialer.dial(f"{LOOPBACK}:{port}", connect_s_max=CONNECT_S)
    yield channel
    ends[0].transport.abort()
    server.close()
    await dialer.close()


@asynccontextmanager
async def accepted_from_the_deaf() -> AsyncIterator[WebSocketChannel]:
    """The same the other way round."""
    accepted: asyncio.Queue[WebSocketChannel] = asyncio.Queue()
    over = asyncio.Event()

    async def accept(channel: WebSocketChannel) -> None:
        accepted.put_nowait(channel)
        await over.wait()

    listener = tls_lab.listener(AUTHORITY, accept)
    await listener.listen(LOOPBACK, 0)
    loop, raw = asyncio.get_running_loop(), narrow_socket()
    await loop.sock_connect(raw, (LOOPBACK, listener.port))
    transport, end = await loop.create_connection(
        lambda: Deaf(lambda _: b""),
        sock=raw,
        ssl=tls_lab.guard(AUTHORITY, tls_lab.enrolled(AUTHORITY)).client(),
        server_hostname="",
    )
    transport.write(
        f"GET {PATH} HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode(),
    )
    await end.deaf
    yield await accepted.get()
    over.set()
    transport.abort()
    await listener.close()


async def settled(task: asyncio.Task[None]) -> bool:
    """Whether it is done, once nothing more can move by itself."""
    for _ in range(ROUNDS):
        await asyncio.sleep(0)
    return task.done()


async def taken_before_blocking(channel: WebSocketChannel) -> int:
    """Bytes of frames whose sending returned."""
    taken = 0
    while taken < MUCH_BYTES:
        sending = asyncio.create_task(channel.send(FRAME))
        await asyncio.sleep(0)
        if not sending.done() and not await settled(sending):
            sending.cancel()
            return taken
        taken += len(FRAME)
    return taken


ToTheDeaf = Callable[[], AbstractAsyncContextManager[WebSocketChannel]]
DEAF = pytest.mark.parametrize("deaf", [dialled_to_the_deaf, accepted_from_the_deaf])


@DEAF
async def test_on_a_thin_link_sending_waits_as_soon_as_the_link_is_full(deaf: ToTheDeaf) -> None:
    async with deaf() as channel:
        channel.bound(bytes_in_buffer=BOUND_BYTES, rate_bits_s=0)
        taken = await taken_before_blocking(channel)
        assert 0 < taken <= 2 * BOUND_BYTES + 2 * RECEIVER_BYTES


@DEAF
async def test_on_any_link_sending_waits_long_before_megabytes(deaf: ToTheDeaf) -> None:
    async with deaf() as channel:
        taken = await taken_before_blocking(channel)
        assert taken <= 2 * tcp.UNSENT_BYTES


async def test_a_paced_frame_keeps_the_next_one_back_for_its_time_on_the_link() -> None:
    async with pair() as (dialled, accepted):
        for channel, other in ((dialled, accepted), (accepted, dialled)):
            assert await settled(asyncio.create_task(channel.send(b"at once")))
            channel.bound(bytes_in_buffer=BOUND_BYTES, rate_bits_s=100)  # 84 s for one frame
            sending = asyncio.create_task(channel.send(FRAME * 4))
            assert await other.receive() == b"at once"
            assert await other.receive() == FRAME * 4
            assert not await settled(sending)
            sending.cancel()


async def test_both_ends_keep_little_in_the_kernel() -> None:
    async with pair() as ends:
        for channel in ends:
            one = channel._socket.get_extra_info("socket")
            assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == tcp.UNSENT_BYTES
            channel.bound(bytes_in_buffer=BOUND_BYTES, rate_bits_s=9_600)
            assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == BOUND_BYTES
            assert one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 4 * BOUND_BYTES


async def test_a_stall_that_a_session_bears_is_borne_by_the_socket() -> None:
    assert HEARTBEAT_S / 2 >= STALL_S_MAX >= 70, "aiohttp waits half of it for an answer"
    async with pair() as ends:
        for channel in ends:
            assert channel._socket._heartbeat == HEARTBEAT_S, "and both ends look, now and then"


async def test_nothing_of_a_closed_connection_stays_in_memory() -> None:
    listener = tls_lab.listener(AUTHORITY, _one_frame)
    await listener.listen(LOOPBACK, 0)
    for _ in range(CONNECTIONS):
        dialer = tls_lab.dialer(AUTHORITY)
        channel = await dialer.dial(f"{LOOPBACK}:{listener.port}", connect_s_max=CONNECT_S)
        await channel.send(FRAME)
        while await channel.receive() is not None:
            pass
        await channel.close()
        await dialer.close()
        del channel
    for _ in range(ROUNDS):
        await asyncio.sleep(0)
    gc.collect()
    left = sum(isinstance(one, web.WebSocketResponse) for one in gc.get_objects())
    await listener.close()
    assert left < CONNECTIONS / 2


async def _one_frame(channel: WebSocketChannel) -> None:
    await channel.receive()
    await channel.send(FRAME)


async def test_who_accepts_and_never_answers_is_given_up_and_the_limit_is_named() -> None:
    dialer = tls_lab.dialer(AUTHORITY)
    with socket.socket() as listening:
        listening.bind((LOOPBACK, 0))
        listening.listen()
        address = f"{LOOPBACK}:{listening.getsockname()[1]}"
        with pytest.raises(LinkFailed, match=r"does not answer: nothing within 0\.01 s"):
            await dialer.dial(address, connect_s_max=0.01)
    await dialer.close()


async def test_a_text_message_or_the_end_ends_the_channel() -> None:
    async with pair() as (dialled, accepted):
        await dialled._socket.send_str("hello")
        assert await accepted.receive() is None
        _, heard = await asyncio.gather(accepted.close(), dialled.receive())
        assert heard is None
        await dialled.send(FRAME)  # the reader has learned it; nothing is raised here


async def test_a_dial_that_is_cancelled_just_as_it_connects_is_cancelled() -> None:
    """Else who dialled goes on with a link that nobody will end: a node never finishes closing."""

    async def accept(channel: WebSocketChannel) -> None:
        await channel.receive()

    listener, dialer = tls_lab.listener(AUTHORITY, accept), tls_lab.dialer(AUTHORITY)
    await listener.listen(LOOPBACK, 0)
    at = f"{LOOPBACK}:{listener.port}"
    first = await dialer.dial(at, connect_s_max=CONNECT_S)
    assert dialer._http is not None
    connect = dialer._http.ws_connect

    async def connected(*args: Any, **more: Any) -> Any:
        found = await connect(*args, **more)
        dialling.cancel()
        return found

    dialer._http.ws_connect = connected  # type: ignore[method-assign, assignment]
    dialling = asyncio.create_task(dialer.dial(at, connect_s_max=CONNECT_S))
    with pytest.raises(asyncio.CancelledError):
        await dialling
    await first.close()
    await dialer.close()
    await listener.close()
