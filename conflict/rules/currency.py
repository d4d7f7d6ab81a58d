"""Whether what lapses with time (an exam, an assessment, a vaccine, a lab) is current on a day.

Counted in whole days of the date that was written down. What has no readable date, or one in the
future, has happened but proves nothing about being current.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from conflict.clinical_time import Precision, precision_of
from conflict.policies.comparing import by_record_time, moment_of
from conflict.rule import Facts
from conflict.statement import Json, Statement

YEAR_DAYS = 365
_A_DAY = timedelta(days=1)  # somewhere it is tomorrow already


class Dated(NamedTuple):
    """A statement and the day that it speaks of."""

    day: date
    statement: Statement


def day_of(statement: Statement) -> date | None:
    """The day written down; the first that it can be where only a month or a year is known."""
    moment = moment_of(statement)
    if moment is None or not statement.at:
        return None
    if precision_of(statement.at) in {Precision.YEAR, Precision.MONTH}:
        return moment.earliest.date()
    return date.fromisoformat(statement.at[:10])


def by_day(statements: Iterable[Statement], now: datetime) -> list[Dated]:
    """What has a day that is not in the future, the earliest first."""
    last = (now + _A_DAY).date()
    dated = [Dated(day, one) for one in by_record_time(statements) if (day := day_of(one))]
    return sorted((one for one in dated if one.day <= last), key=lambda one: one.day)


def overdue(day: date, days: int, now: datetime) -> bool:
    """Whether more than `days` have passed."""
    return now.date() > after(day, days)


def after(day: date, days: int) -> date:
    """The last day on which something of `day` is current; the end of the calendar where there is
    no such day.
    """
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def statements_of(facts: Facts, slot: str) -> list[Statement]:
    """Statements behind what counts in a slot, each once."""
    found = {one.name: one for reading in facts.active(slot) for one in reading.statements}
    return by_record_time(found.values())


def names_of(statements: Sequence[Statement]) -> list[Json]:
    """Names for a derived value, which says what it was computed from."""
    return sorted({one.name for one in statements})
