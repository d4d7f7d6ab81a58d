"""Parts of the lab by themselves: the clock, the hands, the wires, a disk that is cut off."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from node.hands import STIRRED, Rounds, Wait
from node.sim.lab.clock import Livelock, VirtualLoop
from node.sim.lab.hands import VirtualHands
from node.sim.lab.library import find
from node.sim.lab.link_verbs import Cut
from node.sim.lab.machine_verbs import Crash
from node.sim.lab.run import Step, play, schedule_of
from node.sim.lab.scenario import load
from node.sim.lab.wires import Fate, Way
from node.sim.lab.world import World
from node.sim.link_shape import LinkShape
from node.writing import Urgency

SATCOM = LinkShape(rate_bits_s=9_600, rtt_s=0.6, segment_bytes=256)


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    """A loop of its own."""
    made = VirtualLoop()
    yield made
    made.close()


def test_a_year_passes_at_once_and_in_order(loop: VirtualLoop) -> None:
    told: list[float] = []
    for days in (365, 1, 30):
        loop.call_at(days * 86_400.0, lambda: told.append(loop.time() / 86_400))
    loop.run_until(366 * 86_400.0)
    assert told == pytest.approx([1, 30, 365])


def test_a_world_in_which_nothing_can_happen_any_more_says_so(loop: VirtualLoop) -> None:
    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        loop.run_forever()


def test_a_world_that_is_busy_for_ever_says_so(loop: VirtualLoop) -> None:
    def again() -> None:
        loop.call_soon(again)

    again()
    with pytest.raises(Livelock, match="busy for ever"):
        loop.run_until(10)


def test_ctrl_c_ends_a_world_between_two_events(loop: VirtualLoop) -> None:
    told: list[str] = []

    def pressed() -> None:
        signal.raise_signal(signal.SIGINT)
        told.append("this event to its end")

    loop.call_at(1, pressed)
    loop.call_at(2, lambda: told.append("another one"))
    with loop.interruptible(), pytest.raises(KeyboardInterrupt):
        loop.run_until(3)
    assert told == ["this event to its end"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_save_that_somebody_waits_for_is_written_before_what_a_peer_sent(
    loop: VirtualLoop,
) -> None:
    done: list[str] = []
    writer = VirtualHands(loop, lambda: 1.0).writer()
    foreign = writer.submit(Urgency.FOREIGN, lambda: done.append("foreign"))
    writer.submit(Urgency.LOCAL, lambda: done.append("local")).result()
    assert done == ["local"]
    assert not foreign.done()
    loop.run_until(3.0)
    assert done == ["local", "foreign"]


def test_a_routine_hears_that_it_was_stirred_while_it_worked(loop: VirtualLoop) -> None:
    worked: list[float] = []

    def rounds() -> Rounds:
        while True:
            yield STIRRED
            worked.append(loop.time())
            if len(worked) == 1:
                routine.stir()
            yield Wait(2.0)

    routine = VirtualHands(loop, lambda: 0.0).routine("test", rounds())
    routine.start()
    loop.call_at(1.0, routine.stir)
    loop.run_until(10.0)
    assert worked == pytest.approx([1.0, 3.0])
    routine.stop()


def test_a_thin_way_takes_its_time_and_keeps_the_order() -> None:
    way = Way(SATCOM, Random(1))
    out = [way.carry(120, now=0.0)[0] for _ in range(4)]
    assert [due for due, _ in out] == pytest.approx([0.4, 0.5, 0.6, 0.7])
    lossy = Way(LinkShape(rate_bits_s=9_600, loss=0.5, segment_bytes=256), Random(1))
    dues = [lossy.carry(120, now=0.0)[0][0] for _ in range(200)]
    assert all(one <= other for one, other in pairwise(dues))
    assert dues[-1] > 20


def test_ways_that_are_not_sound_say_what_they_did() -> None:
    way = Way(SATCOM, Random(1), duplicate=100)
    assert [fate for _, fate in way.carry(10, 0.0)] == [Fate.DELIVERED, Fate.DUPLICATED]
    way.cut = True
    assert way.carry(10, 0.0) == []
    way.heal()
    assert [fate for _, fate in way.carry(10, 0.0)] == [Fate.DELIVERED]


def test_a_run_uses_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    def forbidden(self: threading.Thread) -> None:
        raise AssertionError(f"a thread was started: {self.name}")

    monkeypatch.setattr(threading.Thread, "start", forbidden)
    assert not play(load(find("three-way-split")), 5).failed


def test_a_schedule_stays_playable_with_anything_left_out() -> None:
    scenario = load(find("three-way-split"))
    steps = schedule_of(scenario, 9)
    for left_out in range(0, len(steps), 4):
        rest = [one for at, one in enumerate(steps) if at != left_out]
        assert not play(scenario, 9, rest, keeps_messages=False).failed


def test_verbs_do_what_they_say() -> None:
    world = World(load(find("three-way-split")), 1)
    with world.begun():
        world.do(lambda: Cut("alpha", "bravo", oneway=True).act(world))
        assert world.air.ways["alpha", "bravo"].cut
        assert not world.air.ways["bravo", "alpha"].cut
        world.do(lambda: Crash("alpha").act(world))
        assert world.machines["alpha"].life is None
        world.do(world.heal)
        assert not world.air.ways["alpha", "bravo"].cut
        assert world.machines["alpha"].lives == 2


def test_an_interrupted_run_says_how_far_it_came() -> None:
    scenario = load(find("three-way-split"))

    def stop(share: float) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    result = play(scenario, 2, progress=stop)
    assert not result.complete
    assert 0 < result.steps_done < len(result.schedule)
    again = play(scenario, 2, result.schedule)
    assert again.trace.digest == play(scenario, 2).trace.digest


def test_a_path_outside_is_read(tmp_path: Path) -> None:
    copy = tmp_path / "mine.toml"
    copy.write_bytes(find("three-way-split").read_bytes())
    assert load(find(str(copy))).name == "mine"


def test_a_step_says_itself_as_a_scenario_would() -> None:
    body = Step(3.0, Cut("a", "b", oneway=True)).body()
    assert body == {"time": 3.0, "do": "cut", "one": "a", "other": "b", "oneway": True}


def test_the_loop_is_the_only_one_that_runs(loop: VirtualLoop) -> None:
    async def here() -> bool:
        await asyncio.sleep(60)
        return asyncio.get_running_loop() is loop

    task = loop.create_task(here())
    loop.run_until(61)
    assert task.result()
