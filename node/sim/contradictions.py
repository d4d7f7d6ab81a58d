"""What two medics write about one casualty without having seen each other's entry.

Each pair must become a finding once both sides are held: left mostly repeats what the casualty's
record says, right differs from it (for a dose: right is the same dose, written again).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from conflict.clinical_time import utc_text
from conflict.identity import DocumentId, DocumentKind
from conflict.records import (
    ALLERGY,
    BLOOD_TYPE,
    DOD_ID,
    EVACUATION,
    MEDICATION_GIVEN,
    NAME,
    TRIAGE,
    VITALS,
)
from conflict.slot import Slot
from conflict.statement import Draft
from node.sim import care, persons, wounds
from node.sim.care import Value
from node.sim.casualties import Casualty, avoided
from node.sim.dice import dice
from node.sim.moment import MEDICS, Moment

PRECEDENCES = ("urgent-surgical", "urgent", "priority", "routine", "convenience")


@dataclass(frozen=True, slots=True)
class Contradiction:
    """`kind` is the slot's name; both drafts go into `document`, by two actors, concurrently."""

    kind: str
    document: DocumentId
    left: Draft
    right: Draft

    @property
    def by(self) -> tuple[str, str]:
        """The two medics."""
        return self.left.by, self.right.by


def contradictions(seed: int, casualty: Casualty) -> tuple[Contradiction, ...]:
    """One of every kind. None depends on the others: play any of them."""
    rng = dice(seed, casualty.episode.hex(), "contradictions")
    pairs = (
        (TRIAGE, _triage(rng, casualty)),
        (EVACUATION, _evacuation(rng, casualty)),
        (MEDICATION_GIVEN, _same_dose(rng, casualty)),
        (BLOOD_TYPE, _blood_type(rng, casualty)),
        (ALLERGY, _allergy(rng, casualty)),
        (NAME, _name(rng, casualty)),
        (DOD_ID, _dod_id(rng, casualty)),
    )
    return tuple(_written(rng, casualty, slot, values) for slot, values in pairs)


Pair = tuple[Value, Value]


def _written(rng: Random, casualty: Casualty, slot: Slot, values: Pair) -> Contradiction:
    """Both sides soon after the casualty's last save, one to four minutes apart."""
    early = casualty.last_at + timedelta(seconds=rng.randint(60, 600))
    late = early + timedelta(seconds=rng.randint(60, 240))
    one, other = rng.sample(MEDICS, 2)
    left = Moment(one, utc_text(early)).says(slot, values[0])
    right = Moment(other, utc_text(late)).says(slot, values[1])
    whose = casualty.person if DocumentKind.PERSON in slot.kinds else casualty.episode
    return Contradiction(slot.name, whose, left, right)


def _known(casualty: Casualty, slot: Slot) -> Value | None:
    said = casualty.said(slot)
    return said[-1].value if said else None


def _other(rng: Random, options: Sequence[str], than: str) -> str:
    return rng.choice([one for one in options if one != than])


def _triage(rng: Random, casualty: Casualty) -> Pair:
    known = _known(casualty, TRIAGE) or {"category": "delayed"}
    return known, {"category": _other(rng, tuple(wounds.PRECEDENCES), known["category"])}


def _evacuation(rng: Random, casualty: Casualty) -> Pair:
    known = _known(casualty, EVACUATION) or {"precedence": "priority"}
    return known, {"precedence": _other(rng, PRECEDENCES, known["precedence"])}


def _same_dose(rng: Random, casualty: Casualty) -> Pair:
    shock = care.shock_seen(casualty.said(VITALS)[-1].value)
    avoid = avoided(casualty.said(ALLERGY))
    fit = care.safe(care.analgesics(shock), avoid) or care.safe(care.PILLS, avoid)
    dose = rng.choice(fit).value()
    return dose, dose


def _blood_type(rng: Random, casualty: Casualty) -> Pair:
    known = _known(casualty, BLOOD_TYPE) or persons.blood_type(rng)
    return known, {**known, "abo": _other(rng, persons.ABO, known["abo"]), "method": "field-card"}


def _allergy(rng: Random, casualty: Casualty) -> Pair:
    """A drug allergy against none known, or any other against none known at all."""
    known = _known(casualty, ALLERGY) or persons.NONE_KNOWN_DRUG
    if known.get("substance"):
        drug = known["category"] == "drug"
        return known, persons.NONE_KNOWN_DRUG if drug else persons.NONE_KNOWN
    drugs = [one for one in persons.ALLERGENS if one.category == "drug"]
    return known, persons.allergy(rng.choice(drugs))


def _name(rng: Random, casualty: Casualty) -> Pair:
    """Right is misheard: one letter of the family name is missing."""
    known = _known(casualty, NAME) or persons.name(rng, "male", "observed")
    family = known["family"]
    gone = rng.randrange(1, len(family))
    return known, {**known, "family": family[:gone] + family[gone + 1 :], "evidence": "observed"}


def _dod_id(rng: Random, casualty: Casualty) -> Pair:
    """Right is mistyped: its last digit differs."""
    unseen = {"number": f"9{rng.randrange(10**9):09d}", "evidence": "tag"}
    known = _known(casualty, DOD_ID) or unseen
    last = _other(rng, "0123456789", known["number"][-1])
    return known, {"number": known["number"][:-1] + last, "evidence": "tag"}
