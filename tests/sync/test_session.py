"""The session as protocol sentences: two real stores, one link, no clock."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Keys, Link, Node, document, said

from sync import codec, effects, limits, messages
from sync.effects import Phase
from sync.payload import LAYOUT
from sync.ports import Precedence


def nodes(count: int) -> list[Node]:
    keys = Keys()
    return [Node(number, keys) for number in range(count)]


def summaries(*parties: Node) -> set[object]:
    return {party.store.summary() for party in parties}


def test_two_empty_nodes_are_equal_at_once() -> None:
    a, b = nodes(2)
    link = Link(a, b)
    link.quiet()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)


def test_an_empty_node_receives_all_and_receipts_come_back() -> None:
    a, b = nodes(2)
    for number in range(100):
        a.save(document(number), saves=3)
    link = Link(b, a)
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert len(summaries(a, b)) == 1
    assert a.store.summary().documents == 100
    receipts = a.store.receipts(document(7))[b.key.node]
    assert receipts[a.actor].length == 3


def test_both_sides_changed_the_same_document() -> None:
    a, b = nodes(2)
    for number in range(30):
        a.save(document(number))
        b.save(document(number + 10))
    link = Link(a, b)
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert len(summaries(a, b)) == 1
    assert a.store.summary().documents == 40


def test_live_changes_flow_without_a_new_listing() -> None:
    a, b = nodes(2)
    for number in range(50):
        a.save(document(number))
    link = Link(a, b)
    link.settle()
    before = link.ends[1].bytes_out + link.ends[0].bytes_out
    a.save(document(3))
    b.save(document(4))
    link.quiet()
    assert len(summaries(a, b)) == 1
    assert link.ends[1].bytes_out + link.ends[0].bytes_out - before < 1500


def test_an_idle_check_is_one_round_trip() -> None:
    a, b = nodes(2)
    for number in range(50):
        a.save(document(number))
    link = Link(a, b)
    link.settle()
    frames = [end.frames_out for end in link.ends]
    sent = [end.bytes_out for end in link.ends]
    link.ends[0].perform(link.ends[0].session.check(link.now))
    link.quiet()
    assert [end.frames_out for end in link.ends] == [frames[0] + 1, frames[1] + 1]
    assert all(end.bytes_out - was <= 64 for end, was in zip(link.ends, sent, strict=True))


def test_a_change_reaches_a_third_node_through_the_second() -> None:
    a, b, c = nodes(3)
    first, second = Link(a, b), Link(b, c)
    first.settle(), second.settle()
    a.save(document(1))
    for _ in range(4):
        first.settle(), second.settle()
    assert len(summaries(a, b, c)) == 1


def test_an_unknown_author_is_set_aside_and_blocks_nothing() -> None:
    a, b = nodes(2)
    stranger = Node(9, Keys())
    with a.store.write() as transaction:
        transaction.hold([stranger.run(document(1), 70)], None, 1)
    a.save(document(1))
    a.save(document(2))
    link = Link(b, a)
    link.quiet()
    assert [row.item.code for row in b.store.set_aside_items()] == ["author-unknown"]
    assert b.holds(*a.acknowledged[0])
    assert b.holds(*a.acknowledged[1])
    assert link.phases[0] is Phase.DIFFERENT
    refusals = [one for one in link.ends[1].notices if isinstance(one, effects.PeerRefused)]
    assert {one.code for one in refusals} == {"author-unknown"}


def test_a_node_that_stays_different_retries_ever_more_slowly() -> None:
    a, b = nodes(2)
    stranger = Node(9, Keys())
    with a.store.write() as transaction:
        transaction.hold([stranger.run(document(1), 70)], None, 1)
    link = Link(b, a)
    link.quiet()
    waits = []
    for _ in range(4):
        was = link.now
        link.tick()
        waits.append(link.now - was)
    assert waits[1] > waits[0]
    assert waits[3] > waits[2]


def test_a_mis_signed_run_is_set_aside_and_blocks_nothing() -> None:
    a, b = nodes(2)
    good, bad = a.run(document(1), 70), a.run(document(2), 71)
    link = Link(a, b)
    link.quiet()
    forged = replace(bad, signature=good.signature)
    frame = codec.encode(said(1, forged, good))
    link.ends[1].perform(link.ends[1].session.receive(frame, 0.0))
    assert [row.item.code for row in b.store.set_aside_items()] == ["bad-signature"]
    assert b.store.summary().documents == 1


def test_a_peer_with_an_unknown_key_is_refused_before_any_content() -> None:
    (a,) = nodes(1)
    stranger = Node(5, Keys())
    stranger.keys.add(a.key)
    a.save(document(1))
    link = Link(stranger, a)
    link.quiet()
    assert link.phases == (Phase.CLOSED, Phase.CLOSED)
    assert stranger.store.summary().documents == 0
    closed = [one for one in link.ends[1].notices if isinstance(one, effects.Close)]
    assert closed[0].code == "peer-unknown"


def test_a_peer_that_lies_about_its_name_is_refused() -> None:
    a, b = nodes(2)
    impostor = Node(7, a.keys)
    impostor.key.node = b.key.node
    link = Link(impostor, a)
    link.quiet()
    closed = [one for one in link.ends[1].notices if isinstance(one, effects.Close)]
    assert closed[0].code == "proof-failed"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", "bad-frame"),
        (b"\xc1", "bad-frame"),
        (b"\x91\xcd\x00\x02", "bad-frame"),
        (codec._pack([99, 1]), "unknown-message"),
        (codec._pack([3, 1, 2]), "bad-frame"),
        (codec._pack([4, 1, None, b"x", True]), "bad-frame"),
        (b"\x00" * (limits.FRAME_BYTES_MAX + 1), "frame-too-large"),
        (codec.encode(messages.Finished(4)), "out-of-turn"),
        (
            codec.encode(
                messages.Hello(1, 1, b"n" * 16, b"e" * 16, b"o" * 16, 1, 1, b"k" * 4, 1, 1)
            ),
            "out-of-turn",
        ),
    ],
)
def test_bad_frames_end_the_session_with_a_named_fault(frame: bytes, code: str) -> None:
    a, b = nodes(2)
    a.save(document(1))
    link = Link(a, b)
    link.settle()
    link.ends[0].perform(link.ends[0].session.receive(frame, link.now))
    closed = [one for one in link.ends[0].notices if isinstance(one, effects.Close)]
    assert closed[0].code == code
    assert a.store.summary().documents == 1
    link.quiet()
    assert link.phases == (Phase.CLOSED, Phase.CLOSED)


def test_a_deflate_bomb_is_refused() -> None:
    from backports import zstd

    squeezed = zstd.compress(bytes(64 << 20))[4:]  # a payload has no magic number
    bomb = codec._pack([6, 1, Precedence.ROUTINE, bytes([LAYOUT]) + squeezed])
    a, b = nodes(2)
    link = Link(a, b)
    link.quiet()
    link.ends[0].perform(link.ends[0].session.receive(bomb, 0.0))
    closed = [one for one in link.ends[0].notices if isinstance(one, effects.Close)]
    assert closed[0].code == "frame-too-large"


def test_a_silent_peer_is_given_up() -> None:
    a, b = nodes(2)
    link = Link(a, b)
    late = link.ends[0].session.next_deadline()
    assert late is not None
    link.ends[0].perform(link.ends[0].session.expire(late))
    closed = [one for one in link.ends[0].notices if isinstance(one, effects.Close)]
    assert closed[0].code == "stalled"


def test_blobs_come_after_records_and_whole() -> None:
    import hashlib

    from storage.shapes import ProjectionRow

    a, b = nodes(2)
    data = random.Random(1).randbytes(200_000)
    name = hashlib.sha256(data).digest()
    for node in (a, b):
        node.save(document(1))
        with node.store.write() as transaction:
            row = ProjectionRow(document(1), "x", 0, b"{}", blobs=((name, len(data)),))
            transaction.save_projection(row)
    with a.store.write() as transaction:
        transaction.put_blob(data)
    link = Link(a, b)
    link.settle()
    assert b.store.blob(name) == data


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_interleaving_cut_and_resume_ends_equal_and_loses_nothing(data: st.DataObject) -> None:
    party = nodes(3)
    pairs = [(0, 1), (1, 2), (2, 0)]
    links = [Link(party[x], party[y]) for x, y in pairs]
    for _ in range(data.draw(st.integers(5, 60))):
        match data.draw(st.sampled_from(["save", "step", "step", "step", "cut"])):
            case "save":
                node = party[data.draw(st.integers(0, 2))]
                node.save(document(data.draw(st.integers(0, 6))))
            case "step":
                links[data.draw(st.integers(0, 2))].step(data.draw(st.integers(0, 1)))
            case "cut":
                which = data.draw(st.integers(0, 2))
                links[which].cut()
                x, y = pairs[which]
                links[which] = Link(party[x], party[y], links[which].now)
    for _ in range(6):
        for link in links:
            link.settle()
    assert len(summaries(*party)) == 1
    for writer in party:
        for doc, head in writer.acknowledged:
            assert all(node.holds(doc, head) for node in party)


def test_the_rest_of_a_budget_is_kept_for_what_is_urgent() -> None:
    a, b = nodes(2)
    a.sparing = True
    a.save(document(1))
    link = Link(b, a)
    link.quiet()
    for _ in range(6):
        link.tick()
    assert b.store.summary().documents == 0
    said = sum(end.bytes_out for end in link.ends)
    a.save(document(2), precedence=Precedence.URGENT)
    a.save(document(3))
    for _ in range(3):
        link.tick()
    assert b.holds(*a.acknowledged[1])
    assert b.store.summary().documents == 1
    assert sum(end.bytes_out for end in link.ends) - said < 800
