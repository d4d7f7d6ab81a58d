"""Runs that go on from what their receiver has: said short, completed there, and never a reason to end.

A real driver answers reads and writes later and in order; `later` keeps them back as it would.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Endpoint, Keys, Link, Node, document, runs_of, said

from conflict.identity import Lane
from conflict.lane import LaneRun
from conflict.signature import SIGNATURE_BYTES
from sync import codec, continuing, effects, limits, packing, payload
from sync.continuing import ReadBases
from sync.effects import Effect, Phase
from sync.link_profile import LinkKind, LinkProfile
from sync.messages import Content
from sync.packing import pack
from sync.payload import read_payload
from sync.ports import Precedence

SATCOM = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9600, rtt_s=0.6)
LONE_BYTES_MAX = 90
HERE = document(1)


def pair(*, saves: int = 1) -> tuple[Node, Node, Link]:
    """Two nodes that both hold a lane of the first one's, linked and equal."""
    keys = Keys()
    a, b = Node(1, keys), Node(2, keys)
    a.save(HERE, saves=saves)
    link = Link(a, b)
    link.settle()
    for end in link.ends:
        end.said.clear()
    return a, b, link


def contents(end: Endpoint) -> list[Content]:
    """CONTENT messages that wait to be delivered."""
    told = map(codec.decode, end.outgoing)
    return [one for one in told if isinstance(one, Content)]


def goes_on(content: Content) -> list[bool]:
    """For each run, whether it goes on from what its receiver has."""
    return [place is not None for place in read_payload(content.payload).places]


def continued(run: LaneRun, frame: int = 1) -> Content:
    """A message of one run that goes on, whether its receiver has that or not."""
    return Content(frame, Precedence.ROUTINE, pack([run], {run.lane}))


def later(end: Endpoint, *kinds: type) -> tuple[deque[Effect], Callable[[], None]]:
    """Effects of these types, kept back, and what performs the oldest of them."""
    kept: deque[Effect] = deque()
    perform = end._one

    def one(effect: Effect) -> None:
        if isinstance(effect, kinds):
            kept.append(effect)
        else:
            perform(effect)

    def release() -> None:
        perform(kept.popleft())
        end.perform([])

    end._one = one  # type: ignore[method-assign]
    return kept, release


def hear(link: Link, *said: Content, number: int = 1) -> None:
    """What one end is told by a peer that need not be honest."""
    for one in said:
        end = link.ends[number]
        end.perform(end.session.receive(codec.encode(one), link.now))


def length(node: Node, actor: Node, at: int = 1) -> int:
    """Changes of a writer's lane that a node holds."""
    vector = node.store.vectors([document(at)])[document(at)]
    return vector[actor.actor].length if actor.actor in vector else 0


def _codes(link: Link) -> set[str]:
    """Of the faults that have ended sessions."""
    notices = [one for end in link.ends for one in end.notices]
    return {one.code for one in notices if isinstance(one, effects.Close)}


# What is said -----------------------------------------------------------------------------------


def test_a_lone_statement_says_neither_author_nor_nonce_nor_what_it_depends_on() -> None:
    a, b, link = pair()
    a.save(HERE, 97)
    [frame] = link.ends[0].outgoing
    assert len(frame) - SIGNATURE_BYTES <= LONE_BYTES_MAX
    for known in (a.key.node, a.nonce, a.actor, b.store.vectors([HERE])[HERE][a.actor].head):
        assert known not in frame
    link.settle()
    assert link.said.keys() == {"Content", "Receipts", "Check"}
    assert b.holds(*a.acknowledged[-1])


def test_what_a_peer_asks_for_by_its_vectors_goes_on_from_there() -> None:
    a, b, link = pair(saves=3)
    link.cut()
    a.known.clear(), b.known.clear()
    a.save(HERE, saves=2)
    link = Link(a, b)
    said_short = []
    while link.step():
        said_short += [flag for one in contents(link.ends[0]) for flag in goes_on(one)]
    assert set(said_short) == {True}
    link.settle()
    assert a.store.summary() == b.store.summary()


def test_the_pieces_of_a_long_run_go_on_from_what_is_staged_also_after_a_cut() -> None:
    keys = Keys()
    a, b = Node(1, keys), Node(2, keys)
    a.save(HERE, saves=200)
    whole = []
    for steps in (16, 10_000):
        link = Link(a, b, profile=SATCOM)
        for turn in range(steps):
            link.step(turn % 2)
            whole += [goes_on(one) for one in contents(link.ends[0])[-1:]]
        if steps < 100:
            assert b.store.staged(a.key.node) == [HERE]
            assert length(b, a) == 0
            link.cut()
    link.settle()
    assert length(b, a) == 200
    assert whole.count([False]) <= 2, "the beginning, and as often as it was looked at"
    assert whole.count([True]) > 4


def test_a_message_says_at_most_so_many_continued_runs_and_the_others_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "CONTENT_BASES_MAX", 3)
    a, b, link = pair()
    for number in range(2, 8):
        a.save(document(number))
    link.settle()
    with a.store.write() as transaction:
        runs = [a.run(document(number), 99) for number in range(2, 8)]
        grown = transaction.hold(runs, None, 1).grown
    link.ends[0].perform(link.ends[0].session.grown(grown, link.now))
    [content] = contents(link.ends[0])
    assert goes_on(content) == [True] * 3 + [False] * 3
    link.settle()
    assert a.store.summary() == b.store.summary()


# Order ------------------------------------------------------------------------------------------


def test_a_run_goes_on_from_one_that_is_not_durable_yet() -> None:
    a, b, link = pair()
    holds, release = later(link.ends[1], effects.Hold)
    a.save(HERE, 91)
    a.save(HERE, 92)
    assert [goes_on(one) for one in contents(link.ends[0])] == [[True], [True]]
    link.quiet()
    assert [len(one.runs) for one in holds if isinstance(one, effects.Hold)] == [1, 1]
    while holds:
        release()
    link.settle()
    assert length(b, a) == 3
    assert "Vectors" not in link.said


def test_what_waits_for_a_read_is_not_overtaken_by_what_follows_it() -> None:
    a, b, link = pair()
    reads, release = later(link.ends[1], ReadBases)
    first, second, other = a.run(HERE, 91), a.run(HERE, 92), a.run(document(2), 93)
    hear(link, continued(first), said(2, second), said(3, other))
    assert len(reads) == 1
    assert length(b, a) == 1
    assert length(b, a, at=2) == 0
    release()
    assert not reads
    assert length(b, a) == 3
    assert length(b, a, at=2) == 1
    assert "Vectors" not in link.ends[1].said


def test_while_a_message_waits_for_a_read_nothing_counts_as_durable() -> None:
    a, _, link = pair()
    reads, release = later(link.ends[1], ReadBases)
    a.save(HERE, 91)
    link.quiet()
    assert link.ends[1].session.busy
    assert "Receipts" not in link.ends[1].said
    assert reads
    release()
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)


# Gaps -------------------------------------------------------------------------------------------


def test_a_run_that_goes_on_from_what_is_not_here_is_a_gap_and_is_filled_at_once() -> None:
    a, b, link = pair()
    runs = [a.run(HERE, 90), a.run(HERE, 91)]
    with a.store.write() as transaction:
        transaction.hold(runs, None, 1)  # nobody tells the session
    link.ends[0].perform(link.ends[0].session.grown(((runs[1].lane, 3),), link.now))
    assert [goes_on(one) for one in contents(link.ends[0])] == [[True]]
    link.quiet()
    assert length(b, a) == 3
    assert Phase.CLOSED not in link.phases
    assert b.store.set_aside_items() == []
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)


def test_what_is_pushed_to_a_peer_that_lost_the_rest_is_filled_in_the_same_session() -> None:
    """A backup restored without a new epoch: the memory of equality is wrong."""
    a, b, link = pair(saves=4)
    older = b.store.clone()
    a.save(HERE, saves=2), link.settle()
    link.cut()
    a.save(HERE, 99)
    b.store = older
    link = Link(a, b)
    link.settle()
    assert length(b, a) == 7
    assert a.store.summary() == b.store.summary()


def test_what_came_short_in_vain_is_said_whole_the_next_time_and_short_again_after_that() -> None:
    a, b, link = pair()
    a.save(HERE, 91)
    frame = contents(link.ends[0])[0]
    link.ends[0].outgoing.clear()
    [run] = runs_of(frame, a)
    hear(link, continued(replace(run, signature=b.key.sign(b"other words")), frame.frame))
    while link.step(1):  # the receipt that refuses it; and vectors of that document
        if sent := contents(link.ends[0]):
            assert [goes_on(one) for one in sent] == [[False]]
    assert length(b, a) == 2
    a.save(HERE, 92)
    assert [goes_on(one) for one in contents(link.ends[0])] == [[True]]
    link.settle()
    assert length(b, a) == 3


def test_a_branch_arrives_although_its_runs_go_on_from_the_other_one() -> None:
    keys = Keys()
    a, b, one, other = Node(1, keys), Node(2, keys), Node(3, keys), Node(3, keys)
    first = one.run(HERE, 1), other.run(HERE, 1)
    assert first[0] == first[1]
    link = Link(a, b)
    link.settle()
    ours, theirs = [one.run(HERE, 2), one.run(HERE, 3)], other.run(HERE, 99)
    for node, runs in ((a, [first[0], *ours]), (b, [first[1], theirs])):
        with node.store.write() as transaction:
            transaction.hold(runs, None, 1)
    link.ends[0].perform(link.ends[0].session.grown(((theirs.lane, 3),), link.now))
    assert [goes_on(sent) for sent in contents(link.ends[0])] == [[True]]
    link.quiet()
    link.settle()
    assert b.store.set_aside_items() == []
    assert len(b.store.forked()) == 1
    assert a.store.summary() == b.store.summary()
    assert Phase.CLOSED not in link.phases


# Anybody ----------------------------------------------------------------------------------------


def liar_runs(liar: Node, count: int) -> list[LaneRun]:
    """Second changes of lanes of which nobody has the first."""
    found = []
    for number in range(1000, 1000 + count):
        liar.run(document(number), 1)
        found.append(liar.run(document(number), 2))
    return found


def test_places_that_do_not_exist_cost_one_bounded_read_and_no_session() -> None:
    _, b, link = pair()
    held = b.store.summary()
    liar = link.ends[0].node
    reads, release = later(link.ends[1], ReadBases)
    runs = liar_runs(liar, limits.CONTENT_BASES_MAX)
    short = pack(runs, {run.lane for run in runs})
    hear(link, *(Content(number, Precedence.ROUTINE, short) for number in range(1, 6)))
    for _ in range(5):
        [read] = reads
        assert isinstance(read, ReadBases)
        assert len(read.places) == limits.CONTENT_BASES_MAX
        release()
    assert not reads
    assert link.ends[1].session.phase is not Phase.CLOSED
    assert b.store.summary() == held
    assert b.store.counts().staged == 0


def test_more_places_than_the_limit_are_refused_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, _, link = pair()
    runs = liar_runs(link.ends[0].node, limits.CONTENT_BASES_MAX + 1)
    reads, _ = later(link.ends[1], ReadBases)
    with monkeypatch.context() as patch:
        patch.setattr(limits, "CONTENT_BASES_MAX", 1 << 20)
        short = pack(runs, {run.lane for run in runs})
    hear(link, Content(1, Precedence.ROUTINE, short))
    assert not reads
    [closed] = [one for one in link.ends[1].notices if isinstance(one, effects.Close)]
    assert closed.code == "frame-too-large"
    assert "CONTENT_BASES_MAX" in closed.text


def test_messages_that_wait_for_a_read_count_as_not_durable_up_to_their_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "HOLDING_BYTES_MAX", 1 << 14)
    _, _, link = pair()
    reads, _ = later(link.ends[1], ReadBases)
    [run] = liar_runs(link.ends[0].node, 1)
    for number in range(1, 1000):
        hear(link, continued(run, number))
        if _codes(link):
            break
    assert _codes(link) == {"out-of-turn"}
    assert number * len(continued(run).payload) <= limits.HOLDING_BYTES_MAX + 1000
    assert len(reads) == 1


def test_other_words_on_a_true_base_are_a_gap_short_and_set_aside_whole() -> None:
    a, b, link = pair()
    run = a.run(HERE, 91)
    forged = replace(run, signature=b.key.sign(b"something else"))
    hear(link, continued(forged))
    assert length(b, a) == 1
    assert b.store.set_aside_items() == []
    hear(link, said(2, forged))
    assert [row.item.code for row in b.store.set_aside_items()] == ["bad-signature"]
    assert link.ends[1].session.phase is not Phase.CLOSED
    hear(link, continued(run, 3))
    assert length(b, a) == 2


def test_two_lanes_that_look_alike_both_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut to one byte and no hash here; in eight and four bytes it takes an attacker 2^32 tries."""
    for module in (payload, packing, continuing):
        monkeypatch.setattr(module, "ACTOR_START_BYTES", 1)
        monkeypatch.setattr(module, "HEAD_START_BYTES", 0)
    keys = Keys()
    writers = [Node(number, keys) for number in range(40)]
    firsts = [one.actor[:1] for one in writers]
    twice = next(one for one in firsts if firsts.count(one) > 1)
    a, b = [one for one in writers if one.actor[:1] == twice][:2]
    link = Link(a, b)
    for number in range(4):
        a.save(HERE, 60 + number), b.save(HERE, 70 + number)
        link.settle()
        a.save(HERE, 80), a.save(HERE, 81), b.save(HERE, 82)
        link.settle()
        assert a.store.summary() == b.store.summary()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert a.store.set_aside_items() == b.store.set_aside_items() == []


# Any mix ----------------------------------------------------------------------------------------


class Late:
    """A link whose ends read and commit when the test says, each in order."""

    def __init__(self, a: Node, b: Node, profile: LinkProfile) -> None:
        self.link = Link(a, b, profile=profile)
        self.kept = [
            later(end, kind) for end in self.link.ends for kind in (ReadBases, effects.Hold)
        ]

    def work(self, at: int) -> None:
        kept, release = self.kept[at]
        if kept:
            release()

    def all_done(self) -> None:
        busy = True
        while busy:
            self.link.quiet()
            busy = any(kept for kept, _ in self.kept)
            for at in range(4):
                self.work(at)

    def settle(self) -> None:
        for _ in range(30):
            self.all_done()
            if self.link.phases == (Phase.EQUAL, Phase.EQUAL):
                return
            self.link.tick()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_mix_of_short_and_whole_runs_arrives_whole(data: st.DataObject) -> None:
    keys = Keys()
    a, b, far = Node(1, keys), Node(2, keys), Node(3, keys)
    profile = data.draw(st.sampled_from((LinkProfile.lan(), SATCOM)))
    late = Late(a, b, profile)
    older = b.store.clone()
    steps = ("save", "save", "relay", "step", "step", "work", "work", "whole", "tick", "cut")
    for _ in range(data.draw(st.integers(5, 60))):
        at = document(data.draw(st.integers(0, 3)))
        match data.draw(st.sampled_from(steps)):
            case "save":
                writer = data.draw(st.sampled_from((a, b)))
                urgent = data.draw(st.sampled_from((Precedence.URGENT, Precedence.ROUTINE)))
                writer.save(at, saves=data.draw(st.integers(1, 40)), precedence=urgent)
            case "relay":
                run = far.run(at, 1)
                far.acknowledged.append((at, run.head))
                with a.store.write() as transaction:
                    grown = transaction.hold([run], far.key.node, 1).grown
                a.grown(grown, far.key.node, Precedence.ROUTINE)
            case "step":
                for _ in range(data.draw(st.integers(1, 6))):
                    late.link.step(data.draw(st.integers(0, 1)))
            case "work":
                late.work(data.draw(st.integers(0, 3)))
            case "whole":  # as an end says it that sends nothing short
                _say_whole(late.link.ends[data.draw(st.integers(0, 1))], a, at)
            case "tick":
                late.link.tick()
            case "cut":
                older = _cut(late, b, older, restored=data.draw(st.booleans()))
                late = Late(a, b, profile)
    late.all_done()
    if _codes(late.link):
        _cut(late, b, older, restored=False)
        late = Late(a, b, profile)
    late.settle()
    assert not _codes(late.link)
    assert late.link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert a.store.summary() == b.store.summary()
    kept = [one for node in (a, far) for one in node.acknowledged]
    assert all(node.holds(*one) for one in kept for node in (a, b))
    assert a.store.set_aside_items() == b.store.set_aside_items() == []


def _say_whole(end: Endpoint, writer: Node, at: object) -> None:
    exchange = end.session._exchange
    if exchange is not None:
        exchange.outbox._unheld.add(Lane(at, writer.actor))  # type: ignore[arg-type]


def _cut(late: Late, b: Node, older: object, *, restored: bool) -> object:
    """The link ends where it is; `b` may come back without its latest hours, and not know it."""
    assert _codes(late.link) <= {"stalled"}, "a deadline may have come; nobody broke the protocol"
    late.link.cut()
    now = b.store.clone()
    if restored and not b.lanes:
        b.store = older  # type: ignore[assignment]
    return now
