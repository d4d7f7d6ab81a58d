"""Casualties as medics would write them: a pure function of a seed, an index and a start.

A casualty is its person and episode documents and the saves that fill them, in clinical order. No
draft supersedes another, because statement ids exist only once somebody writes; so a casualty's own
saves hold no contradiction, and `contradictions.py` adds those that are wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from random import Random

from conflict.clinical_time import instants, utc_text
from conflict.identity import DocumentId, DocumentKind, document_from_source, document_text
from conflict.records import (
    ALLERGY,
    BLOOD_TYPE,
    CARD,
    ENCOUNTER,
    EVACUATION,
    FIRST_RESPONDER,
    INJURY,
    INJURY_TIME,
    LINK,
    LOCATION,
    MECHANISM,
    MEDICATION_GIVEN,
    MIST,
    NAME,
    NOTE,
    TOURNIQUET,
    TRIAGE,
    VITALS,
)
from conflict.slot import Slot
from conflict.statement import Draft
from node.desk import Save
from node.sim import care, persons, wounds
from node.sim.care import Value
from node.sim.dice import dice, likely, times
from node.sim.moment import MEDICS, PROVIDERS, Moment
from node.sim.wounds import Injured

SYSTEM = "aidstation-sim"
ROLE_1 = "Role 1, Camp Placeholder"
HOURS = 6
"""Casualties are hurt within this many hours of the start."""


@dataclass(frozen=True, slots=True)
class Casualty:
    """One casualty: `saves` in the order of their clinical times, both documents mixed."""

    person: DocumentId
    episode: DocumentId
    saves: tuple[Save, ...]

    @property
    def last_at(self) -> datetime:
        """Clinical time of the last thing written."""
        return instants(self.saves[-1].drafts[-1].at or "").earliest

    def said(self, slot: Slot) -> tuple[Draft, ...]:
        """All drafts of one slot, in order."""
        return tuple(
            draft for save in self.saves for draft in save.drafts if draft.slot == slot.name
        )


def casualties(seed: int, count: int, start: datetime) -> Iterator[Casualty]:
    """The first `count` casualties of `seed`, hurt in the hours after `start` (aware)."""
    return (casualty(seed, index, start) for index in range(count))


def casualty(seed: int, index: int, start: datetime) -> Casualty:
    """Casualty `index` of `seed`. Raises `ValueError` for a naive `start`."""
    name = f"{seed}/{index}"
    minutes = dice(seed, index, "start").randrange(HOURS * 60)
    hurt = start + timedelta(minutes=minutes)
    case = _Case(
        seed=seed,
        index=index,
        hurt=hurt,
        person=document_from_source(DocumentKind.PERSON, SYSTEM, name),
        episode=document_from_source(DocumentKind.EPISODE, SYSTEM, name),
        medic=dice(seed, index, "medic").choice(MEDICS),
        injured=wounds.injured(dice(seed, index, "injury")),
    )
    clock = times(case.dice("time"), hurt, low_s=60, high_s=300)
    return Casualty(case.person, case.episode, tuple(_saves(case, clock)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What is true of a casualty before anybody writes it down, and who writes first."""

    seed: int
    index: int
    person: DocumentId
    episode: DocumentId
    medic: str
    injured: Injured
    hurt: datetime

    def dice(self, name: str) -> Random:
        return dice(self.seed, self.index, name)


def _saves(case: _Case, clock: Iterator[str]) -> Iterator[Save]:
    sets = _sets_of_vitals(case)
    yield from _found(case, clock)
    yield from _vitals(case.episode, case.medic, clock, sets[:1])
    identified = tuple(_identified(case, clock))
    yield from identified
    yield from _treated(case, clock, avoided(draft for save in identified for draft in save.drafts))
    yield from _vitals(case.episode, case.medic, clock, sets[1:2])
    yield from _handed_over(case, clock, sets)


def _sets_of_vitals(case: _Case) -> tuple[Value, ...]:
    rng, shock = case.dice("vitals"), case.injured.shock
    sets = []
    for _ in range(rng.randint(1, 4)):
        sets.append(care.vitals(rng, shock))
        shock = care.later(rng, shock)
    return tuple(sets)


def _vitals(
    episode: DocumentId, by: str, clock: Iterator[str], sets: Iterable[Value]
) -> Iterator[Save]:
    for value in sets:
        yield Save(episode, (Moment(by, next(clock)).says(VITALS, value),))


def _found(case: _Case, clock: Iterator[str]) -> Iterator[Save]:
    rng, now, hurt = case.dice("found"), Moment(case.medic, next(clock)), case.injured
    medic_last4 = dice(case.seed, case.medic).randrange(10_000)
    marks = tuple(wounds.injury(rng, hurt, place, wound) for place, wound in hurt.wounds)
    precedence = rng.choice(wounds.PRECEDENCES[hurt.category])
    drafts = (
        now.says(LINK, link(case.person)),
        now.says(CARD, {"edition": "2025-07", "status": "open"}),
        now.says(FIRST_RESPONDER, {"name": case.medic, "last4": f"{medic_last4:04d}"}),
        now.says(ENCOUNTER, encounter("point-of-injury")),
        now.says(LOCATION, {"place": "Where found", "kind": "point-of-injury"}),
        now.says(INJURY_TIME, injury_time(case.dice("injury-time"), case.hurt)),
        now.says(MECHANISM, wounds.mechanism(rng, hurt)),
        *now.each(INJURY, marks),
        now.says(TRIAGE, {"category": hurt.category}),
        now.says(EVACUATION, {"precedence": precedence}),
    )
    yield Save(case.episode, drafts)
    if hurt.bleeding_limbs:
        applied = [wounds.tourniquet(rng, limb) for limb in hurt.bleeding_limbs]
        yield Save(case.episode, Moment(case.medic, next(clock)).each(TOURNIQUET, applied))


def injury_time(rng: Random, hurt: datetime) -> Value:
    """Value for the time of injury: the minute, in Z; now and then somebody's guess."""
    time = f"{utc_text(hurt)[:16]}Z"
    return {"time": time, "approximate": True if likely(rng, 25) else None}


def link(other: DocumentId) -> Value:
    """Value that joins the person and the episode of one casualty; both documents carry one."""
    return {"document": document_text(other), "relation": "casualty"}


def encounter(role: str) -> Value:
    """Value for the encounter slot at a role of care."""
    if role == "point-of-injury":
        return {"class": "FLD", "type": "Tactical field care", "role_of_care": role}
    return {"class": "EMER", "type": "Trauma", "role_of_care": role, "facility": ROLE_1}


def _identified(case: _Case, clock: Iterator[str]) -> Iterator[Save]:
    rng, now = case.dice("identity"), Moment(case.medic, next(clock))
    dod_id = f"9{case.seed % 10_000:04d}{case.index % 100_000:05d}"
    alert = care.alert(case.injured.shock)
    who = tuple(persons.identity(rng, now, alert=alert, dod_id=dod_id))
    yield Save(case.person, (now.says(LINK, link(case.episode)), *who))
    if all(draft.slot != NAME.name for draft in who):
        return  # nobody to ask and no tag to read
    now = Moment(case.medic, next(clock))
    learned = persons.allergies(rng, now)
    if likely(rng, 75):
        learned += (now.says(BLOOD_TYPE, persons.blood_type(rng)),)
    if learned:
        yield Save(case.person, learned)


def avoided(drafts: Iterable[Draft]) -> frozenset[str]:
    """Substances of the allergies among `drafts`, in lower case."""
    known = (draft.value.get("substance") for draft in drafts if draft.slot == ALLERGY.name)
    return frozenset(name.lower() for name in known if name)


def _treated(case: _Case, clock: Iterator[str], avoid: frozenset[str]) -> Iterator[Save]:
    rng, hurt = case.dice("care"), case.injured
    done = tuple(care.treatments(rng, hurt))
    now = Moment(case.medic, next(clock))
    yield Save(case.episode, tuple(now.says(slot, value) for slot, value in done))
    given = tuple(care.medications(rng, hurt, avoid))
    if given:
        yield Save(case.episode, Moment(case.medic, next(clock)).each(MEDICATION_GIVEN, given))


def _handed_over(case: _Case, clock: Iterator[str], sets: Sequence[Value]) -> Iterator[Save]:
    rng, hurt, now = case.dice("handover"), case.injured, Moment(case.medic, next(clock))
    again = [
        {"action": "reassessed", "limb": limb} for limb in hurt.bleeding_limbs if likely(rng, 60)
    ]
    yield Save(
        case.episode, (now.says(MIST, care.mist(hurt, sets[:2][-1])), *now.each(TOURNIQUET, again))
    )
    if likely(rng, 60):
        doctor = rng.choice(PROVIDERS)
        *_, arrival = islice(clock, rng.randint(4, 15))
        now = Moment(doctor, arrival)
        drafts = (
            now.says(ENCOUNTER, encounter("1")),
            now.says(LOCATION, {"place": ROLE_1, "kind": "aid-station"}),
            now.says(NOTE, {"title": "Role 1", "text": care.note(rng, hurt.shock)}),
        )
        yield Save(case.episode, drafts)
        yield from _vitals(case.episode, doctor, clock, sets[2:])
    else:
        yield from _vitals(case.episode, case.medic, clock, sets[2:])
