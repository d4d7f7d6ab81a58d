"""Five nodes, each linked with each: a change crosses every link about once, and at once.

All links share one clock that the test moves. What crosses is counted by (lane, seq), both
directions together.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Keys, Link, Node, document, runs_of

from conflict.identity import Lane
from sync import codec, messages
from sync.effects import Phase
from sync.link_profile import LinkProfile

SEEDS = [4, 17]


class Street(Link):
    """A link that notes which change crossed it."""

    def __init__(self, leader: Node, follower: Node) -> None:
        self.crossed: Counter[tuple[Lane, int]] = Counter()
        super().__init__(leader, follower, 0.0, LinkProfile.lan())

    def step(self, which: int = 0) -> bool:
        for number in (which, 1 - which):
            if self.ends[number].outgoing:
                told = codec.decode(self.ends[number].outgoing[0])
                if isinstance(told, messages.Content):
                    for run in runs_of(told, self.ends[number].node):
                        self.crossed.update(
                            (run.lane, seq) for seq in range(run.first_seq, run.last_seq + 1)
                        )
                return super().step(number)
        return False


class Crowd:
    """Nodes, a link for each pair, one clock. `dice`: whose frame is next."""

    def __init__(self, size: int, seed: int) -> None:
        print(f"seed {seed}")
        self.dice = random.Random(seed)
        keys = Keys()
        self.nodes = [Node(number, keys) for number in range(size)]
        self.links = [Street(*pair) for pair in combinations(self.nodes, 2)]
        self.now = 0.0

    def deliver(self, frames: int = 1 << 30) -> None:
        """At most so many frames, from links in any order."""
        busy = list(self.links)
        while busy and frames:
            link = self.dice.choice(busy)
            if link.step(self.dice.randrange(2)):
                frames -= 1
                busy = list(self.links)
            else:
                busy.remove(link)

    def wait(self, seconds: float, step_s: float = 0.05) -> None:
        """Time passes everywhere."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + step_s)
            for link in self.links:
                link.now = self.now
                for end in link.ends:
                    end.perform(end.session.expire(self.now))
            self.deliver()

    @property
    def equal(self) -> bool:
        phases = {phase for link in self.links for phase in link.phases}
        return phases == {Phase.EQUAL} and len({one.store.summary() for one in self.nodes}) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_each_change_crosses_each_link_once_whoever_saves(seed: int) -> None:
    crowd = Crowd(5, seed)
    crowd.wait(3)
    assert crowd.equal
    for _ in range(50):
        writer = crowd.dice.choice(crowd.nodes)
        writer.save(document(crowd.dice.randrange(12)))
        crowd.deliver(crowd.dice.randrange(40))
        crowd.wait(crowd.dice.random() * 0.6)
    crowd.wait(5)
    assert crowd.equal
    counts = [sum(link.crossed.values()) for link in crowd.links]
    listed = sum(link.said["Sketch"] + link.said["Listing"] for link in crowd.links)
    print(
        f"50 saves, 10 links: {sum(counts)} crossings, at most {max(counts)} on a link, {listed} B compared"
    )
    for link in crowd.links:
        assert sum(link.crossed.values()) <= 1.05 * 50


@pytest.mark.parametrize("seed", SEEDS)
def test_a_save_is_durable_at_every_linked_peer_after_one_trip_without_comparing(seed: int) -> None:
    crowd = Crowd(5, seed)
    crowd.wait(3)
    before = [link.said.copy() for link in crowd.links]
    writer = crowd.nodes[2]
    writer.save(document(7))
    for link in crowd.links:
        for number, end in enumerate(link.ends):
            if end.node is writer:
                assert len(end.outgoing) == 1
                link.step(number)
    for node in crowd.nodes:
        assert node.holds(*writer.acknowledged[-1])
    for link, was in zip(crowd.links, before, strict=True):
        said = link.said - was
        assert set(said) <= {"Content", "Receipts"}
