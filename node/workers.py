"""Document workers: the only processes that open foreign lanes. DESIGN §3, *Automerge behind glass*.

A worker admits lanes and folds their document under a memory limit and a kill timer. A batch that
dies is run again document by document, so one hostile lane is found and refused and costs the
others nothing. What comes back is JSON, never a pickle: a worker is not trusted.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import queue
import resource
import threading
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import NamedTuple, Protocol

import orjson

from conflict.branches import spread
from conflict.document import UNREADABLE, Entry, admit
from conflict.errors import LaneRefused
from conflict.fold import Catalogue
from conflict.identity import ActorId, DocumentId
from conflict.slot import CATALOGUE
from conflict.statement import Json
from conflict.urgency import ROUTINE_LANE, LaneUrgency, lane_urgency
from node.presenting import present
from storage.shapes import DocumentWork, LaneWork, ProjectionRow

MEMORY_BYTES_MAX = 512 << 20
BATCH_S_MAX = 10.0
DOCUMENT_S_MAX = 2.0
START_S_MAX = 60.0
NICENESS = 5  # holding what comes in and local saves get the processor first
KILLED = "worker-killed"
FAULT = "worker-fault"


class LaneVerdict(NamedTuple):
    """One lane: admitted with all its entries, or refused with a code. `length` in changes."""

    actor: ActorId
    length: int
    entries: tuple[Entry, ...]
    code: str
    detail: str
    urgency: LaneUrgency = ROUTINE_LANE


class Opened(NamedTuple):
    """One document: verdicts on the lanes that awaited one, and the row that shows it.

    `earlier`: how urgent the lanes that were admitted before are, by today's slots.
    """

    document: DocumentId
    lanes: tuple[LaneVerdict, ...]
    row: ProjectionRow | None
    earlier: tuple[tuple[ActorId, LaneUrgency], ...] = ()


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

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        self._process: ForkServerProcess | None = None
        self._pipe: Connection[Json, Json] | None = None

    def prepare(self) -> None:
        """Start the child."""
        with self._turn, contextlib.suppress(EOFError, OSError):  # the first batch tries again
            self._ready()

    def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        """See `Workers`."""
        with self._turn:
            return self._open(batch)

    def _open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        answer = self._ask(batch, BATCH_S_MAX if len(batch) > 1 else DOCUMENT_S_MAX)
        if answer is not None:
            if any(lane.code == UNREADABLE for one in answer for lane in one.lanes):
                self.close()  # after a panic a worker may no longer be sound
            return answer
        if len(batch) == 1:
            return [self._culprit(batch[0])]
        return [self._open([work])[0] for work in batch]

    def close(self) -> None:
        """End the child."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def _culprit(self, work: DocumentWork) -> Opened:
        """A document that kills its worker: find the lane, keep what the others show."""
        if len(work.lanes) == 1:
            detail = f"opening it took over {DOCUMENT_S_MAX:.0f} s or {MEMORY_BYTES_MAX >> 20} MiB"
            lane = work.lanes[0]
            verdict = LaneVerdict(lane.actor, len(lane.changes), (), KILLED, detail)
            return Opened(work.document, (verdict,), None)
        verdicts: list[LaneVerdict] = []
        row = None
        entries: dict[ActorId, tuple[Entry, ...]] = dict(work.entries)
        for lane in work.lanes:
            opened = self._open([work._replace(lanes=(lane,), entries=entries)])[0]
            verdicts.extend(opened.lanes)
            row = opened.row or row
            entries.update({one.actor: one.entries for one in opened.lanes if not one.code})
        return Opened(work.document, tuple(verdicts), row)

    def _ask(self, batch: Sequence[DocumentWork], seconds: float) -> list[Opened] | None:
        """None: the worker died or overran its time; it has been replaced."""
        try:
            pipe = self._ready()
            pipe.send([tuple(work) for work in batch])
            if pipe.poll(seconds):
                answer = list(_decoded(orjson.loads(pipe.recv_bytes())))
                if [one.document for one in answer] == [work.document for work in batch]:
                    return answer
        except (EOFError, OSError, ValueError, KeyError, TypeError):
            pass  # dead, or no longer sane: either way it is replaced below
        self.close()
        return None

    def _ready(self) -> Connection[Json, Json]:
        if self._pipe is None or self._process is None or not self._process.is_alive():
            self.close()
            self._pipe, child = self._context.Pipe()
            self._process = self._context.Process(target=_serve, args=(child,), daemon=True)
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


def _serve(pipe: Connection[Json, Json]) -> None:
    """The child: limits first, then one batch after another until the parent goes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
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
        opened = [_contained(DocumentWork(*work)) for work in batch]
        pipe.send_bytes(orjson.dumps([_encoded(one) for one in opened]))


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


def _encoded(opened: Opened) -> Json:
    row = opened.row
    return {
        "document": opened.document.hex(),
        "lanes": [
            [
                lane.actor.hex(),
                lane.length,
                [part for entry in lane.entries for part in entry],
                lane.code,
                lane.detail,
                [*lane.urgency],
            ]
            for lane in opened.lanes
        ],
        "earlier": [[actor.hex(), [*urgency]] for actor, urgency in opened.earlier],
        "row": row
        and {
            "label": row.label,
            "open": row.open_findings,
            "body": row.body.decode(),
            "links": [one.hex() for one in row.links],
            "members": [one.hex() for one in row.members],
            "blobs": [[name.hex(), size] for name, size in row.blobs],
        },
    }


def _decoded(answer: Json) -> Iterator[Opened]:
    for one in answer:
        document = DocumentId(bytes.fromhex(one["document"]))
        lanes = tuple(
            LaneVerdict(
                ActorId(bytes.fromhex(actor)),
                int(length),
                tuple(map(Entry, flat[::3], flat[1::3], flat[2::3])),
                str(code),
                str(detail),
                _urgency(urgency),
            )
            for actor, length, flat, code, detail, urgency in one["lanes"]
        )
        earlier = tuple(
            (ActorId(bytes.fromhex(actor)), _urgency(urgency)) for actor, urgency in one["earlier"]
        )
        yield Opened(document, lanes, _row(document, one["row"]), earlier)


URGENT_MS_MAX = 1 << 53  # a stamp is hostile input too: what a store can keep, and JSON say


def _urgency(found: Json) -> LaneUrgency:
    urgent_ms, summary = found
    return LaneUrgency(min(max(int(urgent_ms), 0), URGENT_MS_MAX), bool(summary))


def _row(document: DocumentId, row: Mapping[str, Json] | None) -> ProjectionRow | None:
    if row is None:
        return None
    return ProjectionRow(
        document,
        row["label"],
        row["open"],
        row["body"].encode(),
        tuple(DocumentId(bytes.fromhex(one)) for one in row["links"]),
        tuple((bytes.fromhex(name), size) for name, size in row["blobs"]),
        tuple(DocumentId(bytes.fromhex(one)) for one in row["members"]),
    )
