"""Verbs about exchange without a network: bundles on a stick, and radio silence."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from node.bundles.exporting import Export
from node.bundles.importing import Import
from node.bundles.parcel import parcel
from node.desk import BundleOrder
from node.errors import NodeError
from node.sim.lab.machine_verbs import OneNode
from storage.errors import StorageError
from sync.errors import SyncError

if TYPE_CHECKING:
    from node.sim.lab.machine import Process
    from node.sim.lab.world import World

WALK_S = 600.0
"""From one node to another, with a stick in the pocket."""


@dataclass(frozen=True, slots=True)
class Courier:
    """Somebody exports a bundle on `sender`, walks, and has it taken on `receiver`."""

    word: ClassVar[str] = "courier"
    sender: str
    receiver: str
    seconds: float = WALK_S

    def act(self, world: World) -> None:
        """See `Verb`."""
        life = world.machines[self.sender].awake
        if life is not None:
            life.engine.projector.when_idle(lambda: self._leave(world, life))

    def _leave(self, world: World, life: Process) -> None:
        order = BundleOrder(nodes=(self.receiver,))
        engine = life.engine
        try:
            with life.hands.hurried():
                to = parcel(engine.belonging, engine.key.node, order)
                stick = b"".join(Export(engine, to).sealed())
        except (NodeError, StorageError) as fault:
            world.trace.note(self.sender, "not-exported", fault.code)
            return
        world.trace.note(self.sender, "exported", f"{len(stick)} B for {self.receiver}")
        world.loop.call_later(self.seconds, self._arrive, world, stick)

    def _arrive(self, world: World, stick: bytes) -> None:
        life = world.machines[self.receiver].awake
        if life is None:
            world.trace.note(self.receiver, "not-imported", "it is off")
            return
        try:
            with life.hands.hurried():
                Import(life.engine, io.BytesIO(stick).read).run()
        except (NodeError, StorageError, SyncError) as fault:
            world.trace.note(self.receiver, "not-imported", fault.code)
        else:
            world.trace.note(self.receiver, "imported", f"{len(stick)} B from {self.sender}")

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        sender, receiver = dice.sample(list(names), 2)
        return cls(sender, receiver, round(dice.uniform(10, WALK_S), 3))


@dataclass(frozen=True, slots=True)
class Silence(OneNode):
    """A node closes every socket, until it is told to speak."""

    word: ClassVar[str] = "silence"

    def act(self, world: World) -> None:
        """See `Verb`."""
        _tell(world, self.node, silent=True)


@dataclass(frozen=True, slots=True)
class Speak(OneNode):
    """It may be heard again."""

    word: ClassVar[str] = "speak"

    def act(self, world: World) -> None:
        """See `Verb`."""
        _tell(world, self.node, silent=False)


def _tell(world: World, name: str, *, silent: bool) -> None:
    machine = world.machines[name]
    if machine.asleep:
        return  # nobody can tell it anything
    machine.silent = silent
    if machine.life is not None:
        job = machine.life.peering.silence(silent=silent)
        world.loop.create_task(job, context=machine.life.context)
