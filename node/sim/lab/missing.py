"""How much nodes lack of what they may hold, and what was sent until all of them had it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conflict.identity import ActorId, DocumentId, Lane
from node.sim.lab.checkers.convergence import shared

if TYPE_CHECKING:
    from node.sim.lab.machine import Machine
    from node.sim.lab.network import Air

RUN_BYTES = 64 << 20
"""Of one lane: more than any has."""


@dataclass(slots=True)
class Healing:
    """From when everything was repaired until all was equal. `missing`: bytes, by node, at its beginning;
    `sent`: bytes by way; `connections`: ends of new ones by node."""

    missing: dict[str, int] = field(default_factory=dict)
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)

    def begin(self, air: Air, members: list[Machine]) -> None:
        """Everything is repaired."""
        for one in members:
            self.missing[one.name] = missing_bytes(one, members)
        self._note(air, -1)

    def end(self, air: Air) -> None:
        """All is equal, or there is no time left."""
        self._note(air, 1)

    def _note(self, air: Air, sign: int) -> None:
        for pair, way in air.ways.items():
            self.sent[pair] += sign * way.bytes
        for name, count in air.connections.items():
            self.connections[name] += sign * count


def missing_bytes(one: Machine, others: list[Machine]) -> int:
    """Bytes of the changes, as their authors wrote them, that others hold and this one may and does not."""
    lacking: dict[Lane, int] = {}
    for other in others:
        if other is one:
            continue
        here, there = shared(one, other)
        for document in there:
            if here.get(document) != there[document]:
                for lane, size in _longer(one, other, document):
                    lacking[lane] = max(size, lacking.get(lane, 0))
    return sum(lacking.values())


def _longer(one: Machine, other: Machine, document: DocumentId) -> list[tuple[Lane, int]]:
    """Lanes of a document that reach further at another, and by how many bytes."""
    mine: dict[ActorId, int] = {
        lane.lane.actor: lane.held.length for lane in one.disk.store.lanes(document)
    }
    found = []
    for lane in other.disk.store.lanes(document):
        have = mine.get(lane.lane.actor, 0)
        if lane.held.length > have:
            runs = other.disk.store.runs_from(lane.lane, have + 1, RUN_BYTES)
            found.append((lane.lane, sum(run.size for run in runs)))
    return found
