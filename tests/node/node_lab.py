"""Engines on real stores with a clock that a test moves, and foreign runs to hold."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import orjson

from conflict.clock import Stamp
from conflict.document import admit
from conflict.identity import (
    DocumentId,
    DocumentKind,
    StatementId,
    actor_id,
    new_document,
    statement_id,
)
from conflict.lane import LaneRun, check_run
from conflict.signature import SigningKey, VerifyingKey, lane_message
from conflict.statement import Draft, Json, decode
from node.desk import Save
from node.engine import Engine
from node.opened import Opened
from node.presenting import present
from node.workers import InlineWorkers, Workers
from node.writing import Urgency
from storage.ports import Store
from storage.shapes import DocumentWork, LaneWork
from storage.store import SqlStore
from sync.effects import Hold, HoldDone
from tests.conflict.conflict_lab import LabAuthor

NOW_MS = 1_795_401_431_123
KEY = SigningKey.from_entropy(random.Random("node lab").randbytes(48))
PATIENCE_S = 60.0


class Clock:
    """Wall-clock milliseconds, moved by hand."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def document(number: int, kind: DocumentKind = DocumentKind.EPISODE) -> DocumentId:
    """A fixed document."""
    return new_document(kind, number.to_bytes(15, "big"))


def note(text: str) -> Draft:
    """A statement of any slot that takes text."""
    return Draft(slot="note", value={"text": text}, by="Ruiz")


def pulse(rate: Json, **more: object) -> Draft:
    """Vital signs."""
    return Draft(slot="vitals", value={"pulse": rate}, by="Ruiz", **more)  # type: ignore[arg-type]


def open_sql(path: Path) -> SqlStore:
    """The store at `path`, made if there is none."""
    return SqlStore.open(path, entropy=bytes(16))


@contextmanager
def running(
    store: Store,
    *,
    seed: int = 1,
    clock: Callable[[], int] | None = None,
    workers: Workers | None = None,
    epoch_began: bool = False,
) -> Iterator[Engine]:
    """An engine, closed at the end with its store."""
    engine = Engine(
        key=KEY,
        store=store,
        workers=workers or InlineWorkers(),
        now_ms=clock or Clock(),
        entropy=random.Random(seed).randbytes,
        epoch_began=epoch_began,
    )
    try:
        yield engine
    finally:
        engine.close()


def idle(engine: Engine) -> None:
    """Wait until everything held is shown."""
    engine.projector.wake()
    assert engine.projector.wait_idle(PATIENCE_S), engine.projector.failed
    assert engine.projector.failed is None


def hold(engine: Engine, *runs: LaneRun, source: LabAuthor) -> HoldDone:
    """What a session does with a peer's checked runs."""
    return engine.hold(Hold(1, source.node, runs, ())).result(PATIENCE_S)


def queue(engine: Engine, urgency: Urgency, *saves: Save) -> Future[list[list[str]]]:
    """A save that waits for its turn; nobody waits for it."""
    return engine._writer.submit(urgency, partial(engine._save, saves, (), ()))


def work_of(
    *lanes: tuple[LabAuthor, Sequence[bytes]], at: DocumentId, known: int = 0
) -> DocumentWork:
    """A document whose lanes await admission."""
    found = tuple(LaneWork(one.actor, one.node, tuple(raws), known) for one, raws in lanes)
    return DocumentWork(at, found, {})


def assert_shown_is_the_fold(store: Store, *documents: DocumentId) -> None:
    """Every projection row says what folding all admitted entries says."""
    for one in documents:
        assert store.projection(one) == present(one, store.entries(one))


class Meddling:
    """Workers that do something else, once, after they have opened a batch."""

    width = 1

    def __init__(self) -> None:
        self.meddle: Callable[[], object] | None = None

    def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        """What the documents were; then the meddling."""
        opened = InlineWorkers().open(batch)
        meddle, self.meddle = self.meddle, None
        if meddle:
            meddle()
        return opened

    def close(self) -> None:
        """Nothing to let go of."""


# What a test asks of an engine ---------------------------------------------------------------

EPISODE = document(1)


def shown(engine: Engine, at: DocumentId, slot: str = "vitals") -> list[object]:
    """Values shown of a slot."""
    row = engine.store.projection(at)
    body = orjson.loads(row.body) if row else {"slots": {}}
    return [one["value"] for one in body["slots"].get(slot, [])]


def stored(engine: Engine, at: DocumentId) -> list[str]:
    """Ids of all admitted statements."""
    return [
        statement_id(actor, entry.number)
        for actor, entries in engine.store.entries(at).items()
        for entry in entries
    ]


def stamps(engine: Engine, at: DocumentId) -> list[Stamp]:
    """Record stamps of all admitted statements."""
    return [
        decode(entry.slot, StatementId(""), entry.text).rec
        for entries in engine.store.entries(at).values()
        for entry in entries
    ]


def runs(engine: Engine, at: DocumentId) -> list[LaneRun]:
    """Every held run."""
    found, _ = engine.store.runs(at, {}, 1 << 26)
    return found


def assert_peers_would_take(engine: Engine, at: DocumentId) -> None:
    """Every lane of ours passes what a peer checks: header, signature, admission, chain."""
    for run in runs(engine, at):
        check_run(run)
        assert run.lane.actor == actor_id(KEY.node, run.nonce)
        assert run.signature is not None
        assert VerifyingKey(KEY.public).verifies(lane_message(run), run.signature)
        admit(run.lane.actor, run.changes)
    assert engine.store.check() == []


def actors(engine: Engine, at: DocumentId) -> set[bytes]:
    """Who wrote in a document."""
    return {lane.lane.actor for lane in engine.store.lanes(at)}


def from_peer(seed: int, rec: Stamp, at: DocumentId = EPISODE) -> tuple[LabAuthor, LaneRun]:
    """A peer's lane of one statement."""
    peer = LabAuthor(seed)
    peer.write(at, pulse(60 + seed), rec=rec)
    return peer, peer.run(at)
