"""Handshakes between devices of a theatre: resumed, renewed, refused, and why, as the dialler sees it."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from conflict.identity import node_id
from sync.transport import tls
from sync.transport.channel import LinkFailed
from sync.transport.tls import Credentials, Tls
from sync.transport.websocket import Dialer, Listener, WebSocketChannel
from sync.trust.authority import Time
from sync.trust.certificate import public_key
from sync.trust.theatre import Standing
from tests.sync import tls_lab
from tests.sync.tls_lab import CONNECT_S, enrolled, revoke
from tests.theatre import NOW_MS, YEAR_MS, Authority

LOOPBACK = "127.0.0.1"


class Pair:
    """A device that calls and one that is called, of one theatre."""

    def __init__(self) -> None:
        self.authority = Authority()
        self.caller, self.called = enrolled(self.authority), enrolled(self.authority)
        self.accepted: asyncio.Queue[WebSocketChannel] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.refused: asyncio.Queue[str] = asyncio.Queue()
        self.guard = tls_lab.guard(self.authority, self.caller)
        self.dialer = Dialer(self.guard)
        self.listener = Listener(
            self.accept,
            Tls(lambda: self.called, tls_lab.guard(self.authority, None)._admit),
            refused=lambda _at, code: self.refused.put_nowait(code),
            handshake_s_max=CONNECT_S,
        )

    async def accept(self, channel: WebSocketChannel) -> None:
        self.accepted.put_nowait(channel)
        while await channel.receive() is not None:
            pass
        self.ended.set()

    async def meet(self) -> tuple[WebSocketChannel, WebSocketChannel]:
        """Who dialled, who accepted."""
        dialled = await self.dialer.dial(
            f"{LOOPBACK}:{self.listener.port}", connect_s_max=CONNECT_S
        )
        return dialled, await self.accepted.get()


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    made = Pair()
    await made.listener.listen(LOOPBACK, 0)
    try:
        yield made
    finally:
        await made.dialer.close()
        await made.listener.close()


def reused(channel: WebSocketChannel) -> bool | None:
    assert channel._secured is not None
    return channel._secured.session_reused


async def test_each_side_learns_the_others_id_from_its_certificate() -> None:
    async with pair() as ends:
        dialled, accepted = await ends.meet()
        assert dialled.peer_certificate == ends.called.certificate
        assert accepted.peer_certificate == ends.caller.certificate
        assert node_id(public_key(accepted.peer_certificate)) == ends.caller.key.node


async def test_only_tls_13_with_aes_gcm_is_spoken() -> None:
    async with pair() as ends:
        for channel in await ends.meet():
            assert channel._secured is not None
            assert channel._secured.version() == "TLSv1.3"
            assert channel._secured.cipher() == ("TLS_AES_256_GCM_SHA384", "TLSv1.3", 256)
            assert channel._secured.compression() is None


async def test_a_second_dial_resumes_and_both_still_know_whom_they_talk_to() -> None:
    async with pair() as ends:
        for expected in (False, True, True):
            both = await ends.meet()
            assert [reused(one) for one in both] == [expected, expected]
            assert both[0].peer_certificate == ends.called.certificate
            assert both[1].peer_certificate == ends.caller.certificate
            await both[0].close()


async def test_a_link_that_was_cut_is_resumed() -> None:
    """OpenSSL forgets sessions that end without a goodbye: the links that need it most."""
    async with pair() as ends:
        dialled, accepted = await ends.meet()
        dialled._socket._response.connection.transport.abort()  # type: ignore[union-attr]
        await ends.ended.wait()
        await accepted.close()
        await dialled.close()
        del accepted, dialled
        gc.collect()
        again, _ = await ends.meet()
        assert reused(again)


async def test_a_device_that_was_revoked_meanwhile_does_not_resume() -> None:
    async with pair() as ends:
        dialled, _ = await ends.meet()
        await dialled.close()
        revoke(ends.authority, ends.caller)
        with pytest.raises(LinkFailed, match="revoked") as fault:
            await ends.meet()
        assert fault.value.code == tls.REVOKED
        assert await ends.refused.get() == tls.REVOKED
        assert ends.accepted.empty()


async def test_nor_does_a_listener_that_was_revoked_meanwhile() -> None:
    async with pair() as ends:
        dialled, _ = await ends.meet()
        await dialled.close()
        revoke(ends.authority, ends.called)
        with pytest.raises(LinkFailed) as fault:
            await ends.meet()
        assert fault.value.code == tls.REVOKED
        assert ends.accepted.empty(), "it heard no byte beyond the handshake"


async def test_an_expired_device_may_connect_whatever_the_clock_says() -> None:
    """TLS knows no time: these certificates begin in 2027. What an expired device gets is settled later."""
    async with pair() as ends:
        ends.authority.say(Time(), NOW_MS + 2 * YEAR_MS)
        assert ends.authority.theatre.standing(ends.caller.key.node) is Standing.EXPIRED
        await ends.meet()


async def test_a_renewed_certificate_is_shown_from_the_next_dial_on() -> None:
    async with pair() as ends:
        dialled, _ = await ends.meet()
        await dialled.close()
        renewed = enrolled(ends.authority, ends.called.key)
        ends.called = renewed
        dialled, _ = await ends.meet()
        assert dialled.peer_certificate == renewed.certificate
        assert not reused(dialled)


async def test_who_is_not_enrolled_neither_dials_nor_answers() -> None:
    async with pair() as ends:
        with pytest.raises(LinkFailed) as fault:
            await Dialer(tls_lab.guard(ends.authority, None)).dial(
                f"{LOOPBACK}:{ends.listener.port}", connect_s_max=CONNECT_S
            )
        assert fault.value.code == tls.NOT_ENROLLED
        ends.called = None  # type: ignore[assignment]
        with pytest.raises(LinkFailed):
            await ends.meet()
        assert await ends.refused.get() == tls.NOT_ENROLLED


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def hangs_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def knows_tls_12_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(bytes.fromhex("15030300020246"))  # alert: protocol_version, fatal
    writer.close()


async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 403 Forbidden\r\nAidstation-Refusal: \x1b[2Jcall 555\r\n\r\n")
    writer.close()


def shown(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tls._key_file(credentials) as (path, password):
        context.load_cert_chain(path, password=password)
    return context


@pytest.mark.parametrize(
    ("answer", "context", "code"),
    [
        (http, lambda _: None, tls.NOT_TLS),
        (hangs_up, lambda _: None, LinkFailed.code),
        (http, lambda _: shown(enrolled(Authority("another"))), tls.OTHER_THEATRE),
        (knows_tls_12_only, lambda _: None, tls.OLD_TLS),
        (http, lambda own: shown(enrolled(own)), LinkFailed.code),
        (refuses, lambda own: shown(enrolled(own)), LinkFailed.code),
    ],
    ids=["older-version", "hangs-up", "other-theatre", "tls12", "strange-http", "strange-refusal"],
)
async def test_a_dial_that_fails_says_why(
    answer: Answer, context: Callable[[Authority], ssl.SSLContext | None], code: str
) -> None:
    authority = Authority()
    server = await asyncio.start_server(answer, LOOPBACK, 0, ssl=context(authority))
    dialer = tls_lab.dialer(authority)
    with pytest.raises(LinkFailed) as fault:
        await dialer.dial(
            f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}", connect_s_max=CONNECT_S
        )
    assert fault.value.code == code
    assert "555" not in str(fault.value)
    await dialer.close()
    server.close()


async def test_nothing_about_either_device_goes_over_the_wire_in_clear() -> None:
    async with pair() as ends:
        heard = bytearray()

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, to = await asyncio.open_connection(LOOPBACK, ends.listener.port)

            async def pump(one: asyncio.StreamReader, other: asyncio.StreamWriter) -> None:
                while more := await one.read(1 << 16):
                    heard.extend(more)
                    other.write(more)
                other.close()

            await asyncio.gather(pump(reader, to), pump(there, writer))

        between = await asyncio.start_server(forward, "localhost", 0)
        port = between.sockets[0].getsockname()[1]
        for _ in range(2):  # in full and resumed
            channel = await ends.dialer.dial(f"localhost:{port}", connect_s_max=CONNECT_S)
            await channel.close()
        between.close()
        assert len(heard) > 3000
        secret = [b"localhost", str(port).encode(), b"HTTP", ends.authority.theatre.id]
        for one in (ends.caller, ends.called):
            secret += [one.key.node, one.key.node.hex().encode(), one.key.public]
        assert not [one for one in secret if one in heard]


def test_the_key_goes_to_openssl_under_a_password_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    credentials = enrolled(Authority())
    scalar = credentials.key.private.private_numbers().private_value.to_bytes(32, "big")
    for in_memory in (True, False):
        if not in_memory:
            monkeypatch.delattr(tls.os, "memfd_create")
            monkeypatch.setattr(tls.tempfile, "tempdir", str(tmp_path))
        with tls._key_file(credentials) as (path, password):
            held = Path(path).read_bytes()
            assert b"ENCRYPTED PRIVATE KEY" in held
            assert scalar not in ssl.PEM_cert_to_DER_cert(
                held.decode()[: held.index(b"-----BEGIN ENC")]
            )
            assert password not in held
            assert (Path(path).parent == tmp_path) is not in_memory
        assert not Path(path).exists()
    assert not list(tmp_path.iterdir())
