"""Immunisations: every dose and every refusal stands; a day on which both are written counts as due.

CVX codes (`codes/vaccines.py`); what is due when is derived (`rules/immunisations.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.policies import Events, field_of
from conflict.policies.comparing import by_record_time, moment_of, said, text_of
from conflict.records.fields import CODED, DOCUMENT
from conflict.records.identity import PERSON
from conflict.shape import Code, Flag, Group, Text, Whole
from conflict.slot import Slot, declare
from conflict.statement import Statement


def given_and_not_done(
    statements: Iterable[Statement],
) -> Iterator[tuple[list[Statement], list[Statement]]]:
    """By vaccine and day on which both are written: who says that it was not done, who that it was.

    A day is the one written down, and that of the instant in UTC where the time is exact.
    """
    by_day: dict[tuple[str, str], list[Statement]] = {}
    for one in by_record_time(statements):
        for day in _days(one) if text_of(one, "code") else ():
            by_day.setdefault((text_of(one, "code"), day), []).append(one)
    for _, group in sorted(by_day.items()):
        refused = [one for one in group if field_of(one, "status") == "not-done"]
        given = [one for one in group if field_of(one, "status") == "completed"]
        if refused and given:
            yield refused, given


def _days(one: Statement) -> set[str]:
    moment = moment_of(one)
    if moment is None or not one.at:
        return set()
    exact = moment.latest - moment.earliest <= timedelta(minutes=1)
    return {one.at[:10], moment.earliest.date().isoformat()} if exact else {one.at[:10]}


def _counts_as_due(slot: Slot, standing: list[Statement]) -> Iterator[Finding]:
    for refused, given in given_and_not_done(standing):
        both = by_record_time([*refused, *given])
        yield finding(
            "given-and-not-done",
            Kind.CONTRADICTION,
            Severity.MEDIUM,
            slot.name,
            both,
            f"{slot.plain}: {said(slot, both)}: both are kept, it counts as due",
            Closing(Act.VOID, slot.name, "mark the entry that is wrong as entered in error"),
        )


TWO_DAYS_MINUTES = 38 * 60
"""A date without a time begins 14 h before its day (`clinical_time.py`) and ends 24 h after it began;
no vaccine is given twice in so short a time."""

IMMUNISATION = declare(
    Slot(
        name="immunisation",
        kinds=PERSON,
        plain="Immunisation",
        policy=Events(
            same=("code", "status"),
            within_minutes=TWO_DAYS_MINUTES,
            outranks="primary_source",
            finds_more=_counts_as_due,
        ),
        shape=Group(
            {
                **CODED,
                "display": Text(300),
                "episode": DOCUMENT,
                "status": Code(("completed", "not-done")),
                "lot": Text(80),
                "manufacturer": Text(80),
                "site": Text(80),
                "reason": Text(200),
                "primary_source": Flag(),
                "dose_number": Whole(1, 20),
            }
        ),
        absent="none recorded: counts as due",
        basis="DD 2766 health maintenance; CVX; CLINICAL.md §3; FHIR R4 Immunization",
    )
)
