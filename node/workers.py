"""Document workers: the only processes that open foreign lanes. DESIGN §3, *Automerge behind glass*.

A worker admits lanes and folds their document under a memory limit and a kill timer. A batch that
dies is run again document by document, so one hostile lane is found and refused and costs the
others nothing. What comes back is JSON, never a pickle: a worker is not trusted.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import NamedTuple, Protocol

import orjson

from conflict.document import UNREADABLE, Entry, admit
from conflict.errors import LaneRefused
from conflict.fold import Catalogue
from conflict.identity import ActorId, DocumentId
from conflict.slot import CATALOGUE
from conflict.statement import Json
from node.presenting import present
from storage.shapes import DocumentWork, LaneWork, ProjectionRow

MEMORY_BYTES_MAX = 512 << 20
BATCH_S_MAX = 10.0
DOCUMENT_S_MAX = 2.0
START_S_MAX = 60.0
KILLED = "worker-killed"
FAULT = "worker-fault"


class LaneVerdict(NamedTuple):
    """One lane: admitted with all its entries, or refused with a code. `length` in changes."""

    actor: ActorId
    length: int
    entries: tuple[Entry, ...]
    code: str
    detail: str


class Opened(NamedTuple):
    """One document: verdicts on the lanes that awaited one, and the row that shows it."""

    document: DocumentId
    lanes: tuple[LaneVerdict, ...]
    row: ProjectionRow | None


class Workers(Protocol):
    """Opens foreign lanes somewhere safe."""

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
        verdict = _verdict(lane)
        verdicts.append(verdict)
        if not verdict.code:
            entries[lane.actor] = verdict.entries
    row = present(work.document, entries, catalogue)
    return Opened(work.document, tuple(verdicts), row)


def _verdict(lane: LaneWork) -> LaneVerdict:
    length = len(lane.changes)
    try:
        admitted = admit(lane.actor, lane.changes, lane.known)
    except LaneRefused as fault:
        return LaneVerdict(lane.actor, length, (), fault.code, str(fault))
    return LaneVerdict(lane.actor, length, admitted.entries, "", "")


class InlineWorkers:
    """The same function in this process: for tests, the simulator, and lanes we trust."""

    def __init__(self, catalogue: Catalogue = CATALOGUE) -> None:
        self._catalogue = catalogue

    def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        """See `Workers`."""
        return [open_document(work, self._catalogue) for work in batch]

    def close(self) -> None:
        """Nothing to let go of."""


class ProcessWorkers:
    """One child process at a time, replaced when it dies. Not for use from several threads."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        self._process: ForkServerProcess | None = None
        self._pipe: Connection[Json, Json] | None = None

    def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        """See `Workers`."""
        answer = self._ask(batch, BATCH_S_MAX if len(batch) > 1 else DOCUMENT_S_MAX)
        if answer is not None:
            if any(lane.code == UNREADABLE for one in answer for lane in one.lanes):
                self.close()  # after a panic a worker may no longer be sound
            return answer
        if len(batch) == 1:
            return [self._culprit(batch[0])]
        return [self.open([work])[0] for work in batch]

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
            opened = self.open([work._replace(lanes=(lane,), entries=entries)])[0]
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
    """Several document workers side by side, each with its share of a batch."""

    def __init__(self, count: int) -> None:
        self._workers = [ProcessWorkers() for _ in range(count)]
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")

    def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        """See `Workers`."""
        share = max(1, -(-len(batch) // len(self._workers)))
        parts = [batch[at : at + share] for at in range(0, len(batch), share)]
        answers = self._threads.map(ProcessWorkers.open, self._workers, parts)
        return [opened for answer in answers for opened in answer]

    def close(self) -> None:
        """End every worker."""
        self._threads.shutdown(wait=True)
        for one in self._workers:
            one.close()


def _serve(pipe: Connection[Json, Json]) -> None:
    """The child: limits first, then one batch after another until the parent goes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a panic's text may quote a record
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
                [[*one] for one in lane.entries],
                lane.code,
                lane.detail,
            ]
            for lane in opened.lanes
        ],
        "row": row
        and {
            "label": row.label,
            "open": row.open_findings,
            "body": row.body.decode(),
            "links": [one.hex() for one in row.links],
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
                tuple(Entry(*entry) for entry in entries),
                str(code),
                str(detail),
            )
            for actor, length, entries, code, detail in one["lanes"]
        )
        yield Opened(document, lanes, _row(document, one["row"]))


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
    )
