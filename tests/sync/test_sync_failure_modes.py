"""How other sync systems failed their users, one test each: none of it may happen here.

The cases are those of threads about PouchDB, Automerge, iroh, Peerbit, Corrosion, riblt and others.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Endpoint, Keys, Link, Node, document, said

from sync import codec, effects, limits, messages
from sync.effects import Phase
from sync.link_profile import LinkKind, LinkProfile
from sync.ports import Known

SATCOM = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9600, rtt_s=0.6)


def pair(documents: int = 0) -> tuple[Node, Node]:
    keys = Keys()
    a, b = Node(1, keys), Node(2, keys)
    for number in range(documents):
        a.save(document(number))
    return a, b


def forget_links(*nodes: Node) -> None:
    for node in nodes:
        node.sessions.clear()


def converged(*nodes: Node) -> bool:
    return len({node.store.summary() for node in nodes}) == 1


def frames_of_a_sync(documents: int) -> int:
    a, b = pair(documents)
    link = Link(a, b)
    count = 0
    while link.step(count % 2):
        count += 1
    return count


def test_a_cursor_never_runs_ahead_of_the_data() -> None:
    """pouchdb 1240: a checkpoint written before its data lost changes for good."""
    a, b = pair(20)
    Link(a, b).settle()
    for number in range(20, 40):
        a.save(document(number))
    for cut_after in range(12):
        link = Link(a, b)
        for turn in range(cut_after):
            link.step(turn % 2)
        link.cut()
        if not converged(a, b):
            known = a.known.get(b.key.node)
            assert known is None or known.summary != a.store.summary()
    Link(a, b).settle()
    assert converged(a, b)


def test_ends_that_remember_different_things_neither_lose_nor_start_from_zero() -> None:
    """pouchdb 3999: checkpoints disagreed, and every sync began from nothing."""
    a, b = pair(400)
    Link(a, b).settle()
    forget_links(a, b)
    b.known.clear()
    a.save(document(1))
    b.save(document(2))
    link = Link(a, b)
    link.settle()
    assert converged(a, b)
    assert link.said["Content"] < 2000
    assert link.said["Listing"] == 0


@pytest.mark.parametrize("which", range(14))
def test_a_lost_frame_ends_a_session_and_never_loops(which: int) -> None:
    """automerge 1284 and 702: one lost message made peers loop, or wait for ever."""
    a, b = pair(30)
    b.save(document(77))
    link = Link(a, b)
    for turn in range(which):
        link.step(turn % 2)
    for end in link.ends:
        if end.outgoing:
            end.outgoing.popleft()
            break
    for _ in range(10):
        link.tick()
    if link.phases != (Phase.EQUAL, Phase.EQUAL):
        link.cut()
        Link(a, b).settle()
    assert converged(a, b)


def test_a_sync_is_over_only_when_the_digests_say_so() -> None:
    """peerbit 967, iroh-docs 56: both sides idle, one of them without the data."""
    a, b = pair(30)
    link = Link(a, b)
    link.settle()
    assert link.ends[0].session.proved is not None
    assert link.ends[0].session.proved.summary == a.store.summary() == b.store.summary()
    run = a.run(document(5), 99)
    with a.store.write() as transaction:
        transaction.hold([run], None, 1)  # nobody tells the session
    link.ends[0].perform(link.ends[0].session.check(link.now))
    link.settle()
    assert converged(a, b)


def test_a_refusal_is_taken_as_a_refusal_and_not_asked_again_in_pieces() -> None:
    """amethyst 3480: a client read every refusal as "too big" and split windows without end."""
    a, b = pair(5)
    stranger = Node(9, Keys())
    with a.store.write() as transaction:
        transaction.hold([stranger.run(document(1), 70)], None, 1)
    link = Link(b, a)
    link.quiet()
    assert link.phases[0] is Phase.DIFFERENT
    frames = [end.frames_out for end in link.ends]
    link.tick()
    more = [end.frames_out - was for end, was in zip(link.ends, frames, strict=True)]
    assert max(more) < 12


def test_a_sink_that_never_commits_is_sent_a_bounded_amount() -> None:
    """relayBench: senders filled a slow sink's buffers until it was killed."""
    a, b = pair()
    for number in range(200):
        a.save(document(number), saves=60)
    link = Link(a, b, profile=SATCOM)
    sink = link.ends[1]
    sink._hold = lambda _effect: None  # type: ignore[method-assign]
    for turn in range(4000):
        if not link.step(turn % 2):
            break
    carried = link.ends[0].said["Content"] + link.ends[0].said["Part"]
    raw = sum(
        len(chunk) for run in a.store.runs(document(0), {}, 1 << 24)[0] for chunk in run.changes
    )
    assert raw * 200 > 100 * SATCOM.window_bytes
    assert 0 < carried < 4 * SATCOM.window_bytes


def test_a_head_whose_parent_is_missing_asks_for_the_parent() -> None:
    """subduction 283: heads were told whose parents nobody had sent."""
    a, b = pair()
    a.save(document(1))
    link = Link(a, b)
    link.settle()
    parent, run = a.run(document(1), 90), a.run(document(1), 91)
    with a.store.write() as transaction:
        transaction.hold([parent, run], None, 1)  # nobody tells the session
    link.ends[0].perform(link.ends[0].session.grown(((run.lane, 3),), link.now))
    assert b.store.vectors([document(1)])[document(1)][a.actor].length == 1
    link.settle()
    assert b.store.vectors([document(1)])[document(1)][a.actor].length == 3


def test_a_gap_that_nobody_can_fill_holds_up_nothing_else() -> None:
    """corrosion 366: a gap that never fills blocked its actor for ever."""
    a, b = pair()
    other = Node(5, a.keys)
    other.run(document(1), 1)
    orphan = other.run(document(1), 2)
    link = Link(a, b)
    link.settle()
    frame = codec.encode(said(1, orphan))
    link.ends[1].perform(link.ends[1].session.receive(frame, link.now))
    link.ends[1].outgoing.popleft()  # its receipt: we did not send that
    a.save(document(1))
    a.save(document(2))
    link.settle()
    assert converged(a, b)
    assert b.store.summary().documents == 2


def test_cells_that_no_set_has_are_answered_by_asking_for_a_listing() -> None:
    """riblt 3: cells of unkeyed XORs are forged by linear algebra; a peer with the key may lie too."""
    a, b = pair(300)
    Link(a, b).settle()
    a.known.clear(), b.known.clear()
    forget_links(a, b)
    for number in range(5):
        a.save(document(number))
    link = Link(a, b)
    liar = random.Random(4)
    for turn in range(10_000):
        for end in link.ends:
            _forge(end, liar)
        if not link.step(turn % 2):
            break
    assert converged(a, b)
    assert link.said["Listing"] > 0


def _forge(end: Endpoint, liar: random.Random) -> None:
    for at, frame in enumerate(end.outgoing):
        if codec.type_of(frame) == 15:
            told = codec.decode(frame)
            assert isinstance(told, messages.Sketch)
            forged = liar.randbytes(len(told.cells))
            end.outgoing[at] = codec.encode(told._replace(cells=forged))


def test_a_node_restored_from_a_backup_that_kept_its_epoch_is_filled_again() -> None:
    """A restored garrison that claims the same epoch: the digest decides, not the memory."""
    a, b = pair(150)
    Link(a, b).settle()
    backup = b.store.clone()
    for number in range(150, 170):
        a.save(document(number))
    Link(a, b).settle()
    forget_links(a, b)
    remembered = dict(b.known)
    b.store = backup
    b.known = remembered
    link = Link(b, a)
    link.settle()
    assert converged(a, b)
    assert b.store.summary().documents == 170


def test_a_memory_that_lies_costs_a_round_and_nothing_more() -> None:
    a, b = pair(150)
    a.known[b.key.node] = Known(b.store.epoch(), 10_000, a.store.summary())
    b.known[a.key.node] = Known(a.store.epoch(), 0, a.store.summary())
    Link(a, b).settle()
    assert converged(a, b)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_lost_doubled_and_reordered_frames_cost_sessions_but_no_statement(
    data: st.DataObject,
) -> None:
    a, b = pair(12)
    b.save(document(3))
    for _ in range(data.draw(st.integers(1, 3))):
        link = Link(a, b)
        for _ in range(data.draw(st.integers(0, 30))):
            end = link.ends[data.draw(st.integers(0, 1))]
            match data.draw(st.sampled_from(["step", "step", "drop", "double", "swap", "save"])):
                case "step":
                    link.step(link.ends.index(end))
                case "drop" if end.outgoing:
                    end.outgoing.popleft()
                case "double" if end.outgoing:
                    end.outgoing.appendleft(end.outgoing[0])
                case "swap" if len(end.outgoing) > 1:
                    end.outgoing.rotate(1)
                case "save":
                    end.node.save(document(data.draw(st.integers(0, 20))))
        link.cut()
    Link(a, b).settle()
    assert converged(a, b)
    for writer in (a, b):
        for doc, head in writer.acknowledged:
            assert a.holds(doc, head)
            assert b.holds(doc, head)


def test_a_peer_that_acknowledges_more_than_was_sent_is_refused() -> None:
    a, b = pair(3)
    link = Link(a, b)
    link.settle()
    frame = codec.encode(messages.Ack(limits.FRAME_BYTES_MAX))
    link.ends[0].perform(link.ends[0].session.receive(frame, link.now))
    closed = [one for one in link.ends[0].notices if isinstance(one, effects.Close)]
    assert closed[0].code == "out-of-turn"
