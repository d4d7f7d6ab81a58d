"""Deployment health questionnaires: which are complete, and which window of a deployment they meet.

A questionnaire is complete once both parts are signed, the provider's naming the member's. Windows
count from the days of a `deployment` statement; without one nothing is due. CLINICAL.md §1.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from conflict.policies.comparing import field_of, text_of
from conflict.records import DEPLOYMENT, QUESTIONNAIRE
from conflict.rule import Derived, Facts
from conflict.rules.currency import after, day_of, names_of, statements_of
from conflict.rules.references import References
from conflict.statement import Json, Statement


class Window(NamedTuple):
    """Days from `first` to `last` after the day in a deployment's field `counts_from`."""

    form: str
    counts_from: str
    first: int
    last: int
    also: tuple[str, ...] = ()


WINDOWS = (
    Window("dd-2795", "departs", -120, 0),
    Window("dd-2796", "returns", -30, 30),
    Window("dd-2900", "returns", 90, 180),
    Window("dd-2978", "returns", 183, 548, ("dd-3024",)),
    Window("dd-2978", "returns", 549, 913, ("dd-3024",)),
)
"""CDAS, PDHealth: in days; 6, 18 and 30 months are 183, 548 and 913. `also`: forms that serve as well."""


class Completed(NamedTuple):
    """A member part, signed, with the provider parts that answer it, signed; the day it was given."""

    form: str
    day: date | None
    member: Statement
    provider: tuple[Statement, ...]


def completed(facts: Facts) -> list[Completed]:
    """Every signed member part, by record time; `provider` is empty where none answered it yet."""
    signed = [
        one for one in statements_of(facts, QUESTIONNAIRE.name) if field_of(one, "signed") is True
    ]
    references = References(facts, QUESTIONNAIRE.name)
    answers: dict[str, list[Statement]] = {}
    for one in signed:
        if text_of(one, "part") == "provider":
            for member in references.meant(one):
                answers.setdefault(member.name, []).append(one)
    return [
        Completed(text_of(one, "form"), day_of(one), one, tuple(answers.get(one.name, ())))
        for one in signed
        if text_of(one, "part") == "member"
    ]


def _deployment_health(facts: Facts) -> Json:
    deployments = statements_of(facts, DEPLOYMENT.name)
    if facts.now is None or not deployments:
        return None
    forms = completed(facts)
    return [
        {
            "deployment": one.name,
            "departs": field_of(one, "departs"),
            "returns": field_of(one, "returns"),
            "forms": list(_forms(one, forms, facts.now)),
        }
        for one in deployments
    ]


def _forms(
    deployment: Statement, forms: Sequence[Completed], now: datetime
) -> Iterator[dict[str, Json]]:
    for window in WINDOWS:
        if day := _day(field_of(deployment, window.counts_from)):
            opens, closes = after(day, window.first), after(day, window.last)
            within = [
                one
                for one in forms
                if one.form in (window.form, *window.also)
                and one.day is not None
                and opens <= one.day <= closes
            ]
            found = next((one for one in within if one.provider), within[0] if within else None)
            yield {
                "form": window.form,
                "opens": opens.isoformat(),
                "closes": closes.isoformat(),
                "state": _state(found, opens, closes, now),
                "statements": names_of((found.member, *found.provider)) if found else [],
            }


def _state(found: Completed | None, opens: date, closes: date, now: datetime) -> str:
    if found:
        return "complete" if found.provider else "waits for the provider"
    if now.date() < opens:
        return "not yet"
    return "overdue" if now.date() > closes else "due"


def _day(text: Json) -> date | None:
    """A whole date; a month or a year alone opens no window."""
    try:
        return date.fromisoformat(text) if isinstance(text, str) and len(text) == 10 else None
    except ValueError:
        return None


DEPLOYMENT_HEALTH = Derived(
    name="deployment_health",
    plain="Deployment health questionnaires of each deployment: complete, due, overdue, not yet",
    basis="DD 2795, DD 2796, DD 2900, DD 2978, DD 3024; CLINICAL.md §1.4",
    compute=_deployment_health,
)
