"""Local saves while a full ingest runs: request to durable, as a medic's screen would ask for it.

The node is one as it is in the field: encrypted, audited. What each of both costs is told by `in_turns`:
somebody who is signed in saves the same in four stores in turn, so other load hits all alike.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

from at_rest import KINDS, opened_engine

from conflict.identity import DocumentKind, new_document
from conflict.statement import Draft
from node.acting import Acting, acting_as
from node.app import open_desk
from node.config import load
from node.demo.stage import stage
from node.desk import Save
from node.remote_desk import RemoteDesk
from node.sim import bench_charts
from sync.audit import Action

IDLE_SAVES = 200
TURNS = 400
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
    asked = _asked(number)
    began = time.perf_counter()
    desk.save([asked])
    return (time.perf_counter() - began) * 1e3


def _asked(number: int) -> Save:
    """Twenty casualties in turn, so that lanes grow as they do in care."""
    document = new_document(DocumentKind.EPISODE, (number % 20).to_bytes(15, "big"))
    draft = Draft(slot="vitals", value={"pulse": 60 + number % 90}, at="2026-11-23T06:00:00Z")
    return Save(document, (draft,))


def in_turns() -> list[dict[str, Any]]:
    """A row for each store: processor milliseconds of a save, all threads, and what audit adds to them."""
    who = Acting("SGT Ruiz", "medic", account="ruiz")
    found: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="aidstation-bench-") as root, ExitStack() as stack:
        engines = {
            (kind, audit): stack.enter_context(
                opened_engine(Path(root) / f"{kind}-{audit}.db", key)
            )
            for kind, key in KINDS.items()
            for audit in ("off", "on")
        }
        for number in range(TURNS):
            saves = [_asked(number)]
            for name, engine in engines.items():
                riding = engine.audit.riding(Action.WRITE) if name[1] == "on" else nullcontext()
                began = time.process_time()
                with acting_as(who), riding:
                    engine.save(saves)
                found.setdefault(name, []).append((time.process_time() - began) * 1e3)
                engine.projector.wait_idle()
    return [
        {
            "store": kind,
            "audit": audit,
            "saves": TURNS,
            "save_cpu_ms_mean": round(statistics.mean(times), 2),
            "save_cpu_ms_p50": round(statistics.median(times), 2),
            "save_cpu_ms_p95": round(sorted(times)[int(TURNS * 0.95)], 2),
            "audit_adds_ms_p50": round(_added(times, found[kind, "off"]), 2),
        }
        for (kind, audit), times in found.items()
    ]


def _added(times: list[float], without: list[float]) -> float:
    """Median of the differences, each within its turn."""
    return statistics.median(one - other for one, other in zip(times, without, strict=True))


def _figures(name: str, times: list[float]) -> dict[str, Any]:
    ordered = sorted(times)
    return {
        f"{name}_saves": len(ordered),
        f"{name}_ms_p50": round(ordered[len(ordered) // 2], 1),
        f"{name}_ms_p95": round(ordered[int(len(ordered) * 0.95)], 1),
        f"{name}_ms_max": round(ordered[-1], 1),
    }
