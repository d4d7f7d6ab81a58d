"""Passphrases and PINs as verifiers: PBKDF2-HMAC-SHA512 with a random salt (NIST SP 800-132).

Whoever holds a verifier can guess at their own speed, so a passphrase is long and its rounds are many;
a PIN's verifier never leaves the process that made it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple

from conflict.records.people import ITERATIONS_MIN
from node.errors import BadRequest

SALT_BYTES = 16
VERIFIER_BYTES = 64
PASSPHRASE_CHARS_MIN, PASSPHRASE_CHARS_MAX = 15, 256
PIN_DIGITS_MIN, PIN_DIGITS_MAX = 4, 12


class Verifier(NamedTuple):
    """What proves a passphrase."""

    salt: bytes
    iterations: int
    key: bytes

    def __repr__(self) -> str:
        return f"Verifier({self.iterations} iterations)"

    def fits(self, secret: str) -> bool:
        """Whether it is the one; takes as long either way."""
        return hmac.compare_digest(_derived(secret, self.salt, self.iterations), self.key)


def made(secret: str, salt: bytes, iterations: int = ITERATIONS_MIN) -> Verifier:
    """The verifier of a secret. `salt`: `SALT_BYTES` random bytes."""
    return Verifier(salt, iterations, _derived(secret, salt, iterations))


def _derived(secret: str, salt: bytes, iterations: int) -> bytes:
    raw = secret.encode("utf-8", "surrogatepass")
    return hashlib.pbkdf2_hmac("sha512", raw, salt, iterations, VERIFIER_BYTES)


def check_passphrase(text: str) -> str:
    """The passphrase if it is long enough. Raises `BadRequest`."""
    if not PASSPHRASE_CHARS_MIN <= len(text) <= PASSPHRASE_CHARS_MAX:
        raise BadRequest(
            f"a passphrase has {PASSPHRASE_CHARS_MIN} to {PASSPHRASE_CHARS_MAX} characters "
            f"(several words); {len(text)} given. Nothing was changed"
        )
    return text


def check_pin(text: str) -> str:
    """The PIN if it has the form of one. Raises `BadRequest`."""
    if not (text.isascii() and text.isdigit() and PIN_DIGITS_MIN <= len(text) <= PIN_DIGITS_MAX):
        raise BadRequest(f"a PIN has {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits")
    return text
