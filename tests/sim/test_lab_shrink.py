"""A schedule that fails is made small: by planted bugs, whose smallest schedules can be told."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from node.sim.dice import dice
from node.sim.lab.library import find
from node.sim.lab.people import Write
from node.sim.lab.run import Result, play, schedule_of
from node.sim.lab.scenario import load
from node.sim.lab.scenario_text import exact_text
from node.sim.lab.schedule import Step
from node.sim.lab.shrink import Shrunk, cut, shrink
from node.sim.lab.toml import Table
from node.sim.lab.verb_tables import step_of, values_of
from node.sim.lab.verbs import VERBS
from tests.sim.mutants.catalogue import MUTANTS

SPLIT = "three-way-split"
NAMES = ("alpha", "bravo", "charlie")


def shrunk(scenario: str, seed: int, tries: int = 1000) -> Shrunk:
    """Of a run that fails."""
    loaded = load(find(scenario))
    found = shrink(loaded, seed, schedule_of(loaded, seed), tries=tries)
    assert isinstance(found, Shrunk)
    return found


def written(found: Shrunk, scenario: str, seed: int, file: Path) -> Path:
    """The file of it."""
    file.write_text(exact_text(find(scenario), seed, found.steps, "Shrunk."))
    return file


@pytest.mark.parametrize(
    ("mutant", "seed", "steps_max"),
    [
        ("full-disk-hidden", 3, 2),  # the disk is full, and somebody writes
        ("last-writer-wins", 1, 2),  # both sides of a contradiction
        ("flush-skipped", 2, 4),  # cut off, two saves, and the power fails
        ("revocation-hides-nothing", 3, 3),  # revoked by who cannot tell the others, and a save
    ],
)
def test_a_planted_bug_is_told_in_few_steps_by_the_same_checker(
    tmp_path: Path, mutant: str, seed: int, steps_max: int
) -> None:
    planted = MUTANTS[mutant]
    with planted.planted():
        before = play(load(find(planted.scenario)), seed, keeps_messages=False)
        found = shrunk(planted.scenario, seed)
        assert found.minimal
        assert len(found.steps) <= steps_max < found.before // 4
        scenario = load(written(found, planted.scenario, seed, tmp_path / "small.toml"))
        again = play(scenario, scenario.seed, keeps_messages=False)
    assert again.failed[0].name == before.failed[0].name == found.verdict.name
    assert again.failed[0].violations == found.verdict.violations
    assert not play(scenario, scenario.seed, keeps_messages=False).failed  # it was the bug's doing


def test_two_shrinks_give_the_same_bytes(tmp_path: Path) -> None:
    with MUTANTS["flush-skipped"].planted():
        files = [
            written(shrunk(SPLIT, 2), SPLIT, 2, tmp_path / f"{name}.toml")
            for name in ("one", "two")
        ]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_no_step_of_the_smallest_can_be_left_out() -> None:
    scenario = load(find(SPLIT))
    with MUTANTS["flush-skipped"].planted():
        found = shrunk(SPLIT, 2)
        for at in range(len(found.steps)):
            rest = found.steps[:at] + found.steps[at + 1 :]
            assert play(scenario, 2, rest, keeps_messages=False).exit_code != found.verdict.code


def test_a_schedule_that_does_not_fail_is_given_back_as_it_is() -> None:
    scenario = load(find(SPLIT))
    found = shrink(scenario, 1, schedule_of(scenario, 1))
    assert isinstance(found, Result)
    assert not found.failed


def test_after_the_last_try_the_smallest_so_far_is_kept() -> None:
    with MUTANTS["flush-skipped"].planted():
        found = shrunk(SPLIT, 2, tries=6)
    assert found.tries == 6
    assert not found.minimal
    assert 4 < len(found.steps) < found.before


def test_ctrl_c_keeps_the_smallest_so_far() -> None:
    scenario = load(find(SPLIT))

    def pressed(tries: int, _steps: int) -> None:
        if tries == 12:
            raise KeyboardInterrupt

    with MUTANTS["flush-skipped"].planted():
        found = shrink(scenario, 2, schedule_of(scenario, 2), told=pressed)
        assert isinstance(found, Shrunk)
        assert found.interrupted
        assert 4 < len(found.steps) < found.before
        assert play(scenario, 2, found.steps, keeps_messages=False).exit_code == found.verdict.code


def drawn(word: str, stream: Random) -> Step:
    """A step with that verb."""
    return Step(round(stream.uniform(0, 900), 3), VERBS[word].draw(stream, NAMES))


@pytest.mark.parametrize("word", sorted(VERBS))
def test_every_verb_reads_back_as_it_was_written(word: str) -> None:
    stream = dice(1, word)
    for _ in range(40):
        step = drawn(word, stream)
        table = Table(Path("x"), "", "at", 0, values_of(step))
        assert step_of(table, dict.fromkeys(NAMES), 1e9) == step


def test_a_whole_schedule_in_a_file_is_the_same_run(tmp_path: Path) -> None:
    scenario = load(find(SPLIT))
    steps = schedule_of(scenario, 4)
    file = tmp_path / "all.toml"
    file.write_text(exact_text(find(SPLIT), 4, steps, "All of it."))
    exact = load(file)
    assert schedule_of(exact, 4) == steps
    assert play(exact, exact.seed).trace.digest == play(scenario, 4).trace.digest


def test_a_piece_that_nobody_dealt_is_not_written() -> None:
    scenario = load(find(SPLIT))
    result = play(scenario, 1, [Step(10, Write("alpha", 10_000))])
    assert any("there is no such piece" in one.detail for one in result.trace.events)


@pytest.mark.parametrize(("length", "parts"), [(1, 1), (7, 2), (7, 3), (7, 7), (100, 8)])
def test_parts_are_the_whole_in_order(length: int, parts: int) -> None:
    found = [at for one in cut(length, parts) for at in range(length)[one]]
    assert found == list(range(length))
