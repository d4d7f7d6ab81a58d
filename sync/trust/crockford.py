"""Bits as letters that people read aloud: Crockford's base32, without I, L, O and U. Pure."""

from __future__ import annotations

from sync.trust.errors import BadEnrolment

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LETTER_BITS = 5
_HEARD = str.maketrans("OIL", "011", " -\t\r\n")


def letters(data: bytes, count: int) -> str:
    """The first `count` letters of `data`; it must have as many bits."""
    bits = 8 * len(data)
    number = int.from_bytes(data, "big")
    shifts = (bits - LETTER_BITS * (at + 1) for at in range(count))
    return "".join(ALPHABET[number >> shift & 31] for shift in shifts)


def grouped(text: str, size: int) -> str:
    """With a hyphen after every `size` letters."""
    return "-".join(text[at : at + size] for at in range(0, len(text), size))


def read(text: str, count: int) -> str:
    """`count` letters as somebody typed them: any case, O for 0, I and L for 1, spaces and hyphens
    anywhere. Raises `BadEnrolment`."""
    found = text.upper().translate(_HEARD)
    if len(found) != count or set(found) - set(ALPHABET):
        raise BadEnrolment(f"this is not a code of {count} letters and digits: type it again")
    return found
