"""Sealing a bundle to devices of the theatre: what a carrier can and cannot see. Pure.

One random key encrypts the content (`stream.py`); it is wrapped for each recipient under a key agreed by
ephemeral ECDH P-256. One ephemeral key serves all recipients of a bundle: their public keys are part of
what is derived, and randomness may be shared so (Bellare, Boldyreva, Staddon, PKC 2003). PROTOCOL.md,
*Bundles*.

A recipient's slot is found by an id that only it and the sender can compute, so nobody else can tell for
whom a bundle is, or that two are for the same device, even with all certificates at hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from conflict.signature import PUBLIC_KEY_BYTES, SigningKey
from sync import limits
from sync.errors import FrameTooLarge
from sync.trust import stream
from sync.trust.derivation import agreed, derived
from sync.trust.errors import BadBundle, BundleCut, BundleVersion, NotABundle, NotForThisNode
from sync.trust.stream import TAG_BYTES, Read, full

MAGIC = b"AIDBNDL\n"
VERSION = 1
SALT_BYTES, KEY_BYTES, KEY_ID_BYTES = 16, 32, 8
SLOT_BYTES = KEY_ID_BYTES + KEY_BYTES + TAG_BYTES
SLOTS_TOGETHER = 8
"""Slots come in such numbers, the rest random: a stick does not tell how many devices a unit has."""

_FIXED_BYTES = len(MAGIC) + 1 + SALT_BYTES + PUBLIC_KEY_BYTES + 2
_EPHEMERAL_ENTROPY_BYTES = 48
_ONCE = bytes(12)  # nonce of a key that encrypts one thing
_SLOT_DOMAIN = b"aidstation/bundle/slot/1"
_CHUNKS_DOMAIN = b"aidstation/bundle/chunks/1"


@dataclass(frozen=True)
class Header:
    """What stands before the chunks, in clear. `ephemeral`: X9.62 uncompressed; `slots`: ascending."""

    salt: bytes
    ephemeral: bytes
    slots: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """As in a file."""
        return b"".join((self._head, len(self.slots).to_bytes(2, "big"), *self.slots))

    @property
    def _head(self) -> bytes:
        return b"".join((MAGIC, bytes((VERSION,)), self.salt, self.ephemeral))

    @cached_property
    def binding(self) -> bytes:
        """Hash of all of it (32 bytes): chunks and signatures hold under this header only."""
        return hashlib.sha256(self.to_bytes()).digest()

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """What a carrier sees of recipients, those that are none included."""
        return tuple(slot[:KEY_ID_BYTES] for slot in self.slots)

    def slot_key(self, shared: bytes, receive: bytes) -> tuple[bytes, bytes]:
        """Id of a recipient's slot and the key that wraps, from what ECDH with its key gave."""
        info = _SLOT_DOMAIN + self.ephemeral + receive
        both = derived(shared, info, KEY_ID_BYTES + KEY_BYTES, self.salt)
        return both[:KEY_ID_BYTES], both[KEY_ID_BYTES:]

    def chunk_cipher(self, key: bytes) -> AESGCM:
        """For the chunks; another header makes another one."""
        return AESGCM(derived(key, _CHUNKS_DOMAIN, KEY_BYTES, self.binding))


def seal(
    receivers: Sequence[bytes], entropy: Callable[[int], bytes]
) -> tuple[Header, Callable[[Iterable[bytes]], Iterator[bytes]]]:
    """A header for these receive keys (X9.62 uncompressed), and what makes chunks of plain bytes.

    The second may be used once. Raises `FrameTooLarge` for over `BUNDLE_SLOTS_MAX` receivers.
    """
    if len(receivers) > limits.BUNDLE_SLOTS_MAX:
        raise FrameTooLarge(f"over {limits.BUNDLE_SLOTS_MAX} recipients (BUNDLE_SLOTS_MAX)")
    key = entropy(KEY_BYTES)
    ephemeral = SigningKey.from_entropy(entropy(_EPHEMERAL_ENTROPY_BYTES))
    bare = Header(entropy(SALT_BYTES), ephemeral.public, ())
    slots = [_slot(bare, ephemeral, receive, key) for receive in sorted(set(receivers))]
    slots += [entropy(SLOT_BYTES) for _ in range(-len(slots) % SLOTS_TOGETHER)]
    header = Header(bare.salt, bare.ephemeral, tuple(sorted(slots)))
    cipher = header.chunk_cipher(key)
    return header, lambda plain: stream.sealed(plain, cipher)


def _slot(bare: Header, ephemeral: SigningKey, receive: bytes, key: bytes) -> bytes:
    key_id, wrapping = bare.slot_key(agreed(ephemeral.private, receive), receive)
    return key_id + AESGCM(wrapping).encrypt(_ONCE, key, _SLOT_DOMAIN)


# Opening -----------------------------------------------------------------------------------------


def read_header(read: Read) -> Header:
    """The header of a bundle. Raises `NotABundle`, `BundleVersion`, `BundleCut`, `FrameTooLarge`."""
    start = full(read, _FIXED_BYTES)
    if not start.startswith(MAGIC):
        raise NotABundle("this file is not a bundle of aidstation; nothing was taken from it")
    if len(start) > len(MAGIC) and (version := start[len(MAGIC)]) != VERSION:
        raise BundleVersion(
            f"a bundle of version {version}; this node reads version {VERSION}. Nothing was taken"
        )
    if len(start) < _FIXED_BYTES:
        raise BundleCut("the bundle ends inside its header; nothing was taken")
    salt_at = len(MAGIC) + 1
    key_at = salt_at + SALT_BYTES
    count = int.from_bytes(start[-2:], "big")
    if count > limits.BUNDLE_SLOTS_MAX:
        raise FrameTooLarge(f"over {limits.BUNDLE_SLOTS_MAX} recipients (BUNDLE_SLOTS_MAX)")
    rest = full(read, count * SLOT_BYTES)
    if len(rest) < count * SLOT_BYTES:
        raise BundleCut("the bundle ends inside its header; nothing was taken")
    slots = tuple(rest[at : at + SLOT_BYTES] for at in range(0, len(rest), SLOT_BYTES))
    return Header(start[salt_at:key_at], start[key_at:-2], slots)


def opened(read: Read, header: Header, receive: SigningKey) -> Iterator[bytes]:
    """The plain bytes behind a header, chunk by chunk, each proved whole and in its place.

    `receive`: this device's private key for bundles. Raises `NotForThisNode` and `BadBundle` before
    the first, then `BadBundle`, `BundleCut` after the last whole one.
    """
    return stream.opened(read, header.chunk_cipher(_unwrapped(header, receive)))


def _unwrapped(header: Header, receive: SigningKey) -> bytes:
    try:
        shared = agreed(receive.private, header.ephemeral)
    except ValueError as fault:
        raise BadBundle("its header holds no key: damaged or forged; nothing was taken") from fault
    key_id, wrapping = header.slot_key(shared, receive.public)
    slot = next((one for one in header.slots if one.startswith(key_id)), None)
    if slot is None:
        raise NotForThisNode(
            f"this bundle is sealed to at most {len(header.slots)} devices, and this node is none of "
            "them: it was made for others, or before this node was enrolled. Nothing was taken"
        )
    try:
        return AESGCM(wrapping).decrypt(_ONCE, slot[KEY_ID_BYTES:], _SLOT_DOMAIN)
    except InvalidTag as fault:
        raise BadBundle("its header was changed or is damaged; nothing was taken") from fault
