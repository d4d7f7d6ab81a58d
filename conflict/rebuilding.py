"""A lane's changes and the statements in them, each made from the other byte for byte.

What a lane change says beside its statements follows from its place: magic, checksum, lengths,
actor, sequence number, operation counter, keys. `build` writes the chunk as the pinned Automerge
binding does (binary format, chunk type 1). `tell` says what changes hold, proved by building them:
so a change that it takes is one that `LaneWriter` would have written, whoever wrote it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, groupby
from typing import NamedTuple

from conflict import leb128
from conflict.identity import ActorId

HASH_BYTES = 32
HASH_FROM = 8
"""A change's hash is SHA-256 over its chunk without magic and checksum."""
_MAGIC = b"\x85\x6f\x4a\x83"
_NUMBER_DIGITS_MAX = 9
_ACTOR_HEX = 32
_STRING = 6  # type code of text in the value metadata column; the length stands above it
_HEADER_END = b"\x00\x00\x00\x06"  # time 0, empty message, no other actors; six columns
_SPECIFICATIONS = (b"\x15", b"4", b"B", b"V", b"W", b"p")
"""Keys, inserts, actions, value metadata, values, predecessors."""

# One statement: sizes and contents of its columns; all runs have length one.
_LONE = (
    b"%b\x10%b%b%b"
    + _HEADER_END
    + b"\x15%c4\x01B\x02V%cW%bp\x02\x7f%c%b\x01\x7f\x01\x7f%b%b\x7f\x00"
)
_LONE_FROM = b"p\x02\x7f"
_LONE_SEEN = re.compile(
    rb"p\x02\x7f[^/]([^/\"]{1,64})/[0-9a-f]{32}\.([0-9]{1,9})\x01\x7f\x01\x7f[\x80-\xff]*[^\x80-\xff]"
    rb"(\{.*\})\x7f\x00",
    re.DOTALL,
)
_LONE_KEY_BYTES_MAX, _LONE_TEXT_BYTES_MAX = 125, 1023
"""Up to these the lengths of a lone statement's columns have one byte."""


class Said(NamedTuple):
    """What a change adds: number of its first statement, slot names and texts."""

    number: int
    slots: Sequence[bytes]
    texts: Sequence[bytes]


def change_hash(chunk: bytes) -> bytes:
    """32 bytes: the name of a change."""
    return hashlib.sha256(memoryview(chunk)[HASH_FROM:]).digest()


def dependency(chunk: bytes) -> bytes:
    """Hash of the change before this one; empty if the chunk has no room for it."""
    at = 9
    while chunk[at : at + 1] >= b"\x80":
        at += 1
    return chunk[at + 2 : at + 2 + HASH_BYTES]


@lru_cache(maxsize=256)
def _mark(actor: bytes) -> bytes:
    """What stands between slot and number in every key of an actor."""
    return b"/%b." % actor.hex().encode()


def build(before: bytes, actor: bytes, seq: int, said: Said) -> tuple[bytes, bytes]:
    """The raw change that says this, and its hash. `before`: hash of the one before it, or empty."""
    number, slots, texts = said
    if len(texts) == 1:
        key, text = b"%b%b%d" % (slots[0], _mark(actor), number), texts[0]
        if len(key) <= _LONE_KEY_BYTES_MAX and len(text) <= _LONE_TEXT_BYTES_MAX:
            values = leb128.number(len(text) << 4 | _STRING)
            return _chunk(
                _LONE
                % (
                    b"\x01" + before if before else b"\x00",
                    actor, leb128.number(seq), leb128.number(number),
                    len(key) + 2, len(values) + 1, leb128.number(len(text)),
                    len(key), key, values, text,
                )
            )  # fmt: skip
    start = b"".join(
        (
            b"\x01" + before if before else b"\x00",
            b"\x10",
            actor,
            leb128.number(seq),
            leb128.number(number),
        )
    )
    return _chunk(start + _columns(_mark(actor), said))


def _chunk(body: bytes) -> tuple[bytes, bytes]:
    hashed = b"\x01" + leb128.number(len(body)) + body
    name = hashlib.sha256(hashed).digest()
    return _MAGIC + name[:4] + hashed, name


def _columns(mark: bytes, said: Said) -> bytes:
    """Column specifications with their sizes, then the columns (in the order of `_LONE`)."""
    count = len(said.texts)
    times = b"\x7f" if count == 1 else _sleb(count)
    text = b"".join(said.texts)
    keys, values = _keys(mark, said), _lengths(said.texts)
    columns = (keys, leb128.number(count), times + b"\x01", values, text, times + b"\x00")
    sizes = map(leb128.number, map(len, columns))
    specifications = b"".join(chain.from_iterable(zip(_SPECIFICATIONS, sizes, strict=True)))
    return _HEADER_END + specifications + b"".join(columns)


def _keys(mark: bytes, said: Said) -> bytes:
    keys = [b"%b%b%d" % (slot, mark, number) for number, slot in enumerate(said.slots, said.number)]
    return _sleb(-len(keys)) + b"".join([leb128.number(len(key)) + key for key in keys])


def _lengths(texts: Sequence[bytes]) -> bytes:
    """Run-length encoding of the value metadata: equal neighbours are a run, others a literal."""
    out: list[bytes] = []
    lone: list[bytes] = []
    for length, group in groupby(map(len, texts)):
        times, value = sum(1 for _ in group), leb128.number(length << 4 | _STRING)
        if times == 1:
            lone.append(value)
            continue
        if lone:
            out += (_sleb(-len(lone)), *lone)
            lone = []
        out += (_sleb(times), value)
    if lone:
        out += (_sleb(-len(lone)), *lone)
    return b"".join(out)


def _sleb(number: int) -> bytes:
    out = bytearray()
    while not -64 <= number < 64:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number & 0x7F)
    return bytes(out)


class Told(NamedTuple):
    """What consecutive changes say: number of the first statement, how many in each change, slot and
    text of each; `head`: hash of the last change."""

    first: int
    counts: Sequence[int]
    slots: Sequence[bytes]
    texts: Sequence[bytes]
    head: bytes


def tell(actor: ActorId, first_seq: int, changes: Sequence[bytes]) -> Told | None:
    """What changes of a lane say, from number `first_seq` on; None if building them does not give
    back the same bytes. What comes before the first is not looked at."""
    before = dependency(changes[0]) if first_seq > 1 else b""
    counts: list[int] = []
    slots: list[bytes] = []
    texts: list[bytes] = []
    first = number = 0
    for seq, chunk in enumerate(changes, first_seq):
        said = parse(chunk)
        if said is None or (number and said.number != number):
            return None
        rebuilt, before = build(before, actor, seq, said)
        if rebuilt != chunk:
            return None
        first = first or said.number
        number = said.number + len(said.texts)
        counts.append(len(said.texts))
        slots += said.slots
        texts += said.texts
    return Told(first, counts, slots, texts, before) if first else None


def parse(chunk: bytes) -> Said | None:
    """What `build` needs to make this change, if it has the common form; to be proved by building."""
    at = chunk.find(
        _LONE_FROM, 28, 128
    )  # one start only: hostile bytes cost no more than honest ones
    lone = _LONE_SEEN.match(chunk, at) if at > 0 else None
    if lone is not None:
        slot, number, text = lone.groups()
        if lone.end() == len(chunk):
            return Said(int(number), (slot,), (text,))
    try:
        return _parse_columns(chunk)
    except (IndexError, ValueError):
        return None


def _parse_columns(chunk: bytes) -> Said | None:
    at = chunk.index(_HEADER_END + b"\x15", 28) + len(_HEADER_END) + 1
    key_bytes, at = _read_uleb(chunk, at)
    sizes = []
    for _ in range(5):
        size, at = _read_uleb(chunk, at + 1)
        sizes.append(size)
    inserts, actions, values, texts, _ = sizes
    slots, first = _read_keys(chunk[at : at + key_bytes])
    if any(b'"' in slot for slot in slots):
        return None  # a slot's name is never taken for text
    if not first.isdigit() or len(first) > _NUMBER_DIGITS_MAX:
        return None
    at += key_bytes + inserts + actions
    lengths = _read_lengths(chunk[at : at + values], len(slots))
    at += values
    if sum(lengths) != texts:
        return None
    parts = []
    for length in lengths:
        parts.append(chunk[at : at + length])
        at += length
    return Said(int(first), slots, parts)


def _read_keys(column: bytes) -> tuple[list[bytes], bytes]:
    """The slot of each key, and the number in the first. No key has 128 bytes."""
    _, at = _read_sleb(column, 0)
    first = b""
    slots = []
    while at < len(column):
        after = at + 1 + column[at]
        slot, _, rest = column[at + 1 : after].partition(b"/")
        if len(rest) < _ACTOR_HEX:
            raise ValueError("no key of a statement")
        first = first or rest[_ACTOR_HEX + 1 :]
        slots.append(slot)
        at = after
    return slots, first


def _read_lengths(column: bytes, count: int) -> list[int]:
    lengths: list[int] = []
    at = 0
    while len(lengths) < count:
        times, at = _read_sleb(column, at)
        for _ in range(max(-times, 1)):
            value, at = _read_uleb(column, at)
            lengths += [value >> 4] * min(max(times, 1), count)
    return lengths


def _read_uleb(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while (byte := data[at]) >= 0x80 and shift < 35:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return value | byte << shift, at + 1


def _read_sleb(data: bytes, at: int) -> tuple[int, int]:
    value, end = _read_uleb(data, at)
    bits = 7 * (end - at)
    return (value - (1 << bits) if value >> (bits - 1) else value), end
