"""Keys from secrets: ECDH P-256 with somebody's public key, HKDF-SHA256 for one purpose. Pure."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_CURVE = ec.SECP256R1()


def point(public: bytes) -> ec.EllipticCurvePublicKey:
    """A public key from its X9.62 point. Raises `ValueError`."""
    return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public)


def agreed(own: ec.EllipticCurvePrivateKey, public: bytes) -> bytes:
    """32 bytes that the owners of both keys can compute, to be put through `derived`.

    `public`: X9.62 point. Raises `ValueError`.
    """
    return own.exchange(ec.ECDH(), point(public))


def derived(secret: bytes, info: bytes, size: int, salt: bytes | None = None) -> bytes:
    """`size` bytes for the purpose that `info` names (RFC 5869); others tell nothing of them."""
    return HKDF(hashes.SHA256(), size, salt, info).derive(secret)
