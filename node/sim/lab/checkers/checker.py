"""What a checker is: it looks at a world while it runs and after it has healed, and says what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from node.sim.lab.world import World

DETAILS_MAX = 20
"""Violations of one checker that a report names; more are counted."""


class Violation(NamedTuple):
    """Something that must never be. `node`: where it was seen; empty: in the whole theatre."""

    checker: str
    at_s: float
    node: str
    detail: str


class Checker:
    """`name` says what holds; `code` is the exit code of a run in which it did not."""

    name: ClassVar[str]
    code: ClassVar[int]

    def __init__(self, world: World) -> None:
        self.world = world
        self.found: list[Violation] = []
        self.more = 0

    def step(self) -> None:
        """After every verb."""

    def end(self) -> None:
        """After healing."""

    def violated(self, node: str, detail: str) -> None:
        """It does not hold."""
        one = Violation(self.name, round(self.world.now, 6), node, detail)
        if any((node, detail) == (before.node, before.detail) for before in self.found):
            return
        if len(self.found) < DETAILS_MAX:
            self.found.append(one)
            self.world.trace.note(node, "violation", f"{self.name}: {detail}")
        else:
            self.more += 1
