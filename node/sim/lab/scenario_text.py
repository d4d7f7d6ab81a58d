"""A schedule as a scenario file of its own, which needs no chance: `exact = true`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import tomli_w

from node.sim.lab.verb_tables import values_of

if TYPE_CHECKING:
    from node.sim.lab.schedule import Step


def exact_text(scenario: Path, seed: int, steps: Sequence[Step], about: str) -> str:
    """The scenario of a file with these steps and no others. What is written are pieces of `seed`.

    What the file says of nodes, links, times and work is kept: pieces and streams of chance follow from it.
    """
    found = tomllib.loads(scenario.read_text(encoding="utf-8"))
    found.pop("chaos", None)
    found |= {"about": about, "seed": seed, "exact": True, "at": [values_of(one) for one in steps]}
    if not steps:
        del found["at"]
    return tomli_w.dumps(found)
