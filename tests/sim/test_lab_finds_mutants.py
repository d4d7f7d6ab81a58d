"""The lab finds planted bugs: each by the checker that is there for it, within so many seeds."""

from __future__ import annotations

import pytest

from node.sim.lab.library import find
from node.sim.lab.run import play
from node.sim.lab.scenario import load
from tests.sim.mutants.catalogue import MUTANTS

SEEDS_MAX = 200


def found(name: str) -> tuple[int, set[str]]:
    """The first seed that finds a planted bug, and which checkers did."""
    mutant = MUTANTS[name]
    scenario = load(find(mutant.scenario))
    with mutant.planted():
        for seed in range(1, SEEDS_MAX + 1):
            result = play(scenario, seed, keeps_messages=False)
            if names := {one.name for one in result.failed} & mutant.found_by:
                return seed, names
    return 0, set()


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_planted_bug_is_found(name: str) -> None:
    seed, names = found(name)
    assert seed, f"{name} was not found within {SEEDS_MAX} seeds"
    assert names


def test_every_checker_has_a_mutant_that_it_finds() -> None:
    from node.sim.lab.checkers import CHECKERS

    named = set().union(*(one.found_by for one in MUTANTS.values()))
    assert named == {one.name for one in CHECKERS}
