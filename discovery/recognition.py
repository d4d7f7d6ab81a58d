"""How nodes of one theatre know one another's adverts, and strangers learn nothing from them.

An instance has a random name that it gives up after a while, and a tag: the first bytes of
HMAC-SHA256(theatre secret, name ‖ node id). Who has the secret and knows the node recognises it
under any name, without a dial; anybody else sees random bytes that never come again. A tag proves
nothing (it can be repeated from another address): the handshake does.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable

from conflict.identity import NodeId

LABEL_BYTES = 8
TAG_BYTES = 8
_DOMAIN = b"aidstation/advert/1"


def new_label(entropy: bytes) -> str:
    """DNS-SD instance label of a new name: 16 hex letters of `LABEL_BYTES` random bytes."""
    return entropy[:LABEL_BYTES].hex()


class Recognition:
    """`secret`: the theatre's, at the time; `known`: its nodes, at the time."""

    def __init__(self, secret: Callable[[], bytes], known: Callable[[], Iterable[NodeId]]) -> None:
        self._secret = secret
        self._known = known

    def tag(self, label: str, node: NodeId) -> bytes:
        """What `node` shows under this name."""
        named = _DOMAIN + label.encode() + b"\0" + node
        return hmac.digest(self._secret(), named, "sha256")[:TAG_BYTES]

    def node_of(self, label: str, tag: bytes) -> NodeId | None:
        """Whose tag this is; None: a stranger's."""
        return next((one for one in self._known() if self.tag(label, one) == tag), None)
