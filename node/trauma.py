"""Trauma identities: names for casualties whose name nobody knows, from this node's own range.

The ranges of two nodes are disjoint (the default prefix comes from the node's id), so they need no
coordination. A number is marked used, durably, before anybody sees it; a gap costs nothing.
(Temporary identities: JTS practice at military treatment facilities, CLINICAL.md §1.6.)
"""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass

from conflict.identity import NodeId
from node.engine import Engine
from node.errors import BadRequest

SETTING = "trauma-next"
PREFIX_LETTERS = 6


def default_prefix(node: NodeId) -> str:
    """Six letters of base32: two of a thousand nodes share them once in two thousand theatres."""
    return base64.b32encode(node).decode()[:PREFIX_LETTERS]


@dataclass(frozen=True, slots=True)
class TraumaRange:
    """Names `T-<prefix>-<number>` with numbers from `first` to `last`."""

    prefix: str
    first: int = 1
    last: int = 9_999


class TraumaPool:
    """Hands out each name of the range once in the life of this store."""

    def __init__(self, engine: Engine, names: TraumaRange) -> None:
        self._engine = engine
        self._names = names
        self._taking = threading.Lock()

    def take(self) -> str:
        """The next name. Raises `BadRequest` when the range is used up."""
        with self._taking:
            stored = self._engine.store.setting(SETTING)
            number = max(self._names.first, int(stored) if stored else 0)
            if number > self._names.last:
                raise BadRequest(
                    f"all trauma identities up to {self._names.last} are used: set "
                    "identity.trauma_last, or another identity.trauma_prefix; nothing was saved"
                )
            self._engine.set_setting(SETTING, str(number + 1).encode()).result()
        return f"T-{self._names.prefix}-{number:04}"
