"""One repair at a time over a node's fast links, and nobody waits for ever."""

from __future__ import annotations

from node.turns import TURN_S_MAX, Turns


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_who_asks_has_the_turn_until_it_is_given_back() -> None:
    turns = Turns(Clock(), {})
    assert turns.take("a")
    assert turns.take("a")
    assert not turns.take("b")
    turns.give_back("b")
    assert not turns.take("b")
    turns.give_back("a")
    assert turns.take("b")


def test_who_takes_too_long_loses_the_turn_and_may_ask_again() -> None:
    clock = Clock()
    turns = Turns(clock, {})
    assert turns.take("slow")
    clock.now += TURN_S_MAX / 2
    assert turns.take("slow")  # asking again does not prolong it
    clock.now += TURN_S_MAX / 2
    assert turns.take("b")
    assert not turns.take("slow")
    turns.give_back("b")
    assert turns.take("slow")
