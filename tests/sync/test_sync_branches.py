"""Several histories of one actor reach everybody, whoever holds which, and everybody ends equal."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

import pytest

from conflict.document import LaneWriter
from conflict.lane import LaneRun
from sync.effects import Phase
from tests.sync.session_lab import Keys, Link, Node, document

HERE = document(7)
SEEDS = range(40)


def other_runs(node: Node) -> list[LaneRun]:
    return WRITTEN.get(id(node), [])


WRITTEN: dict[int, list[LaneRun]] = {}


def write(node: Node, pulse: int, saves: int) -> None:
    WRITTEN.setdefault(id(node), []).append(node.run(HERE, pulse, saves=saves))


def give(node: Node, runs: list[LaneRun]) -> None:
    with node.store.write() as transaction:
        applied = transaction.hold(runs, None, 1)
    assert not applied.set_aside


def tree(chance: random.Random, keys: Keys) -> list[list[LaneRun]]:
    """Runs, each from the beginning, of two to four histories of one actor."""
    first = Node(3, keys)
    for _ in range(chance.randint(1, 4)):
        write(first, chance.randint(40, 90), chance.randint(1, 40))
    chains = [other_runs(first)]
    for number in range(chance.randint(1, 3)):
        kept = chance.randint(0, len(chains[0]) - 1)
        copy = Node(3, keys)
        front = chains[0][:kept]
        raws = [raw for run in front for raw in run.changes]
        if raws:
            copy.lanes[HERE] = LaneWriter(first.actor, raws)
        for _ in range(chance.randint(1, 3)):
            write(copy, 100 + 20 * number + chance.randint(0, 19), chance.randint(1, 40))
        chains.append([*front, *other_runs(copy)])
    return chains


@pytest.mark.parametrize("seed", SEEDS)
def test_nodes_that_hold_any_histories_end_with_all_of_them(seed: int) -> None:
    chance, keys = random.Random(seed), Keys()
    WRITTEN.clear()
    nodes = [Node(1, keys), Node(2, keys), Node(4, keys)]
    chains = tree(chance, keys)
    for chain in chains:  # whole, or its beginning, somewhere
        for node in chance.sample(nodes, chance.randint(1, 2)):
            give(node, chain[: chance.randint(1, len(chain))])
        give(chance.choice(nodes), chain)
    nodes[1].save(document(1))
    for _ in range(2):
        for one, other in combinations(nodes, 2):
            link = Link(one, other)
            link.settle()
            assert Phase.CLOSED not in link.phases
            link.cut()
    digests = {node.store.summary() for node in nodes}
    assert len(digests) == 1
    heads = {chain[-1].head for chain in chains}
    for node in nodes:
        assert node.store.check() == []
        found = {row.held.head for row in node.store.lanes(HERE)}
        assert heads <= found
        if len(heads) > 1:
            [forked] = node.store.forked()
            assert {*forked.heads} == found


def test_a_branch_that_grows_while_two_nodes_are_linked_reaches_the_other_one() -> None:
    keys = Keys()
    a, b, one, other = Node(1, keys), Node(2, keys), Node(3, keys), Node(3, keys)
    give(a, [one.run(HERE, 1)])
    give(b, [other.run(HERE, 99)])
    link = Link(a, b)
    link.settle()
    assert a.store.summary() == b.store.summary()
    for pulse, writer in ((2, one), (98, other), (3, one)):
        run = writer.run(HERE, pulse)
        with a.store.write() as transaction:
            applied = transaction.hold([run], None, 1)
        assert [lane.actor == run.lane.actor for lane, _ in applied.grown] == [False]
        a.grown(applied.grown, None, 3)
        link.settle()
        assert a.store.summary() == b.store.summary()
    assert Phase.CLOSED not in link.phases


def test_a_stolen_signature_makes_no_branch() -> None:
    keys = Keys()
    a, b, one, other = Node(1, keys), Node(2, keys), Node(3, keys), Node(3, keys)
    mine, forged = one.run(HERE, 1), other.run(HERE, 99)
    give(a, [mine])
    give(b, [replace(forged, signature=mine.signature)])  # as a store that was tampered with
    link = Link(a, b)
    link.settle()
    assert a.store.forked() == []
    assert {row.item.code for row in a.store.set_aside_items()} == {"bad-signature"}
