"""Nobody gets, or has believed, what the theatre's authority does not allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conflict.scope import scope_id
from node.sim.lab.checkers.checker import Checker
from node.sim.lab.checkers.convergence import held
from node.sim.lab.people import statements_of

if TYPE_CHECKING:
    from conflict.identity import DocumentId, NodeId
    from node.sim.lab.machine import Machine
    from node.sim.lab.world import World


class NothingFromRevoked(Checker):
    """What a device writes after its revocation is shown on no node that knows of it; and such a node has
    no link with it."""

    name = "nothing-from-revoked"
    code = 15

    def step(self) -> None:
        """See `Checker`."""
        for machine in self.world.running:
            for node in sorted(_revoked_for(machine) - {machine.node}):
                self._look(machine, node)

    def end(self) -> None:
        """See `Checker`."""
        self.step()
        for machine in self.world.running:
            for node in sorted(_revoked_for(machine) - {machine.node}):
                if machine.process.peering.link(node) is not None:
                    self.violated(
                        machine.name, f"has a link with {node.hex()[:8]}, which is revoked"
                    )

    def _look(self, machine: Machine, node: NodeId) -> None:
        since_s = self.world.revoked_at[node]
        late = [
            one
            for one in self.world.people.kept
            if self.world.machines[one.node].node == node and one.at_s > since_s
        ]
        store = machine.disk.store
        for one in late:
            shown = statements_of(store, one.document)
            if any(each in shown for each in one.statements):
                self.violated(machine.name, f"shows piece {one.number}, written after revocation")


def _revoked_for(machine: Machine) -> set[NodeId]:
    """Whom the log on this machine revokes."""
    theatre = machine.process.engine.belonging.theatre
    return {one.node for one in theatre or () if one.revoked is not None}


class ScopesNeverLeak(Checker):
    """No disk holds a document that its node may not hold, at no time."""

    name = "scopes-never-leak"
    code = 16

    def step(self) -> None:
        """See `Checker`."""
        scoped = [one for one in self.world.surviving if self._codes(one) is not None]
        if not scoped:
            return
        homes = _homes(self.world)
        for machine in scoped:
            granted = {scope_id(code) for code in self._codes(machine) or ()}
            for document in held(machine.disk.store):
                if document in homes and homes[document].isdisjoint(granted):
                    text = f"holds {document.hex()[:8]}, which belongs to others"
                    self.violated(machine.name, text)

    end = step

    def _codes(self, machine: Machine) -> tuple[str, ...] | None:
        return self.world.scenario.nodes[machine.name].codes


def _homes(world: World) -> dict[DocumentId, set[DocumentId]]:
    """To which units the documents belong that people wrote in: to those of who wrote."""
    found: dict[DocumentId, set[DocumentId]] = {}
    for one in world.people.kept:
        if codes := world.scenario.nodes[one.node].codes:
            found.setdefault(one.document, set()).add(scope_id(codes[0]))
    return found
