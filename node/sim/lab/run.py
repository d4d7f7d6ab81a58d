"""One run: a scenario and a seed played to the end, and what the checkers say of it.

A fault phase with everything that the schedule does, then healing, then silence. A run is a pure
function of code, scenario and seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from node.sim.lab.checkers import CHECKERS, Checker, Violation
from node.sim.lab.checkers.convergence import is_equal, members
from node.sim.lab.clock import Livelock
from node.sim.lab.scenario import Scenario
from node.sim.lab.schedule import Step, chance, ordered
from node.sim.lab.trace import Trace
from node.sim.lab.watch import Watch
from node.sim.lab.world import World

LOOK_S = 5.0
"""So often it is seen whether all is equal."""
REST_S = 120.0
"""Of silence that is watched, after all is equal."""
Progress = Callable[[float], None]
"""Hears which share of a run is over, 0 to 1."""


class Verdict(NamedTuple):
    """What one checker says. `more`: violations that are not named."""

    name: str
    code: int
    violations: tuple[Violation, ...]
    more: int


class Result(NamedTuple):
    """What became of a run. `equal_s`: from the end of the faults until all was equal; None: it never was.

    `complete`: False if it was interrupted, after `steps_done` of its steps.
    """

    scenario: str
    seed: int
    schedule: tuple[Step, ...]
    steps_done: int
    complete: bool
    virtual_s: float
    equal_s: float | None
    verdicts: tuple[Verdict, ...]
    figures: dict[str, Any]
    curve: tuple[tuple[float, int], ...]
    trace: Trace
    watch: Watch
    nodes: tuple[str, ...]
    faults_s: float

    @property
    def failed(self) -> list[Verdict]:
        """Checkers that found something."""
        return [one for one in self.verdicts if one.violations]

    @property
    def exit_code(self) -> int:
        """Of the first checker that found something; 0: none did."""
        return self.failed[0].code if self.failed else 0


def schedule_of(scenario: Scenario, seed: int) -> list[Step]:
    """All that this seed does: what the scenario says, what people write, and chance."""
    from node.sim.lab.people import People

    if scenario.exact:
        return ordered([*scenario.steps])
    return ordered([*scenario.steps, *People(scenario, seed).steps, *chance(scenario, seed)])


def play(
    scenario: Scenario,
    seed: int,
    schedule: Sequence[Step] | None = None,
    *,
    keeps_messages: bool = True,
    progress: Progress = lambda _share: None,
) -> Result:
    """One run. `schedule`: instead of the seed's own."""
    steps = schedule_of(scenario, seed) if schedule is None else ordered([*schedule])
    world = World(scenario, seed, keeps_messages=keeps_messages)
    checkers = [one(world) for one in CHECKERS]
    player = _Player(world, checkers, steps, progress)
    complete = True
    with world.begun(), world.loop.interruptible():
        try:
            player.play()
        except KeyboardInterrupt:
            complete = False
        except Livelock as fault:
            player.broke(fault)
        return player.result(complete=complete)


class _Player:
    def __init__(
        self, world: World, checkers: list[Checker], steps: list[Step], progress: Progress
    ) -> None:
        self._world, self._checkers, self._steps = world, checkers, steps
        self._progress = progress
        self._later: list[Step] = []  # what is done while it heals
        self._done = 0
        self._curve: list[tuple[float, int]] = []
        self._watch = Watch()

    def play(self) -> None:
        """Faults, healing, rest."""
        scenario = self._world.scenario
        self._watch.look(self._world)
        self._later = [one for one in self._steps if one.at_s > scenario.faults_s]
        for step in self._steps[: len(self._steps) - len(self._later)]:
            self._world.pass_until(step.at_s)
            self._act(step)
            self._progress(0.7 * step.at_s / scenario.faults_s)
        self._world.pass_until(scenario.faults_s)
        self._heal()
        self._progress(0.9)
        self._rest()
        for checker in self._checkers:
            checker.end()
        self._progress(1.0)

    def _act(self, step: Step) -> None:
        if step.verb.word != "write":
            said = {key: value for key, value in step.body().items() if key not in {"time", "do"}}
            self._world.trace.note("", step.verb.word, str(said))
        self._world.do(lambda: step.verb.act(self._world))
        self._done += 1
        self._look()

    def _look(self) -> None:
        for checker in self._checkers:
            checker.step()
        kinds = len({one.disk.store.summary() for one in self._world.surviving})
        if not self._curve or self._curve[-1][1] != kinds:
            self._curve.append((round(self._world.now, 3), kinds))
        if self._world.trace.keeps_messages:
            self._watch.look(self._world)

    def _heal(self) -> None:
        world = self._world
        world.trace.note("", "healing")
        world.do(world.heal)
        world.healing.begin(world.air, members(world))
        self._watch.look(world)
        until = world.now + world.scenario.healing_s
        while world.now < until:
            world.pass_until(min(world.now + LOOK_S, until))
            while self._later and self._later[0].at_s <= world.now:
                self._act(self._later.pop(0))
            self._look()
            if not self._later and is_equal(world):
                world.equal_at = world.now
                world.trace.note("", "equal")
                break
        world.healing.end(world.air)

    def _rest(self) -> None:
        """What is said although there is nothing left to say."""
        world = self._world
        if world.equal_at is None:
            return
        world.pass_until(world.now + REST_S)
        before = dict(world.air.frames)
        world.pass_until(world.now + REST_S)
        world.at_rest = {
            pair: count - before.get(pair, 0) for pair, count in world.air.frames.items()
        }

    def broke(self, fault: Livelock) -> None:
        """The world cannot go on: checkers say what is wrong with it now."""
        self._world.faults.append(str(fault))
        self._world.trace.note("", "fault", str(fault))
        for checker in self._checkers:
            checker.end()

    def result(self, *, complete: bool) -> Result:
        """What there is to say now."""
        world, trace = self._world, self._world.trace
        ways = {f"{one} → {other}": way.bytes for (one, other), way in world.air.ways.items()}
        equal_at, healed_at = world.equal_at, world.scenario.faults_s
        documents = sum(one.disk.store.counts().review for one in members(world))
        return Result(
            scenario=world.scenario.name,
            seed=world.seed,
            schedule=tuple(self._steps),
            steps_done=self._done,
            complete=complete,
            virtual_s=round(world.now, 3),
            equal_s=None if equal_at is None else round(equal_at - healed_at, 3),
            verdicts=tuple(
                Verdict(one.name, one.code, tuple(one.found), one.more) for one in self._checkers
            ),
            figures={
                "written": len(world.people.kept),
                "pieces": len(world.people.pieces),
                "to_review": documents,
                "frames": {str(fate): count for fate, count in sorted(trace.fates.items())},
                "bytes": {name: size for name, size in ways.items() if size},
                "missing_bytes": world.healing.missing,
                "healing_connections": dict(sorted(world.healing.connections.items())),
            },
            curve=tuple(self._curve),
            trace=trace,
            watch=self._watch,
            nodes=tuple(world.machines),
            faults_s=healed_at,
        )
