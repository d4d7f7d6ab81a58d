"""Frames over WebSocket, one binary message a frame, both ways on aiohttp.

No per-message deflate: content is compressed already, and a bomb would be inflated before the codec
sees it. No buffers to speak of: a frame that was handed over cannot be overtaken any more. Always over
mutual TLS (`tls.py`); before that is done, aiohttp sees no byte of a caller (`door.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp import web

from sync.limits import FRAME_BYTES_MAX, STALL_S_MAX
from sync.pace import Pace
from sync.transport import tcp, tls
from sync.transport.channel import LinkFailed
from sync.transport.door import REFUSAL_HEADER, Door

PATH = "/sync"
HEARTBEAT_S = 2 * STALL_S_MAX
"""A ping after so long a silence; its answer may take half of that (aiohttp). So a link that stalls
as long as a session bears it stays, and a peer that is gone from an idle one is noticed within
`1.5 * HEARTBEAT_S`: 6 min, for about 50 bytes of ping and answer in every 4. End to end on purpose:
TCP's own keepalive is answered by the nearest accelerator or relay."""
CLOSE_S_MAX = 2.0

_Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


class _Dialled(aiohttp.ClientWebSocketResponse):
    """A WebSocket whose sends wait for its transport as soon as that asks for it.

    aiohttp lets 256 KiB pass before it looks. Of a server that is an option (`writer_limit`), of a
    client it is not, so the attribute that the option sets is set here.
    """

    def __init__(self, reader: Any, writer: Any, *args: Any, **kwargs: Any) -> None:
        writer._limit = 0
        self.transport: asyncio.Transport = writer.transport
        super().__init__(reader, writer, *args, **kwargs)


class WebSocketChannel:
    """A channel over an open WebSocket, whose `transport` holds nothing back for itself."""

    def __init__(
        self, socket: _Socket, transport: asyncio.Transport | None, *, remote: str
    ) -> None:
        self.remote = remote
        self._socket = socket
        self._secured = tls.connection_of(socket)
        self.peer_certificate = tls.certificate_of(socket)
        self._pace = Pace()
        if transport is not None:
            tls.hold_nothing_back(transport)  # a send returns when the kernel has it all
        tcp.open_link(socket.get_extra_info("socket"))

    def bound(self, *, bytes_in_buffer: int, rate_bits_s: float) -> None:
        """See `Channel`."""
        self._pace = Pace(rate_bits_s)
        tcp.bound(self._socket.get_extra_info("socket"), bytes_in_buffer)

    async def send(self, frame: bytes) -> None:
        """See `Channel`."""
        with suppress(ConnectionError, RuntimeError):  # the reader learns that it has ended
            await self._socket.send_bytes(frame)
            now = asyncio.get_running_loop().time()
            if (free := self._pace.sent(len(frame), now)) > now:
                await asyncio.sleep(free - now)

    async def receive(self) -> bytes | None:
        """See `Channel`. A text message ends the connection: frames are binary."""
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.BINARY:
            frame: bytes = message.data
            return frame
        return None

    async def close(self) -> None:
        """See `Channel`."""
        with suppress(ConnectionError, RuntimeError, TimeoutError):
            await asyncio.wait_for(self._socket.close(), CLOSE_S_MAX)
        _end_heartbeat(self._socket)
        if self._secured is not None:
            self._secured.bury()


def _end_heartbeat(socket: _Socket) -> None:
    """The last data from a peer starts aiohttp's next heartbeat, after `close` has ended them: its timer
    would keep all of a closed connection, about 30 kB, for `HEARTBEAT_S`."""
    socket._heartbeat = None
    socket._cancel_heartbeat()


class Dialer:
    """Opens channels to addresses such as `10.0.0.5:8470`."""

    def __init__(self, guard: tls.Tls) -> None:
        self._guard = guard
        self._http: aiohttp.ClientSession | None = None

    async def dial(self, address: str, *, connect_s_max: float) -> WebSocketChannel:
        """Raises `LinkFailed`, after so many seconds at the latest."""
        context = self._guard.client()
        if self._http is None:
            self._http = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
                ws_response_class=_Dialled,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            )
        try:
            async with asyncio.timeout(connect_s_max):  # wait_for forgets a cancel as it connects
                socket = await self._http.ws_connect(
                    f"https://{address}{PATH}",
                    ssl=context,
                    server_hostname=address,  # not sent: names the session to resume
                    max_msg_size=FRAME_BYTES_MAX,
                    compress=0,
                    heartbeat=HEARTBEAT_S,
                )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as fault:
            raise _failed(address, connect_s_max, fault) from fault
        assert isinstance(socket, _Dialled)  # noqa: S101  the session makes no other
        channel = WebSocketChannel(socket, socket.transport, remote=address)
        context.remember(address, socket)
        return channel

    async def close(self) -> None:
        """Close every connection made here."""
        if self._http is not None:
            await self._http.close()
            self._http = None


async def _say_little(_request: web.Request, answer: web.StreamResponse) -> None:
    """Headers that nobody reads: about 110 B of an upgrade, and they name this software."""
    for name in ("Content-Type", "Date", "Server"):
        answer.headers.popall(name, None)


def _failed(address: str, connect_s_max: float, fault: BaseException) -> LinkFailed:
    if isinstance(fault, aiohttp.WSServerHandshakeError):
        told = fault.headers.get(REFUSAL_HEADER, "") if fault.headers else ""
        code = told if told in tls.TOLD else LinkFailed.code
    else:
        code = tls.cause_of(fault) or LinkFailed.code
    if words := tls.WORDS.get(code):
        return LinkFailed(f"{address}: {words}", code)
    late = isinstance(fault, TimeoutError)
    cause = f"nothing within {connect_s_max:.3g} s" if late else str(fault)
    return LinkFailed(f"{address} does not answer: {cause[:200]}")


class Listener:
    """Accepts channels on one address and hands each to `accept` until it returns.

    `refused` hears address and code of each caller that was not let in.
    """

    def __init__(
        self,
        accept: Callable[[WebSocketChannel], Awaitable[None]],
        guard: tls.Tls,
        *,
        refused: Callable[[str, str], None],
        handshake_s_max: float,
    ) -> None:
        self._accept = accept
        self._guard = guard
        self._refused = refused
        self._handshake_s_max = handshake_s_max
        self._runner: web.AppRunner | None = None
        self._door: Door | None = None
        self.port = 0

    async def listen(self, host: str, port: int) -> None:
        """Port 0 takes any free one. Raises `OSError` (EADDRINUSE when the port is busy)."""
        app = web.Application()
        app.router.add_get(PATH, self._handle)
        app.on_response_prepare.append(_say_little)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=CLOSE_S_MAX,
            keepalive_timeout=self._handshake_s_max,  # of who is let in and asks for nothing
        )
        await self._runner.setup()
        assert self._runner.server is not None  # noqa: S101  set up
        self._door = Door(
            self._guard,
            self._runner.server,
            refused=self._refused,
            handshake_s_max=self._handshake_s_max,
        )
        try:
            self.port = await self._door.open(host, port)
        except OSError:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop listening and end accepted connections."""
        if self._door is not None:
            await self._door.close()
            self._door = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            max_msg_size=FRAME_BYTES_MAX, compress=False, heartbeat=HEARTBEAT_S, writer_limit=0
        )
        await socket.prepare(request)
        channel = WebSocketChannel(socket, request.transport, remote=request.remote or "unknown")
        try:
            await self._accept(channel)
        finally:
            await channel.close()
        return socket
