"""The hybrid logical clock: laws of Kulkarni et al. 2014, and no stamp that moves or blocks others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.clock import REMOTE_AHEAD_MS_MAX, ZERO, HybridClock, Stamp, parse_stamp
from conflict.errors import BadTime

milliseconds = st.integers(0, 4_000_000_000_000)
stamps = st.builds(Stamp, milliseconds, st.integers(0, 999_999_999))
events = st.lists(st.tuples(milliseconds, st.none() | stamps), max_size=30)


@given(stamps)
@settings(deadline=None)
def test_every_stamp_reads_back_from_its_text(stamp: Stamp) -> None:
    assert parse_stamp(stamp.text()) == stamp


@given(stamps, events)
@settings(deadline=None)
def test_each_stamp_is_later_than_all_given_and_accepted_before(
    last: Stamp, happened: list[tuple[int, Stamp | None]]
) -> None:
    clock = HybridClock(last)
    seen = [last]
    for now_ms, remote in happened:
        if remote is None:
            given_now = clock.tick(now_ms)
            assert given_now > max(seen)
            assert parse_stamp(given_now.text()) == given_now
            seen.append(given_now)
        elif clock.observe(remote, now_ms):
            seen.append(remote)


@given(stamps, stamps, milliseconds)
@settings(deadline=None)
def test_a_remote_stamp_over_five_minutes_ahead_is_not_followed(
    last: Stamp, remote: Stamp, now_ms: int
) -> None:
    clock = HybridClock(last)
    followed = clock.observe(remote, now_ms)
    assert followed == (remote.ms <= now_ms + REMOTE_AHEAD_MS_MAX)
    assert clock.last == (max(last, remote) if followed else last)


def test_one_node_in_2099_moves_nobody() -> None:
    now = 1_795_401_431_123
    clock = HybridClock()
    assert not clock.observe(Stamp(4_085_000_000_000, 3), now)
    assert clock.tick(now) == Stamp(now, 0)


def test_five_minutes_exactly_are_followed() -> None:
    clock = HybridClock()
    assert clock.observe(Stamp(1_000 + 5 * 60 * 1000, 2), 1_000)
    assert not clock.observe(Stamp(1_001 + 5 * 60 * 1000, 0), 1_000)
    assert clock.tick(1_000) == Stamp(301_000, 3)


def test_a_clock_that_went_back_still_counts_up() -> None:
    clock = HybridClock(Stamp(5_000, 1))
    assert [clock.tick(now) for now in (4_000, 5_000, 5_001)] == [
        Stamp(5_000, 2),
        Stamp(5_000, 3),
        Stamp(5_001, 0),
    ]


def test_a_peers_largest_counter_does_not_make_our_stamps_unreadable() -> None:
    clock = HybridClock()
    assert clock.observe(parse_stamp("2000.999999999"), 1_000)
    stamp = clock.tick(1_000)
    assert stamp > Stamp(2_000, 999_999_999)
    assert parse_stamp(stamp.text()) == stamp


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "1", "1.", ".1", "-1.0", "1.-1", "1.0.0", "1,0", " 1.0", "1.0 ", "١.٠", "1e3.0"),
        "1" * 16 + ".0",
        "1." + "1" * 10,
    ],
)
def test_other_text_is_no_stamp(text: str) -> None:
    with pytest.raises(BadTime):
        parse_stamp(text)


def test_stamps_order_as_numbers_not_as_text() -> None:
    assert ZERO < Stamp(9, 10) < Stamp(10, 2) < Stamp(10, 10)
