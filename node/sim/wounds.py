"""What happened to the casualty: triage, mechanism, wounds on the body figure, and tourniquets.

Coordinates are hundredths of the figure's width and height from the top left; on the back view the
casualty's right side is on the right. CLINICAL.md §1.1–1.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from conflict.statement import Json
from node.sim.dice import likely

PRECEDENCES = {
    "immediate": ("urgent", "urgent-surgical"),
    "delayed": ("priority",),
    "minimal": ("routine", "convenience"),
    "expectant": ("priority", "routine"),
}
"""Evacuation precedences that go with a triage category; they stay two different fields."""
_CATEGORY_WEIGHTS = (30, 35, 30, 5)
_SHOCK = {"immediate": (45, 80), "delayed": (15, 40), "minimal": (0, 10), "expectant": (85, 98)}


class Place(NamedTuple):
    """A place on the figure; `limb` names the tourniquet that holds bleeding from it."""

    region: str
    part: str
    view: str
    x: int
    y: int
    limb: str | None = None


PLACES = (
    Place("Scalp", "head", "front", 50, 4),
    Place("Face", "head", "front", 50, 9),
    Place("Right eye", "eye", "front", 48, 7),
    Place("Left eye", "eye", "front", 52, 7),
    Place("Right chest", "chest", "front", 43, 26),
    Place("Left chest", "chest", "front", 57, 26),
    Place("Upper back", "chest", "back", 50, 27),
    Place("Abdomen", "abdomen", "front", 50, 40),
    Place("Lower back", "abdomen", "back", 50, 42),
    Place("Right groin", "groin", "front", 45, 51, "junctional"),
    Place("Left groin", "groin", "front", 55, 51, "junctional"),
    Place("Right upper arm", "limb", "front", 30, 30, "right-arm"),
    Place("Right forearm", "limb", "front", 25, 42, "right-arm"),
    Place("Left upper arm", "limb", "front", 70, 30, "left-arm"),
    Place("Left forearm", "limb", "back", 25, 42, "left-arm"),
    Place("Right thigh", "limb", "front", 43, 63, "right-leg"),
    Place("Right calf", "limb", "back", 57, 80, "right-leg"),
    Place("Left thigh", "limb", "front", 57, 63, "left-leg"),
    Place("Left lower leg", "limb", "front", 57, 82, "left-leg"),
)


class Wound(NamedTuple):
    """A kind of wound: the parts and mechanisms it goes with; grave ones are more than minimal."""

    type: str
    parts: frozenset[str]
    mechanisms: frozenset[str]
    grave: bool = False
    bleeds: bool = False


_BODY = frozenset({"head", "chest", "abdomen", "groin", "limb"})
_TRUNK_AND_LIMB = _BODY - {"head"}
_LIMB = frozenset({"limb"})
_BULLET = frozenset({"gsw"})
_BLAST = frozenset({"artillery", "grenade", "ied", "landmine", "rpg"})
_IMPACT = frozenset({"blunt", "fall", "mvc"})
_OTHER = frozenset({"other"})
_HEAT = frozenset({"burn", "ied"})

WOUNDS = (
    Wound("Gunshot wound, through and through", _TRUNK_AND_LIMB, _BULLET, grave=True, bleeds=True),
    Wound("Gunshot wound, no exit found", _BODY, _BULLET, grave=True, bleeds=True),
    Wound("Grazing gunshot wound", _BODY, _BULLET),
    Wound("Multiple fragment wounds", _BODY, _BLAST, grave=True, bleeds=True),
    Wound("Traumatic amputation", _LIMB, _BLAST, grave=True, bleeds=True),
    Wound("Penetrating eye injury", frozenset({"eye"}), _BLAST, grave=True),
    Wound("Small fragment wounds", _BODY, _BLAST),
    Wound("Open fracture", _LIMB, _BLAST | _IMPACT, grave=True, bleeds=True),
    Wound("Suspected pneumothorax", frozenset({"chest"}), _BLAST | _IMPACT, grave=True),
    Wound("Closed head injury", frozenset({"head"}), _BLAST | _IMPACT, grave=True),
    Wound("Closed fracture", _LIMB, _IMPACT),
    Wound("Contusion", _BODY, _IMPACT),
    Wound("Laceration", _BODY, _IMPACT | _OTHER),
    Wound("Stab wound", _BODY, _OTHER, grave=True, bleeds=True),
    Wound("Crush injury", _LIMB, _OTHER, grave=True),
    Wound("Full-thickness burn", _BODY, _HEAT, grave=True),
    Wound("Partial-thickness burn", _BODY, _HEAT),
)
MECHANISMS = {
    "ied": 22,
    "gsw": 22,
    "mvc": 9,
    "grenade": 8,
    "artillery": 8,
    "rpg": 6,
    "fall": 6,
    "burn": 6,
    "landmine": 5,
    "blunt": 4,
    "other": 4,
}
"""How often each of the card's mechanisms is drawn, in a hundred."""
OTHER_MECHANISMS = ("Knife", "Collapsed wall", "Winch cable", "Falling pallet")
BURNS = ("Full-thickness burn", "Partial-thickness burn")
LIMB_TOURNIQUETS = ("CAT Gen 7", "SOF-T Wide", "TMT", "Improvised windlass")


@dataclass(frozen=True, slots=True)
class Injured:
    """What is wrong: triage category, mechanism, wounds with their places, shock from 0 to 100."""

    category: str
    mechanism: str
    wounds: tuple[tuple[Place, Wound], ...]
    shock: int

    @property
    def bleeding_limbs(self) -> tuple[str, ...]:
        """Limbs whose wounds call for a tourniquet, each once."""
        return tuple(
            dict.fromkeys(place.limb for place, wound in self.wounds if wound.bleeds and place.limb)
        )

    def has(self, *parts: str) -> bool:
        """Whether one of these parts is wounded."""
        return any(place.part in parts for place, _ in self.wounds)


def injured(rng: Random) -> Injured:
    """A casualty's condition: a minimal one has no grave wound, any other has at least one."""
    category = rng.choices(tuple(PRECEDENCES), _CATEGORY_WEIGHTS)[0]
    mechanism = rng.choices(tuple(MECHANISMS), tuple(MECHANISMS.values()))[0]
    fit = fitting(mechanism)
    grave = category != "minimal"
    worst = rng.choice([one for one in fit if one[1].grave == grave])
    others = [one for one in fit if grave or not one[1].grave]
    chosen = (worst, *rng.sample(others, rng.choice((0, 0, 1, 2))))
    wounds = {place.region: (place, wound) for place, wound in reversed(chosen)}
    return Injured(category, mechanism, tuple(wounds.values()), rng.randint(*_SHOCK[category]))


def fitting(mechanism: str) -> list[tuple[Place, Wound]]:
    """Every wound that this mechanism makes, at every place where it can be."""
    return [
        (place, wound)
        for place in PLACES
        for wound in WOUNDS
        if place.part in wound.parts and mechanism in wound.mechanisms
    ]


def mechanism(rng: Random, case: Injured) -> dict[str, Json]:
    """Value for the mechanism slot; some blasts are blunt injuries as well."""
    if case.mechanism == "other":
        return {"mechanisms": ["other"], "other": rng.choice(OTHER_MECHANISMS)}
    second = ["blunt"] if case.mechanism in _BLAST and likely(rng, 20) else []
    return {"mechanisms": [case.mechanism, *second]}


def injury(rng: Random, case: Injured, place: Place, wound: Wound) -> dict[str, Json]:
    """Value for the injury slot: the mark on the figure and the mechanism it is joined to."""
    value: dict[str, Json] = {
        "region": place.region,
        "view": place.view,
        "x": _hundredths(place.x + rng.randint(-2, 2)),
        "y": _hundredths(place.y + rng.randint(-2, 2)),
        "type": wound.type,
        "mechanisms": [case.mechanism],
    }
    if wound.type in BURNS:
        most = 18 if place.part in {"chest", "abdomen"} else 9
        value["burn_percent"] = rng.randint(most // 3 if wound.grave else 1, most)
    return value


def tourniquet(rng: Random, limb: str) -> dict[str, Json]:
    """Value for a tourniquet that goes on now."""
    if limb == "junctional":
        kind = "SAM Junctional Tourniquet"
        return {"action": "applied", "kind": "junctional", "limb": limb, "type": kind}
    return {
        "action": "applied",
        "kind": "extremity",
        "limb": limb,
        "type": rng.choices(LIMB_TOURNIQUETS, (60, 25, 10, 5))[0],
        "tightness": rng.choice(("hasty", "deliberate")),
    }


def _hundredths(number: int) -> str:
    return f"{number / 100:.2f}"
