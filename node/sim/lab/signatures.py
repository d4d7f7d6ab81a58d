"""Signatures that cost nothing, for runs that are about something else: `signatures = "stub"`.

The authority's log, certificates and key ids stay real; what devices sign is a hash that anybody could
make, and that anybody checks. A scenario about trust uses real ones.
"""

from __future__ import annotations

import hashlib

from conflict.identity import NodeId
from conflict.signature import P256_SHA256, SigningKey
from node.belonging import Belonging


class StubKey(SigningKey):
    """A real key that signs by hashing."""

    def sign(self, message: bytes) -> bytes:
        """See `SigningKey`."""
        return _signature(self.node, message)


class StubBelonging(Belonging):
    """A real place in a theatre, in which signatures are hashes."""

    def verifies(self, node: NodeId, message: bytes, signature: bytes) -> bool | None:
        """See `sync.ports.Keyring`."""
        known = node == self._key.node or (self.theatre and self.theatre.device(node))
        return signature == _signature(node, message) if known else None


def _signature(node: NodeId, message: bytes) -> bytes:
    return bytes([P256_SHA256]) + hashlib.sha512(node + message).digest()
