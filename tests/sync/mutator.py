"""A seeded mutator of frames: damage without knowledge, lies that know the format, and wrong order.

`mutant(seed, number, frames, place)` is the same for the same arguments, so a failure is repeated by
two numbers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgpack

from sync import codec
from sync.errors import PeerFault
from sync.squeezing import squeeze, unsqueeze

Rng = random.Random
EDGES = (
    0,
    1,
    2,
    7,
    127,
    128,
    255,
    256,
    65535,
    65536,
    1 << 31,
    (1 << 32) - 1,
    (1 << 53),
    (1 << 64) - 1,
)
WRONG = (None, True, False, b"", "", [], -1, 1 << 63, "x" * 500, [[]] * 20, [None], b"\0" * 16)


class Mutant(NamedTuple):
    """What is said in place of one frame, and how it was made."""

    kind: str
    frames: tuple[bytes, ...]


def mutant(seed: str, number: int, frames: Sequence[bytes], place: int) -> Mutant:
    """One mutant of `frames[place]`."""
    rng = Rng(f"{seed}/{number}")
    name = rng.choice(tuple(KINDS))
    return Mutant(name, tuple(KINDS[name](rng, frames, place)))


# --- damage without knowledge -----------------------------------------------------------------------


def _flip(rng: Rng, data: bytes) -> bytes:
    out = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _set(rng: Rng, data: bytes) -> bytes:
    out = bytearray(data or b"\0")
    out[rng.randrange(len(out))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(out)


def _truncate(rng: Rng, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _delete(rng: Rng, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 1, 2, 16, 64)) :]


def _insert(rng: Rng, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 1, 2, 16, 300))) + data[at:]


def _repeat(rng: Rng, data: bytes) -> bytes:
    at, size = rng.randrange(len(data) + 1), rng.choice((1, 4, 16, 64))
    return data[:at] + data[at : at + size] * rng.choice((2, 3, 50)) + data[at + size :]


def _bump(rng: Rng, data: bytes) -> bytes:
    """LEB128: a number gets another value, or another byte that it does not need."""
    if not data:
        return b"\x80"
    at = rng.randrange(len(data))
    longer = bytes([data[at] | 0x80]) + rng.choice((b"\0", b"\x80\0", b"\xff\xff\xff\x7f", b"\x01"))
    near = bytes([(data[at] + rng.choice((1, 255))) & 0xFF])
    return data[:at] + rng.choice((longer, near)) + data[at + 1 :]


BLIND: dict[str, Callable[[Rng, bytes], bytes]] = {
    "flip": _flip,
    "set": _set,
    "truncate": _truncate,
    "delete": _delete,
    "insert": _insert,
    "repeat": _repeat,
    "leb128": _bump,
}


# --- lies that know the format ----------------------------------------------------------------------


def _fields(frame: bytes) -> list[object]:
    return list(msgpack.unpackb(frame, raw=False))


def _swap(rng: Rng, frames: Sequence[bytes], place: int) -> list[bytes]:
    """A field is another one's, another frame's, at an edge, of another type, or mutated inside."""
    body = _fields(frames[place])
    at = rng.randrange(1, len(body)) if len(body) > 1 else 0
    others = [one for one in map(_fields, frames) if len(one) > at]
    how = rng.randrange(6)
    value = body[at]
    if how == 0:
        other = rng.randrange(len(body))
        body[at], body[other] = body[other], body[at]
    elif how == 1:
        body[at] = rng.choice(others)[at]
    elif how == 2 and isinstance(value, int):
        body[at] = rng.choice((*EDGES, value + 1, max(value - 1, 0)))
    elif how == 3:
        body[at] = rng.choice(WRONG)
    elif isinstance(value, bytes):
        body[at] = BLIND[rng.choice(tuple(BLIND))](rng, value)
    elif isinstance(value, list):
        body[at] = rng.choice((value * 2, value[:-1], [*value, rng.choice(WRONG)], value * 600))
    else:
        body = rng.choice((body[:-1], [*body, 0], [rng.randrange(30), *body[1:]]))
    return [msgpack.packb(body, use_bin_type=True)]


def _inside(rng: Rng, frames: Sequence[bytes], place: int) -> list[bytes]:
    """Content is taken out of its compression, mutated, and packed again; else a field is swapped."""
    try:
        message = codec.decode(frames[place])
        payload = getattr(message, "payload", b"")
        plain, rest = unsqueeze(payload[1:])
        worse = BLIND[rng.choice(tuple(BLIND))](rng, plain)
        changed = payload[:1] + squeeze([worse]) + rest
        return [codec.encode(message._replace(payload=changed))]  # type: ignore[call-arg]
    except (PeerFault, ValueError, TypeError):
        return _swap(rng, frames, place)


def _length(rng: Rng, frames: Sequence[bytes], place: int) -> list[bytes]:
    """The head of an array, a text or bytes says another length than follows."""
    frame = bytearray(frames[place])
    heads = [0, *(at for at, byte in enumerate(frame) if byte in {0xC4, 0xC5, 0xC6, 0xD9, 0xDC})]
    at = rng.choice(heads)
    if at == 0 or at + 1 == len(frame):
        frame[0] = 0x90 | rng.randrange(16)
    elif rng.random() < 0.5:
        frame[at + 1] = rng.choice((0, 0xFF, frame[at + 1] ^ 1))
    else:
        frame[at : at + 1] = rng.choice((b"\xc6\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xdf\x00\x01"))
    return [bytes(frame)]


# --- wrong order ------------------------------------------------------------------------------------


def _splice(rng: Rng, frames: Sequence[bytes], place: int) -> list[bytes]:
    one, other = frames[place], rng.choice(frames)
    return [one[: rng.randrange(len(one) + 1)] + other[rng.randrange(len(other) + 1) :]]


def _replay(rng: Rng, frames: Sequence[bytes], place: int) -> list[bytes]:
    return [frames[place]] * rng.choice((2, 2, 3, 40))


def _reorder(rng: Rng, frames: Sequence[bytes], place: int) -> list[bytes]:
    some = list(frames[place : place + 4])
    rng.shuffle(some)
    return some


def _out_of_place(rng: Rng, frames: Sequence[bytes], place: int) -> list[bytes]:
    return [rng.choice(frames), frames[place]]


def _one(how: Callable[[Rng, bytes], bytes]) -> Callable[[Rng, Sequence[bytes], int], list[bytes]]:
    return lambda rng, frames, place: [how(rng, frames[place])]


KINDS: dict[str, Callable[[Rng, Sequence[bytes], int], list[bytes]]] = {
    **{name: _one(how) for name, how in BLIND.items()},
    "swap": _swap,
    "swap again": _swap,
    "inside": _inside,
    "inside again": _inside,
    "length": _length,
    "splice": _splice,
    "replay": _replay,
    "reorder": _reorder,
    "out of place": _out_of_place,
}
