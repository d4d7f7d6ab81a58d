"""Which immunisations are due: doses given, counted by vaccine group against the routine.

A dose written twice counts once, a dose that somebody else says was not given does not count, and
nothing recorded counts as due. What is required is policy: `REQUIRED` is the one place to change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from conflict.codes.vaccines import ROUTINE, RoutineDue, groups_of, routine_of
from conflict.policies.comparing import field_of, text_of
from conflict.records import IMMUNISATION
from conflict.records.immunisation import given_and_not_done
from conflict.rule import Derived, Facts
from conflict.rules.currency import Dated, after, by_day, names_of, overdue, statements_of
from conflict.statement import Json, Statement

REQUIRED = (
    "hepatitis-a",
    "hepatitis-b",
    "influenza",
    "mmr",
    "polio",
    "tetanus-diphtheria",
    "varicella",
)
"""Groups that count for readiness whatever the deployment (AR 40-562: routine for adults)."""

ONE_DOSE_DAYS = 3
"""Doses of one group this near each other are one dose, written twice."""

NUMBERED_MAX = 20  # as in the slot: a peer's larger number is not believed


class Due(NamedTuple):
    """One group. `due`: since or until when, None where no day is known."""

    group: str
    is_due: bool
    because: str
    due: date | None
    statements: Sequence[Statement]


def immunisations_due_of(facts: Facts, now: datetime) -> list[Due]:
    """Every required group and every other one that was begun, required ones first."""
    statements = statements_of(facts, IMMUNISATION.name)
    doubtful = {one.name for _, given in given_and_not_done(statements) for one in given}
    doses: dict[str, list[Statement]] = {}
    for one in statements:
        if field_of(one, "status") == "completed" and one.name not in doubtful:
            for group in groups_of(_cvx(one)):
                doses.setdefault(group, []).append(one)
    return [
        _due(group, doses.get(group, ()), now)
        for group in (*REQUIRED, *sorted(doses.keys() - set(REQUIRED)))
    ]


def _cvx(one: Statement) -> str:
    """The CVX code; none where the code is of another system."""
    system = text_of(one, "system")
    return text_of(one, "code") if not system or "cvx" in system else ""


def _due(group: str, given: Sequence[Statement], now: datetime) -> Due:
    if not given:
        return Due(group, True, "no dose on record", None, ())
    dated = by_day(given, now)
    routine = _routine(group, (dated[-1].statement if dated else given[-1]))
    number = _doses(given, dated)
    if routine and number < routine.doses:
        return Due(group, True, f"{number} of {routine.doses} doses", None, given)
    if routine is None or routine.interval_days is None:
        return Due(group, False, f"{number} doses" if number > 1 else "1 dose", None, given)
    if not dated:
        return Due(group, True, "no dose has a date", None, given)
    due = after(dated[-1].day, routine.interval_days)
    is_due = overdue(dated[-1].day, routine.interval_days, now)
    return Due(group, is_due, f"last dose {dated[-1].day}", due, given)


def _routine(group: str, last: Statement) -> RoutineDue | None:
    """What follows the last dose; the longest series of the group where its vaccine has no entry."""
    if found := routine_of(group, _cvx(last)):
        return found
    return max((one for one in ROUTINE if one.group == group), key=_doses_wanted, default=None)


def _doses_wanted(routine: RoutineDue) -> int:
    return routine.doses


def _doses(given: Iterable[Statement], dated: Sequence[Dated]) -> int:
    """Doses on days apart, at least as many as the highest number that a dose was given."""
    counted: list[date] = []
    for one in dated:
        if not counted or (one.day - counted[-1]).days >= ONE_DOSE_DAYS:
            counted.append(one.day)
    numbers = [
        number
        for one in given
        if isinstance(number := field_of(one, "dose_number"), int) and 1 < number <= NUMBERED_MAX
    ]
    return max(1, len(counted), *numbers)


def _body(due: Due) -> Mapping[str, Json]:
    return {
        "group": due.group,
        "required": due.group in REQUIRED,
        "is_due": due.is_due,
        "because": due.because,
        "due": due.due.isoformat() if due.due else None,
        "statements": names_of(due.statements),
    }


def _immunisations_due(facts: Facts) -> Json:
    if facts.now is None or not facts.written(IMMUNISATION.name):
        return None
    return [_body(one) for one in immunisations_due_of(facts, facts.now)]


IMMUNISATIONS_DUE = Derived(
    name="immunisations_due",
    plain="Immunisations by vaccine group: doses given, what is due and since when",
    basis="codes/vaccines.py (ACIP, US labels); CLINICAL.md §3 immunisation",
    compute=_immunisations_due,
)
