"""Document workers: the only processes that open foreign lanes. DESIGN §3, *Automerge behind glass*.

A worker admits lanes and folds their document under a memory limit and a kill timer that counts its own
processor time, so that a busy machine refuses nobody. It answers document by document: what was under
way when it died is to blame, is opened lane by lane, and costs the others nothing. What comes back is
JSON, never a pickle: a worker is not trusted.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import queue
import resource
import signal
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NamedTuple, Protocol

import orjson

from conflict.branches import spread
from conflict.document import UNREADABLE, Entry, admit
from conflict.errors import LaneRefused
from conflict.fold import Catalogue
from conflict.identity import ActorId
from conflict.slot import CATALOGUE
from conflict.statement import Json
from conflict.urgency import lane_urgency
from node.opened import LaneVerdict, Opened, decoded, encoded
from node.presenting import present
from storage.shapes import DocumentWork, LaneWork

MEMORY_BYTES_MAX = 768 << 20  # beside what a worker starts with: an honest lane of 30 MB takes 700
CPU_S = 0.5  # that opening any document may take, and so much more for what came to be opened ...
CPU_S_PER_CHANGE = 0.001
CPU_S_PER_BYTE = 0.3 / (1 << 20)
CPU_S_PER_ENTRY = (
    0.0002  # ... and for each statement that it had: five to ten times what honest ones take
)
HANG_S_MAX = 20.0  # without a word, and ten times what it may compute: it waits for something
ANSWER_BYTES_MAX = MEMORY_BYTES_MAX
START_S_MAX = 60.0
REAP_S_MAX = 5.0
NICENESS = 5  # holding what comes in and local saves get the processor first
KILLED = "worker-killed"
FAULT = "worker-fault"


class _Death(NamedTuple):
    """How a worker ended at work. `timed`: for its time, which is never somebody else's doing."""

    detail: str
    timed: bool


class Workers(Protocol):
    """Opens foreign lanes somewhere safe, from any thread."""

    @property
    def width(self) -> int:
        """Batches that are opened side by side; further ones wait."""
        ...

    def prepare(self) -> None:
        """Start what must run before the first batch; without it the first batch waits for that."""
        ...

    def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        """In the order given. Never raises for what is in a lane."""
        ...

    def close(self) -> None:
        """Let go of processes."""
        ...


def open_document(work: DocumentWork, catalogue: Catalogue = CATALOGUE) -> Opened:
    """Admit every lane that awaits it, then fold all admitted lanes of the document."""
    entries: dict[ActorId, tuple[Entry, ...]] = dict(work.entries)
    verdicts = []
    for lane in work.lanes:
        verdict = _verdict(lane, work.actors.get(lane.actor, lane.actor), catalogue)
        verdicts.append(verdict)
        if not verdict.code:
            entries[lane.actor] = verdict.entries
    row = present(work.document, spread(entries, work.actors), catalogue)
    awaited = {lane.actor for lane in work.lanes}
    earlier = tuple(
        (actor, lane_urgency(known, catalogue))
        for actor, known in work.entries.items()
        if actor not in awaited
    )
    return Opened(work.document, tuple(verdicts), row, earlier)


def _verdict(lane: LaneWork, actor: ActorId, catalogue: Catalogue) -> LaneVerdict:
    length = len(lane.changes)
    try:
        admitted = admit(actor, lane.changes, lane.known)
        if lane.shown is not None and lane.shown < length:
            shown = admit(actor, lane.changes[: lane.shown]).entries if lane.shown else ()
            admitted = admitted._replace(entries=shown)
    except LaneRefused as fault:
        return LaneVerdict(lane.actor, length, (), fault.code, str(fault))
    urgency = lane_urgency(admitted.entries, catalogue)
    return LaneVerdict(lane.actor, length, admitted.entries, "", "", urgency)


class InlineWorkers:
    """The same function in this process: for tests, the simulator, and lanes we trust."""

    width = 1

    def __init__(self, catalogue: Catalogue = CATALOGUE) -> None:
        self._catalogue = catalogue

    def prepare(self) -> None:
        """Nothing to start."""

    def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        """See `Workers`."""
        return [open_document(work, self._catalogue) for work in batch]

    def close(self) -> None:
        """Nothing to let go of."""


class ProcessWorkers:
    """One child process at a time, replaced when it dies."""

    width = 1

    def __init__(self, *, cpu_s: float = CPU_S, hang_s_max: float = HANG_S_MAX) -> None:
        self._cpu_s, self._hang_s_max = cpu_s, hang_s_max
        self._turn = threading.Lock()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        self._process: ForkServerProcess | None = None
        self._pipe: Connection[Json, Json] | None = None
        self.kills = 0
        """Workers that died or were killed at work."""

    def prepare(self) -> None:
        """Start the child."""
        with self._turn, contextlib.suppress(EOFError, OSError):  # the first batch tries again
            self._ready()

    def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        """See `Workers`."""
        with self._turn:
            return self._open(batch)

    def _open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        found: list[Opened] = []
        while due := batch[len(found) :]:
            answered, death = self._ask(due)
            found += answered
            if death is not None:
                found.append(self._blamed(due[len(answered)], death))
        if any(lane.code == UNREADABLE for one in found for lane in one.lanes):
            self.close()  # after a panic a worker may no longer be sound
        return found

    def close(self) -> None:
        """End the child."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def _blamed(self, work: DocumentWork, death: _Death) -> Opened:
        """The document under way when its worker died: find the lane, keep what the others show."""
        if not death.timed:  # it may have been anybody's doing: the kernel's for want of memory
            answered, again = self._ask([work])
            if again is None:
                return answered[0]
            death = again
        if len(work.lanes) <= 1:
            lanes = (
                LaneVerdict(lane.actor, len(lane.changes), (), KILLED, death.detail)
                for lane in work.lanes
            )
            return Opened(work.document, tuple(lanes), None)
        verdicts: list[LaneVerdict] = []
        row = None
        entries: dict[ActorId, tuple[Entry, ...]] = dict(work.entries)
        for lane in work.lanes:
            opened = self._open([work._replace(lanes=(lane,), entries=entries)])[0]
            verdicts.extend(opened.lanes)
            row = opened.row or row
            entries.update({one.actor: one.entries for one in opened.lanes if not one.code})
        return Opened(work.document, tuple(verdicts), row)

    def _ask(self, batch: Sequence[DocumentWork]) -> tuple[list[Opened], _Death | None]:
        """What was answered, and how the worker died or was ended if that is not all."""
        answered: list[Opened] = []
        hung = False
        try:
            pipe = self._ready()
            pipe.send([tuple(work) for work in batch])
            for work in batch:
                if hung := not pipe.poll(self._hang_s_max + 10 * _cpu_s(self._cpu_s, work)):
                    break
                one = decoded(orjson.loads(pipe.recv_bytes(ANSWER_BYTES_MAX)))
                if one.document != work.document:
                    break
                answered.append(one)
        except (EOFError, OSError, ValueError, KeyError, TypeError):
            pass  # dead, or no longer sane: either way it is replaced
        if len(answered) == len(batch):
            return answered, None
        self.kills += 1
        return answered, self._end(hung=hung)

    def _end(self, *, hung: bool) -> _Death:
        """Replace the child at the next batch; how the present one ended."""
        process = self._process
        if process is not None:
            process.join(0 if hung else REAP_S_MAX)
        code = process.exitcode if process is not None else None
        self.close()
        if hung:
            return _Death(f"opening it brought no word for {self._hang_s_max:.0f} s", timed=True)
        if code == -signal.SIGPROF:
            return _Death("opening it took more processor time than any lane may", timed=True)
        most = MEMORY_BYTES_MAX >> 20
        cause = f"opening it ended its worker twice (status {code}); more than {most} MiB does that"
        return _Death(cause, timed=False)

    def _ready(self) -> Connection[Json, Json]:
        if self._pipe is None or self._process is None or not self._process.is_alive():
            self.close()
            self._pipe, child = self._context.Pipe()
            self._process = self._context.Process(
                target=_serve, args=(child, self._cpu_s), daemon=True
            )
            self._process.start()
            child.close()
            if not self._pipe.poll(START_S_MAX):  # a slow start is no lane's fault
                raise EOFError
            self._pipe.recv_bytes()
        return self._pipe


class WorkerPool:
    """Several document workers side by side; a batch goes to the one that was free last."""

    def __init__(self, count: int) -> None:
        self.width = count
        self._workers = [ProcessWorkers() for _ in range(count)]
        self._free: queue.LifoQueue[ProcessWorkers] = queue.LifoQueue()
        for one in self._workers:
            self._free.put(one)

    def prepare(self) -> None:
        """Start every worker."""
        for one in self._workers:
            one.prepare()

    def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        """See `Workers`."""
        worker = self._free.get()
        try:
            return worker.open(batch)
        finally:
            self._free.put(worker)

    def close(self) -> None:
        """End every worker."""
        for one in self._workers:
            one.close()


def _serve(pipe: Connection[Json, Json], cpu_s: float) -> None:
    """The child: limits first, then one batch after another until the parent goes."""
    most = _mapped_bytes() + MEMORY_BYTES_MAX
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a panic's text may quote a record
    os.nice(NICENESS)
    gc.freeze()  # the catalogue and all modules: nothing of it is ever garbage
    pipe.send_bytes(b"ready")
    while True:
        try:
            batch = pipe.recv()
        except EOFError:
            return
        for work in map(DocumentWork._make, batch):
            signal.setitimer(signal.ITIMER_PROF, _cpu_s(cpu_s, work))  # the signal ends the process
            answer = orjson.dumps(encoded(_contained(work)))
            signal.setitimer(signal.ITIMER_PROF, 0)
            pipe.send_bytes(answer)


def _mapped_bytes() -> int:
    """Address space of this process: mostly libraries, nothing of any lane."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0  # no Linux: libraries count too


def _cpu_s(least: float, work: DocumentWork) -> float:
    """Processor time that a document may take: it follows from its size."""
    changes = sum(len(lane.changes) for lane in work.lanes)
    size = sum(len(raw) for lane in work.lanes for raw in lane.changes)
    entries = sum(map(len, work.entries.values()))
    beside = CPU_S_PER_CHANGE * changes + CPU_S_PER_BYTE * size + CPU_S_PER_ENTRY * entries
    return least + beside


def _contained(work: DocumentWork) -> Opened:
    """`open_document`, with a fault of our own turned into a refusal that names its type."""
    try:
        return open_document(work)
    except Exception as fault:  # noqa: BLE001  one document must not stop the others
        detail = f"{type(fault).__name__} while opening"
        verdicts = [
            LaneVerdict(lane.actor, len(lane.changes), (), FAULT, detail) for lane in work.lanes
        ]
        return Opened(work.document, tuple(verdicts), None)
