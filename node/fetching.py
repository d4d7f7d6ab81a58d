"""Content that is to come back: which peer is asked for it, one at a time, and what status says.

Also tells every link when something was let go here. Runs on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from conflict.identity import NodeId
from node.acquaintance import Acquaintance
from node.engine import Engine
from node.link import Link
from node.shedding import ShedNews

GARRISON = "garrison"
ASK_S = 60.0
"""A peer that has brought nothing for so long is not waited for."""

AGAIN_S = 300.0
"""When nobody has it, all are asked again after this."""


class Fetching:
    """`links`: those that stand, by peer. Garrisons among `known` are asked first: they hold everything."""

    def __init__(
        self, engine: Engine, links: Mapping[NodeId, Link], known: Mapping[NodeId, Acquaintance]
    ) -> None:
        self._engine = engine
        self._links = links
        self._known = known
        self._loop = asyncio.get_running_loop()
        self._tried: set[NodeId] = set()
        self._asked: NodeId | None = None
        self._left = 0  # of what it was asked for
        self._timer: asyncio.TimerHandle | None = None
        self._undo = engine.shedding.on_news(self._heard)

    def stop(self) -> None:
        """Ask nobody any more."""
        self._undo()
        if self._timer is not None:
            self._timer.cancel()

    @property
    def cause(self) -> str:
        """Why what is to come back is not here yet."""
        if self._asked in self._links:
            return "asking"
        return "no linked peer has it" if self._links else "no link to a peer that has it"

    def _heard(self, news: ShedNews) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: the node is stopping
            self._loop.call_soon_threadsafe(self._news, news)

    def _news(self, news: ShedNews) -> None:
        for link in self._links.values():
            link.released()
        self._left -= news.refilled
        if news.wanted:
            self._tried.clear()
        if news.refilled and self._left <= 0 and self._asked is not None:
            self._tried.discard(self._asked)  # it has brought all that it was asked for: on
            self._asked = None
        elif news.refilled:
            self._wait(ASK_S)
        self.tend()

    def met(self, node: NodeId) -> None:
        """A link to this peer stands."""
        self._tried.discard(node)
        self.tend()

    def without(self, node: NodeId | None) -> None:
        """This peer's link has ended, or it has let go of it too: on to the next."""
        if node is not None and node == self._asked:
            self._asked = None
            self.tend()

    def tend(self) -> None:
        """Ask somebody, unless somebody is at it."""
        wanted = self._engine.shedding.wanted
        if not wanted:
            self._asked = None
            self._tried.clear()
        if not wanted or self._asked in self._links:
            return
        fresh = [node for node in self._links if node not in self._tried]
        if not fresh:
            self._asked = None
            self._wait(AGAIN_S)
            return
        self._asked = min(fresh, key=lambda node: (self._known[node].role != GARRISON, node))
        self._tried.add(self._asked)
        self._left = wanted
        self._links[self._asked].refill()
        self._wait(ASK_S)

    def _wait(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        if self._asked is None:
            self._tried.clear()
        self._asked = None
        self.tend()
