"""Tourniquets over a chart: each with its time on the limb, and what is wrong or dangerous about it.

What a tourniquet is, and when its clock runs: `tourniquet_clocks.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from conflict.clinical_time import utc_text
from conflict.codes.card import label
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.policies.comparing import alike, field_of, grouped
from conflict.records import TOURNIQUET
from conflict.rule import Derived, Facts, Rule
from conflict.rules.bounded import named, told
from conflict.rules.moments import (
    FEW,
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
_IN_DOUBT = (
    "whether that is over 6 h is in doubt: find out when it was applied; convert only what is surely "
    "on for less than 6 h, and nothing longer outside surgical care (TCCC, J Spec Oper Med "
    "2015;15(1):17)"
)


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
        if clock.state == "on" and _advised(clock) == band:
            yield _overdue(one, clock, band)


def _advised(clock: Clock) -> str:
    """The band whose advice holds: over 6 h only where the least time is, for a limb may be lost by
    not converting what is on for two hours."""
    return "2-6h" if clock.in_doubt else clock.band


def _overdue(one: Tourniquet, clock: Clock, band: str) -> Finding:
    least, most = (how_long(minutes or 0) for minutes in (clock.least, clock.most))
    long = f"on for {most}" if least == most else f"may be on for up to {most}, at least {least}"
    who = "; ".join(who_when(each) for each in one.applied[:FEW])
    words = "record its removal or conversion, or say why it stays"
    return finding(
        f"tourniquet-{band}",
        Kind.HAZARD,
        Severity.HIGH if clock.band == OVER_6H else Severity.MEDIUM,
        TOURNIQUET.name,
        named(one.applied, one.converted + one.removed),
        f"{_title(one)} {long} (applied: {who}): {_IN_DOUBT if clock.in_doubt else _WHY[band]}",
        Closing(Act.RECORD, TOURNIQUET.name, words, {"of": one.applied[0].name}),
        timed=True,
    )


def _title(one: Tourniquet) -> str:
    return f"Tourniquet {label('limb', _texts(one, 'limb')).lower()}".strip()


OVER_2_HOURS = Rule(
    name="tourniquet-2-6h",
    plain="A tourniquet on for 2 to 6 hours, or perhaps for longer",
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
                named(one.applied),
                f"{_title(one)} without a time of application: how long it is on is not known "
                f"({told(one.applied)})",
                Closing(
                    Act.RESOLVE,
                    TOURNIQUET.name,
                    "correct the application with its time, or say why it stands",
                ),
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
            Closing(
                Act.RESOLVE,
                TOURNIQUET.name,
                "correct it with the tourniquet that it means, or say why it stands",
            ),
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
                    named(ends),
                    f"{_title(one)} ended at different times: {told(ends)}; the clock "
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
    finds=("written-twice", "written-many-times"),
)
