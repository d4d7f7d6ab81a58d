"""Foreign lanes: held, then opened behind local saves; none of them hides or stops a local save."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from conflict.clock import Stamp
from conflict.identity import DocumentId, DocumentKind
from conflict.statement import Draft
from node.desk import Save
from node.engine import Engine, Growth
from node.opened import Opened
from node.projecting import BATCH_DOCUMENTS
from node.workers import InlineWorkers, ProcessWorkers
from node.writing import Urgency
from storage.memory import MemoryStore
from storage.shapes import DocumentWork
from storage.store import SqlStore
from sync.blob_effects import SaveBlobPart
from sync.effects import Hold
from sync.ports import SetAside
from tests.conflict import conflict_lab as lab
from tests.conflict.conflict_lab import LabAuthor
from tests.node.node_lab import (
    EPISODE,
    NOW_MS,
    PATIENCE_S,
    Meddling,
    assert_shown_is_the_fold,
    document,
    from_peer,
    hold,
    idle,
    note,
    open_sql,
    pulse,
    queue,
    running,
    shown,
)

# Foreign lanes ------------------------------------------------------------------------------------


def test_the_projector_drains_everything_that_is_held(engine: Engine) -> None:
    peers = [LabAuthor(number) for number in range(3)]
    documents = [document(number) for number in range(2 * BATCH_DOCUMENTS + 5)]
    for peer in peers:
        for at in documents:
            lab.vitals_lane(peer, 2, at)
        hold(engine, *(peer.run(at) for at in documents), source=peer)
    idle(engine)
    assert engine.store.counts().waiting == 0
    assert engine.store.dirty_documents() == []
    assert all(len(shown(engine, at)) == 6 for at in documents)
    assert_shown_is_the_fold(engine.store, *documents)


def test_what_was_held_before_a_restart_is_shown_after_it(path: Path) -> None:
    peer, run = from_peer(1, Stamp(1, 0))
    store = open_sql(path)
    with store.write() as transaction:
        transaction.hold([run], peer.node, NOW_MS)
    store.close()
    with running(open_sql(path)) as engine:
        assert engine.projector.wait_idle(PATIENCE_S)
        assert shown(engine, EPISODE) == [{"pulse": 61}]


def test_a_hostile_lane_is_refused_and_stops_nobody(path: Path) -> None:
    """Bombs in one document: its own saves and all other documents go on."""
    traitor, peer = LabAuthor(1), LabAuthor(2)
    key = lab.key_of(traitor.actor, 1)
    puts = lab.runs_of_puts(key, 1600, value=b"x" * 37)
    bomb = lab.chain(traitor.actor, puts, 60, 1600)
    with running(open_sql(path), workers=ProcessWorkers()) as engine:
        engine.save([Save(EPISODE, (pulse(80),))])
        hold(
            engine,
            traitor.signed(EPISODE, 1, bomb, lab.hash_of(bomb[-1])),
            traitor.signed(document(2), 1, bomb[:1], lab.hash_of(bomb[0])),
            source=traitor,
        )
        lab.vitals_lane(peer, 1, EPISODE)
        lab.vitals_lane(peer, 1, document(2))
        hold(engine, peer.run(EPISODE), peer.run(document(2)), source=peer)
        engine.save([Save(EPISODE, (pulse(81),))])
        idle(engine)
        assert {value["pulse"] for value in shown(engine, EPISODE)} == {80, 81, 60}  # type: ignore[index]
        assert shown(engine, document(2)) == [{"pulse": 60}]
        refused = {
            lane.refusal.code
            for at in (EPISODE, document(2))
            for lane in engine.store.lanes(at)
            if lane.refusal
        }
        assert "worker-killed" in refused
        assert engine.store.counts().refused == 2
        engine.save([Save(EPISODE, (pulse(82),))])
        assert len(shown(engine, EPISODE)) == 4
        assert engine.projector.failed is None


@pytest.mark.parametrize(
    "value",
    [
        {"blob": {"hash": "ab" * 32, "bytes": (1 << 64) - 1}},
        {"blob": {"hash": "ab" * 32, "bytes": 1 << 63}},
        {"blob": {"hash": "ab" * 32, "bytes": -1}},
        {"blob": {"hash": "ab" * 32, "bytes": True}},
        {"blob": {"hash": "zz", "bytes": 5}},
        {"blob": {"hash": 5, "bytes": 5}},
        {"blob": "text"},
        {"blob": [1]},
        [],
        "\u0000",
    ],
    ids=str,
)
def test_a_peers_odd_value_never_stops_the_projector(engine: Engine, value: object) -> None:
    peer = LabAuthor(1)
    person = document(3, DocumentKind.PERSON)
    peer.write(EPISODE, Draft(slot="source", value=value), Draft(slot="triage", value=value))
    peer.write(person, Draft(slot="name", value={"family": "A\u0000B\n", "given": value}))
    peer.write(person, Draft(slot="allergy", value={"substance": value, "reactions": value}))
    peer.write(person, Draft(slot="allergy", value={"substance": value, "criticality": value}))
    hold(engine, peer.run(EPISODE), peer.run(person), source=peer)
    idle(engine)
    assert shown(engine, EPISODE, "source") == [value]
    row = engine.store.projection(person)
    assert row is not None
    assert not any(letter < " " for letter in row.label)
    assert len(shown(engine, person, "allergy")) in {1, 2}


def test_what_a_session_sets_aside_is_kept_and_holds_up_nothing(engine: Engine) -> None:
    peer, run = from_peer(1, Stamp(1, 0))
    wrong = replace(run, changes=(run.changes[0] + b"\0",))
    item = SetAside(wrong.lane, 1, "bad-checksum", "the chunk's checksum does not match")
    done = engine.hold(Hold(1, peer.node, (run,), ((item, wrong),))).result(PATIENCE_S)
    assert done.applied.grown == ((run.lane, 1),)
    assert [row.item for row in engine.store.set_aside_items()] == [item]
    idle(engine)
    assert shown(engine, EPISODE) == [{"pulse": 61}]


@pytest.mark.parametrize(
    ("size", "offset", "data"),
    [(5, 0, b"other"), (9, 3, b"photo"), (5, 0, b"photos"), (1 << 40, 0, b"photo")],
    ids=["other content", "beyond what is here", "beyond its end", "too large"],
)
def test_a_blob_that_is_not_what_it_was_named_is_discarded_and_said_so(
    engine: Engine, size: int, offset: int, data: bytes
) -> None:
    name = hashlib.sha256(b"photo").digest()
    wrong = engine.save_blob_part(SaveBlobPart(1, name, size, offset, data)).result(PATIENCE_S)
    assert (wrong.have, wrong.complete) == (0, False)
    right = engine.save_blob_part(SaveBlobPart(2, name, 5, 0, b"photo")).result(PATIENCE_S)
    assert right.complete
    assert engine.store.blob(name) == b"photo"


def held(path: Path, count: int, changes: int = 1) -> SqlStore:
    """A store that holds so many documents of one peer, not opened yet."""
    peer = LabAuthor(1)
    for number in range(count):
        lab.vitals_lane(peer, changes, document(number))
    store = open_sql(path)
    with store.write() as transaction:
        transaction.hold([peer.run(document(number)) for number in range(count)], peer.node, NOW_MS)
    return store


def test_every_worker_has_a_batch_at_the_same_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.projecting.BATCH_DOCUMENTS", 1)

    class Meeting(InlineWorkers):
        """Each batch is answered once three are open."""

        width = 3
        meeting = threading.Barrier(3)

        def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
            self.meeting.wait(PATIENCE_S)
            return super().open(batch)

    with running(held(path, 6), workers=Meeting()) as engine:
        idle(engine)
        assert_shown_is_the_fold(engine.store, *(document(number) for number in range(6)))


def test_a_document_is_in_one_batch_at_a_time_while_its_lanes_grow(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.projecting.BATCH_DOCUMENTS", 2)
    twice: list[DocumentId] = []

    class Watched(InlineWorkers):
        """Notes documents that are opened while they are open already."""

        width = 4
        under_way: set[DocumentId] = set()  # noqa: RUF012  one object
        noting = threading.Lock()

        def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
            names = {work.document for work in batch}
            with self.noting:
                twice.extend(names & self.under_way)
                self.under_way |= names
            opened = super().open(batch)
            with self.noting:
                self.under_way -= names
            return opened

    documents = [document(number) for number in range(5)]
    with running(open_sql(path), workers=Watched()) as engine:
        for seed in range(1, 9):
            peer = LabAuthor(seed)
            for at in documents:
                lab.vitals_lane(peer, 2, at)
                hold(engine, peer.run(at), source=peer)
        idle(engine)
        assert twice == []
        assert all(len(shown(engine, at)) == 16 for at in documents)
        assert_shown_is_the_fold(engine.store, *documents)


# Local saves against foreign work --------------------------------------------------------------


def test_a_stale_answer_of_a_worker_never_hides_a_newer_local_save(path: Path) -> None:
    """The save falls between the opening of a document and the saving of what was found."""
    workers = Meddling()
    with running(open_sql(path), workers=workers) as engine:
        idle(engine)
        engine.save([Save(EPISODE, (pulse(80),))])
        peer, run = from_peer(1, Stamp(1, 0))
        workers.meddle = lambda: engine.save([Save(EPISODE, (pulse(81),))])
        hold(engine, run, source=peer)
        idle(engine)
        assert workers.meddle is None
        assert {value["pulse"] for value in shown(engine, EPISODE)} == {61, 80, 81}  # type: ignore[index]
        assert_shown_is_the_fold(engine.store, EPISODE)


def test_a_document_opened_while_a_save_commits_shows_that_save(path: Path) -> None:
    """The projector reads between the last write of a save and its commit."""
    store, workers = open_sql(path), Meddling()
    opened = threading.Event()
    with running(store, workers=workers) as engine:
        idle(engine)
        peer, run = from_peer(1, Stamp(1, 0))
        with store.write() as transaction:
            transaction.hold([run], peer.node, NOW_MS)

        def let_the_projector_read(_connection) -> None:  # type: ignore[no-untyped-def]
            if threading.current_thread().name == "writer" and not opened.is_set():
                workers.meddle = opened.set
                engine.projector.wake()
                assert opened.wait(PATIENCE_S)

        event.listen(store.engine, "commit", let_the_projector_read)
        engine.save([Save(EPISODE, (pulse(81),))])
        assert opened.is_set()
        idle(engine)
        assert {value["pulse"] for value in shown(engine, EPISODE)} == {61, 81}  # type: ignore[index]
        assert_shown_is_the_fold(engine.store, EPISODE)


def test_a_lane_that_grew_while_it_was_opened_comes_up_again(path: Path) -> None:
    workers = Meddling()
    with running(open_sql(path), workers=workers) as engine:
        idle(engine)
        peer = LabAuthor(1)
        lab.vitals_lane(peer, 4, EPISODE)
        grow: Callable[[], object] = lambda: hold(engine, peer.run(EPISODE, 2), source=peer)  # noqa: E731
        workers.meddle = grow
        hold(engine, peer.run(EPISODE, 1, 2), source=peer)
        idle(engine)
        assert len(shown(engine, EPISODE)) == 4
        assert engine.store.counts().waiting == 0


def test_a_local_save_is_committed_before_everything_that_is_queued(engine: Engine) -> None:
    """By the order of commits: bulk, foreign and projection wait, one local save does not."""
    peer, run = from_peer(1, Stamp(1, 0), document(50))
    order: list[DocumentId] = []
    engine.on_grown(lambda growth: order.append(growth.lanes[0][0].document))
    gate, waiting = threading.Event(), threading.Event()

    def under_way() -> None:
        waiting.set()
        assert gate.wait(PATIENCE_S)

    engine._writer.submit(Urgency.BULK, under_way)
    assert waiting.wait(PATIENCE_S)
    bulk = [
        queue(engine, Urgency.BULK, Save(document(number), (pulse(1),))) for number in (10, 11, 12)
    ]
    foreign = engine.hold(Hold(1, peer.node, (run,), ()))
    local = [queue(engine, Urgency.LOCAL, Save(document(number), (pulse(2),))) for number in (1, 2)]
    gate.set()
    for future in (*bulk, foreign, *local):
        future.result(PATIENCE_S)
    assert order == [document(number) for number in (1, 2, 50, 10, 11, 12)]


def test_a_local_save_comes_between_two_transactions_of_an_import(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.engine.BULK_SAVES", 2)
    order: list[list[DocumentId]] = []
    local = []

    def listen(growth: Growth) -> None:
        order.append([lane.document for lane, _ in growth.lanes])
        if not local:
            local.append(queue(engine, Urgency.LOCAL, Save(document(99), (pulse(2),))))

    engine.on_grown(listen)
    ids = engine.save_all(Save(document(number), (pulse(1),)) for number in range(5))
    local[0].result(PATIENCE_S)
    numbered = [[int.from_bytes(one[1:], "big") for one in batch] for batch in order]
    assert numbered == [[0, 1], [99], [2, 3], [4]]
    assert len(ids) == 5


def test_closing_finishes_what_is_queued(path: Path) -> None:
    with running(open_sql(path)) as engine:
        futures = [
            queue(engine, Urgency.BULK, Save(document(number), (pulse(1),))) for number in range(5)
        ]
    assert all(future.done() for future in futures)
    reopened = open_sql(path)
    assert reopened.summary().documents == 5
    reopened.close()


def test_a_projector_that_failed_says_so_and_saves_go_on(path: Path) -> None:
    class Broken(InlineWorkers):
        def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
            raise RuntimeError(f"no process to be had for {len(batch)} documents")

    with running(open_sql(path), workers=Broken()) as engine:
        peer, run = from_peer(1, Stamp(1, 0))
        hold(engine, run, source=peer)
        assert not engine.projector.wait_idle(PATIENCE_S)
        assert isinstance(engine.projector.failed, RuntimeError)
        engine.save([Save(EPISODE, (pulse(80),))])
        assert shown(engine, EPISODE) == [{"pulse": 80}]


def test_stores_of_both_kinds_show_the_same(path: Path) -> None:
    rows = []
    for store in (open_sql(path), MemoryStore(bytes(16))):
        assert isinstance(store, SqlStore | MemoryStore)
        with running(store) as engine:
            peer, run = from_peer(1, Stamp(1, 0))
            engine.save([Save(EPISODE, (pulse(80), note("walks")))])
            hold(engine, run, source=peer)
            idle(engine)
            rows.append((store.projection(EPISODE), store.summary(), store.entries(EPISODE)))
    assert rows[0] == rows[1]
