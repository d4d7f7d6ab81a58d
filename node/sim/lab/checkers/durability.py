"""What was acknowledged is on the disk of who acknowledged it, then and for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from conflict.identity import ActorId, DocumentId, NodeId
from conflict.lane import ShortState
from node.sim.lab.checkers.checker import Checker
from node.sim.lab.checkers.convergence import members
from node.sim.lab.checkers.letting_go import is_away
from node.sim.lab.people import Acknowledged, statements_of

if TYPE_CHECKING:
    from node.sim.lab.machine import Machine
    from node.sim.lab.world import World


class NothingLost(Checker):
    """No acknowledged statement is missing, ever, on the disk where it was saved, nor in the end on any
    other that may hold it; what a node let go is on a garrison's."""

    name = "nothing-acknowledged-lost"
    code = 12

    def step(self) -> None:
        """See `Checker`."""
        for machine in self.world.surviving:
            kept = self.world.people.kept
            since_s = machine.set_back_s
            own = [one for one in kept if one.node == machine.name and one.at_s > since_s]
            self._look(machine, own)

    def end(self) -> None:
        """See `Checker`."""
        self.step()
        for machine in members(self.world):
            kept = self.world.people.kept
            self._look(machine, [one for one in kept if self.world.shows(machine, one)])

    def _look(self, machine: Machine, kept: list[Acknowledged]) -> None:
        here: dict[DocumentId, frozenset[str]] = {}
        for one in kept:
            if one.document not in here:
                here[one.document] = self._had(machine, one.document)
            if gone := [each for each in one.statements if each not in here[one.document]]:
                text = (
                    f"{len(gone)} statements of piece {one.number}, saved on {one.node}, are gone"
                )
                self.violated(machine.name, text)

    def _had(self, machine: Machine, document: DocumentId) -> frozenset[str]:
        here = statements_of(machine.disk.store, document)
        if not is_away(machine, document):
            return here
        garrisons = (one for one in self.world.surviving if one.role == "garrison")
        return here.union(*(statements_of(one.disk.store, document) for one in garrisons))


class NoEarlyReceipt(Checker):
    """Whoever is said to hold something has it on its disk: a receipt is never older than the commit."""

    name = "no-receipt-before-durable"
    code = 13

    def __init__(self, world: World) -> None:
        super().__init__(world)
        for machine in world.machines.values():
            machine.disk.on_claims(self._watch(machine))

    def _watch(self, machine: Machine) -> Callable[[frozenset[DocumentId]], None]:
        return lambda documents: self._heard(machine, sorted(documents))

    def _heard(self, machine: Machine, documents: list[DocumentId]) -> None:
        """Receipts for these were saved on a machine."""
        store = machine.disk.store
        for document in documents:
            for holding in store.holders(document):
                self._judge(machine, document, holding.holder, dict(holding.vector))

    def _judge(
        self,
        machine: Machine,
        document: DocumentId,
        holder: NodeId,
        claimed: dict[ActorId, ShortState],
    ) -> None:
        other = self.world.machine_of(holder)
        if other is None or other.rolled_back:
            return
        if machine.disk.store.epoch_told(holder) != other.disk.store.epoch():
            return  # what it said in another epoch counts no more
        there = {one.lane.actor: one for one in other.disk.store.lanes(document)}
        if not there and not machine.disk.store.lanes(document):
            return  # a name that stands for a document that is not here: nobody can tell which
        forked = {one.lane.actor for one in other.disk.store.forked()}
        for actor, claim in claimed.items():
            lane = there.get(actor)
            if actor in forked:
                continue  # its branches have names of their own now
            if lane is None or lane.held.length < claim.length:
                text = f"believes that {other.name} holds {claim.length} changes of {document.hex()[:8]}"
                self.violated(machine.name, text)
