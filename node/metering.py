"""What each open link costs, and when it is to end: budget spent, or done with what it was opened for.

Looks once a second at links that have a budget or were opened by hand; what was counted is remembered at
the link's end and at most once a minute, so a crash forgets one minute of a day's account.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from conflict.identity import NodeId
from conflict.scope import Scopes
from discovery import Address
from node.allowances import BUDGET_LOW, BUDGET_SPENT, SILENT, Allowances, day_of
from node.link import Link
from sync.effects import Phase

LOOK_S = 1.0
KEEP_S = 60.0
QUIET_S = 2.0
FINISHED = "finished"
"""Code of a link that was opened by hand and has done its work."""


@dataclass(slots=True, eq=False)
class Call:
    """How a connection came about, and what it has cost so far."""

    address: Address | None = None
    dialled: NodeId | None = None
    by_hand: bool = False
    """A person asked for it: it costs what it costs."""
    exempt: bool = False
    """The peer was told that the budget is spent, and called again: a person asked there."""
    sparing: bool = False
    """It was opened for what is urgent only."""
    askers: int = 0
    """Commands that wait for equality over it now."""
    shared: Scopes | None = None
    """What we would share over it; None: everything."""
    charged: int = 0
    moved_at: float = 0.0


class Meter:
    """Runs on the event loop. `keep` makes what is known of a peer outlast this process."""

    def __init__(
        self, allowances: Allowances, now_ms: Callable[[], int], keep: Callable[[NodeId], None]
    ) -> None:
        self._allowances = allowances
        self._now_ms = now_ms
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self._told: dict[NodeId, str] = {}  # on which day a peer was told of the spent budget
        self._kept_at: dict[NodeId, float] = {}

    def bars(self, link: Link, call: Call, node: NodeId) -> str:
        """Why a link that was just proved may not go on, as a code; empty: it may."""
        now_ms = self._now_ms()
        if not self._allowances.profile_of(node).answered:
            return SILENT
        if call.by_hand:
            return ""
        if link.session.leader:
            return self._allowances.bars_dial(node, now_ms)
        call.exempt = self._told.get(node) == day_of(now_ms)
        if call.exempt or not self._allowances.spent(node, now_ms):
            return ""
        self._told[node] = day_of(now_ms)
        return BUDGET_SPENT

    async def watch(self, link: Link, call: Call) -> None:
        """Until the link ends, by itself or from here."""
        while not link.done.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S if self._looks(link, call) else None):
                    await link.done.wait()
            if link.peer is not None and not link.done.is_set():
                self.charge(link, call)
                self._judge(link, call, link.peer)

    def _looks(self, link: Link, call: Call) -> bool:
        """Whether it may be ended from here: else nobody need wake up for it."""
        node = link.peer or call.dialled
        return call.by_hand or (
            node is not None and bool(self._allowances.profile_of(node).daily_bytes)
        )

    def charge(self, link: Link, call: Call) -> None:
        """Count what has gone over the link since the last time."""
        new = link.bytes_in + link.bytes_out - call.charged
        node = link.peer or call.dialled
        if not new or node is None:
            return
        now = call.moved_at = self._loop.time()
        call.charged += new
        self._allowances.charge(node, new, self._now_ms())
        metered = self._allowances.profile_of(node).daily_bytes
        if metered and now - self._kept_at.get(node, float("-inf")) >= KEEP_S:
            self._kept_at[node] = now
            self._keep(node)

    def _judge(self, link: Link, call: Call, node: NodeId) -> None:
        now_ms = self._now_ms()
        if call.askers:
            return
        if call.by_hand:
            if self._allowances.bars_dial(node, now_ms) and self._finished(link, call, node):
                link.end(FINISHED)
        elif self._allowances.spent(node, now_ms) and not call.exempt:
            self._told[node] = day_of(now_ms)
            link.end(BUDGET_SPENT)
        elif self._allowances.sparing(node, now_ms) and not (call.exempt or call.sparing):
            link.end(BUDGET_LOW)

    def _finished(self, link: Link, call: Call, node: NodeId) -> bool:
        """Equal, nothing under way, and no blob came or went for a while."""
        session = link.session
        if session.phase is not Phase.EQUAL or session.busy:
            return False
        quiet_s = QUIET_S + 4 * self._allowances.profile_of(node).rtt_s
        return self._loop.time() - call.moved_at >= quiet_s
