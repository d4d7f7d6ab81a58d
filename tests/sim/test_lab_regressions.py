"""Seeds that once found a bug."""

from __future__ import annotations

import pytest

from node.sim.lab.library import find
from node.sim.lab.run import play
from node.sim.lab.scenario import load


@pytest.mark.parametrize(
    ("scenario", "seed"),
    [
        ("clone-and-restore", 6),  # of two copies of one device one was never heard
        ("clone-and-restore", 57),  # a backup of a machine that was not there yet was put back
    ],
)
def test_what_was_mended_stays_mended(scenario: str, seed: int) -> None:
    assert play(load(find(scenario)), seed, keeps_messages=False).failed == []
