"""That a node which was told to be silent is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.sim.lab.checkers.checker import Checker

if TYPE_CHECKING:
    from node.sim.lab.world import World

CLOSING_S = 5.0
"""After the word, for sockets to close."""


class SilenceKept(Checker):
    """A silent node calls nobody, answers nobody and sends nothing."""

    name = "silence-kept"
    code = 22

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._since_s: dict[str, float] = {}
        self._said: dict[str, int] = {}

    def step(self) -> None:
        """See `Checker`."""
        for name, machine in self.world.machines.items():
            if not machine.silent:
                self._since_s.pop(name, None)
                self._said.pop(name, None)
            elif self.world.now > self._since_s.setdefault(name, self.world.now) + CLOSING_S:
                self._listen(name)

    end = step

    def _listen(self, name: str) -> None:
        air = self.world.air
        said = air.calls[name] + sum(
            count for (sender, _), count in air.frames.items() if sender == name
        )
        if said > self._said.setdefault(name, said):
            self.violated(name, "was told to be silent, and was heard")
