"""What a peer lacks, how urgent it is, and its runs in pieces: `LaneReader` against every store."""

from __future__ import annotations

import pytest

from conflict.identity import ActorId, Lane
from conflict.lane import LaneRun, LaneState, ShortState
from conflict.urgency import ROUTINE_LANE, LaneUrgency
from storage import Store
from sync.limits import RUN_BYTES_MAX, RUN_CHANGES_MAX
from sync.ports import Lacking, Precedence, Reach
from tests.contracts.conftest import Place
from tests.contracts.store_samples import (
    NOW_MS,
    SampleLane,
    admit_all,
    branch_of,
    document,
    hold,
    sample_lane,
)

NOTHING = ShortState(0, b"")
PLENTY = 1 << 24
HOUR_MS = 3_600_000


def had(lane: SampleLane, length: int) -> ShortState:
    """That a peer has so many changes of a lane."""
    return LaneState(length, lane.written[length - 1].hash).short if length else NOTHING


def unknown(length: int) -> ShortState:
    """So many changes, of which the head is not known."""
    return ShortState(length, b"")


def size(*runs: LaneRun) -> int:
    """Raw bytes."""
    return sum(len(raw) for run in runs for raw in run.changes)


def admit(store: Store, lane: SampleLane, urgency: LaneUrgency) -> None:
    """Admit a whole lane with this urgency."""
    entries = [entry for written in lane.written for entry in written.entries]
    with store.write() as transaction:
        transaction.save_admission(
            lane.lane.document, lane.lane.actor, len(lane.written), entries, urgency
        )


def in_pieces(store: Store, lanes: list[tuple[Lane, ShortState]], bytes_max: int) -> list[Reach]:
    """Reach until nothing is left."""
    found = [store.reach(lanes, bytes_max)]
    while found[-1].rest:
        assert found[-1].runs
        found.append(store.reach(found[-1].rest, bytes_max))
    return found


# --- what a peer lacks ---------------------------------------------------------------------------


def test_lanes_that_a_peer_lacks_the_end_of_are_named(store: Store) -> None:
    lanes = sorted((sample_lane(seed, document(seed % 2), 4) for seed in range(6)), key=_lane)
    hold(store, *(lane.whole() for lane in lanes))
    vectors = store.vectors([document(0), document(1)])
    shorter = {**vectors[document(1)]}
    mine = [lane for lane in lanes if lane.lane.document == document(1)]
    shorter[mine[0].lane.actor] = had(mine[0], 2)
    del shorter[mine[1].lane.actor]
    wanted = [(document(1), shorter), (document(0), {}), (document(5), {})]
    lacking, behind = store.lacking(wanted, NOW_MS)
    expected = [
        Lacking(lane.lane, NOTHING, Precedence.ROUTINE)
        for lane in lanes
        if lane.lane.document == document(0)
    ]
    expected += [
        Lacking(mine[0].lane, had(mine[0], 2), Precedence.ROUTINE),
        Lacking(mine[1].lane, NOTHING, Precedence.ROUTINE),
    ]
    assert lacking == sorted(expected, key=lambda one: one.lane)
    assert behind == []
    assert store.lacking([], 0) == ([], [])


def _lane(lane: SampleLane) -> Lane:
    return lane.lane


def test_documents_of_which_a_peer_holds_more_are_named_behind(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 4), sample_lane(2, document(1), 2)
    branch = branch_of(lane, 1, 2)
    hold(store, lane.cut(1, 3))
    actor = lane.lane.actor
    longer = {actor: had(lane, 4)}
    unheld = {actor: had(lane, 3), other.lane.actor: had(other, 2)}
    parted = {actor: had(branch, 3)}
    assert store.lacking([(document(1), longer)], 0) == ([], [document(1)])
    assert store.lacking([(document(1), unheld)], 0) == ([], [document(1)])
    assert store.lacking([(document(9), unheld)], 0) == ([], [document(9)])
    evidence = Lacking(lane.lane, had(branch, 3), Precedence.ROUTINE)
    assert store.lacking([(document(1), parted)], 0) == ([evidence], [document(1)])


def test_a_vector_from_the_wire_may_cut_actors_and_heads(store: Store) -> None:
    lane, whole = sample_lane(1, document(1), 4), sample_lane(2, document(1), 2)
    branch = branch_of(lane, 1, 2)
    hold(store, lane.cut(1, 4), whole.whole())
    equal = {_cut(one): _cut_state(one, len(one.written)) for one in (lane, whole)}
    assert store.lacking([(document(1), equal)], 0) == ([], [])
    shorter = {**equal, _cut(lane): _cut_state(lane, 2)}
    [lacking], behind = store.lacking([(document(1), shorter)], 0)
    assert (lacking.lane, lacking.have, behind) == (lane.lane, _cut_state(lane, 2), [])
    assert store.reach([(lacking.lane, lacking.have)], PLENTY).runs == (lane.cut(3, 4),)
    parted = {**equal, _cut(lane): _cut_state(branch, 3)}
    [lacking], _ = store.lacking([(document(1), parted)], 0)
    found = store.reach([(lacking.lane, lacking.have)], PLENTY)
    assert found == Reach((), ((lane.lane, NOTHING),), (), (lane.lane,))
    unheld = {**equal, ActorId(b"somebody"): ShortState(1, b"head")}
    assert store.lacking([(document(1), unheld)], 0) == ([], [document(1)])


def _cut(lane: SampleLane) -> ActorId:
    return ActorId(lane.lane.actor[:8])


def _cut_state(lane: SampleLane, length: int) -> ShortState:
    return ShortState(length, lane.written[length - 1].hash[:4])


def test_precedence_is_what_the_admitted_statements_say(place: Place) -> None:
    store = place.store
    lanes = sorted((sample_lane(seed, document(1), 1) for seed in range(4)), key=_lane)
    hold(store, *(lane.whole() for lane in lanes))
    _, routine, summary, urgent = lanes
    admit(store, routine, ROUTINE_LANE)
    admit(store, summary, LaneUrgency(0, summary=True))
    admit(store, urgent, LaneUrgency(NOW_MS, summary=True))

    def found(at: Store, since_ms: int) -> list[Precedence]:
        lacking, _ = at.lacking([(document(1), {})], since_ms)
        assert [one.lane for one in lacking] == [lane.lane for lane in lanes]
        return [one.precedence for one in lacking]

    before = [Precedence.ROUTINE, Precedence.ROUTINE, Precedence.SUMMARY]
    for at in (store, place.reopen()):
        assert found(at, NOW_MS) == [*before, Precedence.URGENT]
        assert found(at, NOW_MS + 1) == [*before, Precedence.SUMMARY]
        assert found(at, -HOUR_MS) == [*before, Precedence.URGENT]


# --- urgent lanes --------------------------------------------------------------------------------


def test_urgent_lanes_come_latest_first_and_leave_with_time(store: Store) -> None:
    lanes = [sample_lane(seed, document(seed), 1) for seed in range(5)]
    hold(store, *(lane.whole() for lane in lanes))
    for at, lane in enumerate(lanes[:4]):
        admit(store, lane, LaneUrgency(NOW_MS + at * HOUR_MS if at else 0, summary=False))
    ahead = sorted(lane.lane for lane in lanes[2:4])
    admit(store, lanes[2], LaneUrgency(10**15 - 1, summary=False))
    assert store.urgent(NOW_MS, 10) == [lanes[2].lane, lanes[3].lane, lanes[1].lane]
    assert store.urgent(NOW_MS, 1) == [lanes[2].lane]
    assert store.urgent(NOW_MS + 2 * HOUR_MS, 10) == [lanes[2].lane, lanes[3].lane]
    assert store.urgent(0, 10) == store.urgent(-HOUR_MS, 10) == store.urgent(NOW_MS, 10)
    admit(store, lanes[3], LaneUrgency(10**15 - 1, summary=True))
    assert store.urgent(NOW_MS + 2 * HOUR_MS, 10) == ahead


def test_urgency_is_taken_back_with_the_transaction(store: Store) -> None:
    lane = sample_lane(1, document(1), 1)
    hold(store, lane.whole())

    def fail() -> None:
        with store.write() as transaction:
            entries = lane.written[0].entries
            urgency = LaneUrgency(NOW_MS, summary=True)
            transaction.save_admission(document(1), lane.lane.actor, 1, entries, urgency)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert store.urgent(0, 10) == []


def test_slots_may_be_judged_otherwise_later(store: Store) -> None:
    lane, held = sample_lane(1, document(1), 1), sample_lane(2, document(1), 1)
    hold(store, lane.whole(), held.whole())
    admit(store, lane, ROUTINE_LANE)
    for urgency, expected in (
        (LaneUrgency(NOW_MS, summary=False), [lane.lane]),
        (LaneUrgency(NOW_MS + 1, summary=True), [lane.lane]),
        (ROUTINE_LANE, []),
    ):
        with store.write() as transaction:
            transaction.save_urgency(document(1), lane.lane.actor, urgency)
            transaction.save_urgency(document(1), held.lane.actor, urgency)  # not admitted
            transaction.save_urgency(document(7), lane.lane.actor, urgency)  # not held
        assert store.urgent(0, 10) == expected
    assert store.check() == []


def test_urgency_is_a_cache_that_admission_brings_back(store: Store) -> None:
    lane = sample_lane(1, document(1), 2)
    hold(store, lane.whole())
    urgency = LaneUrgency(NOW_MS, summary=True)
    admit(store, lane, urgency)
    store.rebuild()
    assert store.urgent(0, 10) == []
    [routine], _ = store.lacking([(document(1), {})], 0)
    assert routine.precedence == Precedence.ROUTINE
    admit(store, lane, urgency)
    assert store.urgent(0, 10) == [lane.lane]
    with store.write() as transaction:
        transaction.fold_again()
        transaction.refuse_admission(document(1), lane.lane.actor, 2, "late", "")
    assert store.urgent(0, 10) == [lane.lane]


def test_a_late_verdict_does_not_change_urgency(store: Store) -> None:
    lane = sample_lane(1, document(1), 3)
    hold(store, lane.cut(1, 2))
    entries = [entry for written in lane.written for entry in written.entries]
    urgent = LaneUrgency(NOW_MS, summary=False)
    with store.write() as transaction:
        transaction.save_admission(document(1), lane.lane.actor, 2, entries[:2], urgent)
    with store.write() as transaction:
        transaction.save_admission(document(1), lane.lane.actor, 1, entries[:1], ROUTINE_LANE)
        transaction.save_admission(document(1), lane.lane.actor, 3, entries, ROUTINE_LANE)
    assert store.urgent(0, 10) == [lane.lane]


# --- runs in pieces ------------------------------------------------------------------------------


def test_a_lane_goes_on_where_the_peer_has_it(store: Store) -> None:
    lane = sample_lane(1, document(1), 6)
    hold(store, lane.cut(1, 4))
    hold(store, lane.cut(5, 6))
    for length in range(6):
        expected = Reach((lane.cut(length + 1, 6),), (), ())
        assert store.reach([(lane.lane, had(lane, length))], PLENTY) == expected
        assert store.reach([(lane.lane, unknown(length))], PLENTY) == expected
    for equal in (had(lane, 6), unknown(6)):
        assert store.reach([(lane.lane, equal)], PLENTY) == Reach((), (), ())
    assert store.reach([], PLENTY) == Reach((), (), ())


def test_runs_come_in_the_order_asked_for(store: Store) -> None:
    lanes = [sample_lane(seed, document(seed % 3), 2) for seed in range(7)]
    hold(store, *(lane.whole() for lane in lanes))
    asked = [(lane.lane, NOTHING) for lane in reversed(lanes)]
    expected = tuple(lane.whole() for lane in reversed(lanes))
    assert store.reach(asked, PLENTY) == Reach(expected, (), ())


def test_neighbouring_runs_are_joined_as_far_as_a_signature_must_stand(store: Store) -> None:
    lane = sample_lane(1, document(1), 80)
    for seq in range(1, 81):
        hold(store, lane.cut(seq, seq))
    runs = store.reach([(lane.lane, NOTHING)], PLENTY).runs
    assert [len(run.changes) for run in runs] == [RUN_CHANGES_MAX, RUN_CHANGES_MAX, 16]
    assert runs == (lane.cut(1, 32), lane.cut(33, 64), lane.cut(65, 80))


def test_joined_runs_keep_to_the_bytes_of_a_run(store: Store) -> None:
    lane = sample_lane(3, document(1), 9, "x" * 5000)
    for seq in range(1, 10):
        hold(store, lane.cut(seq, seq))
    each = size(lane.cut(2, 2))
    some = RUN_BYTES_MAX // each
    assert 1 <= some < 9
    runs = store.reach([(lane.lane, NOTHING)], PLENTY).runs
    assert all(size(run) <= RUN_BYTES_MAX for run in runs)
    assert [run.last_seq for run in runs] == [*range(some, 9, some), 9]


def test_a_stored_run_is_never_cut_at_its_end(store: Store) -> None:
    lane = sample_lane(1, document(1), 90)
    hold(store, lane.cut(1, 80))
    hold(store, lane.cut(81, 90))
    runs = store.reach([(lane.lane, had(lane, 5))], 1).runs
    assert runs == (lane.cut(6, 80),)
    [whole] = in_pieces(store, [(lane.lane, had(lane, 5))], PLENTY)
    assert whole.runs == (lane.cut(6, 80), lane.cut(81, 90))


def test_reading_stops_at_the_byte_limit_and_says_where_to_go_on(store: Store) -> None:
    lanes = [sample_lane(seed, document(seed), 4) for seed in range(3)]
    for lane in lanes:
        hold(store, lane.cut(1, 2))
        hold(store, lane.cut(3, 4))
    asked = [(lane.lane, NOTHING) for lane in lanes]
    enough = size(lanes[0].whole(), lanes[1].cut(1, 2))
    found = store.reach(asked, enough)
    assert found.runs == (lanes[0].whole(), lanes[1].cut(1, 2))
    assert found.rest == ((lanes[1].lane, had(lanes[1], 2)), (lanes[2].lane, NOTHING))
    for bytes_max in (enough - 1, size(lanes[0].whole())):
        found = store.reach(asked, bytes_max)
        assert found.runs == (lanes[0].whole(),)
        assert found.rest == tuple(asked[1:])
    for bytes_max in (0, 1):
        found = store.reach(asked, bytes_max)
        assert found.runs == (lanes[0].cut(1, 2),)
        assert found.rest == ((lanes[0].lane, had(lanes[0], 2)), *asked[1:])


def test_what_is_not_finished_keeps_the_have_that_was_given(store: Store) -> None:
    one, two = sample_lane(1, document(1), 2), sample_lane(2, document(2), 4)
    hold(store, one.whole(), two.cut(1, 3))
    hold(store, two.cut(4, 4))
    found = store.reach([(one.lane, NOTHING), (two.lane, unknown(2))], 1)
    assert found == Reach((one.whole(),), ((two.lane, unknown(2)),), ())


def test_more_lanes_than_are_looked_up_at_once_all_come(store: Store) -> None:
    lanes = [sample_lane(seed, document(seed % 50), 1) for seed in range(300)]
    hold(store, *(lane.whole() for lane in lanes))
    asked = [(lane.lane, NOTHING) for lane in lanes]
    assert store.reach(asked, PLENTY).runs == tuple(lane.whole() for lane in lanes)
    pieces = in_pieces(store, asked, 3000)
    assert len(pieces) > 10
    assert [run for piece in pieces for run in piece.runs] == [lane.whole() for lane in lanes]


def test_a_lane_named_twice_comes_twice(store: Store) -> None:
    lane = sample_lane(1, document(1), 3)
    hold(store, lane.whole())
    found = store.reach([(lane.lane, had(lane, 1)), (lane.lane, NOTHING)], PLENTY)
    assert found.runs == (lane.cut(2, 3), lane.whole())


@pytest.mark.parametrize("length", [4, 5, 6])
def test_reaching_for_a_peer_on_a_branch_begins_at_the_beginning(store: Store, length: int) -> None:
    lane = sample_lane(1, document(1), 8)
    branch = branch_of(lane, 3, 3)
    hold(store, lane.cut(1, 3))
    hold(store, lane.cut(4, 6))
    hold(store, lane.cut(7, 8))
    found = store.reach([(lane.lane, had(branch, length))], 1)
    assert found == Reach((), ((lane.lane, NOTHING),), (), (lane.lane,))
    assert store.reach(found.rest, PLENTY).runs == (lane.whole(),)


def test_reaching_for_peers_on_branches_goes_on_with_what_is_left(store: Store) -> None:
    lane, other = sample_lane(1, document(1), 6), sample_lane(2, document(2), 3)
    branch = branch_of(lane, 5, 1)
    hold(store, lane.whole(), other.cut(1, 1), other.cut(2, 3))
    asked = [(lane.lane, had(branch, 6)), (other.lane, NOTHING)]
    found = store.reach(asked, size(lane.whole()) + 1)
    assert found.apart == (lane.lane,)
    assert found.rest[0] == (lane.lane, NOTHING)
    assert {run.lane for run in store.reach(found.rest, PLENTY).runs} == {lane.lane, other.lane}


def test_a_peer_that_has_more_gets_nothing_and_is_named(store: Store) -> None:
    lane, unheld = sample_lane(1, document(1), 4), sample_lane(2, document(2), 2)
    hold(store, lane.cut(1, 3))
    for more in (had(lane, 4), unknown(4)):
        assert store.reach([(lane.lane, more)], PLENTY) == Reach((), (), (lane.lane,))
    assert store.reach([(unheld.lane, had(unheld, 1))], PLENTY) == Reach((), (), (unheld.lane,))
    assert store.reach([(unheld.lane, NOTHING)], PLENTY) == Reach((), (), ())


def test_what_is_lacking_is_what_makes_another_store_equal(store: Store) -> None:
    lanes = [sample_lane(seed, document(seed % 4), 5) for seed in range(9)]
    for lane in lanes:
        hold(store, lane.cut(1, 3))
        hold(store, lane.cut(4, 5))
    admit_all(store)
    peer: dict[Lane, int] = {lane.lane: seed % 4 for seed, lane in enumerate(lanes)}
    ids = sorted({lane.lane.document for lane in lanes})
    by_lane = {lane.lane: lane for lane in lanes}
    vectors = [
        (
            one,
            {
                lane.actor: had(by_lane[lane], length)
                for lane, length in peer.items()
                if lane.document == one and length
            },
        )
        for one in ids
    ]
    lacking, behind = store.lacking(vectors, 0)
    assert behind == []
    for piece in in_pieces(store, [(one.lane, one.have) for one in lacking], 700):
        for run in piece.runs:
            assert run.first_seq == peer[run.lane] + 1
            peer[run.lane] = run.last_seq
    assert set(peer.values()) == {5}
