"""Who does not belong and knocks at the sync port: nobody gets in, nothing is kept, others are served."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import random
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from conflict.signature import SigningKey
from sync.transport import door, tls
from sync.transport.tls import Credentials
from sync.transport.websocket import PATH, WebSocketChannel
from sync.trust.authority import Revoke
from sync.trust.certificate import receive_key
from tests.sync import tls_lab
from tests.sync.tls_lab import CONNECT_S, enrolled, new_key
from tests.system import tls_client
from tests.theatre import NOW_MS, Authority

LOOPBACK = "127.0.0.1"
UPGRADE = (
    f"GET {PATH} HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
).encode()
FLOOD = 500
GARBAGE = random.Random("garbage").randbytes(1 << 20)
NO_CLOCK = ssl.VerifyFlags(0x200000)


class Port(NamedTuple):
    """A listening device. `accepted` counts whom it let in, `refused` says why not the others."""

    authority: Authority
    own: Credentials
    port: int
    accepted: list[WebSocketChannel]
    refused: asyncio.Queue[str]
    door: door.Door


@asynccontextmanager
async def listening(authority: Authority | None = None, **more: Any) -> AsyncIterator[Port]:
    authority = authority or Authority()
    accepted: list[WebSocketChannel] = []
    refused: asyncio.Queue[str] = asyncio.Queue()

    async def accept(channel: WebSocketChannel) -> None:
        accepted.append(channel)
        while (frame := await channel.receive()) is not None:
            await channel.send(frame)

    own = enrolled(authority)
    listener = tls_lab.listener(
        authority, accept, own, refused=lambda _at, code: refused.put_nowait(code), **more
    )
    await listener.listen(LOOPBACK, 0)
    assert listener._door is not None
    try:
        yield Port(authority, own, listener.port, accepted, refused, listener._door)
    finally:
        await listener.close()


async def an_honest_peer_is_served(port: Port) -> None:
    before = len(port.accepted)
    dialer = tls_lab.dialer(port.authority)
    channel = await dialer.dial(f"{LOOPBACK}:{port.port}", connect_s_max=CONNECT_S)
    await channel.send(b"care goes on")
    assert await channel.receive() == b"care goes on"
    assert len(port.accepted) == before + 1
    await dialer.close()


def shows(chain: Sequence[bytes], key: SigningKey | None, *, tls12: bool = False) -> ssl.SSLContext:
    """A client that believes anybody, of the certificates that it shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if key is not None:
        with tls._key_file(Credentials(key, chain[0], b"")) as (path, password):
            with open(path, "ab") as file:
                file.write("".join(map(ssl.DER_cert_to_PEM_cert, chain[1:])).encode())
            context.load_cert_chain(path, password=password)
    return context


async def asks(port: int, context: ssl.SSLContext | None, said: bytes = UPGRADE) -> bytes:
    """All that comes back until the other end closes."""
    heard = b""
    with contextlib.suppress(OSError):
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(
                LOOPBACK, port, ssl=context, server_hostname="" if context else None
            )
            with contextlib.suppress(OSError):
                writer.write(said)
                while more := await reader.read(1 << 16):
                    heard += more
            writer.close()
    return heard


# Certificates that are not what they should be ---------------------------------------------------


class Stranger(NamedTuple):
    chain: Sequence[bytes]
    key: SigningKey | None
    tls12: bool = False


def certificate(
    key: SigningKey, issuer: x509.Name, by: SigningKey, *, is_ca: bool = False
) -> bytes:
    """Any certificate that anybody may sign."""
    began = datetime.datetime.fromtimestamp(NOW_MS / 1000, datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]) if not is_ca else issuer)
        .issuer_name(issuer)
        .public_key(key.private.public_key())
        .serial_number(7)
        .not_valid_before(began)
        .not_valid_after(began + datetime.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(by.private, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


def subject(der: bytes) -> x509.Name:
    return x509.load_der_x509_certificate(der).subject


def of_another_theatre(_authority: Authority) -> Stranger:
    other = enrolled(Authority("another"))
    return Stranger([other.certificate], other.key)


def self_signed(authority: Authority) -> Stranger:
    key = new_key()
    return Stranger([certificate(key, subject(authority.certificate), key)], key)


def signed_by_a_root_of_the_same_name(authority: Authority) -> Stranger:
    root, key = new_key(), new_key()
    name = subject(authority.certificate)
    return Stranger([certificate(key, name, root), certificate(root, name, root, is_ca=True)], key)


def with_another_key_written_into_it(authority: Authority) -> Stranger:
    device, key = enrolled(authority), new_key()
    return Stranger([device.certificate.replace(device.key.public, key.public)], key)


def with_other_scopes_written_into_it(authority: Authority) -> Stranger:
    device = enrolled(authority)
    altered = bytearray(device.certificate)
    altered[device.certificate.index(receive_key(device.key).public) - 1] ^= 1  # number of scopes
    return Stranger([bytes(altered)], device.key)


def issued_by_a_device(authority: Authority) -> Stranger:
    device, key = enrolled(authority), new_key()
    leaf = certificate(key, subject(device.certificate), device.key)
    return Stranger([leaf, device.certificate], key)


def issued_by_a_device_that_calls_itself_an_authority(authority: Authority) -> Stranger:
    device, middle, key = enrolled(authority), new_key(), new_key()
    name = subject(authority.certificate)
    ca = certificate(middle, subject(device.certificate), device.key, is_ca=True)
    ca_named = certificate(middle, name, device.key, is_ca=True)
    leaf = certificate(key, name, middle)
    return Stranger([leaf, ca_named, ca, device.certificate], key)


def the_root_itself(authority: Authority) -> Stranger:
    return Stranger([authority.certificate], authority.root)


def without_a_certificate(_authority: Authority) -> Stranger:
    return Stranger([], None)


def with_tls_12_only(authority: Authority) -> Stranger:
    device = enrolled(authority)
    return Stranger([device.certificate], device.key, tls12=True)


def never_enrolled_by_the_log(authority: Authority) -> Stranger:
    """Signed by the root, under a number that the log gives to another: a stolen or forked authority."""
    elsewhere = Authority()
    device = enrolled(elsewhere)
    while authority.theatre.head.number < 3:
        enrolled(authority)
    return Stranger([device.certificate], device.key)


def revoked(authority: Authority) -> Stranger:
    device = enrolled(authority)
    authority.say(Revoke(device.key.node, "lost"))
    return Stranger([device.certificate], device.key)


@pytest.mark.parametrize(
    ("stranger", "code"),
    [
        (of_another_theatre, tls.OTHER_THEATRE),
        (self_signed, tls.BAD_CERTIFICATE),
        (signed_by_a_root_of_the_same_name, tls.BAD_CERTIFICATE),
        (with_another_key_written_into_it, tls.BAD_CERTIFICATE),
        (with_other_scopes_written_into_it, tls.BAD_CERTIFICATE),
        (issued_by_a_device, tls.OTHER_THEATRE),
        (issued_by_a_device_that_calls_itself_an_authority, tls.BAD_CERTIFICATE),
        (the_root_itself, tls.BAD_CERTIFICATE),
        (without_a_certificate, tls.NO_CERTIFICATE),
        (with_tls_12_only, tls.OLD_TLS),
        (never_enrolled_by_the_log, tls.BAD_CERTIFICATE),
        (revoked, tls.REVOKED),
    ],
)
async def test_a_stranger_is_refused_with_a_code_and_others_are_served(
    stranger: Callable[[Authority], Stranger], code: str
) -> None:
    async with listening() as port:
        who = stranger(port.authority)
        heard = await asks(port.port, shows(who.chain, who.key, tls12=who.tls12))
        assert await port.refused.get() == code
        assert b" 101 " not in heard
        assert not port.accepted
        await an_honest_peer_is_served(port)


async def test_a_stolen_certificate_without_its_key_opens_nothing() -> None:
    async with listening() as port:
        device, thief = enrolled(port.authority), enrolled(port.authority)
        answer = await tls_client.tell(port.port, device.certificate, device.key, UPGRADE)
        assert b" 101 " in answer, "the client by hand is a good one"
        assert len(port.accepted) == 1
        for signer in (thief.key, new_key()):
            heard = await tls_client.tell(port.port, device.certificate, signer, UPGRADE)
            assert await port.refused.get() == tls.TLS_FAILED
            assert not heard
        assert len(port.accepted) == 1
        await an_honest_peer_is_served(port)


# Bytes that are no handshake ---------------------------------------------------------------------


def client_hello(size: int) -> bytes:
    """A record of a ClientHello that says to be so long."""
    body = b"\x01" + size.to_bytes(3, "big") + GARBAGE[:16_000]
    return b"\x16\x03\x01" + len(body).to_bytes(2, "big") + body


def record(body: bytes) -> bytes:
    return b"\x16\x03\x03" + len(body).to_bytes(2, "big") + body


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (UPGRADE, tls.NOT_TLS),
        (b"aidstation\n" * 1000, tls.NOT_TLS),
        (GARBAGE, tls.NOT_TLS),
        (b"\x16\x03\x01" + GARBAGE[:4000], tls.NOT_TLS),
        (b"\x80\x2e\x01\x00\x02" + bytes(43), tls.OLD_TLS),  # a ClientHello of SSL 2
        (client_hello(100_000) + record(GARBAGE[:16_000]) * 5, tls.TLS_FAILED),
        (client_hello(10), tls.TLS_FAILED),
        (b"", tls.TLS_FAILED),
    ],
    ids=["http", "text", "garbage", "record", "ssl2", "endless-hello", "bad-hello", "nothing"],
)
async def test_what_is_no_handshake_ends_at_once(said: bytes, code: str) -> None:
    async with listening() as port:
        if said:
            assert b"101" not in await asks(port.port, None, said)
        else:
            _, writer = await asyncio.open_connection(LOOPBACK, port.port)
            writer.close()
        assert await port.refused.get() in {code, tls.TLS_FAILED}
        assert not port.accepted
        assert port.door.half_open == 0
        await an_honest_peer_is_served(port)


async def test_an_honest_conversation_said_again_is_no_handshake() -> None:
    """Recorded on the way: TLS answers with another random, so the recorded proof fits nothing."""
    async with listening() as port:
        said = bytearray()

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, to = await asyncio.open_connection(LOOPBACK, port.port)

            async def up() -> None:
                while more := await reader.read(1 << 16):
                    said.extend(more)
                    to.write(more)
                to.close()

            async def down() -> None:
                while more := await there.read(1 << 16):
                    writer.write(more)
                writer.close()

            await asyncio.gather(up(), down())

        between = await asyncio.start_server(forward, LOOPBACK, 0)
        at = f"{LOOPBACK}:{between.sockets[0].getsockname()[1]}"
        dialer = tls_lab.dialer(port.authority)
        channel = await dialer.dial(at, connect_s_max=CONNECT_S)
        await channel.send(b"once")
        assert await channel.receive() == b"once"
        await dialer.close()
        between.close()
        assert len(port.accepted) == 1
        assert len(said) > 1000
        await asks(port.port, None, bytes(said))
        assert await port.refused.get() == tls.TLS_FAILED
        assert len(port.accepted) == 1
        await an_honest_peer_is_served(port)


async def test_hundreds_that_say_nothing_keep_nobody_out() -> None:
    async with listening() as port:
        silent = [socket.socket() for _ in range(FLOOD)]
        loop = asyncio.get_running_loop()
        for one in silent:
            one.setblocking(False)
            await loop.sock_connect(one, (LOOPBACK, port.port))
            assert port.door.half_open <= door.HALF_OPEN_OF_ADDRESS_MAX
        await an_honest_peer_is_served(port)
        for one in silent:
            one.close()


async def test_a_crowd_from_many_addresses_is_bounded_and_keeps_nobody_out() -> None:
    async with listening() as port:
        silent = []
        for number in range(2 * door.HALF_OPEN_MAX):
            one = socket.socket()
            one.bind((f"127.0.{1 + number // 4}.1", 0))  # four of each address
            one.setblocking(False)
            await asyncio.get_running_loop().sock_connect(one, (LOOPBACK, port.port))
            silent.append(one)
        await an_honest_peer_is_served(port)
        assert port.door.half_open <= door.HALF_OPEN_MAX
        for one in silent:
            one.close()


async def test_who_starts_a_handshake_and_does_not_go_on_is_given_up() -> None:
    async with listening(handshake_s_max=0.05) as port:
        context = shows([], None)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLWantReadError):
            context.wrap_bio(incoming, outgoing).do_handshake()
        reader, writer = await asyncio.open_connection(LOOPBACK, port.port)
        writer.write(outgoing.read())
        assert await port.refused.get() == tls.TLS_TIMEOUT
        with contextlib.suppress(ConnectionResetError):
            await reader.read()  # ends
        writer.close()
