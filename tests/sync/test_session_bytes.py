"""What it costs two nodes to become equal: bytes said besides content, and round trips."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Keys, Link, Node, document

from sync.effects import Phase
from sync.link_profile import LinkKind, LinkProfile
from sync.ports import Precedence

SATCOM = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9600, rtt_s=0.6)
DOCUMENTS = 600
GREETING = ("Hello", "Proof")


def equal_pair(documents: int = DOCUMENTS) -> tuple[Node, Node]:
    """Two nodes that hold the same, and do not remember that they do."""
    keys = Keys()
    a, b = Node(1, keys), Node(2, keys)
    for number in range(documents):
        a.save(document(number))
    Link(a, b).settle()
    a.known.clear(), b.known.clear()
    a.sessions.clear(), b.sessions.clear()
    return a, b


def besides_content(said: Counter[str]) -> int:
    return sum(size for name, size in said.items() if name not in {*GREETING, "Content"})


def test_ten_changed_documents_are_found_with_less_than_a_kilobyte() -> None:
    a, b = equal_pair()
    for number in range(10):
        a.save(document(number * 7))
    link = Link(a, b)
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert link.said["Listing"] == 0
    assert besides_content(link.said) <= 1000


def test_both_sides_learn_what_the_other_has_from_one_sketch() -> None:
    a, b = equal_pair()
    for number in range(10):
        a.save(document(number * 7))
        b.save(document(number * 11))
        b.save(document(DOCUMENTS + number))
    link = Link(a, b)
    link.settle()
    assert a.store.summary() == b.store.summary()
    assert link.said["Listing"] == 0
    assert link.said["Sketch"] <= 1700


def test_what_is_new_since_the_last_equality_goes_without_any_comparing() -> None:
    a, b = equal_pair()
    Link(a, b).settle()
    a.sessions.clear(), b.sessions.clear()
    for number in range(10):
        a.save(document(number * 7))
        b.save(document(number * 11))
    link = Link(a, b)
    link.settle()
    assert a.store.summary() == b.store.summary()
    assert link.said["Sketch"] + link.said["Listing"] + link.said["Vectors"] == 0


def test_a_remembered_equality_with_another_store_epoch_counts_for_nothing() -> None:
    a, b = equal_pair()
    Link(a, b).settle()
    a.sessions.clear(), b.sessions.clear()
    b.store.renew_epoch(b"e" * 16)
    a.save(document(3))
    link = Link(a, b)
    link.settle()
    assert a.store.summary() == b.store.summary()
    assert link.said["Sketch"] > 0


def test_an_empty_node_is_not_shown_a_sketch_of_everything() -> None:
    a, _ = equal_pair()
    new = Node(3, a.keys)
    for leader, follower in ((a, new), (Node(4, a.keys), a)):
        link = Link(leader, follower)
        link.settle()
        assert leader.store.summary() == follower.store.summary()
        assert link.said["Listing"] < 200
        assert link.said["Sketch"] < 1000


def test_many_differences_are_sketched_or_listed_whichever_is_less() -> None:
    a, b = equal_pair()
    for number in range(300):
        a.save(document(number))
    link = Link(a, b)
    link.settle()
    assert a.store.summary() == b.store.summary()
    assert link.said["Sketch"] + link.said["Listing"] <= 32 * DOCUMENTS + 1000


def test_nodes_with_different_sketch_keys_list() -> None:
    a, b = equal_pair()
    b.store.sketch_with(b"another theatre!")
    a.save(document(3))
    link = Link(a, b)
    link.settle()
    assert a.store.summary() == b.store.summary()
    assert link.said["Sketch"] == 0
    assert link.said["Listing"] > 0


@pytest.mark.parametrize("profile", [LinkProfile.lan(), SATCOM])
def test_an_idle_check_costs_64_bytes_each_way(profile: LinkProfile) -> None:
    a, b = equal_pair(50)
    link = Link(a, b, profile=profile)
    link.settle()
    before = [end.bytes_out for end in link.ends]
    link.ends[0].perform(link.ends[0].session.check(link.now))
    link.quiet()
    cost = [end.bytes_out - was for end, was in zip(link.ends, before, strict=True)]
    assert max(cost) <= 64
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)


def test_a_thousand_statements_in_fifty_documents_cost_four_bytes_each_besides_content() -> None:
    a, b = equal_pair()
    for number in range(50):
        a.save(document(number), saves=20)
    link = Link(a, b)
    link.settle()
    assert a.store.summary() == b.store.summary()
    assert besides_content(link.said) <= 4 * 1000 + 64 * 50


def test_on_a_thin_link_no_frame_is_longer_than_its_profile_says() -> None:
    a, b = equal_pair()
    for number in range(40):
        a.save(document(number), saves=30)
    link = Link(a, b, profile=SATCOM)
    longest = 0
    for turn in range(100_000):
        waiting = [frame for end in link.ends for frame in end.outgoing]
        longest = max([longest, *map(len, waiting)])
        if not link.step(turn % 2):
            if link.phases == (Phase.EQUAL, Phase.EQUAL):
                break
            link.tick()
    assert a.store.summary() == b.store.summary()
    assert longest <= SATCOM.frame_bytes_max


def test_a_listing_is_read_page_by_page_as_the_link_takes_it() -> None:
    """Else it would stand before every summary that comes later."""
    a, b = equal_pair()
    b.store.sketch_with(b"another theatre!")
    a.save(document(3))
    link = Link(a, b, profile=SATCOM)
    most = 0
    for turn in range(100_000):
        waiting = [end.session._flow.waiting_bytes[Precedence.SUMMARY] for end in link.ends]
        most = max(most, *waiting)
        if not link.step(turn % 2):
            if link.phases == (Phase.EQUAL, Phase.EQUAL):
                break
            link.tick()
    assert a.store.summary() == b.store.summary()
    assert link.said["Listing"] + link.said["Part"] > 32 * DOCUMENTS
    assert most <= 3 * SATCOM.frame_bytes_max
