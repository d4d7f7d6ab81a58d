"""Frames of peers become durable, several in a commit, and none pays for another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from conflict.clock import Stamp
from node import receiving
from node.receiving import Receiver
from node.writing import Urgency, WriterThread
from storage.store import SqlStore
from sync.effects import Hold
from sync.ports import Applied
from tests.node.node_lab import NOW_MS, PATIENCE_S, document, from_peer, open_sql


class Desk:
    """A receiver on a store of its own, whose writer is busy until let go."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.commits = 0
        self.told: list[int] = []
        self.let_go = threading.Event()
        self.writer = WriterThread()
        self.writer.submit(Urgency.LOCAL, lambda: self.let_go.wait(PATIENCE_S))
        self.receiver = Receiver(store, self.writer, lambda: NOW_MS, self._held)
        event.listen(store.engine, "commit", self._committed)

    def _committed(self, connection: Connection) -> None:
        self.commits += connection.get_execution_options().get("aidstation_writes", False)

    def _held(self, effect: Hold, _applied: Applied) -> None:
        self.told.append(effect.ticket)


@pytest.fixture
def desk(path: Path) -> Iterator[Desk]:
    made = Desk(open_sql(path))
    yield made
    made.let_go.set()
    made.writer.stop()
    made.store.close()


def frame(number: int) -> Hold:
    """One new document."""
    peer, run = from_peer(number, Stamp(number, 0), document(number))
    return Hold(number, peer.node, (run,), ())


def test_frames_that_wait_share_a_commit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "RUNS_TOGETHER", 3)
    futures = [desk.receiver.hold(frame(number)) for number in range(1, 8)]
    desk.let_go.set()
    grown = [future.result(PATIENCE_S).applied.grown for future in futures]
    assert [lane.document for ((lane, _),) in grown] == [document(one) for one in range(1, 8)]
    desk.writer.submit(Urgency.BULK, int).result(PATIENCE_S)
    assert (desk.commits, desk.told) == (3, list(range(1, 8)))
    assert desk.store.summary().documents == 7


def test_a_frame_that_cannot_be_held_costs_its_neighbours_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "RUNS_TOGETHER", 3)
    broken = frame(2)._replace(runs=(None,))
    futures = [desk.receiver.hold(one) for one in (frame(1), broken, frame(3))]
    desk.let_go.set()
    assert isinstance(futures[1].exception(PATIENCE_S), AttributeError)
    assert [futures[place].result(PATIENCE_S).applied.gaps for place in (0, 2)] == [(), ()]
    assert desk.store.summary().documents == 2
    assert desk.told == [1, 3]


def test_a_frame_that_nobody_waits_for_any_more_is_left_out(desk: Desk) -> None:
    first, second = (desk.receiver.hold(frame(number)) for number in (1, 2))
    assert first.cancel()
    desk.let_go.set()
    assert second.result(PATIENCE_S).applied.grown
    assert desk.told == [2]
