"""Tourniquets over a chart: each with its time on the limb, and what is wrong or dangerous about it.

What a tourniquet is, and when its clock runs: `tourniquet_clocks.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from conflict.clinical_time import utc_text
from conflict.codes.card import label
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.policies.comparing import alike, field_of, grouped, said
from conflict.records import TOURNIQUET
from conflict.rule import Derived, Facts, Rule
from conflict.rules.moments import (
    NEAR,
    how_long,
    identity_of,
    moment_at,
    perhaps_one,
    written_twice,
)
from conflict.rules.tourniquet_clocks import OVER_6H, Clock, Tourniquet, clock_of, tourniquets
from conflict.statement import Json, Statement, canonical
from conflict.wording import raw

_BASIS = "CLINICAL.md §3; TCCC Guidelines; J Spec Oper Med 2015;15(1):17 and 2026 (reassessment)"
_WHY = {
    "2-6h": "convert where bleeding can be controlled otherwise, or say why it stays (TCCC)",
    OVER_6H: "do not convert or remove it outside surgical care, where close monitoring and a "
    "laboratory are at hand (TCCC, J Spec Oper Med 2015;15(1):17)",
}


def _listed(facts: Facts) -> Json:
    if facts.now is None:
        return None
    return [_body(one, clock_of(one, facts.now)) for one in tourniquets(facts).found] or None


def _body(one: Tourniquet, clock: Clock) -> dict[str, Json]:
    """JSON form. `written`: application times as given; `minutes`: from the earliest."""
    body: dict[str, Json] = {
        "statements": [each.name for each in one.statements()],
        "limb": _texts(one, "limb"),
        "type": _texts(one, "type"),
        "written": [each.at for each in one.applied if each.at],
        "minutes": clock.most,
        "minutes_least": clock.least,
        "band": clock.band,
        "state": clock.state,
    }
    if clock.since:
        body["applied"] = [utc_text(instant) for instant in clock.since]
    return body


def _texts(one: Tourniquet, field: str) -> str:
    """A field of the application; every version of it where they differ."""
    given = {raw(value)[:80] for each in one.applied if (value := field_of(each, field))}
    return " or ".join(sorted(given))


TOURNIQUETS = Derived(
    name="tourniquets",
    plain="Tourniquets with the time on the limb, from the earliest asserted application",
    basis=_BASIS,
    compute=_listed,
)


def _over(facts: Facts, *, band: str) -> Iterator[Finding]:
    if facts.now is None:
        return
    for one in tourniquets(facts).found:
        clock = clock_of(one, facts.now)
        if clock.state == "on" and clock.band == band:
            yield _overdue(one, clock)


def _overdue(one: Tourniquet, clock: Clock) -> Finding:
    long = " to ".join(how_long(minutes) for minutes in sorted({clock.least or 0, clock.most or 0}))
    who = "; ".join(who_when(each) for each in one.applied)
    words = "record its removal or conversion, or say why it stays"
    return finding(
        f"tourniquet-{clock.band}",
        Kind.HAZARD,
        Severity.HIGH if clock.band == OVER_6H else Severity.MEDIUM,
        TOURNIQUET.name,
        one.applied + one.converted + one.removed,
        f"{_title(one)} on for {long} (applied: {who}): {_WHY[clock.band]}",
        Closing(Act.RECORD, TOURNIQUET.name, words, {"of": one.applied[0].name}),
        timed=True,
    )


def _title(one: Tourniquet) -> str:
    return f"Tourniquet {label('limb', _texts(one, 'limb')).lower()}".strip()


OVER_2_HOURS = Rule(
    name="tourniquet-2-6h",
    plain="A tourniquet on for 2 to 6 hours",
    basis=_BASIS,
    find=partial(_over, band="2-6h"),
    timed=True,
)
OVER_6_HOURS = Rule(
    name="tourniquet-over-6h",
    plain="A tourniquet on for more than 6 hours",
    basis=_BASIS,
    find=partial(_over, band=OVER_6H),
    timed=True,
)


def _without_time(facts: Facts) -> Iterator[Finding]:
    for one in tourniquets(facts).found:
        ended = one.removed or one.converted
        if not ended and not any(moment_at(each) for each in one.applied):
            yield finding(
                "tourniquet-without-time",
                Kind.TIME,
                Severity.HIGH,
                TOURNIQUET.name,
                one.applied,
                f"{_title(one)} without a time of application: how long it is on is not known "
                f"({said(TOURNIQUET, one.applied)})",
                Closing(Act.CHOOSE, TOURNIQUET.name, "write the application with its time"),
            )


WITHOUT_TIME = Rule(
    name="tourniquet-without-time",
    plain="A tourniquet that is on, without any time of application",
    basis=_BASIS,
    find=_without_time,
)


def _names_none(facts: Facts) -> Iterator[Finding]:
    for one in tourniquets(facts).names_none:
        yield finding(
            "tourniquet-end-names-none",
            Kind.HAZARD,
            Severity.HIGH,
            TOURNIQUET.name,
            (one,),
            f"{who_when(one)} wrote {TOURNIQUET.words(one.value)}, which names no tourniquet held "
            "here: no clock is stopped",
            Closing(Act.CHOOSE, TOURNIQUET.name, "write it with the tourniquet that it means"),
        )


NAMES_NONE = Rule(
    name="tourniquet-end-names-none",
    plain="A removal or conversion that names no tourniquet: it stops no clock",
    basis=_BASIS,
    find=_names_none,
)


def _ended_apart(facts: Facts) -> Iterator[Finding]:
    for one in tourniquets(facts).found:
        for ends in (one.converted, one.removed):
            times = [found.earliest for each in ends if (found := moment_at(each))]
            if len(times) > 1 and max(times) - min(times) > NEAR:
                yield finding(
                    "tourniquet-ended-apart",
                    Kind.CONTRADICTION,
                    Severity.MEDIUM,
                    TOURNIQUET.name,
                    ends,
                    f"{_title(one)} ended at different times: {said(TOURNIQUET, ends)}; the clock "
                    "runs to the latest",
                    Closing(Act.VOID, TOURNIQUET.name, "mark the wrong one as entered in error"),
                )


ENDED_APART = Rule(
    name="tourniquet-ended-apart",
    plain="Removals, or conversions, of one tourniquet at different times",
    basis=_BASIS,
    find=_ended_apart,
)


def _twice(facts: Facts) -> Iterator[Finding]:
    applied = {
        identity_of(each): (place, each)
        for place, one in enumerate(tourniquets(facts).found)
        for each in one.applied
    }

    def are_two(first: Statement, second: Statement) -> bool:
        return applied[identity_of(first)][0] != applied[identity_of(second)][0]

    by_limb = grouped(
        (each for _, each in applied.values()),
        lambda each: canonical(alike(field_of(each, "limb"))),
    )
    for group in by_limb.values():
        yield from written_twice(list(perhaps_one(group, are_two)))


WRITTEN_TWICE = Rule(
    name="tourniquet-written-twice",
    plain="One tourniquet perhaps written twice: same limb, near time, two writers, whatever the "
    "document",
    basis=_BASIS,
    find=_twice,
)
