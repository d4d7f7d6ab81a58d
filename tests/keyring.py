"""Public keys that a test names, where no theatre is needed."""

from __future__ import annotations

from collections.abc import Iterable

from conflict.identity import NodeId
from conflict.signature import VerifyingKey


class ConfiguredKeys:
    """Implements `sync.ports.Keyring`. This node's own key belongs to it too: its lanes come back."""

    def __init__(self, public_keys: Iterable[bytes]) -> None:
        keys = [VerifyingKey(public) for public in public_keys]
        self._keys = {key.node: key for key in keys}

    def verifies(self, node: NodeId, message: bytes, signature: bytes) -> bool | None:
        """See `sync.ports.Keyring`."""
        key = self._keys.get(node)
        return None if key is None else key.verifies(message, signature)
