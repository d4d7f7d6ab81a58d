"""The work that every peer is given: the same charts, written in the same 11 steps.

A chart is an episode of `node.sim.bench_charts`. The sender performs all 11 writes before the sync;
what travels of them is each peer's own affair. Later one statement more is added to ten charts on
each side, never to the same one. Peers get slot, time, author and value of a statement; record
stamps, lanes and signatures are our node's own and are not asked of others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from conflict.statement import Draft
from node.desk import Save
from node.sim import bench_charts
from node.sim.bench_charts import Chart

SEED = 1
CHANGED = 10
CHARTS_MIN = 2 * CHANGED
STEP_REPEATED = 5


@dataclass(frozen=True, slots=True)
class Edits:
    """What the two sides write while they are apart."""

    source: tuple[Save, ...]
    sink: tuple[Save, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """All charts of one size."""

    charts: tuple[Chart, ...]

    @property
    def edits(self) -> Edits:
        """Ten charts for each side, spread over all; one statement more in each."""
        chosen = self.charts[:: len(self.charts) // CHARTS_MIN][:CHARTS_MIN]
        saves = tuple(Save(document, steps[STEP_REPEATED]) for document, steps in chosen)
        return Edits(source=saves[::2], sink=saves[1::2])

    def export(self, path: Path) -> None:
        """One JSON object a line: `{"id": hex, "steps": [[statement, ...], ...]}`."""
        with path.open("wb") as out:
            for document, steps in self.charts:
                told = [plain_statements(step) for step in steps]
                out.write(orjson.dumps({"id": document.hex(), "steps": told}) + b"\n")


def workload(charts: int) -> Workload:
    """The charts of one size. Raises `ValueError` below `CHARTS_MIN`."""
    if charts < CHARTS_MIN:
        raise ValueError(f"at least {CHARTS_MIN} charts: ten change on each side")
    return Workload(tuple(bench_charts(SEED, charts)))


def plain_edits(saves: Iterable[Save]) -> list[dict[str, Any]]:
    """`[{"id": hex, "statements": [...]}, ...]`."""
    return [{"id": one.document.hex(), "statements": plain_statements(one.drafts)} for one in saves]


def plain_statements(drafts: Iterable[Draft]) -> list[dict[str, Any]]:
    """Statements as a program without our record would keep them."""
    return [{"slot": one.slot, "at": one.at, "by": one.by, "value": one.value} for one in drafts]
