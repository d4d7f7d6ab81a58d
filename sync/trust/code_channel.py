"""Sealed frames between two who know one code, before either has a certificate. Pure.

Both sides say a nonce in clear; HKDF-SHA256 over the code with both nonces gives a key for each
direction, AES-256-GCM seals each frame with its number. A frame of another connection, direction or
place does not open, so nothing can be replayed. 80 bits of code cannot be guessed from what was heard.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync import limits
from sync.trust import crockford
from sync.trust.derivation import derived
from sync.trust.errors import BadEnrolment

GREETING = b"AIE1"
NONCE_BYTES = 16
GREETING_BYTES = len(GREETING) + NONCE_BYTES
CODE_BYTES = 10
CODE_LETTERS = 16
SIZE_BYTES = 4
TAG_BYTES = 16
_DOMAIN = b"aidstation/enrol-code/1"
_KEY_BYTES = 32


def new_code(entropy: bytes) -> str:
    """16 letters in groups of four, from 10 random bytes."""
    return crockford.grouped(crockford.letters(entropy[:CODE_BYTES], CODE_LETTERS), 4)


def read_code(text: str) -> str:
    """A code as somebody typed it. Raises `BadEnrolment`."""
    return crockford.read(text, CODE_LETTERS)


def greeting(nonce: bytes) -> bytes:
    """What each side sends first."""
    return GREETING + nonce


def read_greeting(data: bytes) -> bytes:
    """The other side's nonce. Raises `BadEnrolment`."""
    if len(data) != GREETING_BYTES or not data.startswith(GREETING):
        raise BadEnrolment("what answers there is no `aidstation enrol open`")
    return data[len(GREETING) :]


class CodeChannel:
    """One connection's keys. `code` as `read_code` gives it; `asks`: this is the device's side."""

    def __init__(self, code: str, device: bytes, authority: bytes, *, asks: bool) -> None:
        keys = derived(code.encode(), _DOMAIN, 2 * _KEY_BYTES, device + authority)
        there, back = AESGCM(keys[:_KEY_BYTES]), AESGCM(keys[_KEY_BYTES:])
        self._out, self._in = (there, back) if asks else (back, there)
        self._sent = self._taken = 0

    def frame(self, content: bytes) -> bytes:
        """Size, then the sealed content. At most `ENROL_FRAME_BYTES_MAX` of it."""
        sealed = self._out.encrypt(_nonce(self._sent), content, None)
        self._sent += 1
        return len(sealed).to_bytes(SIZE_BYTES, "big") + sealed

    def open(self, sealed: bytes) -> bytes:
        """The next frame's content, size left out. Raises `BadEnrolment`."""
        try:
            content = self._in.decrypt(_nonce(self._taken), sealed, None)
        except InvalidTag as fault:
            raise BadEnrolment(
                "the other side has another code, or somebody is in between"
            ) from fault
        self._taken += 1
        return content


def frame_size(head: bytes, bytes_max: int = limits.ENROL_FRAME_BYTES_MAX) -> int:
    """Bytes that follow a frame's head. Raises `BadEnrolment` beyond what is taken."""
    size = int.from_bytes(head, "big")
    if not TAG_BYTES <= size <= bytes_max + TAG_BYTES:
        raise BadEnrolment(f"a frame of {size} bytes (ENROL_FRAME_BYTES_MAX)")
    return size


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
