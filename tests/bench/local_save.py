"""Local saves while a full ingest runs: request to durable, as a medic's screen would ask for it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from conflict.identity import DocumentKind, new_document
from conflict.statement import Draft
from node.app import open_desk
from node.config import load
from node.demo.stage import stage
from node.desk import Save
from node.remote_desk import RemoteDesk
from node.sim import bench_charts

IDLE_SAVES = 200
SAVE_EVERY_S = 0.03


def measure(charts: int) -> dict[str, Any]:
    """Latencies in milliseconds: idle, and while `charts` charts come in from a peer."""
    with (
        tempfile.TemporaryDirectory(prefix="aidstation-bench-") as root,
        stage(Path(root), ("garrison", "alpha")) as actors,
    ):
        source, sink = actors["garrison"], actors["alpha"]
        with open_desk(source.home, load(source.home).settings) as desk:
            desk.import_saves(
                Save(document, drafts)
                for document, changes in bench_charts(1, charts)
                for drafts in changes
            )
        source.start()
        sink.start()
        sink.desk.pause(paused=True)
        idle = [_save(sink.desk, number) for number in range(IDLE_SAVES)]
        sink.desk.pause(paused=False)
        busy = []
        while True:
            busy.append(_save(sink.desk, len(busy)))
            if len(busy) % 20 == 0:
                status = sink.desk.status()
                if status["documents"] >= charts and not status["waiting"]:
                    break
            time.sleep(SAVE_EVERY_S)  # the pace of whoever writes
        return {"charts": charts, **_figures("idle", idle), **_figures("ingest", busy)}


def _save(desk: RemoteDesk, number: int) -> float:
    """Twenty casualties in turn, so that lanes grow as they do in care."""
    document = new_document(DocumentKind.EPISODE, (number % 20).to_bytes(15, "big"))
    draft = Draft(slot="vitals", value={"pulse": 60 + number % 90}, by="bench")
    began = time.perf_counter()
    desk.save([Save(document, (draft,))])
    return (time.perf_counter() - began) * 1e3


def _figures(name: str, times: list[float]) -> dict[str, Any]:
    ordered = sorted(times)
    return {
        f"{name}_saves": len(ordered),
        f"{name}_ms_p50": round(ordered[len(ordered) // 2], 1),
        f"{name}_ms_p95": round(ordered[int(len(ordered) * 0.95)], 1),
        f"{name}_ms_max": round(ordered[-1], 1),
    }
