"""Lanes that grew through another peer: passed on after a moment, unless this peer brings them first.

On one LAN everybody hears of a change from its author. Without the pause each of n nodes would send
it on to all others at once; with it a change crosses each link about once. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from conflict.identity import Lane
from conflict.lane import LaneRun
from sync import limits
from sync.ports import Precedence


class _Relay(NamedTuple):
    first_seq: int
    precedence: Precedence
    due: float


class Relays:
    """What waits to be passed on. The two ends of a link wait differently long."""

    def __init__(self, *, leader: bool) -> None:
        self._delay_s = limits.RELAY_DELAY_S * (1 if leader else 2)
        self._waiting: dict[Lane, _Relay] = {}

    @property
    def due(self) -> float | None:
        """When the first may go; they wait equally long, so it is the oldest."""
        return next((one.due for one in self._waiting.values()), None)

    def put(self, lane: Lane, first_seq: int, precedence: Precedence, now: float) -> None:
        """`lane` grew from `first_seq` on."""
        known = self._waiting.get(lane)
        if known is not None:
            first_seq = min(first_seq, known.first_seq)
            precedence = min(precedence, known.precedence)
        due = known.due if known else now + self._delay_s
        self._waiting[lane] = _Relay(first_seq, precedence, due)

    def heard(self, run: LaneRun) -> None:
        """The peer has this run itself."""
        known = self._waiting.get(run.lane)
        if known is not None and run.signature is not None and run.first_seq <= known.first_seq:
            self._waiting[run.lane] = known._replace(
                first_seq=max(known.first_seq, run.last_seq + 1)
            )

    def ready(self, now: float) -> Iterator[tuple[Lane, int, Precedence]]:
        """What may go now."""
        full = len(self._waiting) > limits.RELAYS_MAX
        while self._waiting:
            lane, relay = next(iter(self._waiting.items()))
            if relay.due > now and not full:
                return
            del self._waiting[lane]
            yield lane, relay.first_seq, relay.precedence
