"""Verbs do what their sentence in the handbook says."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from random import Random

import pytest

from conflict.catalogue import fingerprint, with_more
from conflict.slot import CATALOGUE
from node.sim.lab.clock import OWNER, VirtualLoop
from node.sim.lab.hold_verbs import Fetch, Shed
from node.sim.lab.library import find
from node.sim.lab.link_verbs import Loss, Rate, Repair
from node.sim.lab.machine_verbs import Sleep, Wake
from node.sim.lab.run import Step, play
from node.sim.lab.scenario import load
from node.sim.lab.wires import DEAD_S, LAN, Way
from node.sim.lab.world import World
from node.sim.link_shape import LinkShape
from storage.ports import Store

SPLIT = load(find("three-way-split"))
TWO = """
about = "Two nodes, one of them from the future."
[time]
faults = "2min"
[nodes]
now = {}
next = { adds = ["vitals.next_field", "next_slot"] }
[work]
statements = 12
"""


@pytest.fixture
def world() -> Iterator[World]:
    """Three nodes that have met."""
    made = World(SPLIT, 1)
    with made.begun():
        made.pass_until(30)
        yield made


def slots(store: Store) -> set[str]:
    """Slots of all statements that a store has admitted."""
    documents = [one.document for one in store.shared(None).listing(None, 1000)]
    lanes = (lane for one in documents for lane in store.entries(one).values())
    return {entry.slot for lane in lanes for entry in lane}


def test_what_a_suspended_owner_would_do_waits_and_then_keeps_its_order() -> None:
    loop, told = VirtualLoop(), []
    context = copy_context()
    context.run(OWNER.set, "alpha")
    for at in (3, 1, 2):
        context.run(loop.call_at, at, told.append, at)
    context.run(loop.call_at, 1.5, told.append, "never").cancel()
    loop.call_at(2, told.append, "the world")
    loop.suspend("alpha")
    loop.run_until(100)
    assert told == ["the world"]
    loop.resume("alpha")
    loop.run_until(101)
    assert told == ["the world", 1, 2, 3]
    loop.close()


def test_a_node_that_sleeps_answers_nobody_and_goes_on_in_the_same_process(world: World) -> None:
    alpha, bravo = world.machines["alpha"], world.machines["bravo"]
    life = alpha.process
    assert bravo.process.peering.link(alpha.node) is not None
    world.do(lambda: Sleep("alpha").act(world))
    said = sum(count for (sender, _), count in world.air.frames.items() if sender == "alpha")
    world.pass_until(world.now + 3 * DEAD_S)
    assert bravo.process.peering.link(alpha.node) is None
    world.do(lambda: world.people.write(world, "bravo", 0))
    world.do(lambda: world.people.write(world, "alpha", 1))
    assert [one.node for one in world.people.kept] == ["bravo"]
    world.pass_until(world.now + 86_400)
    assert said == sum(n for (sender, _), n in world.air.frames.items() if sender == "alpha")
    world.do(lambda: Wake("alpha").act(world))
    world.pass_until(world.now + 300)
    assert alpha.process is life
    assert alpha.disk.store.summary() == bravo.disk.store.summary()
    assert bravo.process.peering.link(alpha.node) is not None


def test_a_nap_shorter_than_a_heartbeat_ends_no_connection(world: World) -> None:
    alpha, bravo = world.machines["alpha"], world.machines["bravo"]
    link = bravo.process.peering.link(alpha.node)
    world.do(lambda: Sleep("alpha").act(world))
    world.pass_until(world.now + DEAD_S / 2)
    world.do(lambda: Wake("alpha").act(world))
    world.pass_until(world.now + DEAD_S)
    assert bravo.process.peering.link(alpha.node) is link


def test_a_node_that_sleeps_can_lose_its_power(world: World) -> None:
    alpha = world.machines["alpha"]
    world.do(lambda: Sleep("alpha").act(world))
    world.do(alpha.crash)
    assert (alpha.life, alpha.asleep) == (None, False)
    world.do(lambda: world.start(alpha))
    world.pass_until(world.now + 60)
    assert alpha.process.peering.link(world.machines["bravo"].node) is not None


def test_a_link_grows_thin_and_lossy_until_it_is_repaired(world: World) -> None:
    way = world.air.ways["alpha", "bravo"]
    world.do(lambda: Rate("alpha", "bravo", 1_200.0).act(world))
    world.do(lambda: Loss("alpha", "bravo", 30, oneway=True).act(world))
    assert (way.shape.rate_bits_s, way.shape.loss) == (1_200.0, 0.3)
    assert world.air.ways["bravo", "alpha"].shape.loss == 0
    world.do(lambda: Repair().act(world))
    assert way.shape == LAN


def test_loss_is_lateness_and_too_much_of_it_breaks_the_connection() -> None:
    way = Way(LinkShape(rate_bits_s=1e6, rtt_s=0.1, loss=0.3, segment_bytes=1_200), Random(1))
    assert all(way.carry(100, 0.0) for _ in range(300))
    worse = Way(LinkShape(rate_bits_s=1e6, rtt_s=0.1, loss=0.9, segment_bytes=1_200), Random(1))
    dues = [due for _ in range(300) for due, _ in worse.carry(100, 0.0)]
    assert 0 < len(dues) < 300
    assert max(dues) < DEAD_S + 1


def test_what_is_let_go_stays_away_until_it_is_fetched() -> None:
    world = World(load(find("let-go")), 1)
    with world.begun():
        for number in range(6):
            world.do(lambda number=number: world.people.write(world, "alpha", number))
        world.pass_until(
            3_700
        )  # until then some of it has clinical times to come: that waits for a person
        alpha = world.machines["alpha"]
        before = slots(alpha.disk.store)
        world.do(lambda: Shed("hospital").act(world))
        assert world.let_go == {}
        world.do(lambda: Shed("alpha").act(world))
        gone = list(world.let_go["alpha"])
        assert gone
        world.pass_until(4_300)
        assert list(alpha.disk.store.shed_documents(gone)) == sorted(gone)
        world.do(lambda: Fetch("alpha").act(world))
        world.pass_until(4_900)
        assert not alpha.disk.store.shed_documents(gone)
        assert slots(alpha.disk.store) == before


def test_a_request_about_several_records_is_acknowledged_for_each_of_them() -> None:
    world = World(load(find("let-go")), 1)
    [first, *_] = [n for n, piece in enumerate(world.people.pieces) if piece.more]
    with world.begun():
        world.do(lambda: world.people.write(world, "alpha", first))
    assert [one.number for one in world.people.kept] == [first] * 4
    assert len({one.document for one in world.people.kept}) == 4


def test_what_a_healing_has_to_carry_is_measured() -> None:
    result = play(SPLIT, 1, keeps_messages=False)
    assert sum(result.figures["missing_bytes"].values()) > 1_000
    assert sum(result.figures["healing_connections"].values()) > 0


def test_what_newer_software_says_is_kept_relayed_and_shown_by_the_newer_only(
    tmp_path: Path,
) -> None:
    path = tmp_path / "two.toml"
    path.write_text(TWO)
    scenario = load(path)
    world = World(scenario, 1)
    with world.begun():
        for step in world.people.steps:
            world.do(lambda step=step: step.verb.act(world))
        world.pass_until(200)
        now, ahead = world.machines["now"], world.machines["next"]
        assert now.disk.store.summary() == ahead.disk.store.summary()
        assert "next_slot" in slots(now.disk.store)
        engines = now.process.engine, ahead.process.engine
        assert ["next_slot" in one.catalogue for one in engines] == [False, True]
    assert play(scenario, 1).failed == []


def test_newer_software_is_told_apart_from_ours() -> None:
    newer = with_more(CATALOGUE, "vitals.next_field", "next_slot")
    assert fingerprint(newer) != fingerprint(CATALOGUE)
    assert "next_field" not in CATALOGUE["vitals"].shape.fields


@pytest.mark.parametrize("verb", [Sleep("alpha"), Wake("alpha"), Rate("alpha", "bravo")])
def test_a_report_plays_these_again(verb: Sleep | Wake | Rate) -> None:
    from node.sim.lab.report import _step

    assert _step(Step(1.0, verb).body()) == Step(1.0, verb)
