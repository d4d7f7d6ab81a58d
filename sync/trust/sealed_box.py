"""A few bytes that one device alone can read: ephemeral ECDH P-256, HKDF-SHA256, AES-256-GCM. Pure.

The key serves one message, so the nonce comes from the same derivation (NIST SP 800-56C, two steps).
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from conflict.signature import PUBLIC_KEY_BYTES, SigningKey
from sync.trust.derivation import agreed, derived
from sync.trust.errors import BadEnrolment

SEAL_BYTES = PUBLIC_KEY_BYTES + 16
"""What sealing adds."""

_DOMAIN = b"aidstation/sealed/1"
_KEY_BYTES, _NONCE_BYTES = 32, 12


def seal(to: bytes, content: bytes, bound: bytes, ephemeral: SigningKey) -> bytes:
    """`content` for the owner of the public key `to`. `bound` must be the same when it is opened;
    `ephemeral` is used this once."""
    key, nonce = _derived(ephemeral, to, ephemeral.public, to)
    return ephemeral.public + AESGCM(key).encrypt(nonce, content, bound)


def unseal(key: SigningKey, sealed: bytes, bound: bytes) -> bytes:
    """Inverse of `seal`. Raises `BadEnrolment`."""
    ephemeral = sealed[:PUBLIC_KEY_BYTES]
    try:
        secret, nonce = _derived(key, ephemeral, ephemeral, key.public)
        return AESGCM(secret).decrypt(nonce, sealed[PUBLIC_KEY_BYTES:], bound)
    except (InvalidTag, ValueError) as fault:
        raise BadEnrolment("what is sealed in it does not open with this device's key") from fault


def _derived(own: SigningKey, other: bytes, ephemeral: bytes, to: bytes) -> tuple[bytes, bytes]:
    info = _DOMAIN + ephemeral + to
    found = derived(agreed(own.private, other), info, _KEY_BYTES + _NONCE_BYTES)
    return found[:_KEY_BYTES], found[_KEY_BYTES:]
