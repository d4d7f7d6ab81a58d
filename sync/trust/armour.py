"""Enrolment bytes as text to paste, to type or to show as a QR code, and as files. Pure.

Text: kind, number of bytes, base32 of the bytes and of a checksum, parted by points; spaces and
line breaks mean nothing. All of it is in the QR code's alphanumeric set (ISO/IEC 18004, table 5). A
file holds either the text or the bytes themselves, which begin with the kind.
"""

from __future__ import annotations

import base64
import hashlib

from sync.trust.errors import BadEnrolment

KIND_BYTES = 4
LINE_CHARS = 64
CHECK_BYTES = 4
_DOMAIN = b"aidstation/armour/1"
_NAMES = {b"AIQ1": "AIDSTATION-REQUEST-1", b"AIA1": "AIDSTATION-APPROVAL-1"}
_WORDS = {b"AIQ1": "an enrolment request", b"AIA1": "an enrolment approval"}
_AGAIN = "Copy all of it again. Nothing was changed"


def one_line(data: bytes) -> str:
    """The text without line breaks, as a QR code holds it."""
    body = base64.b32encode(data + _checksum(data)).decode().rstrip("=")
    return f"{_NAMES[data[:KIND_BYTES]]}.{len(data)}.{body}"


def text(data: bytes) -> str:
    """The text in lines, to paste or to type."""
    line = one_line(data)
    return "\n".join(line[at : at + LINE_CHARS] for at in range(0, len(line), LINE_CHARS)) + "\n"


def read(raw: bytes, kind: bytes, bytes_max: int) -> bytes:
    """The bytes of a file, or of text that somebody pasted. Raises `BadEnrolment`."""
    data = raw if raw[:KIND_BYTES] in _NAMES else _unarmoured(raw, 2 * bytes_max + 256)
    if data[:KIND_BYTES] != kind:
        raise BadEnrolment(
            f"this is {_WORDS[data[:KIND_BYTES]]}, not {_WORDS[kind]}. Nothing was changed"
        )
    if len(data) > bytes_max:
        raise BadEnrolment(f"over {bytes_max} bytes: this is no {_WORDS[kind].split()[-1]}")
    return data


def _unarmoured(raw: bytes, chars_max: int) -> bytes:
    if len(raw) > chars_max:
        raise BadEnrolment(f"over {chars_max} letters: this is nothing of an enrolment")
    letters = "".join(raw.decode("ascii", "replace").split()).upper()
    name, _, rest = letters.partition(".")
    size, _, body = rest.partition(".")
    if name not in _NAMES.values() or not (size.isdigit() and len(size) <= 9):
        raise BadEnrolment(
            "this is no enrolment request or approval: it begins with AIDSTATION-REQUEST-1 or "
            "AIDSTATION-APPROVAL-1. Nothing was changed"
        )
    try:
        found = base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError as fault:  # binascii.Error is one; so are letters of other alphabets
        raise BadEnrolment(f"it is cut off, or a letter of it is wrong. {_AGAIN}") from fault
    data = found[:-CHECK_BYTES]
    if len(data) != int(size):
        raise BadEnrolment(f"it has {len(data)} of {size} bytes: it is cut off. {_AGAIN}")
    if data[:KIND_BYTES] not in _NAMES or one_line(data) != letters:  # the checksum with it
        raise BadEnrolment(f"a letter of it is wrong. {_AGAIN}")
    return data


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(_DOMAIN + data).digest()[:CHECK_BYTES]
