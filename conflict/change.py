"""Strict reader of one raw Automerge change chunk: its header, never its meaning.

Foreign bytes meet this file before Automerge sees them (DESIGN §3, *Automerge behind glass*). It
accepts one uncompressed change chunk as the pinned binding writes it (Automerge binary format,
chunk type 1) and refuses the rest with the rule that was broken. Cost: about 5 µs a change.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from conflict import limits
from conflict.errors import LaneRefused

MAGIC = bytes.fromhex("856f4a83")
HASH_BYTES = 32
_CHANGE_CHUNK = 1
# Column specifications that root-key string puts use: key string, insert, action, value
# metadata, raw value, predecessor group. Anything else is not a statement.
_ACTIONS = 0x42
_COLUMNS = frozenset({0x15, 0x34, _ACTIONS, 0x56, 0x57, 0x70})
_ONE_PUT = b"\x7f\x01"  # one operation stands alone
_LEB128 = rb"([\x00-\x7f]|[\x80-\xff][\x01-\x7f])"
# What nearly every change is, in one look: a put of one statement by an actor of 16 bytes.
_LONE_PUT = re.compile(
    rb"\x85\x6f\x4a\x83(....)\x01%b(\x00|\x01.{32})\x10(.{16})%b%b"
    rb"\x00\x00\x00\x06\x15([\x00-\x7f])\x34\x01\x42\x02\x56([\x00-\x7f])\x57%b\x70\x02"
    % (_LEB128, _LEB128, _LEB128, _LEB128),
    re.DOTALL,
)
_LENGTH = 2


class ChangeHeader(NamedTuple):
    """What a change says of itself: SHA-256 hash, actor, seq (from 1), first op, dependency."""

    hash: bytes
    actor: bytes
    seq: int
    start_op: int
    dependency: bytes | None


def read_header(chunk: bytes) -> ChangeHeader:
    """Header of one raw change. Raises `LaneRefused` with the rule's code."""
    if len(chunk) > limits.CHANGE_BYTES_MAX:
        raise LaneRefused("change-too-large", f"over {limits.CHANGE_BYTES_MAX} bytes")
    if len(chunk) < 12 or chunk[:4] != MAGIC:
        raise LaneRefused("not-a-change", "no Automerge chunk")
    if chunk[8] != _CHANGE_CHUNK:
        raise LaneRefused("not-a-change", "not an uncompressed change chunk")
    digest = hashlib.sha256(chunk[8:]).digest()
    if digest[:4] != chunk[4:8]:
        raise LaneRefused("bad-checksum", "the chunk's checksum does not match")
    if (lone := _LONE_PUT.match(chunk)) and (header := _lone_put(chunk, digest, lone)):
        return header
    try:
        return _read_body(chunk, digest)
    except IndexError as fault:
        raise LaneRefused("truncated-change", "a length points past the end") from fault


def _lone_put(chunk: bytes, digest: bytes, lone: re.Match[bytes]) -> ChangeHeader | None:
    """None: some other change, or none; `_read_body` says what."""
    _, length, before, actor, seq, start_op, key, meta, value = lone.groups()
    at = lone.end()
    columns = key[0] + 1 + 2 + meta[0] + _short(value) + 2
    actions = at + key[0] + 1
    if (
        lone.end(_LENGTH) + _short(length) != len(chunk)
        or at + columns != len(chunk)
        or chunk[actions : actions + 2] != _ONE_PUT
        or start_op == b"\x00"
    ):
        return None
    return ChangeHeader(digest, actor, _short(seq), _short(start_op), before[1:] or None)


def _short(number: bytes) -> int:
    """LEB128 of one or two bytes."""
    return number[0] if len(number) == 1 else number[0] & 0x7F | number[1] << 7


def _read_body(chunk: bytes, digest: bytes) -> ChangeHeader:
    length, at = _uleb(chunk, 9)
    if at + length != len(chunk):
        raise LaneRefused("not-one-change", "more or fewer bytes than the chunk says")
    dependency, at = _dependency(chunk, at)
    size, at = _uleb(chunk, at)
    actor, at = _slice(chunk, at, size)
    (seq, start_op, time, message, others), at = _ulebs(chunk, at, 5)
    # time is signed in the format; ours is always 0, whose forms agree
    if time or message:
        raise LaneRefused("extra-header", "a lane change carries no time and no message")
    if others:
        raise LaneRefused("names-another-actor", "a lane change mentions its own actor only")
    if not 0 < start_op < limits.START_OP_MAX:
        raise LaneRefused("bad-start-op", "the operation counter is out of range")
    _check_columns(chunk, at)
    return ChangeHeader(digest, actor, seq, start_op, dependency)


def _dependency(chunk: bytes, at: int) -> tuple[bytes | None, int]:
    count, at = _uleb(chunk, at)
    if count > 1:
        raise LaneRefused("foreign-dependency", "a lane change has one dependency at most")
    if not count:
        return None, at
    return _slice(chunk, at, HASH_BYTES)


def _check_columns(chunk: bytes, at: int) -> None:
    count, at = _uleb(chunk, at)
    named, at = _ulebs(chunk, at, 2 * min(count, len(_COLUMNS) + 1))
    total, previous = 0, -1
    actions = slice(0, 0)
    for spec, size in zip(named[::2], named[1::2], strict=True):
        if spec not in _COLUMNS or spec <= previous:
            raise LaneRefused("unknown-column", f"column {spec:#x} does not belong in a lane")
        if spec == _ACTIONS:
            actions = slice(total, total + size)
        total, previous = total + size, spec
    if count > len(_COLUMNS) or at + total != len(chunk):
        raise LaneRefused("extra-bytes", "columns do not fill the chunk exactly")
    _check_operations(chunk[at + actions.start : at + actions.stop], len(chunk))


def _check_operations(column: bytes, chunk_bytes: int) -> None:
    """The action column: one run of puts, the one way to write it.

    Few bytes may name millions, so the chunk must have room for a key of its own for each: what run
    lengths only pretend never reaches Automerge.
    """
    if column == _ONE_PUT:
        return
    match tuple(column[:4]):
        case (count, 1) if 2 <= count < 0x40:
            pass
        case (low, high, 1) if low >= 0x80 and high < 0x40:
            count = (low & 0x7F) | high << 7
            if not 0x40 <= count <= limits.CHANGE_OPS_MAX:
                count = 0
        case _:
            count = 0
    if not count:
        most = limits.CHANGE_OPS_MAX
        raise LaneRefused("bad-operations", f"a lane change has 1 to {most} operations, all puts")
    if count * limits.OPERATION_BYTES_MIN > chunk_bytes:
        raise LaneRefused("hollow-operations", f"{count} operations in {chunk_bytes} bytes")


def _ulebs(chunk: bytes, at: int, count: int) -> tuple[list[int], int]:
    """Numbers that follow each other; nearly all have one byte."""
    found: list[int] = []
    for _ in range(count):
        number = chunk[at]
        at += 1
        if number >= 0x80:
            number, at = _uleb(chunk, at - 1)
        found.append(number)
    return found, at


def _uleb(chunk: bytes, at: int) -> tuple[int, int]:
    byte = chunk[at]
    if byte < 0x80:
        return byte, at + 1
    value, shift = byte & 0x7F, 7
    while True:
        at += 1
        byte = chunk[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 35:
            raise LaneRefused("bad-number", "a number longer than 36 bits")
    if not byte:
        raise LaneRefused("bad-number", "a number in more bytes than it needs")
    return value, at + 1


def _slice(chunk: bytes, at: int, size: int) -> tuple[bytes, int]:
    part = chunk[at : at + size]
    if len(part) != size:
        raise LaneRefused("truncated-change", "a length points past the end")
    return part, at + size
