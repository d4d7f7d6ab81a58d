"""When to dial whom: the peer table's pace, the allowances' bars, and what the network tells.

Runs on the event loop. A barred peer is asked about again when something new is heard of it, when its
day ends, and at least hourly, because the wall clock may be set meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from conflict.identity import NodeId
from discovery import Advert, Peer, PeerTable
from node.allowances import Allowances, day_ends_in_s

BARRED_S_MAX = 3600.0
DAWN_SPREAD_S = 600.0
"""After midnight UTC: else all nodes whose budget was spent would call in the same second."""


class Dialling:
    """Hands peers to `dial` when they are due; `bars` says whom not to call at all, as a code."""

    def __init__(
        self,
        *,
        table: PeerTable,
        allowances: Allowances,
        bars: Callable[[Peer], str],
        dial: Callable[[Peer], None],
        entropy: Callable[[], float],
        now_ms: Callable[[], int],
    ) -> None:
        self.paused = False
        self._table = table
        self._allowances = allowances
        self._bars = bars
        self._dial = dial
        self._entropy = entropy
        self._now_ms = now_ms
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """For ever."""
        while True:
            self._news.clear()
            if not self.paused:
                for peer in self._table.due(self._loop.time()):
                    self._consider(peer)
            deadline = None if self.paused else self._table.next_deadline()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()

    def wake(self) -> None:
        """The table has changed."""
        self._news.set()

    def seen(self, advert: Advert) -> None:
        """mDNS heard a node."""
        self._table.seen(advert, self._loop.time())
        self.wake()

    def lost(self, node: NodeId) -> None:
        """mDNS heard it no more."""
        self._table.lost(node, self._loop.time())

    def _consider(self, peer: Peer) -> None:
        now = self._loop.time()
        if code := self._bars(peer):
            self._table.failed(peer, code, now)
        elif peer.node and (bar := self._allowances.bars_dial(peer.node, self._now_ms())):
            self._table.defer(peer, bar, now + self._barred_s(peer.node))
        else:
            self._dial(peer)

    def _barred_s(self, node: NodeId) -> float:
        if not self._allowances.profile_of(node).dialled:
            return float("inf")
        dawn_s = day_ends_in_s(self._now_ms()) + self._entropy() * DAWN_SPREAD_S
        return min(dawn_s, BARRED_S_MAX)
