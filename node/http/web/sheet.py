"""What the card offers to a tap: regions of the body, treatments, drugs with doses. Data only.

Order is MARCH (massive haemorrhage, airway, respiration, circulation, head and hypothermia); doses are
those of `conflict/codes/dose_ranges.py`, whose sources stand there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from conflict.statement import Json


class Region(NamedTuple):
    """A part of the figure. `x`, `y`: its middle, as parts of the figure's width and height."""

    key: str
    plain: str
    x: str
    y: str


class Tile(NamedTuple):
    """One tap, one statement. `key` names it in forms; `shortcut`: one key; `drug`: it is a dose."""

    key: str
    plain: str
    group: str
    slot: str
    value: Mapping[str, Json]
    shortcut: str = ""


REGIONS = (
    Region("head", "Head", "0.5", "0.07"),
    Region("neck", "Neck", "0.5", "0.16"),
    Region("right-arm", "Right arm", "0.18", "0.34"),
    Region("chest", "Chest", "0.5", "0.26"),
    Region("left-arm", "Left arm", "0.82", "0.34"),
    Region("abdomen", "Abdomen", "0.5", "0.38"),
    Region("pelvis", "Pelvis", "0.5", "0.49"),
    Region("right-thigh", "Right thigh", "0.38", "0.63"),
    Region("left-thigh", "Left thigh", "0.62", "0.63"),
    Region("right-lower-leg", "Right lower leg", "0.38", "0.86"),
    Region("left-lower-leg", "Left lower leg", "0.62", "0.86"),
)
VIEWS = ("front", "back")
WOUNDS = ("gunshot", "fragment", "burn", "fracture", "amputation", "blunt", "other")


def _limb(limb: str, plain: str, shortcut: str) -> Tile:
    value: dict[str, Json] = {"action": "applied", "limb": limb}
    if limb != "junctional":
        value["kind"] = "extremity"
    return Tile(f"tq-{limb}", f"TQ {plain}", "Bleeding", "tourniquet", value, shortcut)


def _drug(
    key: str, drug: str, dose: str, unit: str, route: str, category: str, shortcut: str = ""
) -> Tile:
    value: dict[str, Json] = {"drug": drug, "dose": dose, "unit": unit, "route": route}
    value["category"] = category
    shown = f"{drug} {dose} {unit} {route}"
    return Tile(key, shown, "Drugs", "medication_given", value, shortcut)


TILES = (
    _limb("right-arm", "R arm", "1"),
    _limb("left-arm", "L arm", "2"),
    _limb("right-leg", "R leg", "3"),
    _limb("left-leg", "L leg", "4"),
    _limb("junctional", "junctional", "5"),
    Tile("pack", "Packing", "Bleeding", "circulation", {"dressing": "hemostatic"}, "6"),
    Tile("pressure", "Pressure dressing", "Bleeding", "circulation", {"dressing": "pressure"}, "7"),
    Tile("intact", "Airway intact", "Airway", "airway", {"what": "intact"}, "8"),
    Tile("npa", "NPA", "Airway", "airway", {"what": "npa"}, "9"),
    Tile("sga", "SGA", "Airway", "airway", {"what": "sga"}),
    Tile("cric", "Cric", "Airway", "airway", {"what": "cric"}),
    Tile("ett", "ET tube", "Airway", "airway", {"what": "et-tube"}),
    Tile(
        "seal-r", "Seal R", "Breathing", "breathing", {"what": "chest-seal", "site": "right"}, "c"
    ),
    Tile("seal-l", "Seal L", "Breathing", "breathing", {"what": "chest-seal", "site": "left"}, "e"),
    Tile(
        "needle-r", "Needle R", "Breathing", "breathing", {"what": "needle-d", "site": "right"}, "n"
    ),
    Tile("needle-l", "Needle L", "Breathing", "breathing", {"what": "needle-d", "site": "left"}),
    Tile("tube", "Chest tube", "Breathing", "breathing", {"what": "chest-tube"}),
    Tile("oxygen", "Oxygen", "Breathing", "breathing", {"what": "o2"}, "o"),
    Tile("iv", "IV line", "Circulation", "procedure", {"what": "Intravenous access"}, "i"),
    Tile("io", "IO line", "Circulation", "procedure", {"what": "Intraosseous access"}, "j"),
    Tile(
        "blood",
        "Whole blood 1 unit",
        "Circulation",
        "blood_product",
        {"product": "whole-blood", "volume": "500", "route": "IV"},
        "b",
    ),
    Tile(
        "ringer",
        "Ringer 500 mL",
        "Circulation",
        "fluid",
        {"product": "lactated-ringers", "volume": "500", "route": "IV"},
    ),
    Tile(
        "warm",
        "Hypothermia kit",
        "Head, warmth",
        "other_care",
        {"what": "hypothermia-prevention"},
        "h",
    ),
    Tile("eye-r", "Eye shield R", "Head, warmth", "other_care", {"what": "eye-shield-right"}),
    Tile("eye-l", "Eye shield L", "Head, warmth", "other_care", {"what": "eye-shield-left"}),
    Tile("splint", "Splint", "Head, warmth", "other_care", {"what": "splint"}, "l"),
    Tile(
        "pills", "Combat pill pack", "Head, warmth", "other_care", {"what": "combat-pill-pack"}, "p"
    ),
    _drug("ketamine-im", "Ketamine", "50", "mg", "IM", "analgesic", "k"),
    _drug("ketamine-iv", "Ketamine", "20", "mg", "IV", "analgesic"),
    _drug("fentanyl", "Fentanyl", "800", "ug", "transbuccal", "analgesic", "f"),
    _drug("txa", "Tranexamic acid", "2", "g", "IV", "other", "x"),
    _drug("calcium", "Calcium chloride", "1", "g", "IV", "other"),
    _drug("ertapenem", "Ertapenem", "1", "g", "IV", "antibiotic"),
    _drug("moxifloxacin", "Moxifloxacin", "400", "mg", "PO", "antibiotic"),
    _drug("ondansetron", "Ondansetron", "4", "mg", "IV", "other"),
    _drug("naloxone", "Naloxone", "2", "mg", "IN", "other"),
)
GROUPS = tuple(dict.fromkeys(one.group for one in TILES))
TILE = {one.key: one for one in TILES}
TRIAGE = ("immediate", "delayed", "minimal", "expectant")
EVACUATION = ("urgent", "priority", "routine")
OFFSETS_MIN = (0, 5, 10, 30)


class Measure(NamedTuple):
    """A vital sign on the strip. Outside `low`..`high` is asked about once; never refused."""

    name: str
    plain: str
    unit: str
    low: float
    high: float
    decimal: bool = False


VITALS = (
    Measure("pulse", "Pulse", "/min", 20, 250),
    Measure("systolic", "BP sys", "mmHg", 40, 260),
    Measure("diastolic", "BP dia", "mmHg", 15, 160),
    Measure("respiration", "Resp", "/min", 4, 60),
    Measure("spo2", "SpO2", "%", 50, 100),
    Measure("pain", "Pain", "0–10", 0, 10),
    Measure("temperature", "Temp", "°C", 25, 43, decimal=True),
)
AVPU = {"A": "Alert", "V": "Voice", "P": "Pain", "U": "Unresponsive"}
