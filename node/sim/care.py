"""What is done and measured: vital signs that follow the casualty's shock, treatments, drugs, notes.

One number, shock from 0 (well) to 100 (dying), drives every vital sign, so a set is coherent and
the sets of one casualty show a trend. Drugs and doses are those of the TCCC guidelines; nothing
here is advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from random import Random
from typing import NamedTuple

from conflict.records import (
    AIRWAY,
    BLOOD_PRODUCT,
    BREATHING,
    CIRCULATION,
    FLUID,
    OTHER_CARE,
)
from conflict.slot import Slot
from conflict.statement import Json
from node.sim.dice import likely
from node.sim.wounds import BURNS, Injured

Value = dict[str, Json]
Done = tuple[Slot, Value]
"""What was done: its slot and value."""


class Dose(NamedTuple):
    """One way to give a drug."""

    drug: str
    dose: str
    unit: str
    route: str
    category: str

    def value(self) -> Value:
        """Value for the medication_given slot."""
        return self._asdict()


KETAMINE = (
    Dose("Ketamine", "30", "mg", "IV", "analgesic"),
    Dose("Ketamine", "20", "mg", "IO", "analgesic"),
    Dose("Ketamine", "50", "mg", "IM", "analgesic"),
    Dose("Ketamine", "50", "mg", "IN", "analgesic"),
)
OPIOIDS = (
    Dose("Fentanyl lozenge (OTFC)", "800", "mcg", "transbuccal", "analgesic"),
    Dose("Morphine", "5", "mg", "IV", "analgesic"),
)
PILLS = (
    Dose("Acetaminophen", "1000", "mg", "PO", "analgesic"),
    Dose("Meloxicam", "15", "mg", "PO", "analgesic"),
)
TXA = (Dose("Tranexamic acid", "2", "g", "IV", "other"), Dose("TXA", "2", "g", "IO", "other"))
CALCIUM = (
    Dose("Calcium chloride", "1", "g", "IV", "other"),
    Dose("Calcium gluconate", "3", "g", "IV", "other"),
)
ERTAPENEM = (
    Dose("Ertapenem", "1", "g", "IV", "antibiotic"),
    Dose("Ertapenem", "1", "g", "IM", "antibiotic"),
)
MOXIFLOXACIN = (Dose("Moxifloxacin", "400", "mg", "PO", "antibiotic"),)
ONDANSETRON = (Dose("Ondansetron", "4", "mg", "ODT", "other"),)

BLEEDING = (("hemostatic", "Combat Gauze"), ("pressure", "Israeli bandage"))
FLUIDS = ("lactated-ringers", "plasma-lyte-a")
AIRWAYS = {"npa": "28 Fr", "cric": "Cuffed 6.0"}
NOTES = (
    "Moved by litter to casualty collection point, no change on the way.",
    "Weapon and radio taken, sensitive items handed to platoon sergeant.",
    "Dressings checked: dry, no fresh blood in 3 minutes.",
    "Warm and dry, hypothermia kit closed.",
    "Distal pulses checked and marked.",
    "Time of last dose written on the card.",
)
SPOKEN = (
    "Asks for water: nothing by mouth given.",
    "Pain better after last dose, talks in full sentences.",
    "Tells the event in order, remembers the impact.",
)
RELATED = {"meloxicam": "ibuprofen", "morphine": "codeine", "ertapenem": "penicillin"}
"""A drug and the substance whose allergy speaks against it as well."""
SHOCKED = 40
"""From this shock on: blood, TXA, calcium; no opioids, nothing by mouth."""


def alert(shock: int) -> bool:
    """Whether the casualty can give a name."""
    return shock < 60


def later(rng: Random, shock: int) -> int:
    """Shock some minutes on: care helps most casualties, some get worse."""
    step = rng.randint(-9, -2) if likely(rng, 75) else rng.randint(1, 7)
    return max(0, min(98, shock + step))


def vitals(rng: Random, shock: int) -> Value:
    """One set. Low pressure is palpated: no diastolic, and the pulse is felt nearer the heart."""
    systolic = 126 - shock * 3 // 4 + rng.randint(-4, 4)
    palpated = systolic < 80 or likely(rng, 20)
    avpu = "A" if alert(shock) else rng.choice("VP") if shock < 85 else "U"
    tenths = 370 - shock // 5 + rng.randint(-4, 4)
    speaks = avpu in {"A", "V"}
    return {
        "pulse": 72 + shock * 3 // 4 + rng.randint(-5, 5),
        "pulse_site": "radial" if systolic >= 80 else "femoral" if systolic >= 70 else "carotid",
        "systolic": systolic,
        "diastolic": None if palpated else systolic * 5 // 8 + rng.randint(-3, 3),
        "systolic_method": "palpated" if palpated else rng.choice(("auscultated", "automatic")),
        "respiration": 14 + shock // 5 + rng.randint(-2, 2),
        "spo2": 99 - shock // 7 + rng.randint(-1, 1) if likely(rng, 90) else None,
        "avpu": avpu,
        "pain": min(10, max(0, 2 + shock // 10 + rng.randint(-2, 3))) if speaks else None,
        "temperature": f"{tenths // 10}.{tenths % 10}" if likely(rng, 60) else None,
        "gcs": {"A": 15, "V": 13, "P": 8, "U": 3}[avpu] if likely(rng, 50) else None,
        "etco2": 38 - shock // 6 + rng.randint(-2, 2) if likely(rng, 12) else None,
        "glucose": str(rng.randint(78, 150)) if likely(rng, 8) else None,
    }


def shock_seen(value: Value) -> int:
    """About the shock that a set of `vitals` shows."""
    return max(0, min(98, (126 - int(value.get("systolic", 126))) * 4 // 3))


def treatments(rng: Random, case: Injured) -> Iterator[Done]:
    """What these wounds and this shock call for, in MARCH order."""
    for place, wound in case.wounds:
        if wound.bleeds:
            yield CIRCULATION, dressing(rng, place.region)
    if case.shock >= 60 and not case.has("head"):
        airway = "npa" if likely(rng, 75) else "cric"
        yield AIRWAY, {"what": airway, "type": AIRWAYS[airway]}
    for place, wound in case.wounds:
        if place.part == "chest" and wound.grave and wound.type not in BURNS:
            yield BREATHING, _open_chest(place.region) if wound.bleeds else _NEEDLE
    if case.shock >= SHOCKED:
        yield BLOOD_PRODUCT, blood(rng)
    elif any(wound.type in BURNS for _, wound in case.wounds):
        yield FLUID, fluid(rng)
    yield from _comfort(rng, case)


_NEEDLE: Value = {"what": "needle-d", "type": "14 ga, 3.25 in", "site": "5th ICS AAL"}


def _open_chest(region: str) -> Value:
    return {"what": "chest-seal", "type": "Vented", "site": region}


def _comfort(rng: Random, case: Injured) -> Iterator[Done]:
    for place, wound in case.wounds:
        if place.part == "eye":
            side = "right" if place.region.startswith("Right") else "left"
            yield OTHER_CARE, {"what": f"eye-shield-{side}", "type": "Rigid"}
        if "fracture" in wound.type:
            yield OTHER_CARE, {"what": "splint", "type": "SAM", "site": place.region}
    if case.shock >= SHOCKED or likely(rng, 30):
        yield OTHER_CARE, {"what": "hypothermia-prevention", "type": "HPMK"}
    else:
        site = case.wounds[0][0].region
        yield CIRCULATION, {"dressing": "other", "type": "Dry dressing", "site": site}


def dressing(rng: Random, site: str | None = None) -> Value:
    """Value of a dressing that stops bleeding."""
    kind, made = rng.choice(BLEEDING)
    return {"dressing": kind, "type": made, "site": site}


def blood(rng: Random) -> Value:
    """Value of one unit of whole blood that anybody may be given; its number is invented."""
    return {
        "product": "whole-blood-ltowb",
        "unit_number": f"W9999{rng.randrange(10**8):08d}",
        "abo": "O",
        "rh": "-",
        "volume": "500",
        "route": rng.choice(("IV", "IO")),
    }


def fluid(rng: Random) -> Value:
    """Value of one bag of crystalloid."""
    return {
        "product": rng.choice(FLUIDS),
        "volume": rng.choice(("250", "500")),
        "route": rng.choice(("IV", "IO")),
    }


def analgesics(shock: int) -> Sequence[Dose]:
    """What may be given against pain in this much shock."""
    if shock >= SHOCKED:
        return KETAMINE
    return (*KETAMINE, *OPIOIDS) if shock > 10 else PILLS


def safe(doses: Sequence[Dose], avoid: Set[str]) -> list[Dose]:
    """Those of `doses` against which no allergy in `avoid` (lower case) speaks."""
    drugs = ((dose, dose.drug.lower()) for dose in doses)
    return [dose for dose, drug in drugs if not {drug, RELATED.get(drug)} & avoid]


def medications(rng: Random, case: Injured, avoid: Set[str]) -> Iterator[Value]:
    """Analgesia, antibiotic and what goes with blood loss; never against an allergy in `avoid`."""
    shocked = case.shock >= SHOCKED
    groups = [analgesics(case.shock)]
    if shocked:
        groups += [TXA, CALCIUM]
    if any(wound.bleeds for _, wound in case.wounds) or likely(rng, 20):
        groups.append(ERTAPENEM if shocked or case.has("abdomen") else MOXIFLOXACIN)
    if not shocked and likely(rng, 20):
        groups.append(ONDANSETRON)
    for group in groups:
        if fit := safe(group, avoid):
            yield rng.choice(fit).value()


def note(rng: Random, shock: int) -> str:
    """A line of free text; only an alert casualty is quoted."""
    return rng.choice((*NOTES, *SPOKEN) if alert(shock) else NOTES)


def mist(case: Injured, shown: Value) -> Value:
    """Value of the handover report (MIST), with the signs of one set of vitals."""
    injuries = "; ".join(f"{place.region.lower()}: {wound.type}" for place, wound in case.wounds)
    pressure = f"{shown['systolic']}/{shown['diastolic'] or 'P'}"
    return {
        "mechanism": case.mechanism.upper(),
        "injuries": injuries,
        "signs": f"pulse {shown['pulse']} {shown['pulse_site']}, BP {pressure}, "
        f"RR {shown['respiration']}, AVPU {shown['avpu']}",
        "treatment": "as listed",
    }
