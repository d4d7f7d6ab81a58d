"""How old the last vital signs of a chart are, and when a casualty is due for reassessment.

One finding a chart, of a casualty who was triaged immediate and is still in care; older than a day it
is history, not a reminder.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from conflict.clinical_time import Instants
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.policies.comparing import text_of
from conflict.records import DISCHARGE, TRIAGE, VITALS
from conflict.rule import Derived, Facts, Rule
from conflict.rules.moments import DAY, NEAR, how_long, identity_of, minutes_between, moment_at
from conflict.rules.references import heads
from conflict.statement import Json, Statement

VITALS_DUE = timedelta(minutes=30)
_BASIS = "JTS CPG prolonged casualty care, nursing: every 15 to 30 min for a critical casualty"


def _last_vitals(facts: Facts) -> tuple[Statement, Instants] | None:
    """The last that were taken by the time of reading."""
    if facts.now is None:
        return None
    limit = facts.now + NEAR
    taken = [
        (found.earliest, one.rec, identity_of(one), one, found)
        for one in heads(facts, VITALS)
        if (found := moment_at(one)) and found.earliest <= limit
    ]
    return max(taken)[3:] if taken else None


def _vitals_age(facts: Facts) -> Json:
    last = _last_vitals(facts)
    if last is None or facts.now is None:
        return None
    one, taken = last
    return {
        "statement": one.name,
        "at": one.at,
        "minutes": minutes_between(taken.earliest, facts.now),
        "minutes_least": minutes_between(taken.latest, facts.now),
    }


LAST_VITALS = Derived(
    name="last_vitals",
    plain="How long ago vital signs were last taken",
    basis=_BASIS,
    compute=_vitals_age,
)


def _reassessment(facts: Facts) -> Iterator[Finding]:
    last = _last_vitals(facts)
    if last is None or facts.now is None or not _immediate_in_care(facts):
        return
    one, taken = last
    if VITALS_DUE < facts.now - taken.latest <= DAY:
        age = how_long(minutes_between(taken.latest, facts.now))
        yield finding(
            "reassessment-due",
            Kind.TIME,
            Severity.LOW,
            VITALS.name,
            (one,),
            f"Triaged immediate, vital signs last taken {age} ago ({who_when(one)}): reassessment "
            "due, every 15 to 30 min (JTS CPG prolonged casualty care, nursing)",
            Closing(Act.RECORD, VITALS.name, "take vital signs and record them"),
            timed=True,
        )


def _immediate_in_care(facts: Facts) -> bool:
    triage = {text_of(one.statements[0], "category") for one in facts.active(TRIAGE.name)}
    return "immediate" in triage and not facts.active(DISCHARGE.name)


REASSESSMENT_DUE = Rule(
    name="reassessment-due",
    plain="A casualty triaged immediate whose last vital signs are 30 min to a day old",
    basis=_BASIS,
    find=_reassessment,
    timed=True,
)
