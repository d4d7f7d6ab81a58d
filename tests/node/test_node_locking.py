"""The lock's rules with time as an argument: idle, delays that grow and end, clocks that jump."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.locking import DELAY_MS_MAX, Attempts, Lock, is_pin

MIN = 60_000


def after(failures: int, at_ms: int = 0) -> Attempts:
    found = Attempts()
    for _ in range(failures):
        found = found.failed(at_ms)
    return found


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (1, 0), (2, 0), (3, 30), (4, 60), (5, 120), (6, 240), (7, 480), (8, 900), (400, 900)],
)
def test_the_delay_grows_to_fifteen_minutes(failures: int, seconds: int) -> None:
    found = after(failures, at_ms=5)
    assert found.wait_ms(5) == seconds * 1000
    assert found.wait_ms(5 + seconds * 1000) == 0


@given(st.integers(0, 10_000), st.integers(0, 2**45), st.integers(0, 2**45))
def test_no_clock_makes_anybody_wait_longer_than_the_delay(
    failures: int, at_ms: int, now_ms: int
) -> None:
    assert 0 <= Attempts(failures, at_ms).wait_ms(now_ms) <= DELAY_MS_MAX


def test_counts_survive_a_restart() -> None:
    found = after(4, at_ms=77)
    assert Attempts.decode(found.encode()) == found
    assert Attempts.decode(None) == Attempts.decode(b"{") == Attempts.decode(b"[1]") == Attempts()


def test_it_locks_itself_when_nobody_used_it() -> None:
    lock = Lock(idle_ms=15 * MIN, used_ms=0)
    assert not lock.at(15 * MIN - 1).locked
    assert lock.at(15 * MIN).locked
    used = lock.used(10 * MIN)
    assert not used.at(24 * MIN).locked
    assert used.at(25 * MIN).locked


def test_use_does_not_unlock() -> None:
    lock = Lock(idle_ms=MIN, used_ms=0).lock()
    assert lock.used(5).at(5).locked
    assert not lock.unlock(7).locked
    assert lock.unlock(7).at(7 + MIN).locked


def test_without_an_idle_time_it_never_locks_itself() -> None:
    assert not Lock(idle_ms=0, used_ms=0).at(10**12).locked


def test_a_clock_set_back_counts_from_then_on() -> None:
    lock = Lock(idle_ms=MIN, used_ms=100 * MIN).at(50 * MIN)
    assert not lock.locked
    assert lock.at(51 * MIN).locked


@pytest.mark.parametrize("pin", ["4711", "90210", "123457", "112233445566"])
def test_pins(pin: str) -> None:
    assert is_pin(pin)


@pytest.mark.parametrize(
    "pin", ["", "123", "1234", "4321", "0000", "12a4", "1" * 13, "٣٤٥٩", "-123"]
)
def test_what_is_no_pin(pin: str) -> None:
    assert not is_pin(pin)
