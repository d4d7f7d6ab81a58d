"""Numbers in as few bytes as they need (LEB128, unsigned), and a reader that checks every length.

Signed numbers are folded first (0, -1, 1, -2 … become 0, 1, 2, 3 …). A number in more bytes than it
needs is refused, so that there is one encoding.
"""

from __future__ import annotations

from collections.abc import Iterable

from conflict.leb128 import number, numbers
from sync.errors import BadFrame, FrameTooLarge

__all__ = ["Reader", "bound", "fold", "number", "numbers", "unfold"]

NUMBER_BYTES_MAX = 8


def fold(values: Iterable[int]) -> list[int]:
    """Signed numbers as numbers from 0."""
    return [value << 1 ^ value >> 63 for value in values]


def unfold(value: int) -> int:
    """Inverse of `fold`, for one."""
    return ~(value >> 1) if value & 1 else value >> 1


class Reader:
    """Takes bytes apart from the front. Every method raises `BadFrame` past the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self) -> int:
        """The next number, below 2^56."""
        data, at = self._data, self._at
        shift = value = 0
        try:
            while (byte := data[at]) >= 0x80 and shift < 7 * (NUMBER_BYTES_MAX - 1):
                value |= (byte & 0x7F) << shift
                shift += 7
                at += 1
        except IndexError as fault:
            raise BadFrame("content ends inside a number") from fault
        if byte >= 0x80:
            raise BadFrame(f"a number of over {NUMBER_BYTES_MAX} bytes (NUMBER_BYTES_MAX)")
        if shift and not byte:
            raise BadFrame("a number in more bytes than it needs")
        self._at = at + 1
        return value | byte << shift

    def numbers(self, count: int) -> list[int]:
        """The next `count` numbers."""
        plain = self._data[self._at : self._at + count]
        if len(plain) < count:
            raise BadFrame("content ends inside its numbers")
        if plain.isascii():  # the common case: one byte each
            self._at += count
            return list(plain)
        return self._mixed(count)

    def _mixed(self, count: int) -> list[int]:
        """Numbers of which some have two bytes, and few more."""
        data, at = self._data, self._at
        found: list[int] = []
        append, last = found.append, len(data) - 1
        for _ in range(count):
            if at < last and (byte := data[at]) < 0x80:
                append(byte)
                at += 1
            elif at < last and 0 < (after := data[at + 1]) < 0x80:
                append(byte & 0x7F | after << 7)
                at += 2
            else:  # long ones, and what is at the end or beyond it
                self._at = at
                append(self.number())
                at = self._at
        self._at = at
        return found

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        part = self._data[self._at : self._at + size]
        if len(part) != size:
            raise BadFrame("content ends inside a field")
        self._at += size
        return part

    def lines(self, count: int) -> list[str]:
        """The next `count` lines, each ended by a line feed, as Latin-1."""
        data, start = self._data, self._at
        if data.count(b"\n", start) < count:
            raise BadFrame("content ends inside its texts")
        at = start
        for _ in range(count):
            at = data.index(b"\n", at) + 1
        self._at = at
        return data[start : max(at - 1, start)].decode("latin-1").split("\n") if count else []

    @property
    def ended(self) -> bool:
        """Nothing is left."""
        return self._at >= len(self._data)

    def end(self) -> None:
        """Nothing may be left."""
        if not self.ended:
            raise BadFrame("content goes on after its end")


def bound(count: int, most: int, what: str, name: str) -> None:
    """Raises `FrameTooLarge` above the limit of that name."""
    if count > most:
        raise FrameTooLarge(f"{count} {what}, at most {most} ({name})")
