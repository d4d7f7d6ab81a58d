"""Drugs given over a chart: totals from least to most, and doses that are far from what sources cite.

Totals count possible duplicates once for the least and each for the most; checks use the most.
Warnings cite their source and block nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache

from conflict.codes import check_dose, day_warning
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.policies.comparing import field_of, said, text_of
from conflict.records import MEDICATION_GIVEN
from conflict.rule import Derived, Facts, Rule
from conflict.rules.administrations import (
    Administration,
    administrations,
    decimal,
    drug_text,
    least_and_most,
    possible_duplicates,
)
from conflict.rules.bounded import CORRECT, named
from conflict.rules.moments import (
    DAY,
    Key,
    identity_of,
    may_be_since,
    surely_between,
    written_twice,
)
from conflict.slot import CATALOGUE
from conflict.statement import Json

_BASIS = "CLINICAL.md §3 drug given, §2 dosing context"


def by_drug(facts: Facts) -> dict[str, list[Administration]]:
    """What counts, by drug, in the order of names."""
    found: dict[str, list[Administration]] = {}
    for one in administrations(facts):
        found.setdefault(one.drug, []).append(one)
    return {name: found[name] for name in sorted(found)}


def _in_day(group: Sequence[Administration], facts: Facts) -> list[Administration]:
    """What may have been given in the last 24 h."""
    if facts.now is None:
        return []
    since = facts.now - DAY
    return [one for one in group if may_be_since(one.statement, since)]


def _sure(group: Sequence[Administration], facts: Facts) -> set[Key]:
    """What was surely given in the last 24 h."""
    if facts.now is None:
        return set()
    since, now = facts.now - DAY, facts.now
    each = (one.statement for one in group)
    return {identity_of(one) for one in each if surely_between(one, since, now)}


def _totals(facts: Facts) -> Json:
    return [_total(name, group, facts) for name, group in by_drug(facts).items()] or None


def _total(name: str, group: Sequence[Administration], facts: Facts) -> Json:
    """`day` and `all`: least and most, as decimals in `unit`."""
    pairs = possible_duplicates(group)
    units = sorted({one.unit for one in group if one.amount is not None})
    body: dict[str, Json] = {"drug": name or "not named", "totals": []}
    for unit in units:
        added = [one for one in group if one.amount is not None and one.unit == unit]
        held = {identity_of(one.statement) for one in added}
        recent = _in_day(added, facts)
        least, _ = least_and_most(added, pairs, _sure(added, facts))
        body["totals"].append(
            {
                "unit": unit,
                "day": [_plain(least), _plain(_sum(recent))],
                "all": list(map(_plain, least_and_most(added, pairs, held))),
                "statements": [one.statement.name for one in added],
            }
        )
    if left := [one for one in group if one.amount is None]:
        body["not_added"] = [
            {
                "statement": one.statement.name,
                "text": CATALOGUE[one.statement.slot].words(one.statement.value),
            }
            for one in left
        ]
    return body


def _sum(group: Sequence[Administration]) -> Decimal:
    return sum((one.amount or Decimal() for one in group), Decimal())


def _plain(amount: Decimal) -> str:
    return format(amount.normalize(), "f")


DOSE_TOTALS = Derived(
    name="dose_totals",
    plain="How much of each drug was given, in 24 h and in all, from least to most",
    basis=_BASIS,
    compute=_totals,
)


FAR_OUTSIDE_NAMES = {"above": "dose-above", "below": "dose-below"}
_checked = lru_cache(maxsize=4096)(check_dose)  # the same doses are written again and again


def _far_outside(facts: Facts) -> Iterator[Finding]:
    seen: set[Key] = set()
    for each in administrations(facts):
        one = each.statement
        amount = decimal(field_of(one, "dose"))
        if amount is None or identity_of(one) in seen:
            continue
        seen.add(identity_of(one))
        warning = _checked(drug_text(one), amount, text_of(one, "unit"), text_of(one, "route"))
        if warning:
            yield finding(
                FAR_OUTSIDE_NAMES[warning.kind],
                Kind.HAZARD,
                Severity.MEDIUM if warning.kind == "above" else Severity.LOW,
                MEDICATION_GIVEN.name,
                (one,),
                f"{said(MEDICATION_GIVEN, (one,))}. {warning.words} ({warning.source})",
                Closing(Act.RESOLVE, MEDICATION_GIVEN.name, CORRECT),
            )


FAR_OUTSIDE = Rule(
    name="dose-far-outside",
    plain="One administration far above or below the doses that a source cites",
    basis=_BASIS,
    find=_far_outside,
    finds=tuple(FAR_OUTSIDE_NAMES.values()),
)


def _day_over(facts: Facts) -> Iterator[Finding]:
    for name, group in by_drug(facts).items():
        recent = _in_day([one for one in group if one.amount is not None], facts)
        for unit in sorted({one.unit for one in recent}):
            added = [one for one in recent if one.unit == unit]
            if warning := day_warning(name, _sum(added), unit):
                who = ", ".join(who_when(one.statement) for one in added[:8])
                yield finding(
                    "dose-day-over",
                    Kind.HAZARD,
                    Severity.MEDIUM,
                    MEDICATION_GIVEN.name,
                    named([one.statement for one in added]),
                    f"{warning.words} ({warning.source}); given by {who}; possible duplicates are "
                    "all counted",
                    Closing(Act.RESOLVE, MEDICATION_GIVEN.name, "say what was done about it"),
                    timed=True,
                )


DAY_OVER = Rule(
    name="dose-day-over",
    plain="More of a drug in 24 h than the day maximum that a source cites",
    basis=_BASIS,
    find=_day_over,
    timed=True,
)


def _twice(facts: Facts) -> Iterator[Finding]:
    for group in by_drug(facts).values():
        pairs = possible_duplicates(group)
        yield from written_twice([pair for pair in pairs if pair[0].slot == pair[1].slot])


WRITTEN_TWICE = Rule(
    name="drug-written-twice",
    plain="One administration perhaps written twice, in one document or in two of the chart",
    basis=_BASIS,
    find=_twice,
    finds=("written-twice", "written-many-times"),
)
