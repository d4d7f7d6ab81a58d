"""Individual medical readiness: six elements and the category that follows from them.

Computed when read, for the time of reading, and never stored. What is known to bar deployment
outranks what is not known, and that outranks what is merely missing. DoDI 6025.19, CLINICAL.md §1.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from conflict.finding import who_when
from conflict.policies.comparing import field_of, text_of
from conflict.records import (
    DENTAL_EXAM,
    EQUIPMENT,
    HEALTH_ASSESSMENT,
    IMMUNISATION,
    LIMITING_CONDITION,
    QUESTIONNAIRE,
    READINESS_LAB,
)
from conflict.records.readiness import ITEMS
from conflict.rule import Derived, Facts
from conflict.rules.currency import (
    YEAR_DAYS,
    Dated,
    after,
    by_day,
    names_of,
    overdue,
    statements_of,
)
from conflict.rules.immunisations import REQUIRED, immunisations_due_of
from conflict.rules.questionnaires import completed
from conflict.rules.teeth import dental_class_of
from conflict.statement import Json, Statement
from conflict.wording import raw

FULLY, PARTIALLY, INDETERMINATE, NOT_READY = (
    "fully-ready",
    "partially-ready",
    "indeterminate",
    "not-ready",
)
CATEGORIES = (NOT_READY, INDETERMINATE, PARTIALLY, FULLY)
"""The first that any element asks for is the category."""


class Lab(NamedTuple):
    """A lab that readiness asks for; `interval_days` None: once."""

    test: str
    interval_days: int | None
    source: str


LABS = (
    Lab("dna", None, "DoDI 6025.19: a specimen on file"),
    Lab("g6pd", None, "DoDI 6025.19: once"),
    Lab("hiv", 2 * YEAR_DAYS, "DoDI 6485.01: every 24 months"),
)
LAB_DONE = ("resulted", "on-file")
LACKING = ("missing", "unserviceable", "required")


class Element(NamedTuple):
    """`category`: what this element alone would make of the person; `due`: the day it lapses."""

    name: str
    category: str
    because: str
    due: date | None
    statements: Sequence[Statement]

    def body(self) -> dict[str, Json]:
        """JSON form."""
        return {
            "element": self.name,
            "category": self.category,
            "because": self.because,
            "due": self.due.isoformat() if self.due else None,
            "statements": names_of(self.statements),
        }


def _health_assessment(facts: Facts, now: datetime) -> Element:
    """A completed assessment, or a DD 3024 with both parts signed."""
    done = [
        one
        for one in statements_of(facts, HEALTH_ASSESSMENT.name)
        if field_of(one, "status") == "completed"
    ]
    done += [one.member for one in completed(facts) if one.form == "dd-3024" and one.provider]
    return _current("health-assessment", by_day(done, now), done, now)


def _current(
    name: str, dated: Sequence[Dated], done: Sequence[Statement], now: datetime
) -> Element:
    if not dated:
        because = "no date is known" if done else "none on record"
        return Element(name, INDETERMINATE, because, None, done)
    due = after(dated[-1].day, YEAR_DAYS)
    late = overdue(dated[-1].day, YEAR_DAYS, now)
    because = f"overdue since {due}" if late else f"completed {dated[-1].day}"
    return Element(name, INDETERMINATE if late else FULLY, because, due, (dated[-1].statement,))


def _limiting_conditions(facts: Facts, now: datetime) -> Element:  # noqa: ARG001  as the others
    found: list[Statement] = []
    said: list[str] = []
    for reading in facts.active(LIMITING_CONDITION.name):
        first = reading.statements[0]
        until = field_of(first, "until")
        end = f", to be reassessed {raw(until)}" if until else ""
        said.append(f"{raw(field_of(first, 'condition'))} ({who_when(first)}{end})")
        found += reading.statements
    category = NOT_READY if found else FULLY
    because = "; ".join(sorted(said)) or "none recorded"
    return Element("limiting-conditions", category, because, None, found)


def _dental(facts: Facts, now: datetime) -> Element:
    found = dental_class_of(facts, now)
    category = {"3": NOT_READY, "4": INDETERMINATE}.get(found.number, FULLY)
    because = f"class {found.number}: {found.because}"
    return Element("dental", category, because, found.due, found.statements)


def _immunisations(facts: Facts, now: datetime) -> Element:
    required = [one for one in immunisations_due_of(facts, now) if one.group in REQUIRED]
    late = [one for one in required if one.is_due]
    behind = [one for group in required for one in group.statements]
    because = "; ".join(f"{one.group}: {one.because}" for one in late) or "none due"
    due = min((one.due for one in late or required if one.due), default=None)
    return Element("immunisations", PARTIALLY if late else FULLY, because, due, behind)


def _labs(facts: Facts, now: datetime) -> Element:
    done = [
        one
        for one in statements_of(facts, READINESS_LAB.name)
        if field_of(one, "status") in LAB_DONE or text_of(one, "result")
    ]
    lacking: list[str] = []
    days: list[date] = []
    for lab in LABS:
        given = [one for one in done if text_of(one, "test") == lab.test]
        dated = by_day(given, now)
        if not given:
            lacking.append(f"{lab.test}: missing")
        elif lab.interval_days is not None:
            if not dated or overdue(dated[-1].day, lab.interval_days, now):
                lacking.append(f"{lab.test}: overdue")
            days += [after(one.day, lab.interval_days) for one in dated[-1:]]
    because = "; ".join(lacking) or "on file"
    category = PARTIALLY if lacking else FULLY
    return Element("labs", category, because, min(days, default=None), done)


def _equipment(facts: Facts, now: datetime) -> Element:  # noqa: ARG001  as the others
    """What is said to be lacking in any record, whoever says in another that it was issued."""
    found = statements_of(facts, EQUIPMENT.name)
    lacking = sorted(
        {
            ITEMS.get(text_of(one, "item"), raw(field_of(one, "item")))
            for one in found
            if field_of(one, "status") in LACKING
        }
    )
    if not found:
        return Element("equipment", PARTIALLY, "not checked", None, ())
    because = f"lacks {', '.join(lacking)}" if lacking else "complete"
    return Element("equipment", PARTIALLY if lacking else FULLY, because, None, found)


ELEMENTS = (_health_assessment, _limiting_conditions, _dental, _immunisations, _labs, _equipment)
_SLOTS = (
    HEALTH_ASSESSMENT,
    LIMITING_CONDITION,
    DENTAL_EXAM,
    IMMUNISATION,
    READINESS_LAB,
    EQUIPMENT,
    QUESTIONNAIRE,
)


def _readiness(facts: Facts) -> Json:
    if facts.now is None or not any(facts.written(slot.name) for slot in _SLOTS):
        return None
    elements = [element(facts, facts.now) for element in ELEMENTS]
    asked = {one.category for one in elements}
    category = next(one for one in CATEGORIES if one in asked)
    due = min((one.due for one in elements if one.due), default=None)
    return {
        "category": category,
        "because": [f"{one.name}: {one.because}" for one in elements if one.category == category],
        "next_due": due.isoformat() if due else None,
        "elements": [one.body() for one in elements],
    }


READINESS = Derived(
    name="readiness",
    plain="Individual medical readiness: six elements, the category, reasons and due dates",
    basis="DoDI 6025.19 (13 Jul 2022); MARADMIN 631/10; CLINICAL.md §1.4",
    compute=_readiness,
)
