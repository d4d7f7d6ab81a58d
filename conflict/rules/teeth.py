"""Teeth: what is found on a tooth that is not there, and the dental class, derived from the exams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.policies.comparing import by_record_time, field_of, text_of
from conflict.records import DENTAL_EXAM, DENTAL_FINDING, TOOTH
from conflict.rule import Derived, Facts, Rule
from conflict.rules.bounded import NAMED_MAX, named, told
from conflict.rules.currency import (
    YEAR_DAYS,
    after,
    by_day,
    names_of,
    overdue,
    statements_of,
)
from conflict.rules.moments import few_or_all, moment_at
from conflict.slot import Reading
from conflict.statement import Json, Statement
from conflict.wording import raw


def _missing(facts: Facts) -> Mapping[str, list[Statement]]:
    """By tooth: who says that it is missing, where that is where the tooth stands in a record."""
    found: dict[str, list[Statement]] = {}
    for reading in facts.active(TOOTH.name):
        first = reading.statements[0]
        if reading.state != "also" and text_of(first, "state") == "missing":
            found.setdefault(text_of(first, "tooth"), []).extend(reading.statements)
    found.pop("", None)
    return found


def _on_missing_tooth(facts: Facts) -> Iterator[Finding]:
    missing = _missing(facts)
    found: dict[str, list[Reading]] = {}
    for reading in facts.active(DENTAL_FINDING.name) if missing else ():
        found.setdefault(text_of(reading.statements[0], "tooth"), []).append(reading)
    for tooth, readings in found.items():
        gone = missing.get(tooth, [])[:NAMED_MAX]
        for several in few_or_all(readings):
            statements = [one for reading in several for one in reading.statements]
            latest = _latest(statements)
            if clash := [one for one in gone if not _before(latest, one)]:
                yield _contradiction(clash, statements)


def _latest(found: Sequence[Statement]) -> datetime | None:
    """The latest that any of them can mean; None where one of them has no time."""
    moments = [moment for one in found if (moment := moment_at(one))]
    return max(one.latest for one in moments) if len(moments) == len(found) else None


def _before(latest: datetime | None, missing: Statement) -> bool:
    """Whether it was definitely found before the tooth was charted as missing."""
    gone = moment_at(missing)
    return latest is not None and gone is not None and latest <= gone.earliest


def _contradiction(missing: Sequence[Statement], found: Sequence[Statement]) -> Finding:
    teeth, findings = by_record_time(missing), by_record_time(found)
    tooth = raw(field_of(teeth[0], "tooth"))
    return finding(
        "finding-on-missing-tooth",
        Kind.CONTRADICTION,
        Severity.MEDIUM,
        DENTAL_FINDING.name,
        named(teeth[-NAMED_MAX // 2 :], findings),
        f"Tooth {tooth} is missing and has a finding: {told(teeth, 4)}; {told(findings)}",
        Closing(Act.VOID, DENTAL_FINDING.name, "mark the entry of the wrong tooth as an error"),
    )


FINDING_ON_MISSING_TOOTH = Rule(
    name="finding-on-missing-tooth",
    plain="A dental finding on a tooth that is charted as missing, unless the finding is earlier",
    basis="CLINICAL.md §3 dental chart",
    find=_on_missing_tooth,
)


class DentalClass(NamedTuple):
    """`number` 1 to 4; `due`: when the next exam is, None where there was none."""

    number: str
    because: str
    due: date | None
    statements: Sequence[Statement]


def dental_class_of(facts: Facts, now: datetime) -> DentalClass:
    """The worst class of the exams that stand; 4 where the newest is older than a year or undated."""
    exams = [
        one for one in statements_of(facts, DENTAL_EXAM.name) if _class(one) in {"1", "2", "3"}
    ]
    if not exams:
        return DentalClass("4", "no exam on record", None, ())
    dated = by_day(exams, now)
    if not dated:
        return DentalClass("4", "no exam has a date", None, exams)
    due = after(dated[-1].day, YEAR_DAYS)
    if overdue(dated[-1].day, YEAR_DAYS, now):
        return DentalClass("4", f"exam overdue since {due}", due, exams)
    worst = max(map(_class, exams))
    because = f"examined {dated[-1].day}"
    if len({_class(one) for one in exams}) > 1:
        because += ", the worst of exams that differ"
    return DentalClass(worst, because, due, exams)


def _class(exam: Statement) -> str:
    return raw(field_of(exam, "class")).strip()


def _dental_class(facts: Facts) -> Json:
    if facts.now is None or not facts.written(DENTAL_EXAM.name):
        return None
    found = dental_class_of(facts, facts.now)
    return {
        "class": found.number,
        "because": found.because,
        "due": found.due.isoformat() if found.due else None,
        "statements": names_of(found.statements),
    }


DENTAL_CLASS = Derived(
    name="dental_class",
    plain="Dental class: the worst of the exams that stand, 4 when the exam is overdue",
    basis="DoDI 6025.19; CLINICAL.md §1.4, §3",
    compute=_dental_class,
)
