"""A link cut after any byte: what follows is equal, nothing is lost, and next to nothing goes twice.

Frames travel as bytes with their length before them, as on a stream; a frame that is cut never
arrives. Between two frame ends every cut is the same cut, so cutting at each frame end is cutting
at each byte.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Keys, Link, Node, document, lost, runs_of, said

from conflict.identity import Lane
from sync import codec, effects, messages
from sync.effects import Phase
from sync.link_profile import LinkKind, LinkProfile
from sync.ports import Precedence

LAN = LinkProfile.lan()
SATCOM = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9600, rtt_s=0.6)
LENGTH_BYTES = 4
AGAIN_BYTES_MAX = SATCOM.frame_bytes_max + 64
ACKNOWLEDGED_BYTES = 400  # a signature for each receipt that a cut kept from being shared
Carried = Counter[tuple[Lane, int]]


class Cut(NamedTuple):
    """After this many bytes from one end (0: the leader), lengths counted."""

    which: int
    after: int


class Wire(Link):
    """A link that carries bytes, notes what content they bring, and may be cut."""

    def __init__(self, leader: Node, follower: Node, profile: LinkProfile, now: float = 0) -> None:
        self.carried: tuple[Carried, Carried] = (Counter(), Counter())
        self.told: Counter[str] = Counter()  # bytes of whole messages by name
        self.again_bytes = 0.0  # of content that `before` says was delivered
        self.before: tuple[Carried, Carried] = (Counter(), Counter())
        self.bytes = [0, 0]
        self.ends_at: tuple[list[int], list[int]] = ([], [])
        self._parts: dict[tuple[int, Precedence], bytes] = {}
        self.cut_at: Cut | None = None
        self.is_cut = False
        super().__init__(leader, follower, now, profile)

    def step(self, which: int = 0) -> bool:
        """One frame, if the link stands."""
        for number in (which, 1 - which):
            if self.is_cut or not self.ends[number].outgoing:
                continue
            frame = self.ends[number].outgoing[0]
            end = self.bytes[number] + LENGTH_BYTES + len(frame)
            if self.cut_at is not None and self.cut_at.which == number and end > self.cut_at.after:
                self.is_cut = True
                return False
            self.bytes[number] = end
            self.ends_at[number].append(end)
            self._note(number, frame)
            return super().step(number)
        return False

    def _note(self, number: int, frame: bytes) -> None:
        whole: bytes | None = frame
        told = codec.decode(frame)
        if isinstance(told, messages.Part):
            key = number, told.precedence
            self._parts[key] = self._parts.get(key, b"") + told.data
            whole = None if told.more else self._parts.pop(key)
        if whole is None:
            return
        content = codec.decode(whole)
        self.told[type(content).__name__] += len(whole)
        if not isinstance(content, messages.Content):
            return
        places = [
            (run.lane, seq)
            for run in runs_of(content, self.ends[number].node)
            for seq in range(run.first_seq, run.last_seq + 1)
        ]
        again = sum(place in self.before[number] for place in places)
        self.again_bytes += len(whole) * again / len(places)
        self.carried[number].update(places)

    def whole_sync(self) -> None:
        """To the end, or to the cut."""
        self.settle(40)


def resumed(cut: Wire, profile: LinkProfile) -> Wire:
    """A new link between the same stores after a cut, run to its end."""
    cut.cut()
    leader, follower = (end.node for end in cut.ends)
    link = Wire(leader, follower, profile, cut.now + 1)
    link.before = cut.carried
    link.whole_sync()
    return link


def strangers() -> tuple[Node, Node]:
    """30 documents: 12 here, 12 there, 6 on both sides with different lanes."""
    keys = Keys()
    a, b = Node(1, keys), Node(2, keys)
    return _saving(a, b)


def friends() -> tuple[Node, Node]:
    """The same after a first equality that both remember."""
    keys = Keys()
    a, b = Node(1, keys), Node(2, keys)
    for number in range(30):
        a.save(document(number), number)
    Link(a, b).settle()
    a.sessions.clear(), b.sessions.clear()
    return _saving(a, b)


def _saving(a: Node, b: Node) -> tuple[Node, Node]:
    for number in range(18):
        a.save(document(number), number, saves=2)
        b.save(document(number + 12), number, saves=2)
    return a, b


def one_long_lane() -> tuple[Node, Node]:
    """200 statements signed once, at their end."""
    keys = Keys()
    a, b = Node(1, keys), Node(2, keys)
    for number in range(5):
        b.save(document(number))
    a.save(document(50), saves=200)
    return a, b


def one_long_lane_to_who_shows() -> tuple[Node, Node]:
    """The same, where the receiver holds less and so shows what it holds."""
    a, b = one_long_lane()
    for number in range(100, 110):
        a.save(document(number))
    return a, b


def cuts(make: Callable[[], tuple[Node, Node]], profile: LinkProfile) -> list[Cut]:
    """Every place where one more frame would have arrived, each way."""
    whole = Wire(*make(), profile)
    whole.whole_sync()
    assert whole.phases == (Phase.EQUAL, Phase.EQUAL)
    return [Cut(which, end) for which in (0, 1) for end in (0, *whole.ends_at[which])]


@pytest.mark.parametrize("make", [strangers, friends, one_long_lane, one_long_lane_to_who_shows])
@pytest.mark.parametrize("profile", [LAN, SATCOM], ids=["lan", "satcom"])
def test_a_cut_after_any_byte_costs_at_most_one_frame_and_64_bytes_of_content_again(
    make: Callable[[], tuple[Node, Node]], profile: LinkProfile
) -> None:
    most = 0.0
    for cut in cuts(make, profile):
        first = Wire(*make(), profile)
        first.cut_at = cut
        first.whole_sync()
        second = resumed(first, profile)
        a, b = (end.node for end in second.ends)
        assert a.store.summary() == b.store.summary(), cut
        assert not lost(a, b), cut
        most = max(most, second.again_bytes)
    print(f"{make.__name__} {profile.kind}: {most:.0f} B again at most")
    assert most <= AGAIN_BYTES_MAX


def far_behind() -> tuple[Node, Node]:
    """80 documents of some statements to a node that has others."""
    keys = Keys()
    a, b = Node(1, keys), Node(2, keys)
    for number in range(80):
        a.save(document(number), number, saves=6)
    for number in range(100):
        b.save(document(number + 200), number)
    Link(a, b).settle()
    for node in (a, b):
        node.sessions.clear(), node.known.clear()
    for number in range(80):
        a.save(document(number), number + 1, saves=6)
    return a, b


COMPARING = (
    "Hello",
    "Proof",
    "Check",
    "Sketch",
    "More",
    "Wanted",
    "Vectors",
    "Listing",
    "Finished",
)


@pytest.mark.parametrize("make", [far_behind, one_long_lane])
def test_two_cuts_in_a_long_transfer_cost_two_frames_and_what_it_takes_to_compare_again(
    make: Callable[[], tuple[Node, Node]],
) -> None:
    whole = Wire(*make(), SATCOM)
    whole.whole_sync()
    link = Wire(*make(), SATCOM)
    links = [link]
    for number in range(3):
        link.cut_at = Cut(0, whole.bytes[0] * 2 // 5) if number < 2 else None
        link.whole_sync()
        if number < 2:
            assert link.is_cut, "the cut is in the middle"
            link.cut()
            links.append(Wire(*(end.node for end in link.ends), SATCOM, link.now + 1))
            links[-1].before, link = link.carried, links[-1]
    a, b = (end.node for end in link.ends)
    assert a.store.summary() == b.store.summary()
    again = sum(one.again_bytes for one in links)
    comparing = sum(one.told[name] for one in links[1:] for name in COMPARING)
    more = sum(sum(one.bytes) for one in links) - sum(whole.bytes)
    print(f"{make.__name__}: {sum(whole.bytes)} B at once; two cuts: {more} B more,")
    print(f"of that {comparing} B to greet and compare, {again:.0f} B of content again")
    assert again <= 2 * AGAIN_BYTES_MAX
    assert more - comparing <= 2 * (AGAIN_BYTES_MAX + ACKNOWLEDGED_BYTES)


def test_a_lane_half_sent_goes_on_inside_it_after_both_ends_were_restarted() -> None:
    whole = Wire(*one_long_lane(), SATCOM)
    whole.whole_sync()
    link = Wire(*one_long_lane(), SATCOM)
    link.cut_at = Cut(0, whole.bytes[0] * 3 // 4)
    link.whole_sync()
    link.cut()
    for end in link.ends:
        end.node.store = end.node.store.clone()
        end.node.known.clear()
    second = resumed(_again(link), SATCOM)
    a, b = (end.node for end in second.ends)
    assert a.store.summary() == b.store.summary()
    assert second.again_bytes <= AGAIN_BYTES_MAX
    assert second.told["Content"] < whole.told["Content"] / 2


def _again(link: Wire) -> Wire:
    """The same link, as `resumed` wants to cut it."""
    for end in link.ends:
        end.node.sessions.append(end)
    return link


@pytest.mark.parametrize("profile", [LAN, SATCOM], ids=["lan", "satcom"])
def test_a_killed_receiver_is_sent_again_only_what_it_had_not_committed(
    profile: LinkProfile,
) -> None:
    for part in range(1, 8):
        a, b = far_behind()
        link = Wire(a, b, profile)
        waiting: list[effects.Hold] = []
        receiver = link.ends[1]
        commit = receiver._hold
        receiver._hold = waiting.append  # type: ignore[method-assign]
        for turn in range(part * 25):
            link.step(turn % 2)
            if len(waiting) > 3:
                commit(waiting.pop(0))
        lost_bytes = sum(
            len(codec.encode(said(1, *one.runs, precedence=one.precedence))) for one in waiting
        )
        second = resumed(link, profile)
        assert a.store.summary() == b.store.summary()
        assert second.again_bytes <= lost_bytes * 1.2 + AGAIN_BYTES_MAX
        assert lost_bytes <= profile.credit_bytes + profile.window_bytes


# Stalls: no time passes but the link's ----------------------------------------------------------


def silence(link: Link, seconds: float) -> None:
    """Nothing is delivered for so long; deadlines come."""
    until = link.now + seconds
    while link.now < until:
        link.now = min(until, link.now + 5)
        for end in link.ends:
            end.perform(end.session.expire(link.now))


@pytest.mark.parametrize("steps", [4, 6, 9, 14, 30])
def test_a_stall_of_70_s_ends_nothing_and_one_of_121_s_ends_the_session_and_it_resumes(
    steps: int,
) -> None:
    a, b = strangers()
    link = Wire(a, b, SATCOM)
    for turn in range(steps):
        link.step(turn % 2)
    silence(link, 70)
    assert Phase.CLOSED not in link.phases
    link.step(), link.step(1)
    silence(link, 121)
    assert Phase.CLOSED in link.phases
    second = resumed(link, SATCOM)
    assert a.store.summary() == b.store.summary()
    assert second.again_bytes <= AGAIN_BYTES_MAX


def test_a_session_idle_for_an_hour_takes_a_save_as_one_that_never_was_idle() -> None:
    a, b = strangers()
    link = Link(a, b)
    link.settle()
    link.now += 3600
    for end in link.ends:
        end.perform(end.session.expire(link.now))
    a.save(document(3))
    silence(link, 100)
    assert Phase.CLOSED not in link.phases
    link.settle()
    assert b.holds(*a.acknowledged[-1])
    b.save(document(3))
    silence(link, 121)
    assert Phase.CLOSED in link.phases
