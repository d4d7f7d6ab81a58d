"""A peer that lies about a document's lanes: typed refusals, bounded memory, and the round goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import count, islice
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hostile_lab import DIGEST, HELD, Victim, never_answers
from lanes_lab import ROSTER, hold, restarted
from session_lab import document

from conflict.identity import DocumentId
from sync import codec, effects, lane_effects, limits, messages
from sync.effects import Phase
from sync.errors import BadFrame
from sync.lane_repair import PEELED_CELLS_MAX
from sync.lane_sketch import Told
from sync.ports import Listed, Summary
from sync.sketch import CELL_BYTES, SALT_BYTES, Symbol

LANES = 70


def lister() -> Victim:
    """It shows what it holds, and is shown lanes."""
    victim = Victim()
    hold(victim.node, [restarted(victim.node).write() for _ in range(LANES)], offered=False)
    victim.repairing(HELD + 4)
    assert victim.end.session._compared.round.lister
    return victim


def comparer() -> Victim:
    """It has just shown the lanes of the roster."""
    victim = Victim()
    hold(victim.node, [restarted(victim.node).write() for _ in range(LANES)], offered=False)
    victim.repairing(HELD - 2)
    victim.end.outgoing.clear()
    page = messages.Listing(victim.round, None, (Listed(ROSTER, DIGEST * 2),), final=True)
    assert victim.hear(page) == ""
    assert victim.said(messages.Sketch) == 1
    return victim


def cells(
    victim: Victim, document: DocumentId = ROSTER, *, size: int = limits.LANE_CELLS, start: int = 0
) -> messages.Sketch:
    some = bytes(range(1, 10)) * size
    return messages.Sketch(victim.round, b"", start, some, document, LANES)


# Who is shown lanes -----------------------------------------------------------------------------


def test_forged_cells_are_answered_with_the_vector_or_a_wish_for_more_and_bring_nothing() -> None:
    victim = lister()
    assert victim.hear(cells(victim)) == ""
    assert victim.said(messages.More) + victim.said(messages.Vectors) == 1
    assert victim.said(messages.Content) == 0
    assert victim.end.session.phase is Phase.REPAIRING


def test_more_cells_than_go_first_are_refused_by_name() -> None:
    victim = lister()
    assert victim.hear(cells(victim, size=limits.LANE_CELLS + 1)) == "frame-too-large"
    assert "LANE_CELLS" in victim.cause()


def test_cells_that_were_not_awaited_or_do_not_follow_are_refused() -> None:
    victim = lister()
    assert victim.hear(cells(victim, document(77)), cells(victim, document(77))) == "out-of-turn"
    assert lister().hear(cells(victim, start=3)) == "bad-frame"
    late = lister()
    assert late.hear(cells(late)._replace(round=late.round - 1)) == "out-of-turn"


def test_lanes_of_more_documents_than_a_round_may_show_are_refused_by_name() -> None:
    victim = lister()
    shown = [cells(victim, document(1000 + n)) for n in range(limits.LANE_SKETCHES_MAX)]
    assert victim.hear(*shown) == ""
    assert victim.hear(cells(victim, document(7))) == "frame-too-large"
    assert "LANE_SKETCHES_MAX" in victim.cause()


def test_lanes_shown_faster_than_the_store_reads_get_no_further_credit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LANE_SKETCHES_MAX", 1 << 30)
    victim = lister()
    reads = never_answers(victim.end, lane_effects.DifferLanes)
    code, numbers = "", count(1000)
    while not code:
        code = victim.hear(cells(victim, document(next(numbers))))
    assert code == "out-of-turn"
    assert "credit" in victim.cause()
    size = limits.LANE_CELLS * CELL_BYTES
    assert len(reads) * size <= victim.end.session.profile.credit_bytes


def test_all_the_cells_that_a_round_can_bring_stay_within_the_limit_of_one_sketch() -> None:
    first = limits.LANE_SKETCHES_MAX * limits.LANE_CELLS
    assert PEELED_CELLS_MAX + first <= limits.SKETCH_CELLS_MAX
    victim = lister()
    wishes = (1 << 14, 1 << 15, 1 << 14)
    for number, size in enumerate(wishes):
        one = document(2000 + number)
        reads = never_answers(victim.end, lane_effects.DifferLanes)
        assert victim.hear(cells(victim, one)) == ""
        [read] = reads
        told = Told(size)
        answer = lane_effects.LanesDiffered(read.of, told, None)
        victim.end.perform(victim.end.session.answer(read.ticket, answer, victim.link.now))
    said = [codec.decode(frame) for frame in victim.end.outgoing]
    sizes = [one.size for one in said if isinstance(one, messages.More)]
    assert sizes == [1 << 14, 1 << 15, 0], "the third is wished for as a vector"


def test_who_wishes_for_more_and_hears_nothing_gives_the_session_up() -> None:
    victim = lister()
    assert victim.hear(cells(victim)) == ""
    victim.link.now += limits.STALL_S_MAX + 1
    victim.end.perform(victim.end.session.expire(victim.link.now))
    assert victim.hear() == "stalled"


# Who shows lanes --------------------------------------------------------------------------------


def test_more_of_lanes_and_lanes_wanted_that_were_not_shown_are_out_of_turn() -> None:
    victim = comparer()
    assert victim.hear(messages.More(victim.round, 104, document(3))) == "out-of-turn"
    victim = comparer()
    lane = ((Symbol(1), {}),)
    assert victim.hear(messages.Wanted(victim.round, lane, False, True, document(3))) == (
        "out-of-turn"
    )


@pytest.mark.parametrize("size", [1, limits.LANE_CELLS + 1, PEELED_CELLS_MAX + 1])
def test_more_of_lanes_is_a_quarter_more_and_within_the_limit(size: int) -> None:
    victim = comparer()
    assert victim.hear(messages.More(victim.round, size, ROSTER)) == "frame-too-large"
    assert "SKETCH_CELLS_MAX" in victim.cause()


def test_more_of_lanes_asked_for_again_and_again_ends_at_the_limit() -> None:
    victim = comparer()
    size, code = limits.LANE_CELLS, ""
    asked = 0
    while not code:
        size, asked = size + max(8, size // 4), asked + 1
        code = victim.hear(messages.More(victim.round, size, ROSTER))
    assert code == "frame-too-large"
    assert asked < 40


@pytest.mark.parametrize("grown", [False, True])
def test_more_cells_go_on_where_the_last_ended_unless_the_lanes_have_changed(grown: bool) -> None:
    victim = comparer()
    victim.end.outgoing.clear()
    if grown:
        hold(victim.node, [restarted(victim.node).write()], offered=False)
    assert victim.hear(messages.More(victim.round, 104, ROSTER)) == ""
    [shown] = [
        one for one in map(codec.decode, victim.end.outgoing) if isinstance(one, messages.Sketch)
    ]
    assert shown.start == (0 if grown else limits.LANE_CELLS)
    assert shown.start + len(shown.cells) // CELL_BYTES == 104


def test_more_before_the_last_cells_were_read_is_out_of_turn() -> None:
    victim = comparer()
    never_answers(victim.end, lane_effects.ReadLanes)
    more = messages.More(victim.round, 104, ROSTER)
    assert victim.hear(more) == ""
    assert victim.hear(more) == "out-of-turn"


def test_lanes_wanted_by_symbols_of_nothing_bring_nothing_and_end_at_their_limit() -> None:
    victim = comparer()
    victim.end.outgoing.clear()
    numbers, said, code = count(), 0, ""
    while not code:
        wanted = tuple((Symbol(one), {}) for one in islice(numbers, 512))
        code = victim.hear(messages.Wanted(victim.round, wanted, False, False, ROSTER))
        said += 1
    assert code == "frame-too-large"
    assert "SKETCH_WANTED_MAX" in victim.cause()
    assert said == limits.SKETCH_WANTED_MAX // 512 + 1
    assert victim.said(messages.Content) == 0


@pytest.mark.parametrize(
    "kind", [lane_effects.ReadLanes, lane_effects.ReadNamedLanes, lane_effects.DifferLanes]
)
def test_answers_for_a_round_that_the_leader_ended_early_are_of_no_account(kind: type) -> None:
    victim = lister() if kind is lane_effects.DifferLanes else comparer()
    reads = never_answers(victim.end, kind)
    wanted = ((Symbol(1), {}),)
    if kind is lane_effects.DifferLanes:
        said: messages.Message = cells(victim)
    elif kind is lane_effects.ReadLanes:
        said = messages.More(victim.round, 104, ROSTER)
    else:
        said = messages.Wanted(victim.round, wanted, False, True, ROSTER)
    assert victim.hear(said) == ""
    victim.round += 1
    summary = Summary(HELD - 2, DIGEST)
    assert victim.hear(messages.Check(victim.round, summary, repair=True, sketched=False)) == ""
    before = len(victim.end.outgoing)
    for read in _answered(victim, reads):
        victim.end.perform(read)
    assert len(victim.end.outgoing) == before
    assert victim.end.session.phase is not Phase.CLOSED
    assert victim.end.session._compared.round.lanes.idle


def _answered(victim: Victim, reads: list[effects.Effect]) -> Iterable[list[effects.Effect]]:
    from sync.reading import perform

    for read in reads:
        answer = perform(read, victim.node.store)
        yield victim.end.session.answer(read.ticket, answer, victim.link.now)


# The codec --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        [15, 1, bytes(SALT_BYTES), 0, bytes(9), bytes(16), 70],
        [15, 1, b"", 0, bytes(9), bytes(16)],
        [15, 1, b"", 0, bytes(9), bytes(16), 70, 1],
        [15, 1, b"", 0, bytes(9), None, 0],
        [16, 1, 104, None],
        [16, 1, 104, bytes(16), bytes(16)],
        [17, 1, b"", False, True, bytes(15)],
        [17, 1, b"", False, True, bytes(16), bytes(16)],
    ],
)
def test_fields_of_lanes_are_all_there_or_none(body: list[object]) -> None:
    with pytest.raises(BadFrame):
        codec.decode(codec._pack(body))
