"""Ongoing care: what is written about a casualty from some hour on, without end.

Every save is one the medic on shift adds to the episode; triage and evacuation are left alone,
because a reassessment of those supersedes a statement and only its reader knows which.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import count
from random import Random

from conflict.records import ALLERGY, FLUID, MEDICATION_GIVEN, NOTE, TOURNIQUET, VITALS
from conflict.statement import Draft
from node.desk import Save
from node.sim import care
from node.sim.casualties import Casualty, avoided
from node.sim.dice import dice, times
from node.sim.moment import MEDICS, Moment

SHIFT_SAVES = 12
"""After so many saves the next medic takes over."""


def stream(seed: int, casualty: Casualty, start: datetime) -> Iterator[Save]:
    """Endless saves 6 to 15 minutes apart, the first after `start` (aware).

    Doses are at least 24 minutes apart, further than doses that look like one written twice.
    """
    rng = dice(seed, casualty.episode.hex(), "ongoing")
    return _saves(rng, casualty, times(rng, start, low_s=6 * 60, high_s=15 * 60))


def _saves(rng: Random, casualty: Casualty, clock: Iterator[str]) -> Iterator[Save]:
    shock = care.shock_seen(casualty.said(VITALS)[-1].value)
    first = rng.randrange(len(MEDICS))
    for number in count():
        shock = care.later(rng, shock)
        now = Moment(MEDICS[(first + number // SHIFT_SAVES) % len(MEDICS)], next(clock))
        more = _further(rng, now, casualty, number, shock)
        yield Save(casualty.episode, (now.says(VITALS, care.vitals(rng, shock)), *more))


def _further(
    rng: Random, now: Moment, casualty: Casualty, number: int, shock: int
) -> tuple[Draft, ...]:
    """Beside the vitals of every round: in four rounds a dose, a reassessment and a fluid."""
    match number % 4:
        case 1:
            fit = care.safe(care.analgesics(shock), avoided(casualty.said(ALLERGY)))
            return now.each(MEDICATION_GIVEN, [rng.choice(fit).value()] if fit else [])
        case 2:
            limbs = sorted({one.value["limb"] for one in casualty.said(TOURNIQUET)})
            note = {"title": "Reassessment", "text": care.note(rng, shock)}
            checks = [{"action": "reassessed", "limb": limb} for limb in limbs]
            return (now.says(NOTE, note), *now.each(TOURNIQUET, checks))
        case 3:
            return (now.says(FLUID, care.fluid(rng)),)
        case _:
            return ()
