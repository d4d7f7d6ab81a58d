"""Two branches of one actor are two lanes, named by what is held and not by what came first."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from conflict.branches import branch_id, named
from conflict.identity import ActorId
from conflict.lane import LaneRun
from storage import MemoryStore, NotShed, Store, limits
from sync.aliases import Claim, claim_of
from sync.ports import Receipt
from tests.contracts.conftest import EPOCH, MakePlace, Place
from tests.contracts.store_samples import (
    HOLDER,
    NOW_MS,
    PEER,
    SampleLane,
    admit_all,
    branch_of,
    document,
    hold,
    receipt,
    sample_lane,
)

HERE = document(1)
LANE = sample_lane(1, HERE, 6)
BRANCH = branch_of(LANE, 3, 4)
ORDERS = 30


def name_of(lane: SampleLane, first: int) -> ActorId:
    """Of a branch whose first change of its own is number `first`."""
    return branch_id(lane.lane.actor, lane.written[first - 1].hash)


def cuts(lane: SampleLane, chance: random.Random) -> list[LaneRun]:
    """All of it in signed runs, which may overlap."""
    found, at = [], 1
    while at <= len(lane.written):
        last = chance.randint(at, len(lane.written))
        found.append(lane.cut(chance.randint(1, at), last))
        at = last + 1
    return found


def held(store: Store) -> tuple[object, ...]:
    return store.listing(None, 9), store.vectors([HERE]), store.forked()


def test_a_branch_is_a_lane_beside_the_other_one(store: Store) -> None:
    other = sample_lane(2, HERE, 2)
    hold(store, LANE.whole())
    with store.write() as transaction:
        applied = transaction.hold([BRANCH.whole(), other.whole()], PEER, NOW_MS)
    mine, its = name_of(LANE, 4), name_of(BRANCH, 4)
    assert applied.set_aside == applied.gaps == ()
    assert applied.forked == (LANE.lane,)
    assert dict(applied.grown) == {LANE.lane._replace(actor=its): 1, other.lane: 1}
    assert {actor: one.length for actor, one in store.vectors([HERE])[HERE].items()} == {
        mine: 6,
        its: 7,
        other.lane.actor: 2,
    }
    [forked] = store.forked()
    assert (forked.lane, forked.author) == (LANE.lane, LANE.key.node)
    assert {*forked.heads} == {LANE.written[-1].hash, BRANCH.written[-1].hash}
    assert store.check() == []


@pytest.mark.parametrize(("first", "last"), [(4, 4), (5, 6), (2, 5), (6, 6), (1, 7)])
def test_a_branch_is_held_however_it_is_cut(store: Store, first: int, last: int) -> None:
    hold(store, LANE.cut(1, 2), LANE.cut(3, 6))
    with store.write() as transaction:
        applied = transaction.hold([BRANCH.cut(first, last)], PEER, NOW_MS)
    whole = last if first <= 4 else 0
    assert applied.gaps == (() if whole else (LANE.lane,))
    assert [one.state.length for one in applied.held] == ([max(6, whole)] if whole else [])
    assert len(store.vectors([HERE])[HERE]) == (2 if whole else 1)
    hold(store, BRANCH.cut(first, last))
    assert store.check() == []


@pytest.mark.parametrize("seed", range(ORDERS))
def test_any_order_of_any_cuts_of_any_tree_ends_the_same(new_place: MakePlace, seed: int) -> None:
    chance = random.Random(seed)
    lanes = [LANE]
    for salt in range(chance.randint(1, 4)):
        after, changes = chance.randint(0, 5), chance.randint(1, 3)
        lanes.append(branch_of(chance.choice(lanes), after, changes, salt + 8))
    store, plain = new_place().store, MemoryStore(EPOCH)
    runs = [run for lane in lanes for run in cuts(lane, chance)]
    chance.shuffle(runs)
    deliver(store, runs, chance)
    whole = [lane.whole() for lane in lanes]
    chance.shuffle(whole)
    deliver(store, whole, chance)  # what was a gap comes again from the beginning
    hold(plain, *sorted(whole, key=lambda run: run.head))
    assert held(store) == held(plain)
    chains = [tuple(one.hash for one in lane.written) for lane in lanes]
    names = named(LANE.lane.actor, chains)
    vector = {name: (len(chain), chain[-1][:8]) for name, chain in names.items()}
    assert store.vectors([HERE])[HERE] == vector
    admit_all(store)
    assert store.counts().refused == 0
    assert store.check() == []
    before = held(store), store.entries(HERE)
    store.rebuild()
    admit_all(store)
    assert (held(store), store.entries(HERE)) == before
    assert store.check() == []


def test_of_branches_of_one_length_every_store_says_the_same_one_is_held(
    new_place: MakePlace,
) -> None:
    """To a peer that sends again what all of them begin with."""
    twin = branch_of(LANE, 3, 3)
    answers = set()
    for order in ((LANE, twin), (twin, LANE)):
        store = new_place().store
        for lane in order:
            hold(store, lane.whole())
        with store.write() as transaction:
            (said,) = transaction.hold([LANE.cut(1, 1, signed=False)], PEER, NOW_MS).held
        answers.add(said.state.head)
    ends = [[one.hash for one in lane.written] for lane in (LANE, twin)]
    assert answers == {max(ends)[-1]}


def deliver(store: Store, runs: Sequence[LaneRun], chance: random.Random) -> None:
    at = 0
    while at < len(runs):
        some = chance.randint(1, 3)
        hold(store, *runs[at : at + some])
        at += some


def test_what_is_sent_is_what_the_author_signed_and_makes_another_store_equal(
    new_place: MakePlace,
) -> None:
    one, other = new_place().store, new_place().store
    third = branch_of(BRANCH, 5, 2, 9)
    hold(one, LANE.whole(), BRANCH.whole(), third.whole())
    hold(other, branch_of(LANE, 0, 2).whole())
    for giver, taker in ((one, other), (other, one)):
        runs, _ = giver.runs(HERE, taker.vectors([HERE])[HERE], 1 << 20)
        assert {run.lane for run in runs} == {LANE.lane}
        hold(taker, *runs)
    assert held(one) == held(other)
    assert len(one.vectors([HERE])[HERE]) == 4


def test_statements_before_the_fork_are_shown_once_and_those_after_it_by_branch(
    store: Store,
) -> None:
    hold(store, LANE.whole(), BRANCH.whole())
    admit_all(store)
    counts = sorted(len(entries) for entries in store.entries(HERE).values())
    assert counts == [3, 3, 4]
    assert [one.number for one in store.entries(HERE)[LANE.lane.actor]] == [1, 2, 3]


def test_what_was_admitted_before_the_fork_stays_so(store: Store) -> None:
    hold(store, LANE.whole())
    admit_all(store)
    hold(store, BRANCH.whole())
    states = {row.lane.actor: row.admitted for row in store.lanes(HERE)}
    assert states == {name_of(LANE, 4): 6, name_of(BRANCH, 4): 0}
    assert store.dirty_documents() == [HERE]
    [work] = store.work(1)
    assert work.actors == dict.fromkeys(states, LANE.lane.actor)


def test_a_receipt_is_of_the_branch_whose_head_it_names(store: Store) -> None:
    store.trust([HOLDER])
    hold(store, LANE.whole(), BRANCH.whole())
    assert store.custody(1).changes == 13
    for claim, left in ((receipt(BRANCH, 7), 6), (receipt(LANE, 6), 0)):
        with store.write() as transaction:
            transaction.save_receipts(HOLDER, EPOCH, [claim], NOW_MS)
        assert store.custody(1).changes == left


def test_an_older_claim_of_the_unforked_lane_covers_no_branch(store: Store) -> None:
    store.trust([HOLDER])
    hold(store, LANE.whole())
    with store.write() as transaction:
        transaction.save_receipts(HOLDER, EPOCH, [receipt(LANE, 6)], NOW_MS)
    assert store.custody(1).changes == 0
    hold(store, BRANCH.whole())
    assert store.custody(1).changes == 13
    mine = Receipt(LANE.lane._replace(actor=name_of(LANE, 4)), receipt(LANE, 6).state)
    with store.write() as transaction:
        transaction.save_receipts(HOLDER, EPOCH, [mine], NOW_MS)
    assert store.custody(1).changes == 7


def test_a_custody_log_claims_both_branches_although_it_claimed_one_before(store: Store) -> None:
    def written() -> set[Claim]:
        with store.write() as transaction:
            entry = transaction.write_custody(HOLDER, EPOCH, NOW_MS, lambda one: one)
        return set(entry.lanes) if entry else set()

    hold(store, LANE.whole())
    assert written() == {claim_of(receipt(LANE, 6))}
    hold(store, BRANCH.whole())
    claimed = {claim.actor: claim.state for claim in written()}
    assert claimed == store.vectors([HERE])[HERE]
    assert written() == set()


def test_branches_stay_over_a_restart_and_go_on_growing(place: Place) -> None:
    hold(place.store, LANE.cut(1, 5), BRANCH.cut(1, 6))
    store = place.reopen()
    hold(store, BRANCH.cut(7, 7), LANE.cut(6, 6))
    again = MemoryStore(EPOCH)
    hold(again, BRANCH.whole(), LANE.whole())
    assert held(store) == held(again)


def test_an_unsigned_prefix_of_a_branch_waits_for_its_end(store: Store) -> None:
    hold(store, LANE.whole(), branch_of(LANE, 0, 1).whole())
    hold(store, BRANCH.cut(1, 5, signed=False))
    assert len(store.vectors([HERE])[HERE]) == 2
    assert store.counts().staged == 1
    hold(store, BRANCH.cut(6, 7))
    assert len(store.vectors([HERE])[HERE]) == 3
    assert store.counts().staged == 0
    assert store.check() == []


def test_a_device_that_signs_very_many_histories_is_stopped(store: Store) -> None:
    hold(store, LANE.whole())
    branches = [branch_of(LANE, 2, 1, salt + 8) for salt in range(limits.BRANCHES_MAX)]
    hold(store, *(one.whole() for one in branches))
    assert len(store.vectors([HERE])[HERE]) == limits.BRANCHES_MAX
    assert {row.item.code for row in store.set_aside_items()} == {"too-many-branches"}
    assert store.check() == []


def test_a_document_with_branches_is_not_let_go(store: Store) -> None:
    store.trust([HOLDER])
    hold(store, LANE.whole(), BRANCH.whole())
    admit_all(store)
    with store.write() as transaction:
        claims = [receipt(BRANCH, 7), receipt(LANE, 6)]
        transaction.save_receipts(HOLDER, EPOCH, claims, NOW_MS)
    with store.write() as transaction, pytest.raises(NotShed) as caught:
        transaction.shed(HERE, NOW_MS)
    assert caught.value.cause == "branches"
