"""Two nodes that meet by a stick: bytes, seconds, and what the way of a bundle adds to its content.

`content` is what CONTENT messages of a session would carry for the same lanes. Run with
`make bench ARGS="--only bundle"`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from node.bundles import files
from node.bundles.exporting import Export
from node.bundles.importing import Import
from node.desk import BundleOrder, Save
from node.sim import bench_charts
from node.workers import WorkerPool
from sync.bundle import Content
from tests.bench.watching import Peaks, watched
from tests.node.bundle_lab import Authority, Member, member

POLL_S = 0.02


def measure(charts: int, *, seed: int = 1) -> dict[str, Any]:
    """All figures for one size."""
    authority = Authority()
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aidstation-bench-")))
        source, sink = (
            stack.enter_context(member(root, authority, name, workers=WorkerPool(2)))
            for name in ("source", "sink")
        )
        source.engine.belonging.add(authority.entries)
        source.engine.save_all(_saves(seed, charts))
        source.engine.projector.wait_idle()
        figures = {"charts": charts} | _there(source, sink, root / "stick.bundle")
        figures |= _back(source, sink, root / "back.bundle")
        return figures


def _saves(seed: int, charts: int) -> Iterator[Save]:
    for document, changes in bench_charts(seed, charts):
        for drafts in changes:
            yield Save(document, drafts)


def _there(source: Member, sink: Member, stick: Path) -> dict[str, Any]:
    parcel = source.parcel(BundleOrder(nodes=(sink.name,)))
    records = Export(source.engine, parcel).records(b"")
    content = sum(len(one.payload) for one in records if isinstance(one, Content))
    peaks = Peaks(psutil.Process())
    base = psutil.Process().memory_info().rss
    with watched(peaks.look, POLL_S):
        began = time.perf_counter()
        size = files.write_whole(stick, Export(source.engine, parcel).sealed())
        export_s = time.perf_counter() - began
        began = time.perf_counter()
        with files.reading(stick) as read:
            found = Import(sink.engine, read).run()
        import_s = time.perf_counter() - began
    assert found["whole"]
    assert source.digest == sink.digest
    statements = found["statements"]
    return {
        "statements": statements,
        "bytes": size,
        "bytes_per_statement": round(size / statements, 1),
        "content_per_statement": round(content / statements, 1),
        "export_s": round(export_s, 2),
        "export_mb_s": round(size / export_s / 1e6, 2),
        "import_shown_s": round(import_s, 2),
        "import_mb_s": round(size / import_s / 1e6, 2),
        "statements_per_s": round(statements / import_s),
        "memory_over_base_mb": round((peaks.node - base) / 1e6),
    }


def _back(source: Member, sink: Member, stick: Path) -> dict[str, Any]:
    """The answer of a node that has nothing of its own, and the same bundle once more."""
    parcel = sink.parcel(BundleOrder(since=source.name))
    answer = files.write_whole(stick, Export(sink.engine, parcel).sealed())
    with files.reading(stick) as read:
        assert Import(source.engine, read).run()["equal"]
    return {"answer_bytes": answer}
