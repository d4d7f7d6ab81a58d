"""A schedule: verbs in the order of their times. Who has it, the seed and the code has the whole run.

What people write is in it too, so that a smaller schedule can be tried by leaving anything out.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from node.sim.dice import dice

if TYPE_CHECKING:
    from node.sim.lab.scenario import Scenario
    from node.sim.lab.verb import Verb

GREETING_S = 5.0
"""Before anything goes wrong all have met."""


class Step(NamedTuple):
    """A verb at its time, virtual seconds."""

    at_s: float
    verb: Verb

    def body(self) -> dict[str, Any]:
        """JSON form; as an `[[at]]` table of a scenario."""
        return {"time": self.at_s, "do": self.verb.word, **asdict(self.verb)}  # type: ignore[call-overload]  # every verb is a dataclass


def chance(scenario: Scenario, seed: int) -> list[Step]:
    """The verbs that this seed draws, some of those that the scenario allows (a swarm)."""
    from node.sim.lab.verbs import VERBS

    stream, chaos = dice(seed, "schedule"), scenario.chaos
    if not chaos.times:
        return []
    some = stream.sample(chaos.verbs, stream.randint(1, len(chaos.verbs)))
    names = list(scenario.nodes)
    steps = []
    for _ in range(chaos.times):
        at_s = round(stream.uniform(GREETING_S, scenario.faults_s), 3)
        steps.append(Step(at_s, VERBS[stream.choice(some)].draw(stream, names)))
    return steps


def ordered(steps: list[Step]) -> list[Step]:
    """By time; what comes together stays in the order given."""
    return sorted(steps, key=lambda one: one.at_s)
