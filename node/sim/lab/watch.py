"""What a report draws of a run: states of machines, cut links, who is equal, what waits for review.

Looked at after every verb and while it heals, which is whenever any of it is changed from outside.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from node.sim.lab.checkers.convergence import members

if TYPE_CHECKING:
    from node.sim.lab.machine import Machine
    from node.sim.lab.world import World


@dataclass(slots=True)
class Watch:
    """Each list has changes only. `states`: (s, node, word); `cuts`: (s, node, peers out of reach);
    `equal`: (s, equal pairs, pairs) of machines that run and belong; `review`: (s, documents)."""

    states: list[tuple[float, str, str]] = field(default_factory=list)
    cuts: list[tuple[float, str, int]] = field(default_factory=list)
    equal: list[tuple[float, int, int]] = field(default_factory=list)
    review: list[tuple[float, int]] = field(default_factory=list)
    _states: dict[str, str] = field(default_factory=dict)
    _cuts: dict[str, int] = field(default_factory=dict)

    def look(self, world: World) -> None:
        """See what is different now."""
        now = round(world.now, 3)
        apart = Counter(
            end for pair, way in world.air.ways.items() if way.cut or way.holds for end in pair
        )
        back = Counter(
            end
            for (one, other), way in world.air.ways.items()
            if one < other and _shut(way) and _shut(world.air.ways[other, one])
            for end in (one, other)
        )
        for name, machine in world.machines.items():
            state = _state(machine)
            if self._states.get(name) != state:
                self._states[name] = state
                self.states.append((now, name, state))
            cut = apart[name] - back[name]  # a pair that is cut both ways counts once
            if self._cuts.get(name, 0) != cut:
                self._cuts[name] = cut
                self.cuts.append((now, name, cut))
        self._compare(world, now)

    def _compare(self, world: World, now: float) -> None:
        party = members(world)
        kinds = Counter(one.disk.store.summary() for one in party)
        equal = sum(count * (count - 1) // 2 for count in kinds.values())
        pairs = len(party) * (len(party) - 1) // 2
        if not self.equal or self.equal[-1][1:] != (equal, pairs):
            self.equal.append((now, equal, pairs))
        review = sum(one.disk.store.counts().review for one in party)
        if not self.review or self.review[-1][1] != review:
            self.review.append((now, review))

    def body(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "states": self.states,
            "cuts": self.cuts,
            "equal": self.equal,
            "review": self.review,
        }


def _shut(way: Any) -> bool:
    return bool(way.cut or way.holds)


def _state(machine: Machine) -> str:
    if machine.lost:
        return "lost"
    if not machine.present:
        return "absent"
    if machine.life is None:
        return "off"
    return "silent" if machine.silent else "running"
