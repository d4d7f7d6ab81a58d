"""Clinical time (`at`): when something happened to the casualty, exactly as it was given.

DD 1380 times carry L (local) or Z; an L without a known offset is not a UTC instant, so the text is
kept and only a range of instants can be read from it. Three times are never mixed: this one,
record time (`clock.py`) and arrival (a store's own order).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from conflict.errors import BadTime

_FORM = re.compile(
    r"(?P<date>\d{4}(-\d{2}(-\d{2})?)?)"
    r"(T(?P<time>\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)(?P<zone>Z|L|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)
UNKNOWN_ZONE = timedelta(hours=14)


class Precision(StrEnum):
    """How much of the text is known."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    MINUTE = "minute"
    SECOND = "second"


class Instants(NamedTuple):
    """Earliest and latest UTC instant that a clinical time can mean."""

    earliest: datetime
    latest: datetime


_SPAN = {
    Precision.YEAR: timedelta(days=366),
    Precision.MONTH: timedelta(days=31),
    Precision.DAY: timedelta(days=1),
    Precision.MINUTE: timedelta(minutes=1),
    Precision.SECOND: timedelta(seconds=1),
}


def precision_of(text: str) -> Precision:
    """Precision that the text itself shows. Raises `BadTime`."""
    return _precision(_match(text))


def _precision(match: re.Match[str]) -> Precision:
    if match["time"]:
        return Precision.SECOND if match["time"].count(":") == 2 else Precision.MINUTE
    return (Precision.YEAR, Precision.MONTH, Precision.DAY)[match["date"].count("-")]


def instants(text: str) -> Instants:
    """UTC range of a clinical time such as `2026-11-23T13:58Z`, `…+03:00`, `…L` or `2026-11-23`.

    Dates and L times without an offset reach 14 h to either side. Raises `BadTime`.
    """
    match = _match(text)
    zone = match["zone"]
    try:
        start = _start(match["date"], match["time"])
        span = _SPAN[_precision(match)]
        if zone and zone not in "ZL":
            offset = datetime.strptime(zone.replace(":", ""), "%z").utcoffset() or timedelta()
            return Instants(start - offset, start - offset + span)
        doubt = timedelta() if zone == "Z" else UNKNOWN_ZONE
        return Instants(start - doubt, start + span + doubt)
    except (ValueError, OverflowError) as fault:
        raise BadTime(f"'{text[:40]}' is not a time on any calendar") from fault


def _match(text: str) -> re.Match[str]:
    match = _FORM.fullmatch(text)
    if match is None:
        raise BadTime(
            f"'{text[:40]}' is not a time: write 2026-11-23T13:58Z, …+03:00, …L, or a date"
        )
    return match


def _start(date: str, time: str | None) -> datetime:
    full = date + "-01" * (2 - date.count("-"))
    return datetime.fromisoformat(full + ("T" + time if time else "")).replace(tzinfo=UTC)


def utc_text(moment: datetime) -> str:
    """Clinical time of an aware instant, to the second, in Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
