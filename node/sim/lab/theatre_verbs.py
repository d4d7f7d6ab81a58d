"""Verbs about who belongs, and about disks from elsewhere: enrolment, revocation, backups, copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Self

from node.lineage import begin_epoch
from node.sim.dice import likely
from node.sim.lab.machine_verbs import OneNode
from node.sim.lab.people import statements_of
from node.sim.lab.world import World


@dataclass(frozen=True, slots=True)
class Enrol(OneNode):
    """A node that was not there yet is enrolled and started; one that was is enrolled anew."""

    word: ClassVar[str] = "enrol"

    def act(self, world: World) -> None:
        """See `Verb`."""
        machine = world.machines[self.node]
        if machine.node not in world.revoked and not world.scenario.nodes[self.node].copy_of:
            world.enrol(self.node)
            machine.enrol()
            machine.present = True
            world.start(machine)


@dataclass(frozen=True, slots=True)
class Revoke(OneNode):
    """The authority revokes a node, as another one asks for it that runs and is the first to hear of it."""

    word: ClassVar[str] = "revoke"

    def act(self, world: World) -> None:
        """See `Verb`."""
        node = world.machines[self.node].node
        if node in world.revoked or world.authority.theatre.device(node) is None:
            return
        first = next((one for one in world.awake if one.node not in {node, *world.revoked}), None)
        if first is None:
            return
        published = first.disk.store.custody_positions()
        world.authority.revoke(node, published, world.right_ms)
        world.revoked_at[node] = world.now
        first.process.engine.belonging.add(world.authority.entries)


@dataclass(frozen=True, slots=True)
class Backup(OneNode):
    """A copy of a node's disk is put away; the one before is thrown away."""

    word: ClassVar[str] = "backup"

    def act(self, world: World) -> None:
        """See `Verb`."""
        if world.machines[self.node].present:  # else there is nothing on it, not even a theatre
            world.backups[self.node] = world.machines[self.node].disk.store.clone()


@dataclass(frozen=True, slots=True)
class Restore:
    """The backup is put back, if there is one. `noticed`: the node sees that its disk was set back, as the
    witness in its home tells; else only its peers can."""

    word: ClassVar[str] = "restore"
    node: str
    noticed: bool = True

    def act(self, world: World) -> None:
        """See `Verb`."""
        machine, backup = world.machines[self.node], world.backups.get(self.node)
        if backup is None or machine.lost:
            return
        if machine.life is not None:
            machine.crash()
        store = backup.clone()
        if self.noticed:
            begin_epoch(store, "restored", machine.clock(), machine.entropy())
        else:
            machine.set_back_to = store.epoch()
        machine.disk.replace(store)
        machine.set_back_s = world.now
        _forget_what_is_nowhere(world)
        world.start(machine)

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(dice.choice(list(names)), likely(dice, 50))


@dataclass(frozen=True, slots=True)
class Clone:
    """A node's disk is copied to `other`, a machine of its own (`copy_of`), which is switched on too.
    `noticed`: it sees that its disk came from another machine, as the witness in its home tells."""

    word: ClassVar[str] = "clone"
    node: str
    other: str
    noticed: bool = True

    def act(self, world: World) -> None:
        """See `Verb`."""
        machine, copy = world.machines[self.node], world.machines[self.other]
        if copy.life is None and copy.node == machine.node:
            store = machine.disk.store.clone()
            if self.noticed:
                begin_epoch(store, "copied", copy.clock(), copy.entropy())
            copy.disk.replace(store)
            copy.set_back_s = world.now
            copy.present = True
            world.start(copy)

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`. Of two that are no copies of each other nothing comes."""
        one, other = dice.sample(list(names), 2)
        return cls(one, other)


@dataclass(frozen=True, slots=True)
class Update(OneNode):
    """A node gets the newest software that anybody runs."""

    word: ClassVar[str] = "update"

    def act(self, world: World) -> None:
        """See `Verb`."""
        machine = world.machines[self.node]
        machine.lacks = ()
        specs = world.scenario.nodes.values()
        machine.adds = tuple(sorted({name for one in specs for name in one.adds}))
        if machine.life is not None:
            machine.crash()
            world.start(machine)


@dataclass(frozen=True, slots=True)
class Lose(OneNode):
    """A node is gone for good, disk and all."""

    word: ClassVar[str] = "lose"

    def act(self, world: World) -> None:
        """See `Verb`."""
        machine = world.machines[self.node]
        if machine.life is not None:
            machine.crash()
        machine.lost = True
        _forget_what_is_nowhere(world)


def _forget_what_is_nowhere(world: World) -> None:
    """What was on a disk that is gone, and on no other, nobody can have any more."""
    kept, stores = world.people.kept, [one.disk.store for one in world.surviving]
    world.people.kept = [
        one
        for one in kept
        if any(statements_of(store, one.document).issuperset(one.statements) for store in stores)
    ]
    for one in kept:
        if one not in world.people.kept:
            world.trace.note(one.node, "gone", f"piece {one.number}: its only disk")
