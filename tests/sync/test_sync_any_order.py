"""Steps, saves, cuts and waits in any order, over any links: equal at the end, within bounds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Keys, Link, Node, document, lost

from sync.link_profile import LinkKind, LinkProfile

LAN = LinkProfile.lan()
SATCOM = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9600, rtt_s=0.6)
MIXED = ((LAN, LAN), (SATCOM, SATCOM), (LAN, SATCOM), (SATCOM, LAN))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_sessions_of_any_profiles_cut_and_resumed_in_any_order_end_equal_within_bounds(
    data: st.DataObject,
) -> None:
    _any_order(data)


@pytest.mark.nightly
@settings(max_examples=1500, deadline=None)
@given(st.data())
def test_sessions_of_any_profiles_in_any_order_at_length(data: st.DataObject) -> None:
    _any_order(data)


def _any_order(data: st.DataObject) -> None:
    keys = Keys()
    party = [Node(number, keys) for number in range(data.draw(st.integers(2, 3)))]
    pairs = [(0, 1), (1, 2), (2, 0)][: len(party) * 2 - 3 or 1]
    profiles = [data.draw(st.sampled_from(MIXED)) for _ in pairs]
    links = [_link(party, pair, both) for pair, both in zip(pairs, profiles, strict=True)]
    done = list(links)
    for _ in range(data.draw(st.integers(5, 50))):
        at = data.draw(st.integers(0, len(links) - 1))
        match data.draw(st.sampled_from(["step", "step", "step", "save", "cut", "wait"])):
            case "step":
                for _ in range(data.draw(st.integers(1, 8))):
                    links[at].step(data.draw(st.integers(0, 1)))
            case "save":
                writer = data.draw(st.sampled_from(party))
                writer.save(
                    document(data.draw(st.integers(0, 9))), saves=data.draw(st.integers(1, 4))
                )
            case "wait":
                links[at].tick()
            case "cut":
                links[at].cut()
                links[at] = _link(party, pairs[at], profiles[at], links[at].now)
                done.append(links[at])
    for at in range(len(links)):
        links[at].cut()
        links[at] = _link(party, pairs[at], profiles[at], links[at].now)
        done.append(links[at])
    for _ in range(4):
        for link in links:
            link.settle()
    assert len({node.store.summary() for node in party}) == 1
    assert not lost(*party)
    besides = sum(
        size for link in done for name, size in link.said.items() if name not in {"Content", "Part"}
    )
    changes = sum(node.lanes[one].length for node in party for one in node.lanes)
    assert besides <= 2500 * len(done) + 400 * changes * len(pairs)


def _link(
    party: list[Node],
    pair: tuple[int, int],
    profiles: tuple[LinkProfile, LinkProfile],
    now: float = 0.0,
) -> Link:
    leader, follower = profiles
    return Link(party[pair[0]], party[pair[1]], now, leader, follower)
