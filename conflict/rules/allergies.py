"""Allergies against the drugs of the whole chart: given, ordered, or on the medication list.

An allergy in one document speaks against a drug in another, by name, ingredient or class. A disputed
allergy counts, an inactive one does not. Nothing here blocks a drug.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from conflict.codes import Cover, allergy_covers, find_drugs
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.policies.comparing import by_record_time, field_of, text_of
from conflict.records import (
    ALLERGY,
    MEDICATION,
    MEDICATION_GIVEN,
    ORDER,
    ORDER_EVENT,
    OTHER_CARE,
)
from conflict.rule import Facts, Rule
from conflict.rules.administrations import drug_text, given
from conflict.rules.bounded import NAMED_MAX, named
from conflict.rules.moments import Key, few_or_all, identity_of
from conflict.rules.references import References, heads
from conflict.slot import Reading, Slot
from conflict.statement import Statement

SUBSTANCES_MAX, DRUGS_MAX = 64, 256
"""Different texts of one chart that are compared; that there are more is a finding."""

EACH_MAX = 32
"""So many entries of one drug are a finding each; more are one finding that names all."""


FINDINGS_MAX = 256
"""Findings of a chart, the gravest first; more are one finding that says how many."""

_SEVERITIES = tuple(Severity)  # the worst first
_DIRECT = ("same", "ingredient")


class Drug(NamedTuple):
    """A drug of the chart, as it was written; `what` was done about it."""

    text: str
    slot: Slot
    what: str
    statements: tuple[Statement, ...]


def _against_drug(facts: Facts) -> Iterator[Finding]:
    allergies: dict[str, list[Reading]] = {}
    for reading in facts.active(ALLERGY.name):
        allergies.setdefault(substance(reading), []).append(reading)
    drugs: dict[str, list[Drug]] = {}
    for drug in _drugs(facts) if allergies else ():
        drugs.setdefault(drug.text, []).append(drug)
    covered = [
        _Covered(allergy, drug, cover)
        for substance_text in sorted(allergies)[:SUBSTANCES_MAX]
        for text in sorted(drugs)[:DRUGS_MAX]
        if (cover := allergy_covers(substance_text, text))
        for allergy in few_or_all(allergies[substance_text])
        for drug in few_or_all(drugs[text], EACH_MAX)
    ]
    covered.sort(
        key=lambda one: _SEVERITIES.index(one.severity)
    )  # stable: names decide among equals
    yield from map(_hazard, covered[:FINDINGS_MAX])
    if more := covered[FINDINGS_MAX:]:
        yield _more(more)
    if len(allergies) > SUBSTANCES_MAX or len(drugs) > DRUGS_MAX:
        yield _not_all_compared(
            [one for named in sorted(allergies)[SUBSTANCES_MAX:] for one in allergies[named]],
            [one for text in sorted(drugs)[DRUGS_MAX:] for one in drugs[text]],
        )


def substance(reading: Reading) -> str:
    """What an allergy is to, as it was written; its code where there is no name."""
    for field in ("substance", "display", "code"):
        value = field_of(reading.statements[0], field)
        if isinstance(value, str) and value.strip():
            return value
    return ""


def _drugs(facts: Facts) -> Iterator[Drug]:
    """What was given, is ordered, or is taken."""
    for one in heads(facts, MEDICATION_GIVEN):
        if given(one):
            yield Drug(drug_text(one), MEDICATION_GIVEN, "given", (one,))
    for one in heads(facts, OTHER_CARE):
        if find_drugs(text := drug_text(one)):  # the combat pill pack
            yield Drug(text, OTHER_CARE, "given", (one,))
    cancelled = _cancelled(facts)
    for one in heads(facts, ORDER):
        if text_of(one, "kind") in {"pharmacy", ""} and identity_of(one) not in cancelled:
            yield Drug(drug_text(one), ORDER, "ordered", (one,))
    for reading in facts.active(MEDICATION.name):
        text = drug_text(reading.statements[0])
        yield Drug(text, MEDICATION, "on the medication list", reading.statements)


def _cancelled(facts: Facts) -> set[Key]:
    """Orders of which nothing else is said than that they are cancelled."""
    references = References(facts, ORDER.name)
    said: dict[Key, set[str]] = {}
    for one in heads(facts, ORDER_EVENT):
        for order in references.meant(one):
            said.setdefault(identity_of(order), set()).add(text_of(one, "status"))
    return {key for key, each in said.items() if each == {"cancelled"}}


class _Covered(NamedTuple):
    """Allergies to one substance that speak against entries of one drug."""

    allergies: Sequence[Reading]
    drugs: Sequence[Drug]
    cover: Cover

    @property
    def severity(self) -> Severity:
        """The worst of the allergies'."""
        return min((_severity(one, self.cover) for one in self.allergies), key=_SEVERITIES.index)

    def named(self) -> list[Statement]:
        """What a finding names, bounded: allergies first, then what was given."""
        allergies = [one for reading in self.allergies for one in reading.statements]
        drugs = [one for drug in self.drugs for one in drug.statements]
        return named(by_record_time(allergies)[-NAMED_MAX // 2 :], drugs)


def _hazard(covered: _Covered) -> Finding:
    allergies, (first, *more), cover = covered
    source = f" ({cover.source})" if cover.source else ""
    when = who_when(first.statements[0]) + (f", and {len(more)} more" if more else "")
    who = who_when(allergies[0].statements[0])
    who += f", and {len(allergies) - 1} more" if len(allergies) > 1 else ""
    return finding(
        "allergy-against-drug",
        Kind.HAZARD,
        covered.severity,
        first.slot.name,
        covered.named(),
        f"Allergy: {substance(allergies[0])[:120]} ({who}); "
        f"{first.text[:120]} {first.what} ({when}): {cover.words}{source}",
        Closing(Act.RESOLVE, first.slot.name, "say what was done about it"),
    )


def _more(left: Sequence[_Covered]) -> Finding:
    """What is beyond `FINDINGS_MAX`, the less grave: counted, and named as far as there is room."""
    statements = {one.name: one for each in left[:NAMED_MAX] for one in each.named()}
    return finding(
        "allergies-against-more-drugs",
        Kind.HAZARD,
        left[0].severity,
        ALLERGY.name,
        named(list(statements.values())),
        f"Allergies speak against drugs of this chart {len(left)} times more than the {FINDINGS_MAX} "
        "that are listed, the gravest first",
        Closing(
            Act.RESOLVE,
            ALLERGY.name,
            "settle those listed, and say what was done about it",
        ),
    )


def _severity(allergy: Reading, cover: Cover) -> Severity:
    """The cover's; one step worse for a grave allergy, one milder for a mild one to another drug."""
    level = allergy.value.get("criticality") if isinstance(allergy.value, dict) else None
    step = -1 if level == "high" else 1 if level == "low" and cover.how not in _DIRECT else 0
    place = _SEVERITIES.index(cover.severity) + step
    return _SEVERITIES[min(max(place, 0), len(_SEVERITIES) - 1)]


def _not_all_compared(allergies: Sequence[Reading], drugs: Sequence[Drug]) -> Finding:
    statements = [one for reading in allergies for one in reading.statements]
    statements += [one for drug in drugs for one in drug.statements]
    return finding(
        "allergies-not-all-compared",
        Kind.HAZARD,
        Severity.MEDIUM,
        ALLERGY.name,
        named(statements),
        f"This chart has more allergies or drugs than are compared ({SUBSTANCES_MAX} and "
        f"{DRUGS_MAX}): {len(allergies)} allergies and {len(drugs)} drugs were not",
        Closing(Act.RESOLVE, ALLERGY.name, "compare them, and say that it was done"),
    )


ALLERGY_AGAINST_DRUG = Rule(
    name="allergy-against-drug",
    plain="An allergy that speaks against a drug given, ordered or taken, by name, ingredient or "
    "class",
    basis="CLINICAL.md §3; sources of cross-reaction in conflict/codes/drug_classes.py",
    find=_against_drug,
    finds=(
        "allergy-against-drug",
        "allergies-against-more-drugs",
        "allergies-not-all-compared",
    ),
)
