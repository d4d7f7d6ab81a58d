"""The demo as a user starts it: four processes, a partition, a killed node, nothing lost."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from node.demo.stage import aidstation

KEYS = {
    "nodes",
    "converged",
    "documents",
    "statements_written",
    "statements_at_garrison",
    "lost",
    "findings",
    "bytes_on_wire",
    "seconds",
}


def _demo(*options: str) -> dict[str, object]:
    ran = subprocess.run(
        [*aidstation(), "demo", "--json", *options], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    figures: dict[str, object] = json.loads(ran.stdout)
    return figures


def test_the_demo_converges_loses_nothing_and_hides_no_contradiction(tmp_path: Path) -> None:
    figures = _demo("--seed", "11", "--casualties", "7", "--keep", str(tmp_path))
    assert figures.keys() >= KEYS
    assert (figures["nodes"], figures["converged"], figures["lost"]) == (4, True, 0)
    assert figures["statements_at_garrison"] == figures["statements_written"]
    assert figures["contradictions_shown_everywhere"] == figures["contradictions"] == 7
    assert sorted(folder.name for folder in tmp_path.iterdir()) == [
        "alpha",
        "bravo",
        "charlie",
        "garrison",
    ]


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1, 21))
def test_the_demo_ends_well_on_twenty_seeds(seed: int) -> None:
    figures = _demo("--seed", str(seed))
    assert (figures["converged"], figures["lost"]) == (True, 0)
    assert figures["contradictions_shown_everywhere"] == figures["contradictions"]
