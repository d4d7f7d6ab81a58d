"""A run is a pure function of code, scenario and seed: the same bytes of report in any process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.sim.lab.library import find
from node.sim.lab.report import body, to_bytes
from node.sim.lab.run import play
from node.sim.lab.scenario import load

_PROGRAM = """
import sys
from node.sim.lab.library import find
from node.sim.lab.many import quiet
from node.sim.lab.report import body, to_bytes
from node.sim.lab.run import play
from node.sim.lab.scenario import load
quiet()
result = play(load(find(sys.argv[1])), int(sys.argv[2]))
sys.stdout.buffer.write(to_bytes(body(result, sys.argv[1])))
"""
ROOT = Path(__file__).parents[2]


def reported(scenario: str, seed: int, hash_seed: str) -> bytes:
    """The report of a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, scenario, str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    ("scenario", "seed"),
    [("three-way-split", 1), ("three-way-split", 7), ("power-cuts", 2)],  # also with real files
)
def test_two_processes_with_other_hash_seeds_write_the_same_bytes(scenario: str, seed: int) -> None:
    one = reported(scenario, seed, "1")
    assert one == reported(scenario, seed, "4242")
    assert len(one) > 10_000


def test_a_run_leaves_nothing_for_the_next_to_trip_over() -> None:
    scenario = load(find("three-way-split"))
    first = to_bytes(body(play(scenario, 3), "three-way-split"))
    play(scenario, 4)
    assert to_bytes(body(play(scenario, 3), "three-way-split")) == first


def test_another_seed_is_another_run() -> None:
    scenario = load(find("three-way-split"))
    digests = {play(scenario, seed).trace.digest for seed in (1, 2, 3)}
    assert len(digests) == 3
