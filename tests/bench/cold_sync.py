"""Cold sync, idle check and ten changed charts between two real nodes, as figures from one run.

Run with `make bench`. Two `aidstation run` processes on loopback; the receiver signs, verifies,
admits in its document worker, projects, and acknowledges. Seconds are wall time on whatever this
machine was doing: read them with the spread, bytes as exact.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from node.app import open_desk
from node.config import load
from node.demo.stage import Actor, stage
from node.desk import Save
from node.sim import bench_charts
from tests.bench.watching import Peaks, watched

SYNC_S_MAX = 600.0
POLL_S = 0.1
CHANGED = 10


def measure(charts: int, *, seed: int = 1) -> dict[str, Any]:
    """All figures for one size."""
    with (
        tempfile.TemporaryDirectory(prefix="aidstation-bench-") as root,
        stage(Path(root), ("garrison", "alpha")) as actors,
    ):
        source, sink = actors["garrison"], actors["alpha"]
        written = _populate(source, charts, seed)
        source.start()
        figures: dict[str, Any] = {"charts": charts, **written}
        figures |= _cold(source, sink)
        figures |= _idle(sink)
        figures |= _changed(source, sink, charts, seed)
        return figures


def _populate(source: Actor, charts: int, seed: int) -> dict[str, Any]:
    began = time.perf_counter()
    with open_desk(source.home, load(source.home).settings) as desk:
        saves = (
            Save(document, drafts)
            for document, changes in bench_charts(seed, charts)
            for drafts in changes
        )
        ids = desk.import_saves(saves)
    return {
        "changes": len(ids),
        "statements": sum(map(len, ids)),
        "written_s": round(time.perf_counter() - began, 2),
    }


def _cold(source: Actor, sink: Actor) -> dict[str, Any]:
    """From the moment that the empty node is told to sync, both processes long up."""
    target = source.desk.status()
    source.desk.pause(paused=True)
    sink.start()
    sink.desk.pause(paused=True)
    source.desk.pause(paused=False)
    held_s = None
    assert sink.process is not None
    peaks = Peaks(psutil.Process(sink.process.pid))
    with watched(peaks.look, POLL_S), ThreadPoolExecutor(1) as asking:
        began = time.perf_counter()
        sink.desk.pause(paused=False)
        asked = asking.submit(sink.desk.sync, "garrison", SYNC_S_MAX)
        while True:
            if asked.done():
                asked.result()  # a sync that failed ends the run now
            status = sink.desk.status()
            now = time.perf_counter() - began
            if held_s is None and status["digest"] == target["digest"]:
                held_s = now
            if held_s is not None and not status["waiting"]:
                break
            assert now < SYNC_S_MAX, f"no convergence: {status}"
            time.sleep(POLL_S)  # another process: it tells nobody when it has shown the last one
        asked.result()
    status = sink.desk.status()
    assert status["statements"] == target["statements"]
    assert not status["refused"]
    return {
        "cold_held_s": round(held_s, 2),
        "cold_shown_s": round(now, 2),
        "changes_per_s": round(target["changes"] / now),
        "bytes_in": status["bytes_in"],
        "bytes_out": status["bytes_out"],
        "bytes_per_statement": round(status["bytes_in"] / target["statements"], 1),
        "sink_node_mb": round(peaks.node / 1e6),
        "sink_worker_mb": round(peaks.worker / 1e6),
    }


def _idle(sink: Actor) -> dict[str, Any]:
    before = sink.desk.status()
    times = []
    for _ in range(20):
        began = time.perf_counter()
        assert sink.desk.sync("garrison", 30)["equal"]
        times.append(time.perf_counter() - began)
    after = sink.desk.status()
    return {
        "idle_bytes_out": (after["bytes_out"] - before["bytes_out"]) / 20,
        "idle_bytes_in": (after["bytes_in"] - before["bytes_in"]) / 20,
        "idle_ms_median": round(sorted(times)[10] * 1e3, 2),
    }


def _changed(source: Actor, sink: Actor, charts: int, seed: int) -> dict[str, Any]:
    """Ten charts changed while the link was down."""
    sink.desk.pause(paused=True)
    changed = [
        Save(document, changes[5])
        for number, (document, changes) in enumerate(bench_charts(seed, charts))
        if number % (charts // CHANGED) == 0
    ]
    source.desk.import_saves(changed)
    target = source.desk.status()["digest"]
    before = sink.desk.status()
    sink.desk.pause(paused=False)
    began = time.perf_counter()
    sink.desk.sync("garrison", SYNC_S_MAX)
    seconds = time.perf_counter() - began
    assert sink.desk.status()["digest"] == target
    after = sink.desk.status()
    return {
        "changed_charts": len(changed),
        "changed_s": round(seconds, 2),
        "changed_bytes_in": after["bytes_in"] - before["bytes_in"],
        "changed_bytes_out": after["bytes_out"] - before["bytes_out"],
    }
