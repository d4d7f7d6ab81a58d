"""Verbs about links: what is cut, late, held, said twice or out of order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar, Self

from node.sim.dice import likely
from node.sim.lab.wires import Way
from node.sim.lab.world import World
from node.sim.link_shape import segment_for


class _Between:
    """What happens to the ways between two nodes; from `one` to `other` only, if `oneway`."""

    one: str
    other: str
    oneway: bool

    def ways(self, world: World) -> list[Way]:
        """Those meant."""
        there, back = (self.one, self.other), (self.other, self.one)
        return [world.air.ways[pair] for pair in ((there,) if self.oneway else (there, back))]


def _two(dice: Random, names: Sequence[str]) -> tuple[str, str]:
    one, other = dice.sample(list(names), 2)
    return one, other


@dataclass(frozen=True, slots=True)
class Partition:
    """Nothing passes between `nodes` and all others."""

    word: ClassVar[str] = "partition"
    nodes: tuple[str, ...]

    def act(self, world: World) -> None:
        """See `Verb`."""
        for (sender, receiver), way in world.air.ways.items():
            if (sender in self.nodes) != (receiver in self.nodes):
                way.cut = True

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        size = dice.randint(1, max(1, len(names) // 2))
        return cls(tuple(sorted(dice.sample(list(names), size))))


@dataclass(frozen=True, slots=True)
class Split:
    """Nothing passes between any two nodes: each is alone."""

    word: ClassVar[str] = "split"

    def act(self, world: World) -> None:
        """See `Verb`."""
        for way in world.air.ways.values():
            way.cut = True

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        del dice, names
        return cls()


@dataclass(frozen=True, slots=True)
class Repair:
    """Every link is sound again, and frames that were held arrive."""

    word: ClassVar[str] = "repair"

    def act(self, world: World) -> None:
        """See `Verb`."""
        world.air.heal()

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        del dice, names
        return cls()


@dataclass(frozen=True, slots=True)
class Cut(_Between):
    """Nothing passes between two nodes, or one way only."""

    word: ClassVar[str] = "cut"
    one: str
    other: str
    oneway: bool = False

    def act(self, world: World) -> None:
        """See `Verb`."""
        for way in self.ways(world):
            way.cut = True

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(*_two(dice, names), oneway=likely(dice, 50))


@dataclass(frozen=True, slots=True)
class Mend(_Between):
    """Two nodes reach each other again."""

    word: ClassVar[str] = "mend"
    one: str
    other: str
    oneway: bool = False

    def act(self, world: World) -> None:
        """See `Verb`."""
        for way in self.ways(world):
            way.cut = False

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(*_two(dice, names))


@dataclass(frozen=True, slots=True)
class Hold(_Between):
    """Frames between two nodes wait until `release`; nothing is lost."""

    word: ClassVar[str] = "hold"
    one: str
    other: str
    oneway: bool = False

    def act(self, world: World) -> None:
        """See `Verb`."""
        for way in self.ways(world):
            way.holds = True

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(*_two(dice, names), oneway=likely(dice, 50))


@dataclass(frozen=True, slots=True)
class Release(_Between):
    """What was held arrives, in order."""

    word: ClassVar[str] = "release"
    one: str
    other: str
    oneway: bool = False

    def act(self, world: World) -> None:
        """See `Verb`."""
        for way in self.ways(world):
            way.holds = False
            held, way.held = way.held, []
            world.air.let_go(held)

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(*_two(dice, names))


@dataclass(frozen=True, slots=True)
class Delay(_Between):
    """Every frame comes so much later."""

    word: ClassVar[str] = "delay"
    one: str
    other: str
    seconds: float = 2.0
    oneway: bool = False

    def act(self, world: World) -> None:
        """See `Verb`."""
        for way in self.ways(world):
            way.delay_s = self.seconds

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(*_two(dice, names), round(dice.uniform(0.05, 5), 3), oneway=likely(dice, 50))


@dataclass(frozen=True, slots=True)
class Stall(_Between):
    """Nothing comes out for so long, and then all of it."""

    word: ClassVar[str] = "stall"
    one: str
    other: str
    seconds: float = 70.0
    oneway: bool = False

    def act(self, world: World) -> None:
        """See `Verb`."""
        for way in self.ways(world):
            way.stalled_until = world.now + self.seconds

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(*_two(dice, names), round(dice.uniform(1, 150), 3))


@dataclass(frozen=True, slots=True)
class Rate(_Between):
    """A link carries so many bits a second only, until `repair`; nodes are not told."""

    word: ClassVar[str] = "rate"
    one: str
    other: str
    rate: float = 2_400.0
    oneway: bool = False

    def act(self, world: World) -> None:
        """See `Verb`."""
        for way in self.ways(world):
            segment = segment_for(self.rate)
            way.shape = replace(way.shape, rate_bits_s=self.rate, segment_bytes=segment)

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(*_two(dice, names), dice.choice((1_200.0, 9_600.0, 64_000.0)))


@dataclass(frozen=True, slots=True)
class Loss(_Between):
    """So many in a hundred segments are lost, until `repair`. TCP says them again: frames come
    late, in order; where nothing comes through for long, the connection breaks."""

    word: ClassVar[str] = "loss"
    one: str
    other: str
    percent: int = 20
    oneway: bool = False

    def act(self, world: World) -> None:
        """See `Verb`."""
        for way in self.ways(world):
            way.shape = replace(way.shape, loss=self.percent / 100)

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(*_two(dice, names), dice.choice((2, 10, 30, 60)), oneway=likely(dice, 50))


@dataclass(frozen=True, slots=True)
class Duplicate(_Between):
    """So many in a hundred frames come twice, which no sound transport does."""

    word: ClassVar[str] = "duplicate"
    one: str
    other: str
    percent: int = 20
    oneway: bool = False

    def act(self, world: World) -> None:
        """See `Verb`."""
        for way in self.ways(world):
            way.duplicate = self.percent

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(*_two(dice, names), dice.randint(1, 50))


@dataclass(frozen=True, slots=True)
class Reorder(_Between):
    """So many in a hundred frames are overtaken, which no sound transport does."""

    word: ClassVar[str] = "reorder"
    one: str
    other: str
    percent: int = 20
    oneway: bool = False

    def act(self, world: World) -> None:
        """See `Verb`."""
        for way in self.ways(world):
            way.reorder = self.percent

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """See `Verb`."""
        return cls(*_two(dice, names), dice.randint(1, 50))
