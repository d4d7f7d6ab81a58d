"""Numbers from 0 in as few bytes as they need (LEB128, unsigned), as changes and the wire write them."""

from __future__ import annotations

from collections.abc import Iterable

_SHORT = tuple(bytes((n,)) for n in range(128)) + tuple(
    bytes((n & 0x7F | 0x80, n >> 7)) for n in range(128, 1 << 14)
)


def number(value: int) -> bytes:
    """LEB128 of a number from 0."""
    return _SHORT[value] if value < len(_SHORT) else numbers((value,))


def numbers(values: Iterable[int]) -> bytes:
    """Several, one after the other."""
    out = bytearray()
    append = out.append
    for value in values:
        rest = value
        while rest >= 0x80:
            append(rest & 0x7F | 0x80)
            rest >>= 7
        append(rest)
    return bytes(out)
