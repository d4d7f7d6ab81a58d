"""Documents of many lanes: who differs in a few says little, whatever is cut, forged or behind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from lanes_lab import ROSTER, Pair, Process, hold, restarted, restarted_as
from session_lab import Link, document
from test_sync_resume import LAN, SATCOM, Cut, Wire

from conflict.identity import ActorId
from conflict.lane import ShortState, Vector
from sync import lane_sketch, limits, messages
from sync.effects import Phase
from sync.lane_sketch import differ, named
from sync.link_profile import LinkProfile
from sync.rounds import FIRST_CELLS_MIN
from sync.sketch import CELL_BYTES, SketchKey, Symbol
from sync.vectors import ACTOR_SHORT_BYTES, HEAD_CUT_BYTES, NOTHING, lacking, resolved

PROFILES = st.sampled_from([LAN, SATCOM])
CONSTANT_BYTES = 2_400  # cells of documents, a vector of 64 lanes, cells of lanes, frames
LANE_BYTES = 60  # 12 in cells, 20 to name it, 13 to answer; cells double, so twice that


def linked(pair: Pair, profile: LinkProfile = LAN, *, swapped: bool = False) -> Wire:
    """Their next link; nothing is remembered."""
    one, other = pair.nodes
    for node in pair.nodes:
        node.sessions.clear(), node.known.clear()
    return Wire(other, one, profile) if swapped else Wire(one, other, profile)


def besides_content(link: Wire) -> int:
    """Bytes of messages that arrived but the greeting, content and receipts for it."""
    without = {"Hello", "Proof", "Content", "Receipts"}
    return sum(size for name, size in link.told.items() if name not in without)


def rounds(link: Link) -> int:
    return link.ends[0].session._compared.round.number


# Any lanes --------------------------------------------------------------------------------------

few = st.integers(0, 6)


class Apart:
    """A pair of which each wrote a little while they were apart; `lanes`: how many differ."""

    def __init__(self, data: st.DataObject) -> None:
        self.pair = Pair(data.draw(st.integers(1, 500)), data.draw(st.sampled_from([0, 120])))
        self.lanes = 0
        for which in (0, 1):
            new, grown = data.draw(few), data.draw(few)
            self.pair.new(which, new)
            self.lanes += new + self.pair.grow(which, grown, data.draw(st.integers(1, 3)))


@settings(max_examples=60, deadline=None)
@given(st.data(), PROFILES, st.booleans())
def test_documents_that_differ_in_a_few_lanes_end_equal_for_few_bytes_a_lane(
    data: st.DataObject, profile: LinkProfile, swapped: bool
) -> None:
    apart = Apart(data)
    link = linked(apart.pair, profile, swapped=swapped)
    link.settle()
    assert apart.pair.equal
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert rounds(link) <= 2, "one round brings all of it"
    assert besides_content(link) <= CONSTANT_BYTES + LANE_BYTES * apart.lanes
    carried = link.carried[0] + link.carried[1]
    assert len({lane for lane, _ in carried}) == apart.lanes
    assert set(carried.values()) <= {1}, "nothing goes twice, nothing else goes"


@settings(max_examples=40, deadline=None)
@given(st.data(), PROFILES, st.booleans())
def test_cut_after_any_frame_and_resumed_they_end_equal_for_few_bytes_a_lane(
    data: st.DataObject, profile: LinkProfile, swapped: bool
) -> None:
    apart = Apart(data)
    apart.pair.new(0, 1, saves=60)
    first = linked(apart.pair, profile, swapped=swapped)
    for turn in range(data.draw(st.integers(0, 60))):
        first.step(turn % 2)
    first.cut()
    second = linked(apart.pair, profile, swapped=data.draw(st.booleans()))
    second.settle()
    assert apart.pair.equal
    said = besides_content(first) + besides_content(second)
    assert said <= 2 * CONSTANT_BYTES + LANE_BYTES * 2 * (apart.lanes + 1)


# What is said -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("lanes", "sketched"), [(64, False), (65, True)])
def test_a_vector_of_64_lanes_is_said_and_of_65_a_sketch(lanes: int, sketched: bool) -> None:
    assert limits.VECTOR_LANES_SAID == 64
    pair = Pair(lanes - 1)
    pair.new(0, 1)
    hold(pair.nodes[1], [pair.nodes[1].run(ROSTER, 80)])
    link = linked(pair)
    link.settle()
    assert pair.equal
    assert (link.told["Wanted"] >= 13 * lanes) != sketched
    assert (link.told["Sketch"] >= CELL_BYTES * (FIRST_CELLS_MIN + limits.LANE_CELLS)) == sketched


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("besides", [0, 120])
def test_who_holds_few_of_many_lanes_says_its_own_vector(besides: int, swapped: bool) -> None:
    """A new machine that has written one lane: cells over 500 lanes would not tell it anything."""
    pair = Pair(0, besides)
    pair.new(0, 500)
    pair.new(1, 1)
    link = linked(pair, swapped=swapped)
    link.settle()
    assert pair.equal
    assert rounds(link) <= 2
    assert besides_content(link) <= CONSTANT_BYTES


@pytest.mark.parametrize(("ours", "theirs"), [(200, 150), (150, 200), (70, 400)])
def test_where_no_lane_is_shared_the_shorter_vector_is_said_after_few_cells(
    ours: int, theirs: int
) -> None:
    pair = Pair(0, 120)
    pair.new(0, ours)
    pair.new(1, theirs)
    link = linked(pair)
    link.settle()
    assert pair.equal
    assert rounds(link) <= 2
    back = 9 * max(ours, theirs)  # who has the other lanes is asked for them one by one
    assert besides_content(link) <= CONSTANT_BYTES + 13 * min(ours, theirs) + back


def test_a_document_that_one_side_lacks_flows_without_a_sketch_of_its_lanes() -> None:
    pair = Pair(0, 120)
    pair.new(0, 500)
    for swapped in (False, True):
        other = Pair(0, 120)
        other.new(0, 500)
        link = linked(other, swapped=swapped)
        link.settle()
        assert other.equal
        assert besides_content(link) <= 1_000


def test_more_documents_than_are_sketched_at_once_are_repaired_round_by_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LANE_SKETCHES_MAX", 3)
    pair = Pair(0)
    one, other = pair.nodes
    for number in range(8):
        shared = [restarted(one, document(number)).write() for _ in range(70)]
        hold(one, shared), hold(other, shared)
        hold(one, [restarted(one, document(number)).write()])
    link = linked(pair)
    link.settle()
    assert pair.equal
    assert rounds(link) == 4


def test_above_what_a_vector_holds_few_differences_are_still_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "VECTOR_LANES_MAX", 100)
    pair = Pair(300)
    pair.new(0, 2)
    pair.grow(1, 2)
    link = linked(pair)
    link.settle()
    assert pair.equal
    assert besides_content(link) <= CONSTANT_BYTES


def test_above_what_a_vector_holds_many_differences_cost_all_content_and_end_equal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "VECTOR_LANES_MAX", 100)
    pair = Pair(10)
    pair.new(0, 200)
    pair.new(1, 200)
    link = linked(pair)
    link.settle()
    assert pair.equal


def test_lanes_are_wanted_before_the_end_of_the_round_is_said() -> None:
    wanted = messages.Wanted(1, ((Symbol(1), {}),), whole=False, final=True, document=ROSTER)
    ended = messages.precedence_of(messages.Finished(1))
    assert messages.precedence_of(wanted) == ended, "of one class, so in order"
    assert messages.precedence_of(wanted._replace(document=None)) < ended


# What is awkward --------------------------------------------------------------------------------


def test_lanes_of_the_same_tag_are_not_taken_for_one_another() -> None:
    pair = Pair(100, 120)
    one, other = pair.nodes
    tag = b"\x12\x34"
    grows = restarted_as(one, tag)
    begun = grows.write()
    hold(one, [begun]), hold(other, [begun])
    hold(one, [grows.write(), restarted_as(one, tag).write()])
    hold(other, [restarted_as(other, tag).write(2), restarted_as(other, tag).write()])
    link = linked(pair)
    link.settle()
    assert pair.equal
    assert rounds(link) == 2


def test_what_hides_under_one_rounds_secret_is_found_under_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual, keys = lane_sketch.symbols_of, []

    def misled(key: SketchKey, vector: Vector) -> dict[Symbol, ActorId]:
        keys.append(key.name)
        found = usual(key, vector)
        hidden = {one for one, actor in found.items() if vector[actor].length > 1}
        return {
            one: actor for one, actor in found.items() if key.name != keys[0] or one not in hidden
        }

    monkeypatch.setattr(lane_sketch, "symbols_of", misled)
    pair = Pair(100)
    pair.new(0, 1, saves=2)
    link = linked(pair)
    link.settle()
    assert pair.equal
    assert rounds(link) == 4, "the first brings nothing, a check says so, the third all"


def test_lanes_written_while_they_are_told_apart_are_equal_in_the_end() -> None:
    for steps in range(4, 30):
        pair = Pair(80)
        pair.new(0, 40)
        pair.new(1, 40)
        link = linked(pair, SATCOM)
        for turn in range(steps):
            link.step(turn % 2)
        pair.new(0, 1)
        pair.grow(1, 1)
        link.settle()
        assert pair.equal, steps


def test_another_branch_of_a_lane_goes_both_ways_and_stops_nothing() -> None:
    pair = Pair(100)
    one, other = pair.nodes
    nonce = one.random.randbytes(16)
    left, right = Process(one, nonce), Process(one, nonce)
    hold(one, [left.write(2)])
    hold(other, [right.write(1), right.write(1)])
    pair.new(0, 1)
    pair.new(1, 1)
    link = linked(pair)
    link.quiet()
    for _ in range(3):
        link.tick()
    assert Phase.CLOSED not in link.phases
    assert one.store.forked() == other.store.forked() != []
    shared = [set(node.store.vectors([ROSTER])[ROSTER]) for node in pair.nodes]
    assert shared[0] == shared[1]


# Resume -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("besides", [0, 120])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_long_lane_cut_off_in_the_middle_goes_on_there(swapped: bool, besides: int) -> None:
    whole = Pair(100, besides)
    whole.new(0, 1, saves=500)
    at_once = linked(whole, SATCOM, swapped=swapped)
    at_once.settle()
    pair = Pair(100, besides)
    pair.new(0, 1, saves=500)
    first = linked(pair, SATCOM, swapped=swapped)
    sender = 1 if swapped else 0
    first.cut_at = Cut(sender, at_once.bytes[sender] * 3 // 4)
    first.whole_sync()
    first.cut()
    assert pair.nodes[1].store.counts().staged == 1
    second = linked(pair, SATCOM, swapped=swapped)
    second.settle()
    assert pair.equal
    assert second.told["Content"] < at_once.told["Content"] / 2
    assert besides_content(second) <= CONSTANT_BYTES / 2, (
        "what is staged is not said with 100 lanes"
    )


# Pure -------------------------------------------------------------------------------------------

KEY = SketchKey(b"a secret of 16 B")
actors = st.integers(0, 99).map(  # of few tags
    lambda one: ActorId(one.to_bytes(8, "big") + bytes(7) + bytes([one % 3]))
)


def state(actor: ActorId, length: int) -> ShortState:
    return ShortState(length, bytes([actor[7], length]) * 4)


vectors = st.dictionaries(actors, st.integers(1, 4), max_size=60).map(
    lambda found: {actor: state(actor, length) for actor, length in sorted(found.items())}
)


@given(vectors, vectors, st.booleans())
def test_cells_that_decode_bring_each_side_exactly_what_it_lacks(
    peeler: dict[ActorId, ShortState], shower: dict[ActorId, ShortState], whole: bool
) -> None:
    told = differ(KEY, peeler, lane_sketch.cells_of(KEY, shower, 400), len(shower))
    assert told.more is None
    wanted = [(one, had if whole else cut(had)) for one, had in told.wanted]
    have = named(KEY, shower, wanted)
    ask = lacking(shower, have)
    sent = dict(_sent(shower, have)), {**dict(_sent(peeler, ask)), **_all(peeler, told.offered)}
    for actor in peeler.keys() | shower.keys():
        mine, its = peeler.get(actor, NOTHING), shower.get(actor, NOTHING)
        assert sent[0].get(actor) == (mine.length if its.length > mine.length else None)
        assert sent[1].get(actor) == (its.length if mine.length > its.length else None)


def cut(vector: Vector) -> Vector:
    return {
        ActorId(actor[:ACTOR_SHORT_BYTES]): ShortState(had.length, had.head[:HEAD_CUT_BYTES])
        for actor, had in vector.items()
    }


def _sent(ours: Vector, have: Vector) -> Iterator[tuple[ActorId, int]]:
    """Lanes that are sent to who has so much of them, and from where on."""
    for actor, theirs in resolved(ours, have).items():
        if (mine := ours.get(actor)) is not None and mine.length > theirs.length:
            yield actor, theirs.length


def _all(ours: Vector, actors: tuple[ActorId, ...]) -> dict[ActorId, int]:
    return {actor: 0 for actor in actors if actor in ours}


def test_forged_cells_are_given_up() -> None:
    ours = {ActorId(bytes([n] * 16)): ShortState(1, bytes(8)) for n in range(80)}
    for cells in (bytes(9 * 26), b"\xff" * 9 * 26, bytes(range(234))):
        told = differ(KEY, ours, cells, 80)
        assert (told.wanted, told.offered) == ((), ())
        assert told.more is not None
