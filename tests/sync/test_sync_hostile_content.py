"""Content, receipts and refusals of a peer that lies: what is good is held, nothing else is believed.

The peer has proved who it is: these are the worst that an enrolled but captured machine can say.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hostile_lab import HELD, SATCOM, Victim, content
from session_lab import Keys, Link, Node, document, runs_of, said

from conflict.change import read_header
from conflict.identity import ActorId, NodeId
from conflict.lane import LaneRun, ShortState
from conflict.signature import lane_message
from storage import limits as store_limits
from sync import codec, effects, limits, messages
from sync.effects import Phase
from sync.inbound import Inbound
from sync.ports import Applied, Precedence, Receipt
from sync.receipts import signed_receipts

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
    assert victim.hear(said(1, run, precedence=precedence)) == "bad-frame"
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
    inbound = Inbound(here.key, here.keys, here.store.epoch(), NodeId(bytes(16)), 0.0)
    run = stranger.run(document(1), 70)
    for ticket in range(limits.RECEIPT_FRAMES):
        inbound.put(content(*[run] * 300, frame=ticket))
        [hold] = inbound.go_on(lambda ticket=ticket: ticket)
        assert isinstance(hold, effects.Hold)
        assert (hold.runs, len(hold.set_aside)) == ((), 300)
    nothing = effects.HoldDone(Applied((), (), (), ()))
    said = []
    for ticket in range(limits.RECEIPT_FRAMES):
        inbound.held(ticket, nothing, 0.0)
        if (one := inbound.receipt(0.0)) is not None:
            said.append(codec.decode(codec.encode(one)))
    refused = sum(len(one.refused) for one in said if isinstance(one, messages.Receipts))
    assert refused == limits.RECEIPT_FRAMES * 300


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
    return read_header(chunk).hash


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
    [run] = runs_of(frame, victim.node)
    twice = receipt(victim, [frame.frame], [Receipt(run.lane, run.state.short)])
    assert victim.hear(twice) == ""
    assert victim.hear(twice) == "out-of-turn"


def test_a_receipt_for_another_lane_than_was_sent_is_a_failed_proof() -> None:
    victim = Victim()
    victim.node.save(document(1))
    frame = next(
        one for one in map(codec.decode, victim.end.outgoing) if isinstance(one, messages.Content)
    )
    [run] = runs_of(frame, victim.node)
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
