"""Held, admitted, shown: storage/INVARIANTS.md against every store."""

from __future__ import annotations

import pytest

from conflict.document import Entry
from conflict.errors import BadIdentity
from conflict.identity import DocumentKind, document_text
from storage import (
    ProjectionRow,
    Store,
)
from tests.contracts.store_samples import (
    NOW_MS,
    SampleLane,
    admit_all,
    document,
    hold,
    sample_lane,
)

# --- held, admitted, shown -----------------------------------------------------------------------


def test_held_admitted_and_shown_are_three_states(store: Store) -> None:
    lane = sample_lane(1, document(1), 3)
    hold(store, lane.whole())
    [status] = store.lanes(document(1))
    assert (status.held.length, status.admitted, status.refusal) == (3, 0, None)
    assert store.entries(document(1)) == {}
    assert store.projection(document(1)) is None
    summary = store.summary()
    admit_all(store)
    [status] = store.lanes(document(1))
    assert (status.held.length, status.admitted, status.statements) == (3, 3, 3)
    assert [entry.number for entry in store.entries(document(1))[lane.lane.actor]] == [1, 2, 3]
    assert store.dirty_documents() == []
    assert store.summary() == summary


def test_work_carries_whole_lanes_and_what_was_admitted_before(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 4), sample_lane(2, document(1), 2)
    hold(store, lane.cut(1, 2), other.whole())
    admit_all(store)
    hold(store, lane.cut(3, 4))
    [work] = store.work(10)
    assert [(one.actor, one.changes, one.known) for one in work.lanes] == [
        (lane.lane.actor, tuple(part.raw for part in lane.written), 2)
    ]
    lengths = {actor: len(entries) for actor, entries in work.entries.items()}
    assert lengths == {lane.lane.actor: 2, other.lane.actor: 2}
    assert store.statement_counts([document(1), document(2)]) == {document(1): 4}


def test_a_document_stays_work_until_every_lane_is_judged_at_full_length(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 2), sample_lane(2, document(1), 2)
    hold(store, lane.whole(), other.whole())
    with store.write() as transaction:
        transaction.save_admission(document(1), lane.lane.actor, 1, [Entry("vitals", 1, "{}")])
        transaction.refuse_admission(document(1), other.lane.actor, 2, "unreadable", "detail")
        transaction.mark_clean(document(1))
    [work] = store.work(10)
    assert [one.actor for one in work.lanes] == [lane.lane.actor]
    with store.write() as transaction:
        entries = [Entry("vitals", number, "{}") for number in (1, 2)]
        transaction.save_admission(document(1), lane.lane.actor, 2, entries)
        assert transaction.entries(document(1)) == {lane.lane.actor: tuple(entries)}
        transaction.mark_clean(document(1))
    assert store.work(10) == []
    assert store.counts().refused == 1


def test_a_local_verdict_never_changes_digests(store: Store) -> None:
    lane = sample_lane(1, document(1), 2)
    hold(store, lane.whole())
    before = store.summary(), store.listing(None, 1), store.vectors([document(1)])
    with store.write() as transaction:
        transaction.refuse_admission(document(1), lane.lane.actor, 2, "unreadable", "detail")
        transaction.mark_clean(document(1))
    assert (store.summary(), store.listing(None, 1), store.vectors([document(1)])) == before
    assert store.runs(document(1), {}, 1 << 20) == ([lane.whole()], False)


def test_a_refused_lane_comes_up_again_when_it_grows_or_is_retried(store: Store) -> None:
    lane = sample_lane(1, document(1), 3)
    hold(store, lane.cut(1, 2))
    _refuse(store, lane, 2)
    assert store.work(10) == []
    hold(store, lane.cut(3, 3))
    assert len(store.work(10)[0].lanes[0].changes) == 3
    _refuse(store, lane, 3)
    assert store.work(10) == []
    with store.write() as transaction:
        transaction.retry_admission(document(1))
    assert len(store.work(10)) == 1
    admit_all(store)
    assert store.counts().refused == 0


def test_a_late_verdict_does_not_undo_a_later_one(store: Store) -> None:
    lane = sample_lane(1, document(1), 3)
    hold(store, lane.whole())
    admit_all(store)
    with store.write() as transaction:
        transaction.save_admission(document(1), lane.lane.actor, 1, [Entry("vitals", 1, "{}")])
        transaction.refuse_admission(document(1), lane.lane.actor, 2, "late", "")
        transaction.save_admission(document(1), lane.lane.actor, 9, [])
    [status] = store.lanes(document(1))
    assert (status.admitted, status.statements, status.refusal) == (3, 3, None)


def test_a_local_save_is_held_admitted_and_shown_in_one_transaction(store: Store) -> None:
    lane = sample_lane(1, document(1), 1)
    with store.write() as transaction:
        transaction.hold([lane.whole()], None, NOW_MS)
        transaction.save_admission(document(1), lane.lane.actor, 1, lane.written[0].entries)
        transaction.save_projection(ProjectionRow(document(1), "A", 0, b"body"))
        transaction.mark_clean(document(1))
    assert store.entries(document(1)) == {lane.lane.actor: lane.written[0].entries}
    assert store.work(10) == []
    assert store.counts().statements == 1


def test_work_comes_longest_waiting_first(store: Store) -> None:
    order = [document(number) for number in (5, 1, 4, 2)]
    for number, one in enumerate(order):
        hold(store, sample_lane(number, one, 1).whole())
    assert store.dirty_documents() == order
    assert [one.document for one in store.work(3)] == order[:3]


# --- projections, links, search ------------------------------------------------------------------


def test_projections_page_filter_and_search(store: Store) -> None:
    rows = [
        ProjectionRow(document(1, DocumentKind.PERSON), "DOE, Änne 50%", 0, b"1"),
        ProjectionRow(document(2, DocumentKind.PERSON), "ROE, John", 2, b"2"),
        ProjectionRow(document(3, DocumentKind.EPISODE), "doe, änne_2", 0, b"3"),
    ]
    with store.write() as transaction:
        for row in rows:
            transaction.save_projection(row)
    people = sorted(rows[:2], key=lambda row: row.document)
    assert store.projections(DocumentKind.PERSON) == people
    assert store.projections(after=people[0].document, limit=1) == people[1:]
    assert store.projections(label_contains="ÄNNE") == [rows[0], rows[2]]
    assert store.projections(label_contains="50%") == [rows[0]]
    assert store.projections(label_contains="e_2") == [rows[2]]
    assert store.projections(with_findings=True) == [rows[1]]
    assert store.projection(rows[1].document) == rows[1]
    assert store.counts().review == 1


def test_links_are_read_in_both_directions_and_replaced(store: Store) -> None:
    one, two, three = (document(number) for number in (1, 2, 3))
    with store.write() as transaction:
        transaction.save_projection(ProjectionRow(one, "", 0, b"", (two, three)))
        transaction.save_projection(ProjectionRow(two, "", 0, b"", (one,)))
    assert store.links(one) == tuple(sorted((two, three)))
    assert store.links(three) == (one,)
    with store.write() as transaction:
        transaction.save_projection(ProjectionRow(one, "", 0, b"", ()))
    assert store.links(one) == (two,)
    assert store.links(three) == ()


def test_ids_are_found_by_the_start_of_their_text(store: Store) -> None:
    hold(store, *(sample_lane(number, document(number), 1).whole() for number in range(3)))
    text = document_text(document(1))
    assert store.resolve(text) == [document(1)]
    assert store.resolve(text[:14].upper()) == [document(1)]
    assert store.resolve(text.partition("-")[2][:8]) == [document(1)]
    assert store.resolve("episode-") == sorted(document(number) for number in range(3))
    assert store.resolve("person-") == []
    for wrong in ("casualty-abc", "episode-a1", "episode-" + "a" * 30):
        with pytest.raises(BadIdentity):
            store.resolve(wrong)


def _refuse(store: Store, lane: SampleLane, length: int) -> None:
    with store.write() as transaction:
        transaction.refuse_admission(
            lane.lane.document, lane.lane.actor, length, "unreadable", "detail"
        )
        transaction.mark_clean(lane.lane.document)


def test_after_an_upgrade_every_document_awaits_a_fold_and_keeps_what_was_admitted(
    store: Store,
) -> None:
    lanes = [sample_lane(number, document(number), 2) for number in (1, 2)]
    hold(store, *(lane.whole() for lane in lanes))
    admit_all(store)
    entries = store.entries(document(1))
    with store.write() as transaction:
        transaction.fold_again()
    assert set(store.dirty_documents()) == {document(1), document(2)}
    assert [work.lanes for work in store.work(10)] == [(), ()]
    assert store.entries(document(1)) == entries
    with store.write() as transaction:
        transaction.mark_clean(document(1))
    assert store.dirty_documents() == [document(2)]
