"""The smallest schedule that still fails: delta debugging over the steps of one that does.

`ddmin` of Zeller & Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE Transactions on
Software Engineering 28(2), 2002. A step is a verb or a save; whatever is left out, the rest is playable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from node.sim.lab.run import Result, play

if TYPE_CHECKING:
    from node.sim.lab.run import Verdict
    from node.sim.lab.scenario import Scenario
    from node.sim.lab.schedule import Step

TRIES_MAX = 1_000
"""Runs, unless another number is given."""
Told = Callable[[int, int], None]
"""Hears how many runs were made, and how many steps the smallest schedule has."""


class Shrunk(NamedTuple):
    """What came of it. `steps`: the smallest that was found, of `before`; `verdict`: what both fail by.

    `minimal`: no step of it can be left out alone. `interrupted`: somebody did not want to wait for that.
    """

    steps: tuple[Step, ...]
    before: int
    verdict: Verdict
    tries: int
    minimal: bool
    interrupted: bool


class _Enough(Exception):
    """No more tries."""


def shrink(
    scenario: Scenario,
    seed: int,
    schedule: Sequence[Step],
    *,
    tries: int = TRIES_MAX,
    told: Told = lambda _tries, _steps: None,
) -> Shrunk | Result:
    """The smallest schedule that fails by the same first checker; a `Result`: this one does not fail.

    A pure function of its arguments, unless it is interrupted. Raises `KeyboardInterrupt` before it knows
    that there is a failure.
    """
    first = play(scenario, seed, schedule, keeps_messages=False)
    if not first.complete:
        raise KeyboardInterrupt
    if not first.failed:
        return first
    search = _Search(scenario, seed, first, tries, told)
    minimal = interrupted = False
    try:
        search.reduce()
        minimal = True
    except KeyboardInterrupt:
        interrupted = True
    except _Enough:
        pass
    return Shrunk(
        steps=search.steps,
        before=len(schedule),
        verdict=search.verdict,
        tries=search.tries,
        minimal=minimal,
        interrupted=interrupted,
    )


class _Search:
    """`steps`: the smallest that failed so far, by `verdict`."""

    def __init__(
        self, scenario: Scenario, seed: int, first: Result, tries: int, told: Told
    ) -> None:
        self.steps, self.verdict = first.schedule, first.failed[0]
        self.tries = 1
        self._scenario, self._seed = scenario, seed
        self._tries_max, self._told = tries, told
        self._sound: set[tuple[Step, ...]] = set()  # what was tried and does not fail so

    def reduce(self) -> None:
        """Until nothing can be left out alone. Raises `_Enough` after the last try."""
        if self._fails(()):
            return
        parts = 2
        while len(self.steps) > 1:
            if self._fails_with_one_of(parts):
                parts = 2
            elif self._fails_without_one_of(parts):
                parts = max(parts - 1, 2)
            elif parts < len(self.steps):
                parts = min(2 * parts, len(self.steps))
            else:
                return

    def _fails_with_one_of(self, parts: int) -> bool:
        return any(self._fails(self.steps[one]) for one in cut(len(self.steps), parts))

    def _fails_without_one_of(self, parts: int) -> bool:
        steps = self.steps
        return any(
            self._fails(steps[: one.start] + steps[one.stop :]) for one in cut(len(steps), parts)
        )

    def _fails(self, steps: tuple[Step, ...]) -> bool:
        """Whether these fail in the same way; then they are the smallest."""
        if steps in self._sound:
            return False
        if self.tries >= self._tries_max:
            raise _Enough
        result = play(self._scenario, self._seed, steps, keeps_messages=False)
        if not result.complete:
            raise KeyboardInterrupt
        self.tries += 1
        fails = result.exit_code == self.verdict.code
        if fails:
            self.steps, self.verdict = steps, result.failed[0]
        else:
            self._sound.add(steps)
        self._told(self.tries, len(self.steps))
        return fails


def cut(length: int, parts: int) -> list[slice]:
    """Where `parts` pieces of nearly the same length begin and end."""
    marks = [length * at // parts for at in range(parts + 1)]
    return [slice(one, other) for one, other in pairwise(marks)]
