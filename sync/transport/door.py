"""The door: from a caller's first byte to a device of the theatre. Nothing else reads a byte before.

Each caller gets so many seconds and bytes for its handshake, and so many at once have one open: the
oldest of the address that has most gives way, so who says nothing keeps nobody out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from sync.transport import tls
from sync.transport.channel import LinkFailed

HALF_OPEN_MAX = 64
HALF_OPEN_OF_ADDRESS_MAX = 16
"""Each holds 256 KiB (asyncio's buffer), so 16 MiB together."""
GOODBYE_S_MAX = 2.0
BACKLOG = 512
REFUSAL_HEADER = "Aidstation-Refusal"


class Door:
    """Lets devices in, to a protocol of `serve`. `refused` hears address and code of who is not."""

    def __init__(
        self,
        guard: tls.Tls,
        serve: Callable[[], asyncio.Protocol],
        *,
        refused: Callable[[str, str], None],
        handshake_s_max: float,
    ) -> None:
        self._guard = guard
        self._serve = serve
        self._refused = refused
        self._handshake_s_max = handshake_s_max
        self._half_open: dict[_Knock, str] = {}  # oldest first
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def half_open(self) -> int:
        """Handshakes under way."""
        return len(self._half_open)

    async def open(self, host: str, port: int) -> int:
        """The port that callers reach. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Knock(self), host, port, backlog=BACKLOG)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """No caller gets in any more; those who are in stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def knocked(self, knock: _Knock) -> None:
        """Somebody has connected."""
        of_address = Counter(self._half_open.values())
        busiest = max(of_address, key=of_address.__getitem__, default="")
        if of_address[knock.address] >= HALF_OPEN_OF_ADDRESS_MAX:
            self._drop_oldest(knock.address)
        elif len(self._half_open) >= HALF_OPEN_MAX:
            self._drop_oldest(busiest)
        self._half_open[knock] = knock.address
        task = asyncio.get_running_loop().create_task(self._let_in(knock))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _drop_oldest(self, address: str) -> None:
        oldest = next(knock for knock, at in self._half_open.items() if at == address)
        del self._half_open[oldest]
        oldest.transport.abort()

    async def _let_in(self, knock: _Knock) -> None:
        try:
            secured = await self._handshake(knock)
            code = self._guard.judge(secured)
        except LinkFailed as fault:
            knock.transport.abort()
            self._refused(knock.address, fault.code)
            return
        finally:
            self._half_open.pop(knock, None)
        if code:
            self._refused(knock.address, code)
            knock.turn_away(secured, code)
        else:
            knock.hand_over(secured, self._serve())

    async def _handshake(self, knock: _Knock) -> asyncio.Transport:
        context = self._guard.server()
        try:
            secured = await asyncio.get_running_loop().start_tls(
                knock.transport,
                knock,
                context,
                server_side=True,
                ssl_handshake_timeout=self._handshake_s_max,
                ssl_shutdown_timeout=GOODBYE_S_MAX,
            )
        except OSError as fault:  # ssl.SSLError is one, and the end of the connection
            late = isinstance(fault, ConnectionAbortedError)
            code = tls.TLS_TIMEOUT if late else tls.cause_of(fault) or tls.TLS_FAILED
            raise LinkFailed("no handshake", code) from fault
        if secured is None:
            raise LinkFailed("gone meanwhile", tls.TLS_FAILED)
        return secured


class _Knock(asyncio.Protocol):
    """A caller until it is let in. Reads nothing; keeps what comes with the end of the handshake."""

    transport: asyncio.Transport

    def __init__(self, door: Door) -> None:
        self._door = door
        self._early = b""
        self._lost = False
        self.address = ""

    def connection_made(self, transport: Any) -> None:
        """As of `asyncio.Protocol`."""
        transport.pause_reading()  # until TLS reads
        self.transport = transport
        self.address = str((transport.get_extra_info("peername") or ("",))[0])
        self._door.knocked(self)

    def data_received(self, data: bytes) -> None:
        """What came in one packet with the last of the handshake."""
        if not self._lost:
            self._early += data

    def connection_lost(self, _exc: Exception | None) -> None:
        """As of `asyncio.Protocol`."""
        self._lost = True

    def hand_over(self, secured: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        """From here on the connection is `protocol`'s."""
        if self._lost:
            return
        secured.set_protocol(protocol)
        protocol.connection_made(secured)
        if self._early:
            protocol.data_received(self._early)

    def turn_away(self, secured: asyncio.Transport, code: str) -> None:
        """Nobody reads what it asks for; it is told why."""
        self._lost, self._early = True, b""
        secured.write(refusal(code))
        secured.close()


def refusal(code: str) -> bytes:
    """The answer to a request that nobody reads."""
    head = f"HTTP/1.1 403 Forbidden\r\n{REFUSAL_HEADER}: {code}\r\n"
    return f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
