"""A secret under a passphrase, stretched as for the vault. Pure: no files, no clock, no dice."""

from __future__ import annotations

from typing import NamedTuple

from node.errors import BadRequest, WrongSecret
from node.vault import (
    ITERATIONS_MAX,
    ITERATIONS_MIN,
    NONCE_BYTES,
    PASSPHRASE_BYTES_MAX,
    PASSPHRASE_BYTES_MIN,
    SALT_BYTES,
    Entropy,
    decrypted,
    encrypted,
    stretched,
)


class Wrapped(NamedTuple):
    """A secret that one passphrase opens. `sealed`: nonce and ciphertext."""

    salt: bytes
    iterations: int
    sealed: bytes


def wrap(
    secret: bytes,
    passphrase: bytes,
    bound: bytes,
    entropy: Entropy,
    iterations: int = ITERATIONS_MIN,
) -> Wrapped:
    """`bound` must be the same when it is opened. Raises `BadRequest` for a passphrase too short."""
    if not PASSPHRASE_BYTES_MIN <= len(passphrase) <= PASSPHRASE_BYTES_MAX:
        raise BadRequest(
            f"a passphrase has {PASSPHRASE_BYTES_MIN} to {PASSPHRASE_BYTES_MAX} bytes: several words "
            "are easier to remember than a few odd letters. Nothing was changed"
        )
    salt, nonce = entropy(SALT_BYTES), entropy(NONCE_BYTES)
    key = _stretched(passphrase, salt, iterations)
    return Wrapped(salt, iterations, encrypted(key, nonce, secret, bound))


def unwrap(wrapped: Wrapped, passphrase: bytes, bound: bytes) -> bytes:
    """Inverse of `wrap`. Raises `WrongSecret`, also for what was tampered with."""
    if not ITERATIONS_MIN <= wrapped.iterations <= ITERATIONS_MAX:
        raise WrongSecret("the file asks for other work than Aidstation does: it was tampered with")
    key = _stretched(passphrase, wrapped.salt, wrapped.iterations)
    try:
        return decrypted(key, wrapped.sealed, bound)
    except ValueError as fault:
        raise WrongSecret(
            "this passphrase does not open it, or the file was changed. Nothing was changed"
        ) from fault


def _stretched(passphrase: bytes, salt: bytes, iterations: int) -> bytes:
    return stretched(passphrase, {"salt": salt.hex(), "iterations": iterations})
