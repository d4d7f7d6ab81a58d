"""Virtual links: what happens to a frame between two nodes. Every pair of nodes has two ways, one each.

A way carries frames in order at the rate of its shape, and loss costs the time in which TCP says it again
(`link_shape.py`): the transport is reliable or broken, as under TLS. Where nothing comes through for as
long as a heartbeat is waited for, the connection breaks. `duplicate` and `reorder` are what no sound
transport does; sessions must bear them all the same, by ending.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from random import Random

from node.sim.dice import likely
from node.sim.link_shape import LinkShape
from sync.transport.websocket import HEARTBEAT_S

LAN = LinkShape(rate_bits_s=100_000_000, rtt_s=0.001, segment_bytes=16_384)


DEAD_S = 1.5 * HEARTBEAT_S
"""After so long without a sign of the other end a WebSocket is closed."""


class Fate(StrEnum):
    """What became of a frame."""

    DELIVERED = "delivered"
    DROPPED = "dropped"
    DUPLICATED = "duplicated"
    REORDERED = "reordered"
    HELD = "held"


@dataclass(slots=True, eq=False)
class Way:
    """From one node to another. `stalled_until`: nothing comes out before; seconds of the run.

    `sound`: its shape when nothing is wrong. `duplicate`, `reorder`: per cent of frames.
    `held`: frames that wait for `release`.
    """

    shape: LinkShape
    dice: Random
    cut: bool = False
    holds: bool = False
    delay_s: float = 0.0
    duplicate: int = 0
    reorder: int = 0
    stalled_until: float = 0.0
    bytes: int = 0
    free_at: float = 0.0
    due: float = 0.0
    held: list[Callable[[], None]] = field(default_factory=list)
    sound: LinkShape = field(init=False)

    def __post_init__(self) -> None:
        self.sound = self.shape

    def heal(self) -> list[Callable[[], None]]:
        """Sound again, whatever was done to it; frames that were held, to be let go."""
        self.cut = self.holds = False
        self.shape = self.sound
        self.delay_s = self.stalled_until = 0.0
        self.duplicate = self.reorder = 0
        held, self.held = self.held, []
        return held

    def carry(self, size: int, now: float) -> list[tuple[float, Fate]]:
        """When a frame of so many bytes comes out, each time that it does; and what that is."""
        self.bytes += size
        start = max(now, self.free_at, self.stalled_until)
        self.free_at = start + self.shape.air_s(size)
        if self.cut:
            return []
        if (late_s := self._lateness_s(size)) > DEAD_S:
            return []  # said again and again in vain: this connection is given up
        due = self.free_at + self.shape.delay_s + self.delay_s + late_s
        if self.reorder and likely(self.dice, self.reorder):
            return [(due + self.dice.random(), Fate.REORDERED)]
        self.due = due = max(due, self.due)  # TCP keeps the order
        if self.duplicate and likely(self.dice, self.duplicate):
            return [(due, Fate.DELIVERED), (due + self.dice.random() * 0.1, Fate.DUPLICATED)]
        return [(due, Fate.DELIVERED)]

    def _lateness_s(self, size: int) -> float:
        """Jitter, and segments that were lost and said again."""
        shape, late_s = self.shape, 0.0
        if shape.jitter_s:
            late_s += self.dice.random() * shape.jitter_s
        if shape.loss:
            for _ in range(ceil(size / shape.segment_bytes)):
                tries = 0
                while self.dice.random() < shape.loss:
                    late_s += shape.retry_s(tries)
                    tries += 1
        return late_s


def silence_of(shape: LinkShape, now: float) -> float:
    """Until when a link that falls silent now and then does so now; seconds."""
    if not shape.stall_s:
        return 0.0
    began = now // shape.every_s * shape.every_s
    return began + shape.stall_s if now < began + shape.stall_s else 0.0
