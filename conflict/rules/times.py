"""Times over a chart that cannot be, or that say it is late: found, never corrected.

What is known to the day, or in an unknown zone L, is a range; it is impossible only where all of the
range is. Nothing is sorted out by a clock here: a person says which of two times is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from conflict.clinical_time import Instants
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.fold import Folded
from conflict.identity import DocumentId
from conflict.policies.comparing import by_record_time, field_of
from conflict.records import (
    AIRWAY,
    BIRTH_DATE,
    BLOOD_PRODUCT,
    BREATHING,
    CIRCULATION,
    FLUID,
    IMMUNISATION,
    INJURY_TIME,
    INTAKE_OUTPUT,
    MEDICATION_GIVEN,
    OTHER_CARE,
    PROCEDURE,
    TOURNIQUET,
    VITALS,
)
from conflict.rule import Facts, Rule
from conflict.rules.administrations import administrations
from conflict.rules.bounded import CORRECT, named, told
from conflict.rules.moments import (
    DAY,
    NEAR,
    few_or_all,
    how_long,
    minutes_between,
    moment_at,
    moment_in,
    span,
)
from conflict.rules.references import heads
from conflict.rules.tourniquet_clocks import tourniquets
from conflict.slot import CATALOGUE, Slot
from conflict.statement import Statement

CARE: tuple[Slot, ...] = (
    VITALS,
    TOURNIQUET,
    AIRWAY,
    BREATHING,
    CIRCULATION,
    FLUID,
    BLOOD_PRODUCT,
    MEDICATION_GIVEN,
    OTHER_CARE,
    PROCEDURE,
    INTAKE_OUTPUT,
)
"""What is done to a casualty and is never planned: its time is when it happened."""

ENDING = tuple(slot for slot in CATALOGUE.values() if "end" in slot.shape.fields)
BEFORE_INJURY = timedelta(hours=1)
"""Times of injury are estimates; care this much earlier is not of that injury."""

TXA_WITHIN = timedelta(hours=3)
CLOCK_SET_MS = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000)
"""A record stamp before this is of a clock that was never set, and says nothing."""

_OWN = "CLINICAL.md §3: clinical time, record time and causal order are three separate things"
_SHOWN_MAX = 4


def _care(facts: Facts) -> list[Statement]:
    return by_record_time(one for slot in CARE for one in heads(facts, slot))


def _times_wrong(
    rule: str,
    statements: Sequence[Statement],
    text: str,
    beside: Iterable[Statement] = (),
    *,
    severity: Severity = Severity.LOW,
    timed: bool = False,
) -> Iterator[Finding]:
    """A finding for each of `statements`, or one for all where they are many, naming `beside` too."""
    beside = tuple(beside)
    for each in few_or_all(statements):
        yield finding(
            rule,
            Kind.TIME,
            severity,
            each[0].slot,
            named(each, beside),
            f"{told(each, _SHOWN_MAX)}: {text}",
            Closing(Act.RESOLVE, each[0].slot, CORRECT),
            timed=timed,
        )


def _before_birth(facts: Facts) -> Iterator[Finding]:
    births = [one for reading in facts.active(BIRTH_DATE.name) for one in reading.statements]
    born = span([found for one in births if (found := moment_in(field_of(one, "date")))])
    if born is None:
        return
    cared = by_record_time([*_care(facts), *heads(facts, IMMUNISATION)])
    early = [one for one in cared if (found := moment_at(one)) and found.latest < born.earliest]
    words = told(births, _SHOWN_MAX)
    yield from _times_wrong(
        "care-before-birth",
        early,
        f"before the date of birth ({words})",
        births,
        severity=Severity.MEDIUM,
    )


BEFORE_BIRTH = Rule(
    name="care-before-birth",
    plain="Care or an immunisation before the date of birth",
    basis=_OWN,
    find=_before_birth,
)


def _injuries(folded: Folded) -> tuple[list[Statement], Instants | None]:
    """What a document says of the time of injury, and the whole range of it."""
    statements = [one for each in folded.readings(INJURY_TIME.name) for one in each.statements]
    times = [found for one in statements if (found := moment_in(field_of(one, "time")))]
    return by_record_time(statements), span(times)


def _before_injury(facts: Facts) -> Iterator[Finding]:
    """Within one document: another episode of the person may be of another injury."""
    for folded in facts.folds:
        statements, injured = _injuries(folded)
        if injured is None:
            continue
        early = [
            one
            for one in _care(Facts((folded,)))
            if (found := moment_at(one)) and injured.earliest - found.latest > BEFORE_INJURY
        ]
        words = told(statements, _SHOWN_MAX)
        text = f"more than an hour before the time of injury ({words})"
        yield from _times_wrong("care-before-injury", early, text, statements)


BEFORE_INJURY_TIME = Rule(
    name="care-before-injury",
    plain="Care more than an hour before the time of injury",
    basis=_OWN,
    find=_before_injury,
)


def _removed_first(facts: Facts) -> Iterator[Finding]:
    for one in tourniquets(facts).found:
        applied = span([found for each in one.applied if (found := moment_at(each))])
        if applied is None:
            continue
        early = [
            each
            for each in (*one.converted, *one.removed)
            if (found := moment_at(each)) and found.latest < applied.earliest
        ]
        words = told(one.applied, _SHOWN_MAX)
        yield from _times_wrong(
            "removed-before-applied",
            early,
            f"before it was applied ({words})",
            one.applied,
            severity=Severity.MEDIUM,
        )


REMOVED_FIRST = Rule(
    name="removed-before-applied",
    plain="A tourniquet removed or converted before it was applied",
    basis=_OWN,
    find=_removed_first,
)


def _ends_first(facts: Facts) -> Iterator[Finding]:
    for slot in ENDING:
        wrong = [
            one
            for one in heads(facts, slot)
            if (end := moment_in(field_of(one, "end")))
            and (start := moment_at(one))
            and end.latest < start.earliest
        ]
        yield from _times_wrong("end-before-start", wrong, "ended before it began")


ENDS_FIRST = Rule(
    name="end-before-start", plain="What ended before it began", basis=_OWN, find=_ends_first
)


def _after_written(facts: Facts) -> Iterator[Finding]:
    late = [one for one in _care(facts) if _written_ahead(one)]
    yield from _times_wrong(
        "timed-after-written",
        late,
        "more than 24 h after it was written: the time or a clock is wrong",
    )


def _written_ahead(one: Statement) -> bool:
    found = moment_at(one)
    if found is None or one.rec.ms < CLOCK_SET_MS:
        return False
    return found.earliest.timestamp() * 1000 > one.rec.ms + DAY / timedelta(milliseconds=1)


AFTER_WRITTEN = Rule(
    name="timed-after-written",
    plain="Care whose time is more than 24 h after it was written",
    basis=_OWN,
    find=_after_written,
)


def _txa_late(facts: Facts) -> Iterator[Finding]:
    injuries = {one.document: _injuries(one) for one in facts.folds}
    late: dict[DocumentId, list[_Late]] = {}
    for each in administrations(facts):
        found = moment_at(each.statement) if each.drug == "tranexamic acid" else None
        if found is None:
            continue
        statements, injured = _injury_of(each.statement, found, injuries)
        if injured and found.earliest - injured.latest > TXA_WITHIN:
            minutes = minutes_between(injured.latest, found.earliest)
            one = _Late(each.statement, statements, minutes)
            late.setdefault(statements[0].document, []).append(one)
    for group in late.values():
        yield from map(_too_late, few_or_all(group))


class _Late(NamedTuple):
    """Tranexamic acid, what says when the injury was, and the least minutes between the two."""

    given: Statement
    injury: Sequence[Statement]
    minutes: int


def _too_late(late: Sequence[_Late]) -> Finding:
    """One injury, and what was given too late for it."""
    doses, injury = [one.given for one in late], late[0].injury
    least = how_long(min(one.minutes for one in late))
    return finding(
        "txa-late",
        Kind.HAZARD,
        Severity.MEDIUM,
        MEDICATION_GIVEN.name,
        named(doses, injury),
        f"{told(doses, _SHOWN_MAX)}, {least} or more after the injury "
        f"({told(injury, _SHOWN_MAX)}): later than 3 h it may do harm "
        "(TCCC Guidelines; J Spec Oper Med 2020;20(3):36)",
        Closing(Act.RESOLVE, MEDICATION_GIVEN.name, CORRECT),
    )


def _injury_of(
    one: Statement,
    given: Instants,
    injuries: Mapping[DocumentId, tuple[list[Statement], Instants | None]],
) -> tuple[list[Statement], Instants | None]:
    """The injury of its own document, else the last one of the day before it in the chart."""
    own = injuries.get(one.document)
    if own and own[1]:
        return own
    before = [
        (injured.latest, document)
        for document, (_, injured) in injuries.items()
        if injured and timedelta() <= given.earliest - injured.latest <= DAY
    ]
    return injuries[max(before)[1]] if before else ([], None)


TXA_LATE = Rule(
    name="txa-late",
    plain="Tranexamic acid given more than 3 h after the injury",
    basis="TCCC Guidelines; J Spec Oper Med 2020;20(3):36: not later than 3 hours after injury",
    find=_txa_late,
)


def _in_future(facts: Facts) -> Iterator[Finding]:
    if facts.now is None:
        return
    limit = facts.now + NEAR
    ahead = [one for one in _care(facts) if (found := moment_at(one)) and found.earliest > limit]
    yield from _times_wrong(
        "time-in-future",
        ahead,
        "later than the time of reading: the time, the author's clock or this device's is wrong",
        severity=Severity.MEDIUM,
        timed=True,
    )


IN_FUTURE = Rule(
    name="time-in-future",
    plain="Care more than 15 min later than the time of reading: a clock is in doubt",
    basis=_OWN,
    find=_in_future,
    timed=True,
)
