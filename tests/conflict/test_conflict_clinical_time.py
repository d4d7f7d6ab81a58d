"""Clinical time is kept as given; what instants it can mean is never narrower than the truth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.clinical_time import Precision, instants, precision_of, utc_text
from conflict.errors import BadTime

moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001  as written
    lambda one: one.replace(second=0, microsecond=0)
)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@given(moments, offsets)
@settings(deadline=None)
def test_an_offset_names_one_minute(moment: datetime, zone: timezone) -> None:
    aware = moment.replace(tzinfo=zone)
    text = aware.isoformat()[:16] + aware.isoformat()[19:]
    found = instants(text)
    assert found.earliest == aware
    assert found.latest == aware + timedelta(minutes=1)


@given(moments, offsets)
@settings(deadline=None)
def test_a_local_time_covers_every_zone_on_earth(moment: datetime, zone: timezone) -> None:
    for text in (f"{moment:%Y-%m-%dT%H:%M}L", f"{moment:%Y-%m-%dT%H:%M}", f"{moment:%Y-%m-%d}"):
        found = instants(text)
        assert found.earliest <= moment.replace(tzinfo=zone) <= found.latest


@given(moments)
@settings(deadline=None)
def test_less_precision_covers_more(moment: datetime) -> None:
    texts = [f"{moment:%Y}", f"{moment:%Y-%m}", f"{moment:%Y-%m-%d}", f"{moment:%Y-%m-%dT%H:%M}Z"]
    wide = [instants(text) for text in texts]
    for outer, inner in pairwise(wide):
        assert outer.earliest <= inner.earliest
        assert inner.latest <= outer.latest


@given(moments, offsets)
@settings(deadline=None)
def test_an_instant_written_in_z_reads_back(moment: datetime, zone: timezone) -> None:
    aware = moment.replace(tzinfo=zone)
    assert instants(utc_text(aware)).earliest == aware
    assert precision_of(utc_text(aware)) is Precision.SECOND


@pytest.mark.parametrize(
    ("text", "precision", "earliest", "latest"),
    [
        ("2026-11-23T13:58Z", "minute", at(2026, 11, 23, 13, 58), at(2026, 11, 23, 13, 59)),
        (
            "2026-11-23T13:58:07Z",
            "second",
            at(2026, 11, 23, 13, 58, 7),
            at(2026, 11, 23, 13, 58, 8),
        ),
        ("2026-11-23T13:58+03:00", "minute", at(2026, 11, 23, 10, 58), at(2026, 11, 23, 10, 59)),
        ("2026-11-23T13:58-11:30", "minute", at(2026, 11, 24, 1, 28), at(2026, 11, 24, 1, 29)),
        ("2026-11-23T13:58L", "minute", at(2026, 11, 22, 23, 58), at(2026, 11, 24, 3, 59)),
        ("2026-11-23T13:58", "minute", at(2026, 11, 22, 23, 58), at(2026, 11, 24, 3, 59)),
        ("2026-11-23", "day", at(2026, 11, 22, 10), at(2026, 11, 24, 14)),
        ("2026-11", "month", at(2026, 10, 31, 10), at(2026, 12, 2, 14)),
        ("2026", "year", at(2025, 12, 31, 10), at(2027, 1, 2, 14)),
        (
            "2026-11-23T13:58:07.5Z",
            "second",
            at(2026, 11, 23, 13, 58, 7, 500_000),
            at(2026, 11, 23, 13, 58, 8, 500_000),
        ),
    ],
)
def test_each_form_has_its_precision_and_range(
    text: str, precision: str, earliest: datetime, latest: datetime
) -> None:
    assert precision_of(text) == precision
    assert instants(text) == (earliest, latest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1358Z",
        "23-NOV-26",
        "2026-11-23 13:58Z",
        "2026-11-23T13:58z",
        "2026-11-23Z",
        "2026-11-23T13:58Z\n",
        "2026-11-23T1358Z",
        "2026-02-30T13:58Z",
        "2026-13",
        "2026-11-23T25:00Z",
        "2026-11-23T13:58:60Z",
        "2026-11-23T13:58+25:00",
        "0001-01-01T00:00L",
        "9999-12-31T23:59L",
        "0000-01-01",
        "٢٠٢٦-11-23",
    ],
)
def test_what_is_no_time_on_any_calendar_is_refused(text: str) -> None:
    with pytest.raises(BadTime):
        instants(text)


def test_digits_of_other_scripts_have_no_precision() -> None:
    with pytest.raises(BadTime):
        precision_of("٢٠٢٦-١١-٢٣")


@given(st.text(max_size=30))
@settings(deadline=None)
def test_no_text_whatever_raises_anything_else(text: str) -> None:
    for read in (instants, precision_of):
        try:
            read(text)
        except BadTime:
            continue
