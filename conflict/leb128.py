"""Numbers from 0 in as few bytes as they need (LEB128, unsigned), as changes and the wire write them."""

from __future__ import annotations

from collections.abc import Iterable

_SHORT = tuple(bytes((n,)) for n in range(128)) + tuple(
    bytes((n & 0x7F | 0x80, n >> 7)) for n in range(128, 1 << 14)
)


def number(value: int) -> bytes:
    """LEB128 of a number from 0."""
    return _SHORT[value] if value < len(_SHORT) else _any(value)


def numbers(values: Iterable[int]) -> bytes:
    """Several, one after the other."""
    listed = list(values)
    try:
        return b"".join([_SHORT[value] for value in listed])
    except IndexError:
        return b"".join(map(_any, listed))


def _any(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
