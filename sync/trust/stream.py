"""A long text under AES-256-GCM, in chunks of which the last is marked: STREAM. Pure.

Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015: chunks dropped, repeated, moved or appended, and an end
cut off, are all found. A key encrypts one text only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.trust.errors import BadBundle, BundleCut

CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16

Read = Callable[[int], bytes]
"""Up to so many bytes of a file from where it stands; none: it has ended."""


def sealed(plain: Iterable[bytes], cipher: AESGCM) -> Iterator[bytes]:
    """The chunks of these bytes, however they are cut."""
    waiting, number = bytearray(), 0
    for part in plain:
        waiting += part
        while len(waiting) > CHUNK_BYTES:
            yield cipher.encrypt(_nonce(number, last=False), bytes(waiting[:CHUNK_BYTES]), None)
            del waiting[:CHUNK_BYTES]
            number += 1
    yield cipher.encrypt(_nonce(number, last=True), bytes(waiting), None)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((last,))


def sealed_bytes(plain_bytes: int) -> int:
    """Bytes of the chunks that so many plain bytes make."""
    return plain_bytes + TAG_BYTES * max(1, -(-plain_bytes // CHUNK_BYTES))


def opened(read: Read, cipher: AESGCM) -> Iterator[bytes]:
    """The plain bytes, chunk by chunk, each proved whole and in its place.

    Raises `BadBundle`, `BundleCut` after the last whole one.
    """
    number = 0
    chunk = full(read, CHUNK_BYTES + TAG_BYTES)
    while True:
        following = full(read, CHUNK_BYTES + TAG_BYTES)
        last = not following
        plain = _decrypted(cipher, _nonce(number, last=last), chunk)
        if plain is None:
            other = _decrypted(cipher, _nonce(number, last=not last), chunk)
            if last and other is not None:
                yield other  # whole, only not the last
            raise _broken(number, chunk, other, last=last)
        yield plain
        if last:
            return
        chunk = following
        number += 1


def _broken(number: int, chunk: bytes, other: bytes | None, *, last: bool) -> BadBundle | BundleCut:
    """What is wrong with a chunk that does not open in its place; `other`: as the last, or not."""
    if other is not None and not last:
        return BadBundle("something follows after the end of the bundle; the rest was taken")
    if last and (other is not None or len(chunk) < CHUNK_BYTES + TAG_BYTES):
        whole = number + (other is not None)
        return BundleCut(f"the bundle ends early or is damaged, after {whole} whole parts")
    return BadBundle(f"part {number + 1} of the bundle is damaged or not in its place")


def _decrypted(cipher: AESGCM, nonce: bytes, chunk: bytes) -> bytes | None:
    try:
        return cipher.decrypt(nonce, chunk, None)
    except InvalidTag:
        return None


def full(read: Read, size: int) -> bytes:
    """`size` bytes, fewer only where the file ends."""
    parts: list[bytes] = []
    while size and (part := read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
