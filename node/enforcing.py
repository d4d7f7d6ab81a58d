"""Links follow the authority's log: they end where it does not allow them any more, and pass it on.

Hears of the log on other threads, acts on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from conflict.identity import NodeId
from node.engine import Engine
from node.link import Link
from node.metering import Call
from sync.trust.theatre import Standing

REVOKED = "revoked"
REGRANTED = "grants-changed"


class Enforcing:
    """`links`: those that stand, by peer; `calls`: every open one, with what it was offered."""

    def __init__(
        self,
        engine: Engine,
        links: Mapping[NodeId, Link],
        calls: Mapping[Link, Call],
    ) -> None:
        self._engine = engine
        self._belonging = engine.belonging
        self._links = links
        self._calls = calls
        self._loop = asyncio.get_running_loop()
        self.stop = self._belonging.on_change(self._hear)

    def _hear(self, _: None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: the node is stopping
            self._loop.call_soon_threadsafe(self._changed)

    def _changed(self) -> None:
        for node, link in list(self._links.items()):
            if bar := self.bars(node):
                link.end(bar)
            elif self.regranted(node, self._calls[link]):
                link.end(REGRANTED)  # both sides agree anew on what they may both hold
            else:
                link.authority_grown()

    def regranted(self, node: NodeId, call: Call) -> bool:
        """Whether the two may both hold something else now than this link was offered."""
        return self._engine.grants.shared_with(node) != call.shared

    def bars(self, node: NodeId) -> str:
        """Why there may be no link with a node; empty: there may."""
        theatre = self._belonging.theatre
        out = theatre is not None and theatre.standing(node) is Standing.REVOKED
        return REVOKED if out or self._belonging.standing is Standing.REVOKED else ""
