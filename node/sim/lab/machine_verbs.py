"""Verbs about machines: power, disks, clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Self

from node.sim.lab.world import World


@dataclass(frozen=True, slots=True)
class OneNode:
    """What happens to one node."""

    node: str

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(dice.choice(list(names)))


@dataclass(frozen=True, slots=True)
class Crash(OneNode):
    """The power of a node is gone: what was not committed is lost."""

    word: ClassVar[str] = "crash"

    def act(self, world: World) -> None:
        """See `Verb`."""
        machine = world.machines[self.node]
        if machine.life is not None:
            machine.crash()


@dataclass(frozen=True, slots=True)
class TornPage(OneNode):
    """The power goes in the middle of a node's next commit: of its sectors some are on the disk, others not
    (`store = "sqlite"`); in memory all of it is there, or nothing."""

    word: ClassVar[str] = "torn-page"

    def act(self, world: World) -> None:
        """See `Verb`."""
        machine = world.machines[self.node]
        if machine.life is not None:
            machine.disk.tear(machine.crash)


@dataclass(frozen=True, slots=True)
class Bounce(OneNode):
    """A node that is off is switched on; one that runs is killed and started at once."""

    word: ClassVar[str] = "bounce"

    def act(self, world: World) -> None:
        """See `Verb`."""
        machine = world.machines[self.node]
        if machine.life is not None:
            machine.crash()
        world.start(machine)


@dataclass(frozen=True, slots=True)
class Sleep(OneNode):
    """A lid is closed: the process stops as it stands, the clocks go on; peers hang up after a while."""

    word: ClassVar[str] = "sleep"

    def act(self, world: World) -> None:
        """See `Verb`."""
        world.machines[self.node].sleep()


@dataclass(frozen=True, slots=True)
class Wake(OneNode):
    """The lid is opened: the process goes on where it stood, hours or days later."""

    word: ClassVar[str] = "wake"

    def act(self, world: World) -> None:
        """See `Verb`."""
        world.machines[self.node].wake()


@dataclass(frozen=True, slots=True)
class DiskFull(OneNode):
    """There is no room on a node's disk any more."""

    word: ClassVar[str] = "disk-full"

    def act(self, world: World) -> None:
        """See `Verb`."""
        world.machines[self.node].disk.fill(full=True)


@dataclass(frozen=True, slots=True)
class DiskRoom(OneNode):
    """There is room again."""

    word: ClassVar[str] = "disk-room"

    def act(self, world: World) -> None:
        """See `Verb`."""
        world.machines[self.node].disk.fill(full=False)


@dataclass(frozen=True, slots=True)
class SlowDisk(OneNode):
    """A commit takes so long."""

    word: ClassVar[str] = "slow-disk"
    seconds: float = 2.0

    def act(self, world: World) -> None:
        """See `Verb`."""
        world.machines[self.node].disk.delay_s = self.seconds


@dataclass(frozen=True, slots=True)
class ClockJump:
    """A node's wall clock shows another time: an hour, or ten years, to and fro."""

    word: ClassVar[str] = "clock-jump"
    node: str
    seconds: float = 3600.0

    def act(self, world: World) -> None:
        """See `Verb`."""
        world.machines[self.node].clock.jump(self.seconds)

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        far_s = dice.choice((90.0, 3_600.0, 86_400.0, 10 * 366 * 86_400.0))
        return cls(dice.choice(list(names)), far_s * dice.choice((1, -1)))


@dataclass(frozen=True, slots=True)
class ClockDrift:
    """A node's wall clock gains so many seconds a day."""

    word: ClassVar[str] = "clock-drift"
    node: str
    seconds: float = 60.0

    def act(self, world: World) -> None:
        """See `Verb`."""
        world.machines[self.node].clock.run_at(self.seconds / 86_400)

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(dice.choice(list(names)), dice.choice((1, -1)) * 600.0)
