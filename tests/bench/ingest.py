"""From content received to shown, without a network: where the processor time of a cold sync goes.

One process is the receiver of a cold sync from the payload of a CONTENT message on: unpack, check,
verify, hold, admit in document workers, fold, save, in an encrypted store as field nodes have it, then in
a plain one. What the session does besides, receipts and TLS are not in it. Charts are written once a run
and read back from a file.
Processor seconds are exact to a few percent on a busy machine, wall seconds are not.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import psutil

from conflict.change import read_header
from conflict.clock import HybridClock
from conflict.document import LaneWriter, admit
from conflict.fold import fold
from conflict.identity import ActorId, DocumentId, Lane, NodeId, actor_id
from conflict.lane import LaneRun
from conflict.signature import SigningKey, lane_message
from node.app import now_ms
from node.engine import Engine
from node.opened import Opened
from node.presenting import present
from node.settings import WorkersSettings
from node.sim import bench_charts
from node.workers import WorkerPool
from storage import SqlStore
from storage.framing import frame
from storage.shapes import DocumentWork
from sync.effects import Hold, HoldDone
from sync.limits import CONTENT_RAW_BYTES, WINDOW_BYTES
from sync.packing import pack
from sync.payload import read_payload
from sync.receipts import vet
from tests.bench.payload_runs import signed_in
from tests.bench.watching import Peaks, watched
from tests.keyring import ConfiguredKeys

PEER = SigningKey.from_entropy(random.Random("bench peer").randbytes(48))
NONCE = bytes(16)
IN_FLIGHT = WINDOW_BYTES // CONTENT_RAW_BYTES
SAMPLE = 500
IDLE_S_MAX = 1200.0
LOOK_EVERY_S = 0.25


def measure(charts: int, *, key: bytes | None, seed: int = 1) -> dict[str, Any]:
    """All figures for one size; `key`: of the store, None: a plain one."""
    with tempfile.TemporaryDirectory(prefix="aidstation-bench-") as root:
        content = Path(root) / "content"
        began = time.process_time()
        changes = prepare(content, charts, seed)
        prepared = time.process_time() - began
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as receiver:
            figures = receiver.submit(receive, Path(root), key).result()
            opening = receiver.submit(opening_us, content).result()
        wall = figures["wall_s"]
        return {
            "charts": charts,
            "store": "encrypted" if key else "plain",
            "changes": changes,
            "written_cpu_s": round(prepared, 2),
            **figures,
            "changes_per_s": round(changes / wall),
            **opening,
        }


# What a peer would send ---------------------------------------------------------------------------


def prepare(path: Path, charts: int, seed: int) -> int:
    """Signed runs in frames of the size that content has on the wire; how many changes they hold."""
    clock = HybridClock()
    actor = actor_id(PEER.node, NONCE)
    changes = size = 0
    waiting: list[LaneRun] = []
    with path.open("wb") as file:
        for document, saves in bench_charts(seed, charts):
            writer = LaneWriter(actor)
            raws = [
                writer.write([(signed_in(draft), clock.tick(now_ms())) for draft in save]).raw
                for save in saves
            ]
            waiting.append(_signed(Lane(document, actor), raws))
            changes += len(raws)
            size += sum(map(len, raws))
            if size >= CONTENT_RAW_BYTES:
                file.write(frame([pack(waiting)]))
                waiting, size = [], 0
        if waiting:
            file.write(frame([pack(waiting)]))
    return changes


def _signed(lane: Lane, raws: Sequence[bytes]) -> LaneRun:
    head = read_header(raws[-1]).hash
    unsigned = LaneRun(
        lane=lane,
        author=PEER.node,
        nonce=NONCE,
        first_seq=1,
        changes=tuple(raws),
        head=head,
        signature=None,
    )
    return replace(unsigned, signature=PEER.sign(lane_message(unsigned)))


def payloads(path: Path) -> Iterator[bytes]:
    """What CONTENT messages carry, one in memory at a time."""
    with path.open("rb") as file:
        while length := file.read(4):
            yield file.read(int.from_bytes(length, "big"))


def unpacked(payload: bytes) -> tuple[LaneRun, ...]:
    """Its runs."""
    runs = tuple(run for run in read_payload(payload).runs({}) if run is not None)
    assert runs
    return runs


# The receiver ---------------------------------------------------------------------------------------


class Stages:
    """Processor seconds by stage, of whatever thread went through it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._adding = threading.Lock()

    def add(self, name: str, seconds: float) -> None:
        """Count."""
        with self._adding:
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Count the block."""
        began = time.thread_time()
        yield
        self.add(name, time.thread_time() - began)


class TimedStore(SqlStore):
    """A store that counts: reading work, transactions that hold, transactions that show."""

    stages: Stages

    def work(self, limit: int, skip: Collection[DocumentId] = ()) -> list[DocumentWork]:
        """See `Store.work`."""
        with self.stages.of("work"):
            return super().work(limit, skip)

    @contextmanager
    def write(self) -> Iterator[Any]:
        """See `Store.write`."""
        began = time.thread_time()
        with super().write() as transaction:
            noted = _Noted(transaction)
            yield noted
        self.stages.add(noted.stage, time.thread_time() - began)


class TimedKeys(ConfiguredKeys):
    """Keys that count what checking signatures costs."""

    def __init__(self, stages: Stages) -> None:
        super().__init__([PEER.public])
        self._stages = stages

    def verifies(self, node: NodeId, message: bytes, signature: bytes) -> bool | None:
        """See `Keyring`."""
        with self._stages.of("signatures"):
            return super().verifies(node, message, signature)


class TimedPool(WorkerPool):
    """Workers that count what the node's own process spends on a batch."""

    stages: Stages

    def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        """See `Workers`."""
        with self.stages.of("wire"):
            return super().open(batch)


class _Noted:
    """A transaction that remembers whether it held anything."""

    def __init__(self, transaction: Any) -> None:
        self._transaction = transaction
        self.stage = "save"

    def __getattr__(self, name: str) -> Any:
        if name == "hold":
            self.stage = "hold"
        return getattr(self._transaction, name)


def receive(root: Path, key: bytes | None = None) -> dict[str, Any]:
    """Everything in `root`/content, held and shown by a node with an empty store."""
    stages = Stages()
    store = TimedStore.open(root / "store.sqlite", entropy=bytes(16), key=key)
    store.stages = stages
    pool = TimedPool(WorkersSettings().count)
    pool.stages = stages
    pool.prepare()
    engine = Engine(
        key=SigningKey.from_entropy(random.Random("bench receiver").randbytes(48)),
        store=store,
        workers=pool,
        now_ms=now_ms,
        entropy=os.urandom,
    )
    gc.freeze()  # as a node does that has started
    process = psutil.Process()
    peaks, yardsticks = Peaks(process), list[float]()

    def look() -> None:
        with stages.of("bench"):
            peaks.look()
            yardsticks.append(_yardstick())

    with watched(look, LOOK_EVERY_S):
        before, workers_before = time.process_time(), _workers_s(process)
        began = time.perf_counter()
        _feed(engine, root / "content", stages)
        held = time.perf_counter() - began
        assert engine.projector.wait_idle(IDLE_S_MAX), engine.projector.failed
        wall = time.perf_counter() - began
        node = time.process_time() - before - stages.seconds.pop("bench")
        signatures = stages.seconds.pop("signatures")  # within vet
        workers = _workers_s(process) - workers_before
    counts = store.counts()
    assert not counts.waiting
    assert not counts.refused
    engine.close()
    named = {f"{name}_cpu_s": round(stages.seconds[name], 2) for name in sorted(stages.seconds)}
    return {
        "wall_s": round(wall, 2),
        "held_s": round(held, 2),
        "cpu_s": round(node + workers, 2),
        "node_cpu_s": round(node, 2),
        "signatures_cpu_s": round(signatures, 3),
        **named,
        "node_other_cpu_s": round(node - sum(stages.seconds.values()), 2),
        "workers_cpu_s": round(workers, 2),
        "node_mb": round(peaks.node / 1e6),
        "worker_mb": round(peaks.worker / 1e6),
        "yardstick_ms": round(sorted(yardsticks)[len(yardsticks) // 2] * 1e3, 2),
        "store_mb": round(sum(one.stat().st_size for one in root.glob("store*")) / 1e6),
    }


def _workers_s(process: psutil.Process) -> float:
    """Processor seconds of the processes that open documents: children that have none."""
    children = process.children(recursive=True)
    return sum(sum(one.cpu_times()[:2]) for one in children if not one.children())


def _feed(engine: Engine, content: Path, stages: Stages) -> None:
    """As a session would: checked runs, a window of frames not yet durable."""
    keyring = TimedKeys(stages)
    waiting: deque[Future[HoldDone]] = deque()
    frames = payloads(content)
    for number in count():
        with stages.of("bench"):
            payload = next(frames, None)
        if payload is None:
            break
        with stages.of("unpack"):
            runs = unpacked(payload)
        with stages.of("vet"):
            assert all(vet(run, keyring) is None for run in runs)
        waiting.append(engine.hold(Hold(number, PEER.node, runs, ())))
        if len(waiting) >= IN_FLIGHT:
            waiting.popleft().result()
    for one in waiting:
        one.result()


def _yardstick() -> float:
    """Processor seconds of a fixed piece of work: other load makes every second count for less."""
    began = time.thread_time()
    found = {str(number): [number] for number in range(3000)}
    assert len(found) == 3000
    return time.thread_time() - began


# Inside a worker -----------------------------------------------------------------------------------


def opening_us(content: Path) -> dict[str, Any]:
    """Microseconds of processor time a document, of each step of opening it, one after the other."""
    runs = [
        run
        for _, payload in zip(range(SAMPLE), payloads(content), strict=False)
        for run in unpacked(payload)
    ][:SAMPLE]
    admitted = _each("admit", lambda run: admit(run.lane.actor, run.changes).entries, runs)
    entries: list[dict[ActorId, Any]] = [
        {run.lane.actor: found} for run, found in zip(runs, admitted[1], strict=True)
    ]
    pairs = [(run.lane.document, one) for run, one in zip(runs, entries, strict=True)]
    folded = _each("fold", lambda pair: fold(*pair), pairs)
    shown = _each("fold_and_row", lambda pair: present(*pair), pairs)
    return {"opened_documents": len(runs), **admitted[0], **folded[0], **shown[0]}


def _each(
    name: str, step: Callable[[Any], Any], items: Sequence[Any]
) -> tuple[dict[str, int], list[Any]]:
    began = time.process_time()
    found = [step(one) for one in items]
    spent = time.process_time() - began
    return {f"{name}_us": round(spent / len(items) * 1e6)}, found


if __name__ == "__main__":
    print(
        orjson.dumps(
            measure(int(sys.argv[1]), key=os.urandom(32)), option=orjson.OPT_INDENT_2
        ).decode()
    )
