"""The model of a thin link: rate, delay, order, loss, silence, budget, bounds; time is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import BadRequest
from node.sim.link_shape import PROFILES, LinkShape, segment_for
from node.sim.shaping import DAY_S, Budget, Release, Shaper

THIN = LinkShape(rate_bits_s=9_600, rtt_s=0.6, segment_bytes=256)
HARSH = replace(THIN, loss=0.2, jitter_s=0.3, stall_s=5, every_s=11)

Offer = tuple[float, int, int]  # when, bytes, flow
offers = st.lists(
    st.tuples(st.floats(0, 30), st.integers(1, 3_000), st.integers(0, 2)), min_size=1, max_size=12
).map(sorted)
shapes = st.builds(
    LinkShape,
    rate_bits_s=st.sampled_from([300, 9_600, 64_000, 10_000_000]),
    rtt_s=st.sampled_from([0, 0.001, 0.6, 3]),
    segment_bytes=st.sampled_from([64, 256, 1_200]),
)


def play(shaper: Shaper, offered: Iterable[Offer]) -> tuple[list[Release], list[Offer]]:
    """A driver that is never late: what came out, and what was taken when."""
    ahead, backlog = list(offered), defaultdict[int, int](int)
    out: list[Release] = []
    fed: list[Offer] = []
    while True:
        due = shaper.next_deadline()
        now = min(inf if due is None else due, ahead[0][0] if ahead else inf)
        if now == inf:
            assert not any(backlog.values()), "everything offered is taken some time"
            return out, fed
        while ahead and ahead[0][0] <= now:
            _, size, flow = ahead.pop(0)
            backlog[flow] += size
        out += shaper.take(now)
        for flow, size in backlog.items():
            if taken := shaper.feed(size, now, flow) if size else 0:
                backlog[flow] -= taken
                fed.append((now, taken, flow))


def totals(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Bytes by flow."""
    summed: dict[int, int] = defaultdict(int)
    for flow, size in pairs:
        summed[flow] += size
    return dict(summed)


@given(shapes, offers)
def test_the_rate_is_honoured_exactly_over_any_feeding(
    shape: LinkShape, offered: Sequence[Offer]
) -> None:
    out, fed = play(Shaper(shape, seed=1), [(at, size, 0) for at, size, _ in offered])
    free, expected = 0.0, []
    for at, size, _ in fed:
        for begin in range(0, size, shape.segment_bytes):
            part = min(shape.segment_bytes, size - begin)
            free = max(free, at) + part * 8 / shape.rate_bits_s
            expected.append(free + shape.rtt_s / 2)
    assert [one.at for one in out] == pytest.approx(expected, abs=1e-9)


@given(shapes, offers)
def test_several_flows_share_one_rate(shape: LinkShape, offered: Sequence[Offer]) -> None:
    out, _ = play(Shaper(shape, seed=1), offered)
    for before, after in pairwise(out):
        assert after.at - before.at >= after.size * 8 / shape.rate_bits_s - 1e-9


@given(offers, st.integers(0, 99))
@settings(max_examples=40)
def test_nothing_is_lost_or_doubled_by_loss_jitter_and_stalls(
    offered: Sequence[Offer], seed: int
) -> None:
    shaper = Shaper(HARSH, seed=seed)
    out, _ = play(shaper, offered)
    assert totals((one.flow, one.size) for one in out) == totals(one[::-1][:2] for one in offered)
    assert shaper.tally.aired >= shaper.tally.fed == shaper.tally.released
    assert all(before.at <= after.at for before, after in pairwise(out))


@given(st.lists(st.integers(1, 1_000), max_size=20), st.integers(0, 99))
@settings(max_examples=40)
def test_marks_and_bytes_keep_their_order(sizes: list[int], seed: int) -> None:
    shaper = Shaper(replace(HARSH, rtt_s=60), seed=seed)  # a window that takes it all at once
    for size in sizes:
        shaper.feed(size, 0)
        shaper.feed(0, 0)
    between, found = 0, []
    for one in play(shaper, ())[0]:
        between += one.size
        if not one.size:
            found.append(between)
            between = 0
    assert found == sizes


@given(shapes, offers)
def test_nothing_arrives_sooner_than_half_the_round_trip(
    shape: LinkShape, offered: Sequence[Offer]
) -> None:
    shape = replace(shape, jitter_s=0.2, loss=0.1)
    out, fed = play(Shaper(shape, seed=3), [(at, size, 0) for at, size, _ in offered])
    moments = [at for at, size, _ in fed for _ in range(size)]
    position = 0
    for one in out:
        position += one.size
        assert one.at >= moments[position - 1] + shape.rtt_s / 2


def test_a_lost_segment_comes_one_timeout_late_and_holds_up_what_follows() -> None:
    lossy = replace(THIN, loss=0.3)
    for seed in range(1_000):
        shaper = Shaper(lossy, seed=seed)
        shaper.feed(512, 0)
        out = play(shaper, ())[0]
        if shaper.tally.lost == 1 and out[0].at > 1:
            break
    air_s = 256 * 8 / 9_600
    again = air_s + (0.6 + 0.2)
    assert [one.at for one in out] == pytest.approx([again + air_s + 0.3] * 2)
    assert shaper.tally.aired == 3 * 256


def test_loss_is_as_frequent_as_asked() -> None:
    shaper = Shaper(replace(THIN, loss=0.02), seed=5)
    play(shaper, [(0, 256 * 8_000, 0)])
    assert shaper.tally.lost / (shaper.tally.aired / 256) == pytest.approx(0.02, rel=0.2)


@given(st.integers(20_000, 60_000))
@settings(max_examples=20)
def test_a_stall_delays_and_never_loses(size: int) -> None:
    stalling = replace(THIN, stall_s=7, every_s=20)
    out, _ = play(Shaper(stalling, seed=1), [(0, size, 0)])
    assert sum(one.size for one in out) == size
    sent_s = size * 8 / 9_600  # 20 s before the first stall, 13 s between two
    stalls = max(0, int((sent_s - 7) // 13))
    arrives = sent_s + 7 * stalls + 0.3
    behind_stall = max(0.0, 7 - arrives % 20) if arrives >= 20 else 0.0
    assert out[-1].at == pytest.approx(arrives + behind_stall, abs=1e-6)


def test_a_cut_holds_everything_and_healing_goes_on_in_the_middle_of_a_segment() -> None:
    air_s = 256 * 8 / 9_600
    shaper = Shaper(THIN, seed=1)
    shaper.feed(256, 0)
    shaper.cut(air_s / 4)
    assert shaper.next_deadline() is None
    assert shaper.take(1_000) == []
    silence = shaper.silence(1_000)
    assert silence is not None
    assert (silence.cause, silence.until) == ("cut", inf)
    shaper.heal(1_000)
    assert shaper.silence(1_000) is None
    (out,) = play(shaper, ())[0]
    assert out.at == pytest.approx(1_000 + air_s * 3 / 4 + 0.3)


handling = st.lists(
    st.tuples(st.floats(0, 20), st.sampled_from(["feed", "mark", "cut", "heal", "stall", "take"])),
    max_size=40,
)


@given(handling, st.integers(0, 99))
@settings(max_examples=60)
def test_however_a_link_is_handled_all_arrives_once_it_is_healed(
    steps: Sequence[tuple[float, str]], seed: int
) -> None:
    shaper, now, fed, out = Shaper(HARSH, seed=seed), 0.0, 0, list[Release]()
    for wait_s, step in steps:
        now += wait_s
        match step:
            case "feed":
                fed += shaper.feed(700, now)
            case "mark":
                shaper.feed(0, now)
            case "cut":
                shaper.cut(now)
            case "heal":
                shaper.heal(now)
            case "stall":
                shaper.stall(3, now)
            case _:
                out += shaper.take(now)
    shaper.heal(now)
    out += play(shaper, ())[0]
    assert sum(one.size for one in out) == fed
    assert sum(not one.size for one in out) == [step for _, step in steps].count("mark")


def test_what_was_under_way_arrives_when_a_stall_ends() -> None:
    shaper = Shaper(THIN, seed=1)
    shaper.feed(256, 0)
    shaper.stall(70, 0.4)  # sent, not yet there
    assert [one.at for one in play(shaper, ())[0]] == [70.4]


def test_a_cut_is_one_way() -> None:
    out, back = (Shaper(THIN, seed=1, way=way) for way in ("out", "back"))
    out.cut(0)
    for one in (out, back):
        one.feed(256, 0)
    assert not out.take(9)
    assert back.take(9)


def test_the_day_s_budget_is_for_both_ways_and_never_exceeded() -> None:
    shape = replace(THIN, budget_bytes=10_000)
    budget = Budget(10_000)
    out, back = (Shaper(shape, seed=1, way=way, budget=budget) for way in ("out", "back"))
    first = play(out, [(0, 6_000, 0)])[0]
    second = play(back, [(0, 6_000, 0)])[0]
    today = [one for one in first + second if one.at < DAY_S]
    assert 10_000 - 256 < sum(one.size for one in today) <= 10_000
    assert sum(one.size for one in first + second) == 12_000
    assert min(one.at for one in second if one.at >= DAY_S) == pytest.approx(
        DAY_S + 256 * 8 / 9_600 + 0.3
    )


def test_a_spent_budget_is_silence_until_the_next_day() -> None:
    shaper = Shaper(replace(THIN, budget_bytes=600), seed=1)
    shaper.feed(1_000, 0)
    assert sum(one.size for one in shaper.take(10)) == 512
    silence = shaper.silence(10)
    assert silence is not None
    assert (silence.cause, silence.until) == ("budget spent", DAY_S)
    shaper.feed(0, 10, 1)
    assert shaper.take(DAY_S) == []  # not even a mark passes


def test_a_budget_spent_one_way_is_spent_for_what_would_still_fit_the_other_way() -> None:
    budget = Budget(600)
    out, back = (Shaper(THIN, seed=1, way=way, budget=budget) for way in ("out", "back"))
    out.feed(1_000, 0)
    out.take(10)
    back.feed(50, 10)
    assert back.take(20) == []


def test_the_same_seed_gives_the_same_times_and_another_others() -> None:
    offered = [(float(at), 900, at % 2) for at in range(30)]
    first, again, other = (play(Shaper(HARSH, seed=seed), offered)[0] for seed in (7, 7, 8))
    assert first == again != other


def test_the_two_ways_lose_different_segments() -> None:
    lossy = replace(THIN, loss=0.2)
    one, other = (
        play(Shaper(lossy, seed=7, way=way), [(0, 20_000, 0)])[0] for way in ("out", "back")
    )
    assert one != other


@given(shapes, offers)
def test_a_flow_never_has_more_than_its_window_on_the_way(
    shape: LinkShape, offered: Sequence[Offer]
) -> None:
    shaper = Shaper(shape, seed=1)
    fed: dict[int, int] = defaultdict(int)
    for _, size, flow in offered:
        fed[flow] += shaper.feed(size, 0, flow)
        assert shaper.room(flow) == shape.window_bytes - fed[flow] >= 0
    on_its_way = shape.rate_bits_s * shape.rtt_s / 8
    little = 2 * shape.segment_bytes + shape.rate_bits_s * 0.03 / 8 + 1
    assert on_its_way < shape.window_bytes <= on_its_way + little


def test_a_window_keeps_the_link_full() -> None:
    out, _ = play(Shaper(THIN, seed=1), [(0, 100_000, 0)])
    assert out[-1].at == pytest.approx(100_000 * 8 / 9_600 + 0.3)


def test_a_late_driver_changes_no_release() -> None:
    early, late = Shaper(HARSH, seed=2), Shaper(HARSH, seed=2)
    for shaper in (early, late):
        shaper.feed(1_000, 0)
    assert late.take(500) == play(early, ())[0]


def test_a_small_flow_does_not_wait_behind_a_large_one() -> None:
    shaper = Shaper(THIN, seed=1)
    shaper.feed(1_024, 0, 1)
    shaper.feed(256, 0, 2)
    assert [one.flow for one in play(shaper, ())[0]] == [1, 1, 2, 1, 1]


def test_a_forgotten_flow_leaves_the_link_to_the_others() -> None:
    shaper = Shaper(replace(THIN, loss=0.3), seed=3)
    for flow in (1, 2):
        shaper.feed(1_024, 0, flow)
    shaper.forget(1)
    out = play(shaper, ())[0]
    assert totals((one.flow, one.size) for one in out) == {2: 1_024}


def test_an_idle_link_asks_for_nothing() -> None:
    shaper = Shaper(HARSH, seed=1)
    assert shaper.next_deadline() is None
    assert shaper.take(1e9) == []
    assert shaper.next_deadline() is None


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("rate_bits_s", 50, "rate: 50 bit/s was given; the limits are 100 to 1,000,000,000"),
        ("rtt_s", 61, "rtt: 61 s was given; the limits are 0 to 60 s"),
        ("loss", 0.95, "loss: 95 % was given; the limits are 0 to 90 %"),
        ("stall_s", 30, "every: 0 s was given; it must be longer than the stall, 30 s"),
        ("budget_bytes", 10, "budget: 10 B was given; it must hold one segment, 256 B"),
        ("budget_bytes", -1, "budget: -1 B"),
        ("segment_bytes", 1, "segment: 1 B was given; the limits are 64 to 65,536 B"),
        ("jitter_s", float("nan"), "jitter: nan s"),
    ],
)
def test_a_figure_out_of_bounds_is_refused_by_name(field: str, value: float, said: str) -> None:
    with pytest.raises(BadRequest) as refused:
        replace(THIN, **{field: value})  # type: ignore[arg-type]  # one field of several types
    assert said in str(refused.value)


def test_every_profile_has_a_source_and_a_segment_that_suits_it() -> None:
    for profile in PROFILES.values():
        assert profile.source
        assert profile.shape.segment_bytes <= segment_for(profile.shape.rate_bits_s)
    satcom = PROFILES["satcom-9600"].shape
    assert satcom.rate_bits_s * satcom.rtt_s / 8 == 720
    bit_errors = 1 - (1 - 1e-5) ** (8 * satcom.segment_bytes)
    assert satcom.loss == pytest.approx(bit_errors, abs=0.001)
