"""Verbs about what a node need not keep: letting records go, and having them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from node.charting import Charts
from node.hold_set import HoldSet
from node.sim.lab.machine_verbs import OneNode
from storage.errors import StorageError
from sync.limits import REFILL_DOCUMENTS_MAX

if TYPE_CHECKING:
    from node.sim.lab.world import World


@dataclass(frozen=True, slots=True)
class Shed(OneNode):
    """A field node lets go of every chart that a garrison holds and that waits for nobody's decision."""

    word: ClassVar[str] = "shed"

    def act(self, world: World) -> None:
        """See `Verb`."""
        machine = world.machines[self.node]
        if machine.role == "garrison" or (life := machine.awake) is None:
            return
        engine = life.engine
        charts = Charts(engine.store, engine.now_ms, engine.catalogue)
        hold = HoldSet(engine.store, engine.shedding, charts, engine.now_ms)
        try:
            with life.hands.hurried():
                outcome = hold.let_go_idle(0, dry_run=False)
        except StorageError as fault:
            world.trace.note(self.node, "not-shed", fault.code)
            return
        gone = [document for document, _, _ in outcome.let_go]
        world.let_go.setdefault(self.node, {}).update(dict.fromkeys(gone, world.now))
        world.trace.note(self.node, "shed", f"{len(gone)} documents")


@dataclass(frozen=True, slots=True)
class Fetch(OneNode):
    """A node wants back all that it let go."""

    word: ClassVar[str] = "fetch"

    def act(self, world: World) -> None:
        """See `Verb`."""
        if (life := world.machines[self.node].awake) is None:
            return
        away = sorted(world.let_go.get(self.node, {}))[:REFILL_DOCUMENTS_MAX]
        try:
            with life.hands.hurried():
                life.engine.shedding.want(away)
        except StorageError as fault:
            world.trace.note(self.node, "not-wanted", fault.code)
            return
        for one in away:
            del world.let_go[self.node][one]
        world.trace.note(self.node, "wanted", f"{len(away)} documents")
