"""That what a node let go is at a garrison, and stays away until it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.sim.lab.checkers.checker import Checker

if TYPE_CHECKING:
    from conflict.identity import DocumentId
    from node.sim.lab.machine import Machine


class LetGoStaysAway(Checker):
    """What a node let go does not come back unasked."""

    name = "let-go-stays-away"
    code = 23

    def step(self) -> None:
        """See `Checker`."""
        for name, gone in self.world.let_go.items():
            machine = self.world.machines[name]
            known = [one for one, at_s in gone.items() if at_s > machine.set_back_s]
            away = machine.disk.store.shed_documents(known)
            for one in known:
                if one not in away and not machine.lost:
                    self.violated(name, f"has {one.hex()[:8]} again, which it let go")

    end = step


def is_away(machine: Machine, document: DocumentId) -> bool:
    """Whether a node has let go of a document's content, all of it or what was in it then."""
    return document in machine.disk.store.shed_documents([document])
