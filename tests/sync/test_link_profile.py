"""Figures that follow from a link's description: the reasons in the docstrings, as claims."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import limits
from sync.errors import SyncError
from sync.flow import check_grant
from sync.link_profile import BadLinkProfile, LinkKind, LinkProfile

LAN = LinkProfile.lan()
GEO_9600 = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9_600, rtt_s=0.6)
GEO_64K = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=64_000, rtt_s=0.6)
CERTUS = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=352_000, rtt_s=0.6)

thin_links = st.builds(
    LinkProfile,
    kind=st.sampled_from([LinkKind.SATCOM, LinkKind.MANUAL]),
    rate_bits_s=st.floats(100, 1e9),
    rtt_s=st.floats(0, 60),
    daily_bytes=st.sampled_from([0, 10_000, 5_000_000]),
)


def air_s(link: LinkProfile, size: int) -> float:
    return size * 8 / link.rate_bits_s


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "figures", "said"),
    [
        (LinkKind.SATCOM, {}, "rate: none was given"),
        (LinkKind.SATCOM, {"rate_bits_s": 99}, "rate: 99 bit/s was given; the limits are 100 to"),
        (LinkKind.SATCOM, {"rate_bits_s": 2e9}, "rate: 2e+09 bit/s"),
        (LinkKind.SATCOM, {"rate_bits_s": math.nan}, "rate: nan"),
        (LinkKind.SATCOM, {"rate_bits_s": -9600}, "rate: -9,600"),
        (LinkKind.SATCOM, {"rate_bits_s": 9600, "rtt_s": 61}, "rtt: 61 s was given"),
        (LinkKind.SATCOM, {"rate_bits_s": 9600, "daily_bytes": 9_999}, "daily: 9,999 B was given"),
        (LinkKind.SATCOM, {"rate_bits_s": 9600, "daily_bytes": 10**13}, "daily: 1e+13 B"),
        (LinkKind.MANUAL, {"rtt_s": 0.6}, "rtt: was given without rate"),
        (LinkKind.LAN, {"rate_bits_s": 9600}, "rate: was given for a lan link"),
        (LinkKind.LAN, {"daily_bytes": 5_000_000}, "daily: was given for a lan link"),
        (LinkKind.SILENT, {"rate_bits_s": 9600}, "rate: was given for a silent link"),
    ],
)
def test_a_link_that_cannot_be_is_refused_by_field_limit_and_value(
    kind: LinkKind, figures: dict[str, float], said: str
) -> None:
    with pytest.raises(BadLinkProfile) as refused:
        LinkProfile(kind=kind, **figures)  # type: ignore[arg-type]
    assert said in str(refused.value)
    assert isinstance(refused.value, SyncError)
    assert isinstance(refused.value, ValueError)
    assert (refused.value.code, refused.value.retryable) == ("bad-link-profile", False)


# -- a LAN is as it was ---------------------------------------------------------------------------


def test_a_lan_has_the_limits_of_the_protocol() -> None:
    assert not LAN.thin
    assert (LAN.frame_bytes_max, LAN.credit_bytes) == (256 * 1024, 1 << 20)
    assert (LAN.content_raw_bytes, LAN.window_bytes) == (
        limits.CONTENT_RAW_BYTES,
        limits.WINDOW_BYTES,
    )
    assert (LAN.handshake_s_max, LAN.stall_s_max, LAN.check_delay_s) == (
        limits.HANDSHAKE_S_MAX,
        limits.STALL_S_MAX,
        limits.CHECK_DELAY_S,
    )


def test_a_manual_link_without_figures_is_as_fast_as_a_lan() -> None:
    manual = LinkProfile(kind=LinkKind.MANUAL)
    for name in ("frame_bytes_max", "credit_bytes", "window_bytes", "check_delay_s"):
        assert getattr(manual, name) == getattr(LAN, name)


@pytest.mark.parametrize(
    ("kind", "dialled", "answered"),
    [
        (LinkKind.LAN, True, True),
        (LinkKind.SATCOM, True, True),
        (LinkKind.MANUAL, False, True),
        (LinkKind.SILENT, False, False),
    ],
)
def test_who_is_called_and_who_is_answered(kind: LinkKind, dialled: bool, answered: bool) -> None:
    rate = 9600 if kind is LinkKind.SATCOM else 0
    link = LinkProfile(kind=kind, rate_bits_s=rate)
    assert (link.dialled, link.answered) == (dialled, answered)


# -- thin links -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "trip", "frame"),
    [(GEO_9600, 720, 256), (GEO_64K, 4_800, 1_600), (CERTUS, 26_400, 8_800)],
)
def test_the_links_of_the_field_have_these_figures(
    link: LinkProfile, trip: int, frame: int
) -> None:
    assert link.thin
    assert (link.trip_bytes, link.frame_bytes_max, link.push_bytes_max) == (trip, frame, trip)


@pytest.mark.parametrize("link", [GEO_9600, GEO_64K, CERTUS])
def test_what_is_urgent_gets_out_before_two_seconds_even_when_all_credit_is_taken(
    link: LinkProfile,
) -> None:
    queued = link.credit_bytes - link.trip_bytes  # in front of it at the narrow place
    urgent = 400
    frame_s, delay_s = air_s(link, link.frame_bytes_max), link.rtt_s / 2
    assert frame_s + air_s(link, queued + urgent) + delay_s < 2.0


def test_a_handshake_has_time_for_its_bytes_and_trips_on_the_thinnest_link() -> None:
    assert GEO_9600.handshake_s_max > 2 * (air_s(GEO_9600, 5_000) + 4 * 0.6)


def test_a_connection_has_time_to_open_where_packets_are_lost() -> None:
    repeated_s = sum([1, 2, 4, 8, 3, 6])  # SYN four times more, the upgrade twice (RFC 6298)
    assert GEO_9600.connect_s_max > repeated_s + air_s(GEO_9600, 5_000) + 4 * 0.6
    assert LAN.connect_s_max <= 10, "nobody there is soon known where nothing is lost"


def test_proofs_of_equality_take_a_small_share_of_a_thin_link() -> None:
    assert air_s(GEO_9600, 128) / GEO_9600.check_delay_s <= 0.021
    assert GEO_9600.check_delay_s > LAN.check_delay_s


def test_a_stall_of_seventy_seconds_ends_no_session() -> None:
    assert CERTUS.stall_s_max > 70


def test_a_tenth_of_the_day_is_kept_for_what_is_urgent() -> None:
    link = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9600, daily_bytes=5_000_000)
    assert (link.reserve_bytes, GEO_9600.reserve_bytes) == (500_000, 0)


@given(thin_links)
def test_every_link_that_can_be_described_can_run_a_session(link: LinkProfile) -> None:
    check_grant(frame_bytes_max=link.frame_bytes_max, credit_bytes=link.credit_bytes)
    assert 256 <= link.frame_bytes_max <= limits.FRAME_BYTES_MAX
    assert link.credit_bytes >= link.trip_bytes + link.frame_bytes_max
    assert 0 < link.content_raw_bytes <= limits.CONTENT_RAW_BYTES
    assert link.content_raw_bytes <= link.window_bytes <= limits.WINDOW_BYTES
    assert link.push_bytes_max >= link.trip_bytes
    assert limits.HANDSHAKE_S_MAX <= link.handshake_s_max < 10 * 60 + 700
    assert limits.CHECK_DELAY_S <= link.check_delay_s <= 60


@given(thin_links, st.floats(1, 1000))
def test_a_faster_link_never_has_smaller_frames_or_less_credit(
    link: LinkProfile, times: float
) -> None:
    rate = min(link.rate_bits_s * times, 1e9)
    faster = LinkProfile(kind=link.kind, rate_bits_s=rate, rtt_s=link.rtt_s)
    for name in ("frame_bytes_max", "credit_bytes", "content_raw_bytes", "window_bytes"):
        assert getattr(faster, name) >= getattr(link, name)
    assert faster.handshake_s_max <= link.handshake_s_max
    assert faster.connect_s_max <= link.connect_s_max
