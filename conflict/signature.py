"""Signatures of lane heads: ECDSA P-256, deterministic, domain-separated, raw r‖s (64 bytes).

The signed bytes bind document, actor, nonce, seq and head hash, so a signature cannot be moved to
another document or place. One algorithm byte stands before it for a successor (FIPS 186-5).
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from conflict.errors import BadIdentity
from conflict.identity import NodeId, node_id
from conflict.lane import LaneRun

P256_SHA256 = 1
SIGNATURE_BYTES = 65
PUBLIC_KEY_BYTES = 65
_LANE_DOMAIN = b"aidstation/lane-head/1"
_HASH = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


class SigningKey:
    """A node's private key (`private`: the library's). Built from PEM or from the secret scalar."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self.private = private
        self.public = private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.node: NodeId = node_id(self.public)

    @classmethod
    def from_entropy(cls, entropy: bytes) -> SigningKey:
        """Key whose secret is derived from at least 40 bytes of entropy (bias below 2^-64)."""
        if len(entropy) < 40:
            raise BadIdentity("a signing key takes 40 bytes of entropy")
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        return cls(ec.derive_private_key(int.from_bytes(entropy, "big") % (order - 1) + 1, _CURVE))

    @classmethod
    def from_pem(cls, pem: bytes) -> SigningKey:
        """Key from PKCS#8 PEM. Raises `BadIdentity`."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as fault:
            raise BadIdentity("the node key file does not hold a private key") from fault
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != _CURVE.name:
            raise BadIdentity("the node key is not a P-256 key")
        return cls(key)

    def pem(self) -> bytes:
        """PKCS#8 PEM, unencrypted: the caller guards the file."""
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, message: bytes) -> bytes:
        """Algorithm byte and r‖s over `message`."""
        r, s = decode_dss_signature(self.private.sign(message, _HASH))
        return bytes([P256_SHA256]) + r.to_bytes(32, "big") + s.to_bytes(32, "big")


_CURVE = ec.SECP256R1()


class VerifyingKey:
    """A node's public key, from the X9.62 uncompressed point."""

    def __init__(self, public: bytes) -> None:
        try:
            self._public = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public)
        except ValueError as fault:
            raise BadIdentity("not a P-256 public key") from fault
        if len(public) != PUBLIC_KEY_BYTES:
            raise BadIdentity("a public key is an uncompressed point of 65 bytes")
        self.public = public
        self.node: NodeId = node_id(public)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """True if `signature` (algorithm byte and r‖s) is this key's over `message`."""
        if len(signature) != SIGNATURE_BYTES or signature[0] != P256_SHA256:
            return False
        r, s = int.from_bytes(signature[1:33], "big"), int.from_bytes(signature[33:], "big")
        try:
            self._public.verify(encode_dss_signature(r, s), message, _HASH)
        except (InvalidSignature, ValueError):
            return False
        return True


def lane_message(run: LaneRun) -> bytes:
    """The bytes that a lane head's signature covers."""
    seq = run.last_seq.to_bytes(4, "big")
    return _LANE_DOMAIN + run.lane.document + run.lane.actor + run.nonce + seq + run.head
