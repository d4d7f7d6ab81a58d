"""A peer that lies, floods or stalls, one sentence each: a typed refusal, bounded memory, nobody else hurt.

The peer has proved who it is: these are the worst that an enrolled but captured machine can say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Endpoint, Keys, Link, Node, document

from conflict.identity import ActorId, DocumentId, NodeId
from conflict.lane import LaneRun, ShortState
from storage import limits as store_limits
from sync import codec, effects, limits, messages
from sync.effects import Phase
from sync.errors import FrameTooLarge
from sync.inbound import Inbound
from sync.link_profile import LinkKind, LinkProfile
from sync.messages import Message
from sync.ports import Applied, Listed, Precedence, Receipt, Summary
from sync.receipts import signed_receipts
from sync.sketch import CELL_BYTES, SYMBOL_BYTES, Symbol

SATCOM = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9600, rtt_s=0.6)
HELD = 5
DIGEST = b"another!"


class Victim:
    """An honest node with one session that is equal; the test speaks for the peer."""

    def __init__(
        self, *, leads: bool = False, profile: LinkProfile | None = None, documents: int = HELD
    ) -> None:
        keys = Keys()
        self.node, self.liar = Node(1, keys), Node(2, keys)
        for number in range(documents):
            self.node.save(document(number))
        pair = (self.node, self.liar) if leads else (self.liar, self.node)
        self.link = Link(*pair, profile=profile or LinkProfile.lan())
        self.link.settle()
        assert self.link.phases == (Phase.EQUAL, Phase.EQUAL)
        self.end: Endpoint = self.link.ends[0 if leads else 1]
        other = self.link.ends[1 if leads else 0]
        other.deaf = True
        self.liar.sessions.clear()
        self.round = self.end.session._compared.round.number
        self.end.outgoing.clear()

    def hear(self, *said: Message | bytes) -> str:
        """The code of the fault that this ends the session with; empty: it stands."""
        for one in said:
            frame = one if isinstance(one, bytes) else codec.encode(one)
            self.end.perform(self.end.session.receive(frame, self.link.now))
        closed = [one for one in self.end.notices if isinstance(one, effects.Close)]
        return closed[0].code if closed else ""

    def cause(self) -> str:
        return next(one.text for one in self.end.notices if isinstance(one, effects.Close))

    def check(self, documents: int, *, sketched: bool = False) -> messages.Check:
        """The leader's next check, claiming so many documents."""
        self.round += 1
        return messages.Check(
            self.round, Summary(documents, DIGEST), repair=True, sketched=sketched
        )

    def repairing(self, documents: int) -> None:
        """A round, in which the victim lists if the peer claims more documents."""
        assert self.hear(self.check(documents)) == ""
        assert self.end.session.phase is Phase.REPAIRING

    def said(self, kind: type) -> int:
        """How many messages of a type the victim has sent."""
        return sum(isinstance(codec.decode(frame), kind) for frame in self.end.outgoing)


def content(*runs: LaneRun, frame: int = 1) -> messages.Content:
    return messages.Content(frame, Precedence.ROUTINE, runs)


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
    _never_answers(victim.end, effects.ReadLacking)
    one = vectors(0, [7], 8000)
    code = ""
    for number in range(1000):
        told = one._replace(vectors=((document(number), one.vectors[0][1]),))
        if code := victim.hear(told):
            break
    assert code == "frame-too-large"
    assert "QUEUE_VECTORS_BYTES_MAX" in victim.cause()
    assert (number - 1) * 8000 < (1 << 20) // 12


def _never_answers(end: Endpoint, kind: type) -> list[effects.Effect]:
    """A store so slow that it answers no read of this type; those that it was asked."""
    usual, reads = end._one, []

    def slow(effect: effects.Effect) -> None:
        (reads.append if isinstance(effect, kind) else usual)(effect)

    end._one = slow  # type: ignore[method-assign]
    return reads


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
    reads = _never_answers(victim.end, effects.ReadSummary)
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
    _never_answers(victim.end, effects.Compare)
    after, code = None, ""
    for first in range(0, 1 << 30, limits.LISTING_ENTRIES_MAX):
        one = page(victim.round, first, first + limits.LISTING_ENTRIES_MAX, after)
        if code := victim.hear(one):
            break
        after = one.listed[-1].document
    assert code == "out-of-turn"
    assert "credit" in victim.cause()
    assert 32 * first < LinkProfile.lan().credit_bytes + 10 * limits.LISTING_ENTRIES_MAX * 32


# Content ----------------------------------------------------------------------------------------


def chain(node: Node, number: int, length: int) -> LaneRun:
    return node.run(document(number), number, saves=length)


def test_cyclic_missing_and_foreign_dependencies_are_refused_and_the_rest_is_held() -> None:
    victim = Victim()
    good = chain(victim.liar, 20, 2)
    one, two = chain(victim.liar, 21, 3), chain(victim.liar, 22, 3)
    cyclic = _signed(
        victim.liar, replace(one, changes=(one.changes[0], one.changes[2], one.changes[1]))
    )
    missing = _signed(victim.liar, replace(two, changes=(two.changes[0], two.changes[2])))
    third = chain(victim.liar, 23, 2)
    foreign = _signed(victim.liar, replace(third, changes=(third.changes[0], one.changes[1])))
    assert victim.hear(content(cyclic, missing, good, foreign)) == ""
    codes = {row.item.code for row in victim.node.store.set_aside_items()}
    assert codes <= {"sequence-gap", "broken-chain", "foreign-dependency", "wrong-actor"}
    assert len(victim.node.store.set_aside_items()) == 3
    assert victim.said(messages.Refused) == 3
    assert victim.node.store.summary().documents == HELD + 1


def _signed(node: Node, run: LaneRun) -> LaneRun:
    from conflict.change import read_header
    from conflict.signature import lane_message

    run = replace(run, head=read_header(run.changes[-1]).hash)
    return replace(run, signature=node.key.sign(lane_message(run)))


@pytest.mark.parametrize("precedence", [Precedence.CONTROL, Precedence.BLOB])
def test_content_of_a_precedence_that_content_has_not_is_refused_and_reaches_no_other_session(
    precedence: Precedence,
) -> None:
    victim = Victim()
    third = Node(3, victim.node.keys)
    other = Link(third, victim.node)
    other.settle()
    run = chain(victim.liar, 30, 1)
    assert victim.hear(messages.Content(1, precedence, (run,))) == "bad-frame"
    victim.node.save(document(31))
    other.settle()
    assert other.phases == (Phase.EQUAL, Phase.EQUAL)
    assert third.store.summary() == victim.node.store.summary()


def test_more_content_than_any_window_is_refused_while_the_store_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "HOLDING_BYTES_MAX", 1 << 20)
    victim = Victim()
    victim.end._hold = lambda _effect: None  # type: ignore[method-assign]
    run = chain(victim.liar, 30, 400)
    size = sum(map(len, run.changes))
    code = ""
    for number in range(1, 10_000):
        if code := victim.hear(content(run, frame=number)):
            break
    assert code == "out-of-turn"
    assert "HOLDING_BYTES_MAX" in victim.cause()
    assert number * size <= limits.HOLDING_BYTES_MAX + 2 * size


def test_content_by_strangers_in_any_number_is_refused_in_receipts_that_can_be_read() -> None:
    """An honest peer may relay thousands of runs whose author is not known here, at once."""
    here, stranger = Node(1, Keys()), Node(9, Keys())
    inbound = Inbound(here.key, here.keys, here.store.epoch(), 0.0)
    run = stranger.run(document(1), 70)
    for ticket in range(limits.RECEIPT_FRAMES):
        hold, refused = inbound.take(content(*[run] * 300, frame=ticket), ticket, NodeId(bytes(16)))
        assert (hold.runs, len(refused)) == ((), 300)
    nothing = effects.HoldDone(Applied((), (), (), ()))
    said = []
    for ticket in range(limits.RECEIPT_FRAMES):
        inbound.held(ticket, nothing, 0.0)
        if (one := inbound.receipt(0.0)) is not None:
            said.append(codec.decode(codec.encode(one)))
    assert sum(len(one.refused) for one in said if isinstance(one, messages.Receipts)) == 16 * 300


@pytest.mark.parametrize("first_seq", [3, 500])
def test_unsigned_prefixes_that_never_end_are_staged_under_a_quota(first_seq: int) -> None:
    victim = Victim(profile=SATCOM)
    run = replace(chain(victim.liar, 30, 10), signature=None)
    pieces = [replace(run, changes=run.changes[:1], head=_head(run.changes[0]))]
    gap = replace(run, first_seq=first_seq, changes=run.changes[2:3], head=_head(run.changes[2]))
    assert victim.hear(content(*pieces)) == ""
    if first_seq == 3:
        assert victim.hear(content(gap, frame=2)) == ""
    counts = victim.node.store.counts()
    assert counts.staged == 1
    assert counts.documents == HELD
    assert store_limits.STAGED_BYTES_MAX_PER_PEER == 8 << 20


def _head(chunk: bytes) -> bytes:
    from conflict.change import read_header

    return read_header(chunk).hash


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
    _never_answers(victim.end, effects.Compare)
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


# Receipts, refusals, acknowledgements -----------------------------------------------------------


def receipt(victim: Victim, frames: list[int], receipts: list[Receipt]) -> messages.Receipts:
    return signed_receipts(victim.liar.key, victim.liar.store.epoch(), frames, receipts, [])


def test_a_receipt_for_content_that_was_never_sent_is_out_of_turn() -> None:
    victim = Victim()
    assert victim.hear(receipt(victim, [99], [])) == "out-of-turn"


def test_a_receipt_given_twice_is_out_of_turn() -> None:
    victim = Victim()
    victim.node.save(document(1))
    frame = next(
        one for one in map(codec.decode, victim.end.outgoing) if isinstance(one, messages.Content)
    )
    run = frame.runs[0]
    twice = receipt(victim, [frame.frame], [Receipt(run.lane, run.state.short)])
    assert victim.hear(twice) == ""
    assert victim.hear(twice) == "out-of-turn"


def test_a_receipt_for_another_lane_than_was_sent_is_a_failed_proof() -> None:
    victim = Victim()
    victim.node.save(document(1))
    frame = next(
        one for one in map(codec.decode, victim.end.outgoing) if isinstance(one, messages.Content)
    )
    run = frame.runs[0]
    lie = Receipt(run.lane, ShortState(99, run.head[:8]))
    assert victim.hear(receipt(victim, [frame.frame], [lie])) == "proof-failed"
    assert (
        not victim.node.store.receipts(document(1))[victim.liar.key.node]
        .get(run.lane.actor, ShortState(0, b""))
        .length
        > 1
    )


def test_refusals_of_what_was_never_sent_are_out_of_turn() -> None:
    victim = Victim()
    refused = (
        messages.Refused(document(number), ActorId(bytes(16)), 1, "author-unknown", "no")
        for number in range(10_000)
    )
    heard = 0
    for one in refused:
        if victim.hear(one):
            break
        heard += 1
    assert victim.hear() == "out-of-turn"
    assert heard <= HELD


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
    cells = 2 * limits.SKETCH_CELLS_MAX * CELL_BYTES
    assert limits.SKETCH_WANTED_MAX * SYMBOL_BYTES < limits.FRAME_BYTES_MAX
    waiting = limits.QUEUE_VECTORS_BYTES_MAX + limits.HOLDING_BYTES_MAX + limits.WAITING_BYTES_MAX
    credit = LinkProfile.lan().credit_bytes + limits.READS_AHEAD_MAX * limits.FRAME_BYTES_MAX
    assert parts + cells + credit + waiting <= limits.SESSION_BYTES_MAX
