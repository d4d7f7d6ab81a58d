"""What a node says of itself is true when it says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.custody import reasons
from node.sim.lab.checkers.checker import Checker
from node.sim.lab.checkers.convergence import held

if TYPE_CHECKING:
    from node.sim.lab.machine import Machine


class StatusTrue(Checker):
    """*Also on X*: X has all that is here, on its disk. *Safe to wipe*: a garrison has."""

    name = "status-true"
    code = 21

    def step(self) -> None:
        """See `Checker`."""
        for machine in self.world.running:
            self._also_on(machine)
            self._safe_to_wipe(machine)

    end = step

    def _also_on(self, machine: Machine) -> None:
        process = machine.process
        summary = process.engine.store.summary()
        for node, one in process.peering.acquaintances.items():
            other = self.world.machine_of(node)
            if other is None or other.rolled_back or not one.holds_all(summary):
                continue
            if one.epoch == other.disk.store.epoch().hex() and (lack := lacking(machine, other)):
                self.violated(machine.name, f"says Also on {other.name}, which lacks {lack} lanes")

    def _safe_to_wipe(self, machine: Machine) -> None:
        store = machine.process.engine.store
        if machine.role == "garrison" or reasons(store.custody(1), store.counts(), {}):
            return
        garrisons = [one for one in self.world.machines.values() if one.role == "garrison"]
        told = {one.name: store.epoch_told(one.node) for one in garrisons}
        if any(one.rolled_back or told[one.name] != one.disk.store.epoch() for one in garrisons):
            return  # of a garrison that was set back since, nobody can know before they meet
        if all(lacking(machine, one) for one in garrisons):
            self.violated(machine.name, "says Safe to wipe, and no garrison holds all of it")


def lacking(machine: Machine, other: Machine) -> int:
    """How many lanes another disk does not hold as far as this one does."""
    count = 0
    here, there = machine.disk.store, other.disk.store
    for document in held(here):
        theirs = {one.lane.actor: one.held.length for one in there.lanes(document)}
        for lane in here.lanes(document):
            count += theirs.get(lane.lane.actor, 0) < lane.held.length
    return count
