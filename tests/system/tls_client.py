"""A client of TLS 1.3 that may lie (RFC 8446): it shows one device's certificate and signs with any key.

OpenSSL refuses to hold a certificate without its key, so a thief's client has to be written by hand.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from conflict.signature import SigningKey

CHANGE_CIPHER_SPEC, HANDSHAKE, APPLICATION = 20, 22, 23
SERVER_HELLO, CERTIFICATE, CERTIFICATE_VERIFY, FINISHED = 2, 11, 15, 20
CURVE = ec.SECP256R1()
NOTHING = bytes(32)


def sized(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "big") + data


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + sized(body, 3)


def extension(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(2, "big") + sized(body, 2)


def extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt, secret, "sha256")


def expand(secret: bytes, label: str, context: bytes, size: int) -> bytes:
    """HKDF-Expand-Label, for no more than one block."""
    info = size.to_bytes(2, "big") + sized(b"tls13 " + label.encode(), 1) + sized(context, 1)
    return hmac.digest(secret, info + b"\x01", "sha256")[:size]


def derive(secret: bytes, label: str, transcript: bytes) -> bytes:
    return expand(secret, label, hashlib.sha256(transcript).digest(), 32)


@dataclass
class Way:
    """Records of one direction under one secret."""

    secret: bytes
    number: int = 0

    def _nonce(self) -> bytes:
        iv = int.from_bytes(expand(self.secret, "iv", b"", 12), "big") ^ self.number
        self.number += 1
        return iv.to_bytes(12, "big")

    def seal(self, kind: int, data: bytes) -> bytes:
        head = b"\x17\x03\x03" + (len(data) + 17).to_bytes(2, "big")
        key = AESGCM(expand(self.secret, "key", b"", 16))
        return head + key.encrypt(self._nonce(), data + bytes([kind]), head)

    def open(self, head: bytes, sealed: bytes) -> bytes:
        key = AESGCM(expand(self.secret, "key", b"", 16))
        return key.decrypt(self._nonce(), sealed, head).rstrip(b"\0")[:-1]


def client_hello(share: bytes) -> bytes:
    extensions = (
        extension(43, b"\x02\x03\x04"),  # TLS 1.3
        extension(10, b"\x00\x02\x00\x17"),  # P-256
        extension(13, b"\x00\x02\x04\x03"),  # ECDSA with it and SHA-256
        extension(51, sized(b"\x00\x17" + sized(share, 2), 2)),
    )
    suites = b"\x00\x02\x13\x01"  # AES-128-GCM, SHA-256
    hello = b"\x03\x03" + os.urandom(32) + b"\0" + suites + b"\x01\x00"
    return message(1, hello + sized(b"".join(extensions), 2))


async def tell(port: int, certificate: bytes, signer: SigningKey, said: bytes) -> bytes:
    """What the other end answers to `said`, deciphered; nothing where it ends before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def record() -> tuple[bytes, bytes]:
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(int.from_bytes(head[3:], "big"))
            if head[0] != CHANGE_CIPHER_SPEC:  # says nothing in 1.3
                return head, body

    own = ec.generate_private_key(CURVE)
    point = own.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    hello = client_hello(point)
    writer.write(b"\x16\x03\x01" + sized(hello, 2))
    _, answer = await record()
    assert answer[0] == SERVER_HELLO
    there = ec.EllipticCurvePublicKey.from_encoded_point(
        CURVE, answer[answer.index(b"\x00\x17\x00\x41") + 4 :][:65]
    )
    transcript = hello + answer
    early = derive(extract(NOTHING, NOTHING), "derived", b"")
    secret = extract(early, own.exchange(ec.ECDH(), there))
    near = Way(derive(secret, "c hs traffic", transcript))
    far = Way(derive(secret, "s hs traffic", transcript))
    flight = b""
    while not _whole(flight):
        flight += far.open(*await record())
    transcript += flight
    master = extract(derive(secret, "derived", b""), NOTHING)
    ways = [Way(derive(master, f"{one} ap traffic", transcript)) for one in "cs"]
    writer.write(near.seal(HANDSHAKE, _proof(near, transcript, certificate, signer)))
    writer.write(ways[0].seal(APPLICATION, said))
    heard = b""
    try:
        async with asyncio.timeout(10):
            while b"\r\n\r\n" not in heard:
                heard += ways[1].open(*await record())
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()
    return heard


def _whole(flight: bytes) -> bool:
    """Whether its last message is FINISHED."""
    kind = 0
    while len(flight) >= 4 and len(flight) >= 4 + int.from_bytes(flight[1:4], "big"):
        kind, flight = flight[0], flight[4 + int.from_bytes(flight[1:4], "big") :]
    return kind == FINISHED and not flight


def _proof(way: Way, transcript: bytes, certificate: bytes, signer: SigningKey) -> bytes:
    """Certificate, the signature that is to prove it, FINISHED."""
    shown = message(CERTIFICATE, b"\0" + sized(sized(certificate, 3) + b"\0\0", 3))
    digest = hashlib.sha256(transcript + shown).digest()
    signed = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + digest
    signature = signer.private.sign(signed, ec.ECDSA(hashes.SHA256()))
    shown += message(CERTIFICATE_VERIFY, b"\x04\x03" + sized(signature, 2))
    finished = expand(way.secret, "finished", b"", 32)
    digest = hashlib.sha256(transcript + shown).digest()
    return shown + message(FINISHED, hmac.digest(finished, digest, "sha256"))
