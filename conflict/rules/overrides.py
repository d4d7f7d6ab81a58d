"""Break-glass waits for review: lifting the limits of a role is a finding until somebody looked at it."""

from __future__ import annotations

from collections.abc import Iterator

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.records import OVERRIDE
from conflict.rule import Facts, Rule


def _unreviewed(facts: Facts) -> Iterator[Finding]:
    for reading in facts.readings(OVERRIDE.name):
        one = reading.statements[0]
        yield finding(
            "glass-broken",
            Kind.HAZARD,
            Severity.MEDIUM,
            OVERRIDE.name,
            (one,),
            f"{OVERRIDE.plain}: {who_when(one)}: {OVERRIDE.words(one.value)}",
            Closing(Act.RESOLVE, OVERRIDE.name, "a provider or administrator says what it was for"),
        )


GLASS_BROKEN = Rule(
    name="glass-broken",
    plain="Somebody lifted the limits of their role to read or record in an emergency",
    basis="HIPAA 45 CFR 164.312(a)(2)(ii); DESIGN §6",
    find=_unreviewed,
)
