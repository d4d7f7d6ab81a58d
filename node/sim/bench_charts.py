"""Charts of one fixed size for benchmarks: what is counted is the same whatever the seed.

One episode document in 11 saves: a create of 10 statements that hold 25 fields in all, then 10
events of one statement each. Values vary, slots and field counts of the create do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

from conflict.identity import DocumentId, DocumentKind, document_from_source
from conflict.records import (
    CIRCULATION,
    ENCOUNTER,
    EVACUATION,
    FLUID,
    INJURY,
    LINK,
    MECHANISM,
    MEDICATION_GIVEN,
    NOTE,
    TOURNIQUET,
    TRIAGE,
    VITALS,
)
from conflict.statement import Draft
from node.sim import care, wounds
from node.sim.casualties import SYSTEM, encounter, link
from node.sim.dice import dice, times
from node.sim.moment import MEDICS, Moment

START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
EVENT_SLOTS = (
    VITALS,
    MEDICATION_GIVEN,
    VITALS,
    FLUID,
    VITALS,
    NOTE,
    VITALS,
    MEDICATION_GIVEN,
    FLUID,
    VITALS,
)

Chart = tuple[DocumentId, tuple[tuple[Draft, ...], ...]]


def bench_charts(seed: int, count: int) -> Iterator[Chart]:
    """`count` episode documents with their 11 saves; chart i does not depend on `count`."""
    return (_chart(seed, index) for index in range(count))


def _chart(seed: int, index: int) -> Chart:
    rng = dice(seed, index, "bench")
    medic = rng.choice(MEDICS)
    clock = times(rng, START, low_s=60, high_s=300)
    create = _create(rng, Moment(medic, next(clock)), _document(DocumentKind.PERSON, seed, index))
    events = ((event,) for event in _events(rng, medic, clock))
    return _document(DocumentKind.EPISODE, seed, index), (create, *events)


def _document(kind: DocumentKind, seed: int, index: int) -> DocumentId:
    return document_from_source(kind, SYSTEM, f"bench/{seed}/{index}")


_MARK = ("region", "view", "x", "y", "type")
_TOURNIQUET = ("action", "kind", "limb", "type")


def _create(rng: Random, now: Moment, person: DocumentId) -> tuple[Draft, ...]:
    """Gunshot wounds only, one of them bleeding from a limb: a burn's mark has one field more."""
    fit = wounds.fitting("gsw")
    worst = rng.choice([one for one in fit if one[1].bleeds and one[0].part == "limb"])
    hurt = wounds.Injured("immediate", "gsw", (worst, rng.choice(fit)), rng.randint(45, 80))
    marks = [wounds.injury(rng, hurt, place, wound) for place, wound in hurt.wounds]
    applied = wounds.tourniquet(rng, hurt.bleeding_limbs[0])
    return (
        now.says(LINK, link(person)),
        now.says(ENCOUNTER, encounter("point-of-injury")),
        now.says(MECHANISM, {"mechanisms": [hurt.mechanism]}),
        *now.each(INJURY, ({name: mark[name] for name in _MARK} for mark in marks)),
        now.says(TRIAGE, {"category": hurt.category}),
        now.says(EVACUATION, {"precedence": rng.choice(wounds.PRECEDENCES[hurt.category])}),
        now.says(TOURNIQUET, {name: applied[name] for name in _TOURNIQUET}),
        now.says(CIRCULATION, care.dressing(rng)),
        now.says(NOTE, {"text": rng.choice(care.NOTES)}),
    )


def _events(rng: Random, medic: str, clock: Iterator[str]) -> Iterator[Draft]:
    shock = rng.randint(45, 80)
    for slot in EVENT_SLOTS:
        shock = care.later(rng, shock)
        if slot is VITALS:
            value = care.vitals(rng, shock)
        elif slot is MEDICATION_GIVEN:
            value = rng.choice(care.KETAMINE).value()
        elif slot is FLUID:
            value = care.fluid(rng)
        else:
            value = {"text": rng.choice(care.NOTES)}
        yield Moment(medic, next(clock)).says(slot, value)
