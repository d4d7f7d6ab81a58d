"""What comes to a document that was let go, in every store: news, tails, other branches."""

from __future__ import annotations

from conflict.lane import ShortState
from storage import Store
from sync.aliases import claim_of
from tests.contracts.shed_samples import (
    GARRISON,
    LATER,
    NOTHING,
    ONE,
    SHED_MS,
    claimed,
    held_at_garrison,
    refused,
    shed,
    take,
    view,
)
from tests.contracts.store_samples import (
    NOW_MS,
    SampleLane,
    admit_all,
    branch_of,
    hold,
    receipt,
    sample_lane,
)


def test_what_is_new_is_held_sent_and_shown_without_what_was_let_go(
    store: Store, lanes: list[SampleLane]
) -> None:
    held_at_garrison(store, lanes)
    shed(store, ONE)
    fresh = sample_lane(9, ONE, 2)
    applied = take(store, fresh.whole(), source=None)
    assert applied.grown == ((fresh.lane, 1),)
    assert [one.lane for one in applied.held] == [fresh.lane]
    admit_all(store)
    assert list(store.entries(ONE)) == [fresh.lane.actor]
    row = store.projection(ONE)
    assert row is not None
    assert row.shed_ms == SHED_MS
    assert [run.lane for run in store.runs(ONE, {}, 1 << 20)[0]] == [fresh.lane]
    assert store.check() == []


def test_the_tail_of_a_shed_lane_is_held_and_goes_to_who_has_what_is_before_it(
    store: Store,
) -> None:
    lane = sample_lane(1, ONE, 8)
    hold(store, lane.cut(1, 5))
    admit_all(store)
    claimed(store, receipt(lane, 5))
    shed(store, ONE)
    applied = take(store, lane.cut(4, 8))
    assert applied.grown == ((lane.lane, 6),)
    assert (applied.held, applied.gaps, applied.set_aside) == ((), (), ())
    assert store.dirty_documents() == [ONE]
    admit_all(store)
    assert store.dirty_documents() == []
    assert store.entries(ONE) == {}
    with_base = {lane.lane.actor: ShortState(5, lane.written[4].hash[:8])}
    assert store.runs(ONE, with_base, 1 << 20) == ([lane.cut(6, 8)], False)
    for have in ({}, {lane.lane.actor: ShortState(4, lane.written[3].hash[:8])}):
        assert store.runs(ONE, have, 1 << 20) == ([], False)
        assert store.lacking([(ONE, have)], 0) == ([], [])
        assert store.withheld([(ONE, have)]) == [lane.lane]
    found, behind = store.lacking([(ONE, with_base)], 0)
    assert ([one.lane for one in found], behind) == ([lane.lane], [])
    assert store.withheld([(ONE, with_base)]) == []
    reach = store.reach([(lane.lane, found[0].have)], 1 << 20)
    assert reach.runs == (lane.cut(6, 8),)
    assert store.reach([(lane.lane, NOTHING)], 1 << 20).runs == ()
    assert store.check() == []


def test_runs_of_what_was_let_go_change_nothing_unasked(store: Store) -> None:
    lane = sample_lane(1, ONE, 5)
    held_at_garrison(store, [lane])
    shed(store, ONE)
    before = (*view(store), store.counts())
    for run in (lane.whole(), lane.cut(2, 3), lane.cut(1, 2, signed=False)):
        applied = take(store, run)
        assert (applied.held, applied.grown, applied.gaps, applied.set_aside) == ((), (), (), ())
    assert (*view(store), store.counts()) == before


def test_another_branch_behind_what_was_let_go_is_set_aside(store: Store) -> None:
    lane = sample_lane(1, ONE, 5)
    held_at_garrison(store, [lane])
    shed(store, ONE)
    applied = take(store, branch_of(lane, 4, 3).whole())
    assert [one.code for one in applied.set_aside] == ["equivocation"]
    assert applied.grown == ()
    assert store.vectors([ONE])[ONE][lane.lane.actor].length == 5


def test_a_document_with_news_may_be_let_go_again(store: Store) -> None:
    lane, other = sample_lane(1, ONE, 5), sample_lane(2, ONE, 2)
    hold(store, lane.cut(1, 3))
    admit_all(store)
    claimed(store, receipt(lane, 3))
    shed(store, ONE)
    hold(store, lane.cut(4, 5), other.whole())
    admit_all(store)
    refused(store, "not-at-garrison")
    claimed(store, receipt(lane, 5), receipt(other, 2))
    assert shed(store, ONE, SHED_MS + 9).changes == 4
    known = store.shed_documents([ONE])[ONE]
    assert (known.at_ms, known.changes, known.statements) == (SHED_MS + 9, 7, 5)
    assert store.check() == []


def test_news_and_claims_pass_over_what_was_let_go(store: Store, lanes: list[SampleLane]) -> None:
    held_at_garrison(store, lanes)
    shed(store, ONE)
    assert store.news(0, 9) == [(lanes[2].lane, 1)]
    hold(store, sample_lane(1, ONE, 6).cut(6, 6))
    with store.write() as transaction:
        entry = transaction.write_custody(GARRISON, LATER, NOW_MS, lambda one: one)
    assert entry is not None
    assert entry.lanes == (claim_of(receipt(lanes[2], 4)),)
