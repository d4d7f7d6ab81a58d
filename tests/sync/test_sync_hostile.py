"""A peer that lies, floods or stalls, one sentence each: a typed refusal, bounded memory, nobody else hurt.

The peer has proved who it is: these are the worst that an enrolled but captured machine can say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import count, islice
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hostile_lab import HELD, SATCOM, Victim, never_answers
from session_lab import document

from conflict.identity import ActorId, DocumentId
from conflict.lane import ShortState
from sync import codec, effects, limits, messages
from sync.columns import CONTENT_TEXT_BYTES_MAX
from sync.effects import Phase
from sync.errors import FrameTooLarge
from sync.link_profile import LinkProfile
from sync.ports import Listed, Precedence, Summary
from sync.sketch import CELL_BYTES, SYMBOL_BYTES, Symbol


def vectors(round_: int, documents: Iterable[int], lanes: int = 0) -> messages.Vectors:
    vector = {
        ActorId((number << 64).to_bytes(16, "big")): ShortState(1, b"head")
        for number in range(lanes)
    }
    told = tuple((document(number), vector) for number in documents)
    return messages.Vectors(round_, told, answer=True, whole=False, final=False)


# Counts that are lies ---------------------------------------------------------------------------


@pytest.mark.parametrize("documents", [0, 1, 1 << 20, 1 << 62])
def test_a_lie_about_the_number_of_documents_costs_no_memory_and_no_session(documents: int) -> None:
    victim = Victim()
    assert victim.hear(victim.check(documents)) == ""
    assert victim.end.session.phase is Phase.REPAIRING
    assert victim.end.bytes_out < 3000


def test_more_cells_than_the_limit_and_cells_asked_for_twice_are_refused_by_name() -> None:
    victim = Victim(documents=200)
    victim.repairing(201)
    size = limits.SKETCH_CELLS_MAX
    assert victim.hear(messages.More(victim.round, size)) == ""
    assert victim.hear(messages.More(victim.round, size)) == "frame-too-large"
    assert "SKETCH_CELLS_MAX" in victim.cause()


def test_cells_asked_for_one_by_one_are_refused_because_each_time_may_cost_a_scan() -> None:
    victim = Victim(documents=200)
    victim.repairing(201)
    shown = victim.end.session._compared.round._shown
    assert victim.hear(messages.More(victim.round, shown + 1)) == "frame-too-large"


def test_wanted_symbols_of_nothing_bring_nothing_and_end_at_their_limit() -> None:
    victim = Victim(documents=200)
    victim.repairing(201)
    numbers = count()
    said, code = 0, ""
    while not code:
        wanted = tuple((Symbol(one), {}) for one in islice(numbers, 512))
        code = victim.hear(messages.Wanted(victim.round, wanted, whole=False, final=False))
        said += 1
    assert code == "frame-too-large"
    assert "SKETCH_WANTED_MAX" in victim.cause()
    assert said == limits.SKETCH_WANTED_MAX // 512 + 1
    assert victim.said(messages.Content) == 0


def test_wanted_of_nothing_at_all_is_out_of_turn_unless_it_is_the_last() -> None:
    victim = Victim(documents=200)
    victim.repairing(201)
    empty = messages.Wanted(victim.round, (), whole=False, final=False)
    assert victim.hear(empty) == "out-of-turn"


def test_vectors_of_more_lanes_than_wait_at_once_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "QUEUE_VECTORS_BYTES_MAX", 1 << 20)
    victim = Victim()
    never_answers(victim.end, effects.ReadLacking)
    one = vectors(0, [7], 8000)
    code = ""
    for number in range(1000):
        told = one._replace(vectors=((document(number), one.vectors[0][1]),))
        if code := victim.hear(told):
            break
    assert code == "frame-too-large"
    assert "QUEUE_VECTORS_BYTES_MAX" in victim.cause()
    assert (number - 1) * 8000 < (1 << 20) // 12


def test_vectors_outside_rounds_are_remembered_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "QUEUE_DOCUMENTS_MAX", 5000)
    victim = Victim()
    first, code = 0, ""
    while not (code := victim.hear(vectors(0, range(1000 + first, 1500 + first)))):
        first += 500
    assert code == "frame-too-large"
    assert "QUEUE_DOCUMENTS_MAX" in victim.cause()
    assert first == 5000


def test_a_vector_of_as_many_lanes_as_may_be_is_taken_and_one_lane_more_is_refused() -> None:
    most = vectors(0, [1], limits.VECTOR_LANES_MAX)
    assert codec.decode(codec.encode(most))
    with pytest.raises(FrameTooLarge, match="VECTOR_LANES_MAX"):
        codec.decode(codec.encode(vectors(0, [1], limits.VECTOR_LANES_MAX + 1)))


# Checks and listings ----------------------------------------------------------------------------


def test_checks_before_the_last_one_is_answered_are_out_of_turn() -> None:
    victim = Victim()
    reads = never_answers(victim.end, effects.ReadSummary)
    assert victim.hear(victim.check(9)) == ""
    assert victim.hear(victim.check(9)) == "out-of-turn"
    assert len(reads) == 1


def test_rounds_that_do_not_count_up_are_out_of_turn() -> None:
    victim = Victim()
    again = victim.check(9)
    assert victim.hear(again) == ""
    assert victim.hear(again) == "out-of-turn"


def test_a_flood_of_wishes_for_a_check_starts_one_check() -> None:
    victim = Victim(leads=True)
    wish = messages.Check(0, Summary(0, bytes(8)), repair=True, sketched=False)
    assert victim.hear(*[wish] * 1000) == ""
    assert victim.said(messages.Check) == 1


def test_an_answer_to_a_check_that_was_not_asked_is_out_of_turn() -> None:
    victim = Victim(leads=True)
    assert victim.hear(victim.check(9)) == "out-of-turn"


def page(round_: int, first: int, last: int, after: DocumentId | None) -> messages.Listing:
    listed = tuple(Listed(document(number), bytes(16)) for number in range(first, last))
    return messages.Listing(round_, after, listed, final=False)


def test_a_listing_that_does_not_ascend_or_goes_back_is_refused() -> None:
    victim = Victim()
    victim.repairing(2)
    assert victim.hear(page(victim.round, 5, 9, None)) == ""
    assert victim.hear(page(victim.round, 2, 4, None)) == "out-of-turn"
    victim = Victim()
    victim.repairing(2)
    shuffled = page(victim.round, 5, 9, None)
    shuffled = shuffled._replace(listed=tuple(reversed(shuffled.listed)))
    assert victim.hear(shuffled) == "bad-frame"


def test_a_listing_faster_than_the_store_compares_it_gets_no_further_credit() -> None:
    victim = Victim()
    victim.repairing(2)
    never_answers(victim.end, effects.Compare)
    after, code = None, ""
    for first in range(0, 1 << 30, limits.LISTING_ENTRIES_MAX):
        one = page(victim.round, first, first + limits.LISTING_ENTRIES_MAX, after)
        if code := victim.hear(one):
            break
        after = one.listed[-1].document
    assert code == "out-of-turn"
    assert "credit" in victim.cause()
    assert 32 * first < LinkProfile.lan().credit_bytes + 10 * limits.LISTING_ENTRIES_MAX * 32


# Frames -----------------------------------------------------------------------------------------


def part(data: bytes, *, more: bool = True) -> messages.Part:
    return messages.Part(Precedence.ROUTINE, more, data)


def test_parts_that_never_end_are_refused_at_one_message() -> None:
    victim = Victim()
    size = 0
    while not (code := victim.hear(part(bytes(60_000)))):
        size += 60_000
    assert code == "frame-too-large"
    assert size <= limits.FRAME_BYTES_MAX


@pytest.mark.parametrize(
    "frame",
    [
        b"\x91" * 100_000,
        b"\x95\x05" + b"\x91" * 50_000 + b"\x00",
        b"\x94\x06\x01\x03" + b"\xc4\x00",
        b"\x94\x06\x01\x03" + b"\xdd\xff\xff\xff\xff",
        b"\x94\x06\x01\x03" + b"\xc6\xff\xff\xff\xff",
        b"\x9f\x03" + b"\x81" * 2000,
    ],
    ids=["arrays in arrays", "deep field", "no payload", "4 G items", "4 GB", "maps in maps"],
)
def test_deep_nesting_and_lengths_that_lie_are_a_bad_frame(frame: bytes) -> None:
    assert Victim().hear(frame) == "bad-frame"


def test_a_frame_above_what_was_granted_is_refused_on_a_thin_link() -> None:
    victim = Victim(profile=SATCOM)
    one = vectors(0, range(100))
    assert len(codec.encode(one)) > SATCOM.frame_bytes_max
    assert victim.hear(one) == "frame-too-large"


def test_frames_without_credit_are_out_of_turn() -> None:
    """A sender that goes on while the receiver's store is busy, and so gives no credit."""
    victim = Victim(profile=SATCOM)
    victim.repairing(2)
    never_answers(victim.end, effects.Compare)
    size, after, code = 0, None, ""
    for first in range(100):
        one = page(victim.round, first, first + 1, after)
        after = one.listed[-1].document
        if code := victim.hear(one):
            break
        size += len(codec.encode(one))
    assert code == "out-of-turn"
    assert size <= SATCOM.credit_bytes + (limits.READS_AHEAD_MAX + 1) * SATCOM.frame_bytes_max


def test_hello_twice_and_a_fault_too_long_are_refused() -> None:
    hello = messages.Hello(1, 1, b"n" * 16, b"e" * 16, b"o" * 16, 1, 1, b"k" * 4, 1 << 20, 4 << 20)
    assert Victim().hear(hello) == "out-of-turn"
    long = codec._pack([12, "code", "x" * (limits.TEXT_CHARS_MAX + 1)])
    assert Victim().hear(long) == "bad-frame"


def test_a_fault_of_the_peers_ends_the_session_and_is_not_answered() -> None:
    victim = Victim()
    assert victim.hear(messages.Fault("whatever", "x" * limits.TEXT_CHARS_MAX)) == "whatever"
    assert victim.said(messages.Fault) == 0 or victim.end.outgoing


# Who asks and does not read ---------------------------------------------------------------------


def test_a_peer_that_asks_without_reading_the_answers_is_given_up_at_a_bound() -> None:
    victim = Victim()
    victim.end.transmit = lambda: None  # type: ignore[method-assign]  # its socket takes nothing
    code = ""
    for _ in range(1_000_000):
        if code := victim.hear(victim.check(HELD)):
            break
        assert (
            sum(victim.end.session._flow.waiting_bytes.values()) <= limits.WAITING_BYTES_MAX + 2000
        )
        victim.end.session._flow._queues[Precedence.CONTROL].waiting_bytes += 1 << 20
    assert code == "stalled"
    assert "WAITING_BYTES_MAX" in victim.cause()


def test_blobs_asked_for_without_reading_them_are_refused_at_four_parts() -> None:
    victim = Victim()
    blob = bytes(1 << 20)
    with victim.node.store.write() as transaction:
        name = transaction.put_blob(blob)
    victim.end.transmit = lambda: None  # type: ignore[method-assign]
    ask = messages.BlobAsk(((name, 0),))
    assert victim.hear(*[ask] * limits.BLOBS_ASKED_MAX) == ""
    assert victim.hear(ask) == "out-of-turn"


def test_a_blob_part_that_was_not_asked_for_is_out_of_turn() -> None:
    assert Victim().hear(messages.BlobPart(bytes(32), 10, 0, b"x")) == "out-of-turn"


# The figure -------------------------------------------------------------------------------------


def test_the_memory_of_one_session_is_bounded_by_named_limits() -> None:
    """What one peer can make a node keep in memory, beyond what its own store gives it to send."""
    parts = 5 * limits.FRAME_BYTES_MAX
    cells = 3 * limits.SKETCH_CELLS_MAX * CELL_BYTES  # of documents, twice; of lanes
    assert limits.SKETCH_WANTED_MAX * SYMBOL_BYTES < limits.FRAME_BYTES_MAX
    waiting = limits.QUEUE_VECTORS_BYTES_MAX + limits.HOLDING_BYTES_MAX + limits.WAITING_BYTES_MAX
    opened = limits.CONTENT_RAW_BYTES_MAX + CONTENT_TEXT_BYTES_MAX  # one message waits for a read
    credit = LinkProfile.lan().credit_bytes + limits.READS_AHEAD_MAX * limits.FRAME_BYTES_MAX
    audit = 2 * limits.AUDIT_WINDOW * limits.AUDIT_FRAME_BYTES_MAX
    assert parts + cells + credit + waiting + opened + audit <= limits.SESSION_BYTES_MAX
