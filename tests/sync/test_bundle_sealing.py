"""Sealing: who can open a bundle, what others see of it, and what every kind of damage ends in."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable, Iterable

import pytest

from conflict.signature import SigningKey
from sync import limits
from sync.errors import FrameTooLarge
from sync.trust.errors import BadBundle, BundleCut, BundleVersion, NotABundle, NotForThisNode
from sync.trust.sealing import (
    KEY_ID_BYTES,
    MAGIC,
    SLOT_BYTES,
    SLOTS_TOGETHER,
    Header,
    opened,
    read_header,
    seal,
)
from sync.trust.stream import CHUNK_BYTES, TAG_BYTES, sealed_bytes

A, B, STRANGER = (SigningKey.from_entropy(bytes((n,)) * 48) for n in range(1, 4))
PLAIN = random.Random(1).randbytes(3 * CHUNK_BYTES + 1000)
FULL = CHUNK_BYTES + TAG_BYTES


def sealed(plain: bytes = PLAIN, *keys: SigningKey, seed: int = 1) -> bytes:
    receivers = [one.public for one in keys or (A, B)]
    header, chunked = seal(receivers, random.Random(seed).randbytes)
    return header.to_bytes() + b"".join(chunked(_cut(plain)))


def _cut(plain: bytes) -> Iterable[bytes]:
    """As records come: in uneven pieces."""
    yield plain[:10]
    yield plain[10:CHUNK_BYTES]
    yield plain[CHUNK_BYTES:]


def unsealed(data: bytes, key: SigningKey = A) -> bytes:
    read = io.BytesIO(data).read
    return b"".join(opened(read, read_header(read), key))


def until_it_breaks(data: bytes, key: SigningKey = A) -> tuple[bytes, Exception | None]:
    read = io.BytesIO(data).read
    found = bytearray()
    try:
        for part in opened(read, read_header(read), key):
            found += part
    except (BadBundle, BundleCut) as fault:
        return bytes(found), fault
    return bytes(found), None


HEADER = len(read_header(io.BytesIO(sealed()).read).to_bytes())


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, len(PLAIN)]
)
def test_every_recipient_reads_what_was_sealed(size: int) -> None:
    data = sealed(PLAIN[:size])
    assert unsealed(data, A) == unsealed(data, B) == PLAIN[:size]
    assert len(data) == HEADER + sealed_bytes(size)


def test_who_is_not_on_the_list_opens_nothing() -> None:
    with pytest.raises(NotForThisNode, match="none of them"):
        unsealed(sealed(), STRANGER)


def test_a_carrier_sees_neither_recipients_nor_that_two_bundles_are_for_the_same() -> None:
    one, other = (read_header(io.BytesIO(sealed(seed=seed)).read) for seed in (1, 2))
    assert len(one.slots) == SLOTS_TOGETHER  # two of them are for somebody
    assert not set(one.key_ids) & set(other.key_ids)
    for key in (A, B):  # nothing that certificates tell leads to a slot
        for data in (key.public, key.public + one.salt, one.salt + key.public):
            assert hashlib.sha256(data).digest()[:KEY_ID_BYTES] not in one.key_ids
        assert key.public not in one.to_bytes()


def test_one_recipient_looks_like_eight() -> None:
    assert len(sealed(b"", A)) == len(sealed(b"", *many(8))) < len(sealed(b"", *many(9)))


def many(count: int) -> list[SigningKey]:
    return [SigningKey.from_entropy(bytes((n,)) * 48) for n in range(10, 10 + count)]


def test_too_many_recipients_are_refused_by_name() -> None:
    with pytest.raises(FrameTooLarge, match="BUNDLE_SLOTS_MAX"):
        seal([b"x"] * (limits.BUNDLE_SLOTS_MAX + 1), random.Random(1).randbytes)
    claimed = sealed()[: HEADER - 8 * SLOT_BYTES - 2] + b"\xff\xff"
    with pytest.raises(FrameTooLarge, match="BUNDLE_SLOTS_MAX"):
        unsealed(claimed)


@pytest.mark.parametrize("data", [b"", b"AID", b"PK\x03\x04 another file", b"aidbndl\n" * 30])
def test_what_is_no_bundle_is_called_so(data: bytes) -> None:
    with pytest.raises(NotABundle):
        unsealed(data)


def test_a_bundle_of_another_version_says_which() -> None:
    data = bytearray(sealed())
    data[len(MAGIC)] = 2
    with pytest.raises(BundleVersion, match="version 2"):
        unsealed(bytes(data))


@pytest.mark.parametrize("size", [len(MAGIC) + 1, 60, HEADER - 1])
def test_a_header_that_ends_early_is_a_cut(size: int) -> None:
    with pytest.raises(BundleCut, match="inside its header"):
        unsealed(sealed()[:size])


def test_a_forged_header_opens_nothing() -> None:
    data = sealed()
    for at in range(len(MAGIC) + 1, HEADER):
        bent = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        found, fault = b"", None
        try:
            found, fault = until_it_breaks(bent)
        except (NotForThisNode, BundleCut, FrameTooLarge) as refused:
            fault = refused  # type: ignore[assignment]
        assert found == b""
        assert fault is not None, at


def test_an_ephemeral_key_off_the_curve_is_refused() -> None:
    header = read_header(io.BytesIO(sealed()).read)
    forged = Header(header.salt, b"\x04" + bytes(64), header.slots)
    with pytest.raises(BadBundle, match="no key"):
        unsealed(forged.to_bytes())


def swap(data: bytes, one: int, other: int) -> bytes:
    parts = chunked(data)
    parts[one], parts[other] = parts[other], parts[one]
    return data[:HEADER] + b"".join(parts)


def chunked(data: bytes) -> list[bytes]:
    body = data[HEADER:]
    return [body[at : at + FULL] for at in range(0, len(body), FULL)]


def doubled(data: bytes) -> bytes:
    parts = chunked(data)
    return data[:HEADER] + b"".join((*parts[:2], parts[1], *parts[2:]))


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], int, type[Exception]]] = {
    "bit in the second chunk": (lambda d: flip(d, HEADER + FULL + 7), 1, BadBundle),
    "bit in the tag of the last": (lambda d: flip(d, len(d) - 1), 3, BundleCut),
    "second and third swapped": (lambda d: swap(d, 1, 2), 1, BadBundle),
    "second doubled": (doubled, 2, BadBundle),
    "second left out": (lambda d: d[: HEADER + FULL] + d[HEADER + 2 * FULL :], 1, BadBundle),
    "cut between chunks": (lambda d: d[: HEADER + 2 * FULL], 2, BundleCut),
    "cut in a chunk": (lambda d: d[: HEADER + 2 * FULL + 99], 2, BundleCut),
    "nothing after the header": (lambda d: d[:HEADER], 0, BundleCut),
    "something after the end": (lambda d: d + b"more", 3, BundleCut),
    "a chunk after the end": (lambda d: d + bytes(FULL), 3, BadBundle),
}


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_ends_in_a_refusal_and_what_was_whole_before_is_given(name: str) -> None:
    bend, whole, kind = DAMAGE[name]
    found, fault = until_it_breaks(bend(sealed()))
    assert isinstance(fault, kind)
    assert found == PLAIN[: whole * CHUNK_BYTES]


def test_chunks_of_another_bundle_to_the_same_recipients_do_not_fit() -> None:
    one, other = sealed(seed=1), sealed(seed=2)
    assert until_it_breaks(one[:HEADER] + other[HEADER:])[0] == b""


def test_a_slot_moved_to_another_bundle_opens_nothing() -> None:
    one, other = (read_header(io.BytesIO(sealed(seed=seed)).read) for seed in (1, 2))
    mixed = Header(one.salt, one.ephemeral, other.slots)
    with pytest.raises(NotForThisNode):
        unsealed(mixed.to_bytes() + sealed()[HEADER:])
