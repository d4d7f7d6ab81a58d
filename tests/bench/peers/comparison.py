"""The comparison: every system does the same work over the same link, and each row is a ratio.

First: the empty sink receives every chart. Check: both equal, still connected, prove it (ours
only). Idle: both equal, connect again and know it. Changed: ten charts on each side while apart.
Equality is verified from outside after each step.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from node.errors import NodeError
from tests.bench.peers.aidstation_nodes import AidstationNodes
from tests.bench.peers.counted_link import CountedLink
from tests.bench.peers.pairs import Pair, System, Unavailable, systems
from tests.bench.peers.programs import PeerFailed
from tests.bench.peers.workload import Workload, workload

ROUND_TRIPS_S = (0.0, 0.05)
REPEAT = 3
FIRST, CHECK, IDLE, CHANGED = "first", "check", "idle", "changed"
OURS = AidstationNodes().name
PHASES = (FIRST, CHECK, IDLE, CHANGED)

MEDIANS = ("bytes_out", "bytes_back", "connections", "round_trips", "source_mb", "sink_mb")
RATIOS = ("seconds", "bytes", "round_trips", "sink_mb")

Figures = dict[str, float]
Row = dict[str, Any]


def measure(
    charts: int,
    *,
    repeat: int = REPEAT,
    only: Sequence[str] = (),
    delays_s: Sequence[float] = ROUND_TRIPS_S,
) -> dict[str, Any]:
    """All figures for one size: `{"charts", "rows": [...], "left_out": {system: why}}`.

    A row is one system, round trip and phase: median, least and most seconds; median bytes, round
    trips and connections; peak memory of both sides in MB, after the first phase only; `ours_*`:
    our figure divided by its own (below 1: ours is less), where ours ran too.
    """
    work = workload(charts)
    rows: list[Row] = []
    left_out: dict[str, str] = {}
    for system in systems():
        if only and system.name not in only:
            continue
        if system.charts_max is not None and charts > system.charts_max:
            left_out[system.name] = "not asked of it: known not to be over in 240 s"
            continue
        try:
            rows += _measured(system, work, repeat, delays_s)
        except Unavailable as fault:
            left_out[system.name] = str(fault)
        except (PeerFailed, NodeError) as fault:
            left_out[system.name] = f"it failed: {fault}"
    return {"charts": charts, "rows": with_ratios(rows), "left_out": left_out}


def _measured(system: System, work: Workload, repeat: int, delays_s: Sequence[float]) -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="aidstation-peers-") as root:
        prepared = Path(root) / "prepared"
        prepared.mkdir()
        system.prepare(prepared, work)
        for delay_s in delays_s:
            told = f"{system.name}: {len(work.charts):,} charts, {delay_s * 1e3:.0f} ms"
            print(f"{told}, {repeat} times ...", file=sys.stderr, flush=True)
            runs = [_run(system, work, prepared, delay_s) for _ in range(repeat)]
            for phase in PHASES:
                if all(phase in run for run in runs):
                    about = {"system": system.name, "charts": len(work.charts), "phase": phase}
                    about["round_trip_ms"] = round(delay_s * 1e3)
                    rows.append(about | _row([run[phase] for run in runs]))
    return rows


def _run(system: System, work: Workload, prepared: Path, delay_s: float) -> dict[str, Figures]:
    with (
        tempfile.TemporaryDirectory(dir=prepared.parent) as folder,
        CountedLink(round_trip_s=delay_s) as link,
        system.pair(prepared, Path(folder), link) as pair,
    ):
        found = {FIRST: _timed(pair, link, pair.receive)}
        found[FIRST] |= dict(zip(("source_mb", "sink_mb"), pair.peaks_mb(), strict=True))
        pair.settle()
        if pair.checks_kept:
            found[CHECK] = _timed(pair, link, pair.check)
        pair.part()
        found[IDLE] = _timed(pair, link, pair.meet)
        pair.part()
        pair.change(work)
        found[CHANGED] = _timed(pair, link, pair.meet)
    return found


def _timed(pair: Pair, link: CountedLink, step: Callable[[], None]) -> Figures:
    link.settled()
    link.forget()
    began = time.perf_counter()
    step()
    seconds = time.perf_counter() - began
    source, sink = pair.digests()
    if source != sink:
        raise PeerFailed(f"the two sides differ: {source}, {sink}")
    return {"seconds": seconds} | asdict(link.settled())


def _row(runs: Sequence[Figures]) -> Row:
    seconds = sorted(run["seconds"] for run in runs)
    row: Row = {"seconds": round(statistics.median(seconds), 3)}
    row |= {"seconds_least": round(seconds[0], 3), "seconds_most": round(seconds[-1], 3)}
    row["bytes"] = statistics.median(run["bytes_out"] + run["bytes_back"] for run in runs)
    for name in MEDIANS:
        row[name] = statistics.median(run[name] for run in runs) if name in runs[0] else None
    return row


def with_ratios(rows: Sequence[Row]) -> list[Row]:
    """The rows, each with `ours_*`; see `measure`."""
    ours = {_place(row): row for row in rows if row["system"] == OURS}
    return [row | _ratios(ours.get(_place(row)), row) for row in rows]


def _place(row: Row) -> tuple[object, ...]:
    return row["charts"], row["round_trip_ms"], row["phase"]


def _ratios(ours: Row | None, row: Row) -> Row:
    return {
        f"ours_{name}": round(ours[name] / row[name], 3) if ours and row[name] else None
        for name in RATIOS
    }
