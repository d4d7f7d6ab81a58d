"""Keeps what is shown in step with what is held: takes dirty documents to the workers and back.

A thread of its own, woken when something was held. A few batches are under way at once, so that a
worker need not wait until the writer has saved what another one found. What a worker says is saved in
small transactions behind local saves; a document that changed meanwhile simply comes up again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Protocol

from conflict.document import Entry
from conflict.fold import Catalogue
from conflict.identity import DocumentId
from conflict.slot import CATALOGUE
from node.hands import STIRRED, Hands, Rounds
from node.opened import Opened
from node.presenting import present
from node.workers import Workers
from node.writing import Urgency, Writer
from storage.ports import Store, Transaction
from storage.shapes import DocumentWork

BATCH_DOCUMENTS = 64  # also saved in one transaction, about 10 ms: local saves wait no longer
BATCHES_AHEAD = 2  # read or being saved while every worker has one


class Local(Protocol):
    """The local author: which documents it saved after a moment (a serial number), and its clock."""

    @property
    def serial(self) -> int:
        """Now."""
        ...

    def saved_since(self, document: DocumentId, serial: int) -> bool:
        """True when a local save of `document` came after `serial`."""
        ...

    def hear(self, transaction: Transaction, entries: Iterable[Entry], now_ms: int) -> None:
        """Take note of peers' record stamps."""
        ...


class Projector:
    """Admission and folding of foreign lanes. `failed` holds the error that stopped it, if any."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        workers: Workers,
        local: Local,
        now_ms: Callable[[], int],
        hands: Hands,
        catalogue: Catalogue = CATALOGUE,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._local = local
        self._now_ms = now_ms
        self._writer = writer
        self._workers = workers
        self._idle = threading.Condition()
        self._waiting: list[Callable[[], None]] = []
        self._busy = True
        self._views = 0
        self._stopping = False
        self.failed: BaseException | None = None
        self._batches = hands.pool(workers.width + BATCHES_AHEAD, "batch")
        self._routine = hands.routine("projector", self._rounds())
        self._routine.stir()
        self._routine.start()

    def prepare(self) -> None:
        """Start the workers now, not when a peer's first records come."""
        self._workers.prepare()

    def wake(self) -> None:
        """Something was held."""
        with self._idle:
            self._busy = True
        self._routine.stir()

    def reopen(self) -> None:
        """What may be shown of some lanes has changed: what workers found before counts no more. Call
        on the writer thread, after the commit."""
        self._views += 1
        self.wake()

    def wait_idle(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing awaits admission; False when that took too long."""
        self._routine.hurry()
        with self._idle:
            return self._idle.wait_for(lambda: not self._busy or self.failed, timeout_s) is True

    def when_idle(self, told: Callable[[], None]) -> None:
        """Call back once, on any thread, when nothing awaits admission, or when this has failed."""
        with self._idle:
            if self._busy and not self.failed:
                self._waiting.append(told)
                return
        told()

    def _told(self) -> None:
        """Idle, or failed; under the lock."""
        self._idle.notify_all()
        waiting, self._waiting = self._waiting, []
        for told in waiting:
            told()

    def stop(self) -> None:
        """End after the batches under way."""
        self._stopping = True
        self._routine.stop()
        self._batches.shutdown()
        self._workers.close()

    def _rounds(self) -> Rounds:
        while not self.failed:
            yield STIRRED
            try:
                self._drain()
            except BaseException as fault:  # noqa: BLE001  shown by status; records stay safe
                with self._idle:
                    self.failed = fault
                    self._told()

    def _drain(self) -> None:
        """Until nothing waits, nor is under way."""
        flying: dict[Future[None], frozenset[DocumentId]] = {}
        while not self._stopping:
            serial = self._local.serial, self._views
            batch = self._store.work(BATCH_DOCUMENTS, frozenset().union(*flying.values()))
            if batch:
                under_way = self._batches.submit(self._carry, batch, serial)
                flying[under_way] = frozenset(work.document for work in batch)
            elif not flying:
                break
            if not batch or len(flying) == self._workers.width + BATCHES_AHEAD:
                done, _ = wait(flying, return_when=FIRST_COMPLETED)
                for one in done:
                    del flying[one]
                    one.result()
        with self._idle:
            if not self._routine.stirred:
                self._busy = False
                self._told()

    def _carry(self, batch: Sequence[DocumentWork], serial: tuple[int, int]) -> None:
        """One batch, through a worker to what is shown."""
        opened = self._workers.open(batch)
        self._writer.submit(Urgency.PROJECTION, partial(self._save, opened, serial)).result()

    def _save(self, opened: Sequence[Opened], serials: tuple[int, int]) -> None:
        serial, views = serials
        if views != self._views:
            return  # they come up again
        with self._store.write() as transaction:
            latest = (lane.entries[-1] for one in opened for lane in one.lanes if lane.entries)
            self._local.hear(transaction, latest, self._now_ms())
            for one in opened:
                _save_lanes(transaction, one)
                row = one.row
                if self._local.saved_since(one.document, serial):
                    entries = transaction.entries(one.document)
                    row = present(one.document, entries, self._catalogue)
                if row is not None:
                    transaction.save_projection(row)
                transaction.mark_clean(one.document)


def _save_lanes(transaction: Transaction, opened: Opened) -> None:
    """What was found of each lane."""
    document = opened.document
    for lane in opened.lanes:
        if lane.code:
            transaction.refuse_admission(
                document, lane.actor, lane.length, lane.code, lane.detail[:200]
            )
        else:
            transaction.save_admission(
                document, lane.actor, lane.length, lane.entries, lane.urgency
            )
    for actor, urgency in opened.earlier:
        transaction.save_urgency(document, actor, urgency)
