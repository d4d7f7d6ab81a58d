"""Every contradiction that people wrote is a finding, on every node that holds both sides."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import orjson

from conflict.identity import DocumentId, document_text
from node.sim.lab.checkers.checker import Checker
from node.sim.lab.checkers.convergence import members
from node.sim.lab.checkers.letting_go import is_away

if TYPE_CHECKING:
    from node.sim.lab.machine import Machine
    from node.sim.lab.people import Acknowledged


class FindingsEverywhere(Checker):
    """Planted pairs are findings that name both sides. What either is hidden of is looked at elsewhere."""

    name = "findings-everywhere"
    code = 14

    def end(self) -> None:
        """See `Checker`."""
        for number, sides in self.world.people.pairs.items():
            if len(sides) == 2:
                left, right = sides
                for machine in members(self.world):
                    self._look(machine, number, left, right)

    def _look(self, machine: Machine, number: int, left: Acknowledged, right: Acknowledged) -> None:
        if not all(self.world.shows(machine, one) for one in (left, right)):
            return
        if is_away(machine, left.document):
            return
        document = document_text(left.document)
        wanted = [
            {f"{document}/{one}", f"{document}/{other}"}
            for one, other in product(left.statements, right.statements)
        ]
        found = findings(machine, left.document)
        if not any(one <= each for one in wanted for each in found):
            slot = self.world.people.pieces[left.number].save.drafts[0].slot
            self.violated(machine.name, f"shows no finding for contradiction {number} ({slot})")


def findings(machine: Machine, document: DocumentId) -> list[set[str]]:
    """Names of the statements of each finding that a node shows of a document."""
    row = machine.disk.store.projection(document)
    body = orjson.loads(row.body) if row else {}
    return [set(one["statements"]) for one in body.get("findings", [])]
