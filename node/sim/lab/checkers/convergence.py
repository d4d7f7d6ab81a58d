"""After healing all that may hold the same hold the same, and show the same, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, starmap
from typing import TYPE_CHECKING

from conflict.identity import DocumentId
from conflict.scope import both
from node.presenting import present
from node.sim.lab.checkers.checker import Checker
from node.sim.lab.checkers.letting_go import is_away
from storage.ports import Store
from sync.ports import View

if TYPE_CHECKING:
    from node.sim.lab.machine import Machine
    from node.sim.lab.world import World


class Converged(Checker):
    """Equal digests over what both may hold, equal projections, and each is the fold of what is held."""

    name = "converged-after-healing"
    code = 11

    def end(self) -> None:
        """See `Checker`."""
        party = members(self.world)
        for one, other in pairs(party):
            self._compare(one, other)
        for one in party:
            self._is_fold(one)

    def _compare(self, one: Machine, other: Machine) -> None:
        here, there = shared(one, other)
        if here != there:
            self.violated(one.name, f"holds otherwise than {other.name}: {_said(here, there)}")
            return
        if one.software != other.software:
            return  # what one of them knows no word for it shows raw
        for document in here:
            mine, theirs = (each.disk.store.projection(document) for each in (one, other))
            if is_away(one, document) or is_away(other, document):
                continue
            if mine != theirs:
                text = f"shows {document.hex()[:8]} otherwise than {other.name}"
                self.violated(one.name, text)

    def _is_fold(self, one: Machine) -> None:
        store, catalogue = one.disk.store, one.process.engine.catalogue
        if waiting := store.dirty_documents():
            self.violated(one.name, f"{len(waiting)} documents are not shown yet")
            return
        for document in held(store):
            if is_away(one, document):
                continue
            row = store.projection(document)
            if row != present(document, store.entries(document), catalogue):
                self.violated(one.name, f"shows of {document.hex()[:8]} what it does not hold")


def members(world: World) -> list[Machine]:
    """Who must become equal: machines that run and belong to the theatre."""
    return [one for one in world.running if one.node not in world.revoked]


def is_equal(world: World) -> bool:
    """All that may hold the same do, and everything held is shown."""
    party = members(world)
    if any(one.disk.store.dirty_documents(1) for one in party):
        return False
    if len({one.disk.store.summary() for one in party}) == 1:
        return True
    return _scoped(world) and all(here == there for here, there in starmap(shared, pairs(party)))


def _scoped(world: World) -> bool:
    return any(one.codes is not None for one in world.scenario.nodes.values())


def pairs(party: list[Machine]) -> Iterator[tuple[Machine, Machine]]:
    """Whom to compare with whom: where grants differ, equality does not go on from one to the next."""
    return combinations(party, 2)


Digests = dict[DocumentId, bytes]


def shared(one: Machine, other: Machine) -> tuple[Digests, Digests]:
    """What each holds of that which both may hold: digests by document."""
    scopes = both(*(machine.authority.theatre.scopes(machine.node) for machine in (one, other)))
    view = None if scopes is None else View(scopes, None)
    return digests(one.disk.store, view), digests(other.disk.store, view)


def digests(store: Store, view: View | None = None) -> Digests:
    """All state digests, ascending by document."""
    reader = store.shared(view)
    found: Digests = {}
    after: DocumentId | None = None
    while page := reader.listing(after, 1000):
        found |= {one.document: one.digest for one in page}
        after = page[-1].document
    return found


def held(store: Store) -> list[DocumentId]:
    """Every document of a store."""
    return list(digests(store))


def _said(here: Digests, there: Digests) -> str:
    differing = [one for one in here.keys() | there.keys() if here.get(one) != there.get(one)]
    named = ", ".join(one.hex()[:8] for one in sorted(differing)[:3])
    return f"{len(differing)} documents differ, such as {named}"
