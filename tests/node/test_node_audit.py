"""The audit log of a running node: never waits, never blocks care, loses nothing without saying so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from node.acting import Acting, acting_as
from node.audit import RING_ROWS
from node.audit_check import verify
from node.audit_rate import EACH_MAX, WINDOW_MS, RateBound
from node.desk import Save
from node.engine import Engine
from node.writing import Urgency
from storage import DiskFull, MemoryStore, SqlStore
from storage.ports import Store
from sync import audit
from sync.audit import Action, AuditHead, AuditRow
from tests.contracts.store_samples import limit_pages
from tests.node.node_lab import KEY, Clock, document, note, open_sql, running, stored

DEVICE = KEY.node


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore(bytes(16)) if request.param == "memory" else open_sql(tmp_path / "a.db")


def rows(engine: Engine) -> list[AuditRow]:
    """All durable rows of our own log."""
    entries = engine.store.audit_entries(DEVICE, 0, 0, 100_000)
    return [audit.from_bytes(one.entry).row for one in entries]


def whole(engine: Engine) -> bool:
    return not verify(engine.store, DEVICE, engine.belonging).broken


@contextmanager
def busy(engine: Engine) -> Iterator[None]:
    """The writer has something else to do."""
    free = threading.Event()
    engine._writer.submit(Urgency.LOCAL, free.wait)
    try:
        yield
    finally:
        free.set()


def test_noting_returns_at_once_and_many_rows_are_one_transaction(store: Store) -> None:
    with running(store) as engine:
        with busy(engine):
            for number in range(100):
                engine.audit.note(Action.READ, subject=document(number))
            assert rows(engine) == []
        assert engine.audit.flush()
        assert [one.subject for one in rows(engine)] == [document(n) for n in range(100)]
        stored_rows = store.audit_entries(DEVICE, 0, 0, 200)
        assert sum(bool(one.signature) for one in stored_rows) == 1
        assert whole(engine)


def test_rows_in_a_transaction_that_is_not_durable_yet_still_wait(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(store) as engine:
        waiting: list[int] = []
        sign = engine.audit._sign

        def signing(head: AuditHead) -> bytes:
            waiting.append(engine.audit.waiting)
            return sign(head)

        monkeypatch.setattr(engine.audit, "_sign", signing)
        engine.audit.note(Action.READ, subject=document(1))
        engine.audit.note(Action.SYNC, purpose="linked")
        assert engine.audit.flush()
        assert sum(waiting) == 1
        assert engine.audit.waiting == 0


def test_what_is_noted_is_written_when_the_node_ends(tmp_path: Path) -> None:
    with running(open_sql(tmp_path / "a.db")) as engine:
        engine.audit.note(Action.LOGIN, person="ruiz")
    with running(open_sql(tmp_path / "a.db")) as engine:
        assert [one.action for one in rows(engine)] == [Action.LOGIN]


def test_rows_say_who_acts_and_texts_are_cut_to_what_a_row_takes(store: Store) -> None:
    with running(store) as engine:
        with acting_as(Acting("ruiz", "medic", "mass casualty")):
            engine.audit.note(Action.OVERRIDE, subject=b"s" * 40)
            engine.audit.note(Action.READ, person="", purpose="\ud800" + "ä" * 300)
        engine.audit.note(Action.READ)
        engine.audit.flush()
        first, second, third = rows(engine)
        assert first[2:] == ("ruiz", "medic", b"s" * 32, "mass casualty", "ok")
        assert second.person == ""
        assert len(second.purpose.encode()) <= 200
        assert second.purpose.endswith("…")
        assert (third.person, third.role, third.purpose) == ("", "", "")
        assert whole(engine)


def test_a_clock_before_1970_notes_all_the_same(store: Store) -> None:
    with running(store, clock=Clock(-5)) as engine:
        engine.audit.note(Action.READ)
        assert engine.audit.flush()
        assert rows(engine)[0].at_ms == 0


def test_rows_of_a_save_are_in_its_transaction_after_those_that_wait(store: Store) -> None:
    with running(store) as engine:
        engine.audit.note(Action.READ, subject=document(9))
        with engine.audit.riding(Action.WRITE):
            engine.save([Save(document(1), (note("a"),)), Save(document(2), (note("b"),))])
        found = [(one.action, one.subject) for one in rows(engine)]
        assert found == [
            (Action.READ, document(9)),
            (Action.WRITE, document(1)),
            (Action.WRITE, document(2)),
        ]
        assert whole(engine)


def test_a_save_that_fails_leaves_no_row_and_takes_none_of_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(store) as engine:
        engine.audit.note(Action.READ)

        def refuse(*_: object) -> None:
            raise RuntimeError

        with monkeypatch.context() as patched, engine.audit.riding(Action.WRITE):
            patched.setattr(engine._author, "write", refuse)
            with pytest.raises(RuntimeError):
                engine.save([Save(document(1), (note("a"),))])
        engine.audit.flush()
        assert [one.action for one in rows(engine)] == [Action.READ]


@contextmanager
def no_room_for_audit(store: SqlStore) -> Iterator[None]:
    """A disk that has room for care and not for its audit rows."""

    def refuse(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if "INSERT INTO audit_entry" in statement:
            raise DiskFull("no room")

    event.listen(store.engine, "before_cursor_execute", refuse)
    try:
        yield
    finally:
        event.remove(store.engine, "before_cursor_execute", refuse)


def test_where_there_is_no_room_for_the_row_care_is_saved_without(tmp_path: Path) -> None:
    store = open_sql(tmp_path / "a.db")
    with running(store) as engine:
        with no_room_for_audit(store), engine.audit.riding(Action.WRITE):
            (ids,) = engine.save([Save(document(1), (note("a"),))])
            assert stored(engine, document(1)) == ids
            assert rows(engine) == []
        engine.audit.note(Action.READ)
        assert engine.audit.flush()
        assert [one.action for one in rows(engine)] == [Action.WRITE, Action.READ]
        assert whole(engine)


def test_on_a_full_disk_rows_wait_in_a_bounded_ring_and_what_is_lost_is_counted(
    tmp_path: Path,
) -> None:
    store = open_sql(tmp_path / "a.db")
    with running(store) as engine:
        with no_room_for_audit(store):
            for number in range(RING_ROWS + 10):
                engine.audit.note(Action.READ, purpose=f"{number}")
            assert not engine.audit.flush()
            assert engine.audit.waiting == RING_ROWS + 10
        assert engine.audit.flush()
        found = rows(engine)
        assert (found[0].action, found[0].purpose) == (Action.LOST, "10 rows")
        assert [one.purpose for one in found[1:]] == [f"{n}" for n in range(10, RING_ROWS + 10)]
        assert whole(engine)


def test_a_disk_that_is_really_full_neither_blocks_nor_loses_rows(tmp_path: Path) -> None:
    store = open_sql(tmp_path / "a.db")
    with running(store) as engine:
        engine.audit.flush()
        limit_pages(store, 0)
        for _ in range(2_000):
            engine.audit.note(Action.READ, subject=document(1), purpose="x" * 100)
        assert not engine.audit.flush()
        limit_pages(store, 1_000_000)
        assert engine.audit.flush()
        assert sum(one.action is not Action.LOST for one in rows(engine)) == 2_000
        assert whole(engine)


def test_rows_go_behind_everything_else(store: Store) -> None:
    with running(store) as engine:
        order: list[str] = []
        with busy(engine):
            done = engine._writer.submit(Urgency.AUDIT, lambda: order.append("audit"))
            engine._writer.submit(Urgency.BULK, lambda: order.append("bulk"))
        done.result()
        assert order == ["bulk", "audit"]


def test_a_flood_of_refusals_is_counted_not_written(store: Store) -> None:
    clock = Clock()
    with running(store, clock=clock) as engine:
        for _ in range(10_000):
            engine.audit.unauthorised()
        clock.now_ms += WINDOW_MS
        engine.audit.unauthorised()
        engine.audit.flush()
        found = rows(engine)
        assert len(found) == EACH_MAX + 2
        assert {one.action for one in found} == {Action.LOGIN_FAILED}
        assert {one.outcome for one in found} == {"unauthorised"}
        assert [one.purpose for one in found if one.purpose] == [
            f"{10_000 - EACH_MAX} more in a minute"
        ]


def test_a_flood_is_summed_up_at_the_end_too(tmp_path: Path) -> None:
    with running(open_sql(tmp_path / "a.db")) as engine:
        for _ in range(EACH_MAX + 3):
            engine.audit.unauthorised()
    with running(open_sql(tmp_path / "a.db")) as engine:
        assert rows(engine)[-1].purpose == "3 more in a minute"


def test_a_clock_that_jumps_starts_a_minute_anew() -> None:
    bound = RateBound()
    assert [bound.happened(0) for _ in range(EACH_MAX + 1)] == [True] * EACH_MAX + [False]
    assert bound.due_s(1_000) == (WINDOW_MS - 1_000) / 1000
    assert bound.summary(1_000) == 0
    assert bound.summary(-5) == 1
    assert bound.happened(-5)


def test_the_writer_tells_who_listens_that_the_log_has_grown(store: Store) -> None:
    with running(store) as engine:
        heard: list[int] = []
        engine.audit.on_grown(lambda head: heard.append(head.number))
        engine.audit.note(Action.READ)
        engine.audit.flush()
        with engine.audit.riding(Action.WRITE):
            engine.save([Save(document(1), (note("a"),))])
        assert heard == [1, 2]


def test_the_vocabulary_is_closed_and_no_number_means_two_things() -> None:
    assert {one.name for one in Action} >= {
        *("READ", "SEARCH", "WRITE", "EXPORT", "PRINT", "LOGIN", "LOGIN_FAILED", "LOGOUT"),
        *("OVERRIDE", "ENROLMENT", "SYNC", "LOCK", "UNLOCK", "SETTINGS"),
    }
    assert len({one.value for one in Action}) == len(Action)
