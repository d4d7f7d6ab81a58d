"""What grew on this node, told to every link that has not brought it: lanes, and logs.

Hears of it on other threads, tells on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping

from conflict.identity import NodeId
from node.custody_log import CustodyNews
from node.engine import Engine, Growth
from node.link import Link

RENEWED = "store-renewed"


class Relaying:
    """`links`: those that stand, by peer; `every`: also those not proven yet."""

    def __init__(self, engine: Engine, links: Mapping[NodeId, Link], every: Iterable[Link]) -> None:
        self._links = links
        self._every = every
        self._loop = asyncio.get_running_loop()
        self._undo = (
            engine.on_grown(lambda growth: self._on_loop(lambda: self._grown(growth))),
            engine.audit.on_grown(lambda _: self._on_loop(self._audited)),
            engine.custody.on_news(lambda news: self._on_loop(lambda: self._custody(news))),
        )

    def stop(self) -> None:
        """Hear of nothing more."""
        for undo in self._undo:
            undo()

    def _on_loop(self, work: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: the node is stopping
            self._loop.call_soon_threadsafe(work)

    def _grown(self, growth: Growth) -> None:
        relayed = growth.source is not None
        for node, link in self._links.items():
            if node != growth.source:
                link.grown(growth.lanes, growth.precedence, relayed=relayed)

    def _audited(self) -> None:
        for link in self._links.values():
            link.audit_grown()

    def _custody(self, news: CustodyNews) -> None:
        if news.renewed:
            for link in list(self._every):
                link.end(RENEWED)  # its HELLO named the epoch that is over
            return
        for node, link in self._links.items():
            if node != news.source:
                link.custody_grown(relayed=news.source is not None)
