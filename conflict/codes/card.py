"""Value lists of the DD Form 1380, of evacuation and of triage: codes with plain labels. Data.

Our own codes (CLINICAL.md §1.1, §1.2, §2 'Design consequence'); where a form or a report has a
letter or an abbreviation of its own, that is the code. Order is the order of the form. What nobody
has read in a source yet is in `UNVERIFIED` and is not emitted.
"""

from __future__ import annotations

from collections.abc import Mapping

from conflict.codes.words import Phrases, words_of

EDITIONS = {"2014-06": "DD 1380, JUN 2014", "2025-07": "DD 1380, JUL 2025"}

MECHANISMS = {
    "artillery": "Artillery",
    "blunt": "Blunt",
    "burn": "Burn",
    "fall": "Fall",
    "grenade": "Grenade",
    "gsw": "Gunshot wound (GSW)",
    "ied": "IED",
    "landmine": "Landmine",
    "mvc": "Vehicle crash (MVC)",
    "rpg": "RPG",
    "other": "Other",
}
LIMBS = {
    "right-arm": "Right arm",
    "left-arm": "Left arm",
    "right-leg": "Right leg",
    "left-leg": "Left leg",
    "junctional": "Junctional",
    "truncal": "Truncal",
}
TOURNIQUET_KINDS = {"extremity": "Extremity", "junctional": "Junctional", "truncal": "Truncal"}
TOURNIQUET_ACTIONS = {
    "applied": "Applied",
    "converted": "Converted to a dressing",
    "removed": "Removed",
    "reassessed": "Reassessed",
}
DRESSINGS = {"hemostatic": "Hemostatic", "pressure": "Pressure", "other": "Other"}
AIRWAY = {
    "intact": "Intact",
    "npa": "Nasopharyngeal airway (NPA)",
    "cric": "Cricothyroidotomy (CRIC)",
    "et-tube": "Endotracheal tube (ET)",
    "sga": "Supraglottic airway (SGA)",
}
BREATHING = {
    "o2": "Oxygen",
    "needle-d": "Needle decompression",
    "chest-tube": "Chest tube",
    "chest-seal": "Chest seal",
}
FLUIDS = {
    "lactated-ringers": "Lactated Ringer's",
    "plasma-lyte-a": "Plasma-Lyte A",
    "normal-saline": "Normal saline (0.9 %)",
    "hypertonic-saline": "Hypertonic saline",
    "other": "Other",
}
BLOOD_PRODUCTS = {
    "whole-blood-ltowb": "Whole blood, low titer O (LTOWB)",
    "whole-blood-fresh": "Fresh whole blood (FWB)",
    "whole-blood": "Whole blood",
    "red-cells": "Packed red cells (PRBC)",
    "plasma-fresh-frozen": "Fresh frozen plasma (FFP)",
    "plasma-thawed": "Thawed plasma",
    "plasma-liquid": "Liquid plasma",
    "plasma-freeze-dried": "Freeze-dried plasma (FDP)",
    "platelets": "Platelets",
    "cryoprecipitate": "Cryoprecipitate",
    "other": "Other",
}
OTHER_TREATMENTS = {
    "combat-pill-pack": "Combat pill pack",
    "eye-shield-right": "Eye shield, right",
    "eye-shield-left": "Eye shield, left",
    "splint": "Splint",
    "hypothermia-prevention": "Hypothermia prevention",
}
DRUG_CATEGORIES = {"analgesic": "Analgesic", "antibiotic": "Antibiotic", "other": "Other"}
ROUTES = {
    "IV": "Intravenous (IV)",
    "IO": "Intraosseous (IO)",
    "IM": "Intramuscular (IM)",
    "IN": "Intranasal (IN)",
    "PO": "By mouth (PO)",
    "SL": "Under the tongue (SL)",
    "transbuccal": "Transbuccal",
    "SQ": "Under the skin (SQ)",
    "PR": "Rectal (PR)",
    "inhaled": "Inhaled",
    "topical": "On the skin",
    "epidural": "Epidural",
    "nerve-block": "Nerve block",
}
PULSE_SITES = {
    "radial": "Radial",
    "carotid": "Carotid",
    "femoral": "Femoral",
    "brachial": "Brachial",
    "apical": "Apical",
    "pedal": "Pedal",
}
SYSTOLIC_METHODS = {
    "palpated": "Palpated",
    "auscultated": "Auscultated",
    "automatic": "Automatic cuff",
    "arterial-line": "Arterial line",
}
AVPU = {"A": "Alert", "V": "Voice", "P": "Pain", "U": "Unresponsive"}
SERVICES = {
    "USA": "US Army",
    "USAF": "US Air Force",
    "USCG": "US Coast Guard",
    "USN": "US Navy",
    "USMC": "US Marine Corps",
    "USSF": "US Space Force",
    "US CIV": "US civilian",
    "NON US": "Not US",
}
TRIAGE = {
    "immediate": "Immediate",
    "delayed": "Delayed",
    "minimal": "Minimal",
    "expectant": "Expectant",
}
NATO_TRIAGE = {"T1": "Immediate", "T2": "Delayed", "T3": "Minimal", "T4": "Expectant"}
NATO_TRIAGE_OF = {"immediate": "T1", "delayed": "T2", "minimal": "T3", "expectant": "T4"}
PRECEDENCES = {
    "urgent-surgical": "Urgent surgical",
    "urgent": "Urgent",
    "priority": "Priority",
    "routine": "Routine",
    "convenience": "Convenience",
}
CARD_PRECEDENCES = ("urgent", "priority", "routine")
"""What the EVAC line of the card has boxes for."""

ROLES_OF_CARE = {
    "point-of-injury": "Point of injury",
    "1": "Role 1",
    "en-route": "En route",
    "2": "Role 2",
    "3": "Role 3",
    "4": "Role 4",
}

EVACUATION_HOURS: Mapping[str, Mapping[str, int]] = {
    "2025-07": {"urgent": 1, "priority": 4, "routine": 24},
    "one-hour": {"urgent-surgical": 1, "urgent": 1, "priority": 4, "routine": 24},
    "two-hours": {"urgent-surgical": 2, "urgent": 2, "priority": 4, "routine": 24},
}
"""Hours within which each precedence is to be evacuated. Sources differ, so a deployment chooses
one: the card edition, or one of the two readings of the 9-line."""

NINE_LINE: Mapping[int, Mapping[str, str]] = {
    3: {
        "A": "Urgent",
        "B": "Urgent surgical",
        "C": "Priority",
        "D": "Routine",
        "E": "Convenience",
    },
    4: {
        "A": "No special equipment",
        "B": "Hoist",
        "C": "Extraction equipment",
        "D": "Ventilator",
    },
    5: {"L": "Litter", "A": "Ambulatory"},
    6: {
        "N": "No enemy troops",
        "P": "Possible enemy troops",
        "E": "Enemy troops in area",
        "X": "Enemy troops in area, armed escort required",
    },
    7: {"A": "Panels", "B": "Pyrotechnic signal", "C": "Smoke", "D": "None", "E": "Other"},
    8: {
        "A": "US military",
        "B": "US civilian",
        "C": "Non-US military",
        "D": "Non-US civilian",
        "E": "Enemy prisoner of war",
    },
    9: {"N": "Nuclear", "B": "Biological", "C": "Chemical"},
}
"""Coded lines of a MEDEVAC request; 6 and 9 in wartime, in peacetime both are free text."""

NINE_LINE_PRECEDENCE = {
    "urgent": "A",
    "urgent-surgical": "B",
    "priority": "C",
    "routine": "D",
    "convenience": "E",
}

LISTS: Mapping[str, Mapping[str, str]] = {
    "edition": EDITIONS,
    "mechanism": MECHANISMS,
    "limb": LIMBS,
    "tourniquet-kind": TOURNIQUET_KINDS,
    "tourniquet-action": TOURNIQUET_ACTIONS,
    "dressing": DRESSINGS,
    "airway": AIRWAY,
    "breathing": BREATHING,
    "fluid": FLUIDS,
    "blood-product": BLOOD_PRODUCTS,
    "other-treatment": OTHER_TREATMENTS,
    "drug-category": DRUG_CATEGORIES,
    "route": ROUTES,
    "pulse-site": PULSE_SITES,
    "systolic-method": SYSTOLIC_METHODS,
    "avpu": AVPU,
    "service": SERVICES,
    "triage": TRIAGE,
    "nato-triage": NATO_TRIAGE,
    "precedence": PRECEDENCES,
    "role-of-care": ROLES_OF_CARE,
    **{f"nine-line-{number}": codes for number, codes in NINE_LINE.items()},
}

UNVERIFIED = frozenset(
    {("service", "USSF"), *(("nato-triage", code) for code in NATO_TRIAGE)}
)  # tagged [G] in CLINICAL.md
"""(list, code) that must not be emitted as if the form or the standard had it."""

_ROUTES = Phrases(
    (said.strip(), route)
    for route, text in {
        "IV": "iv, ivp, ivpb, intravenous, intravenously",
        "IO": "io, intraosseous",
        "IM": "im, intramuscular, intramuscularly, autoinjector, auto injector",
        "IN": "intranasal, intranasally, nasal",
        "PO": "po, oral, orally, by mouth, odt",
        "SL": "sl, sublingual, sublingually",
        "transbuccal": "transbuccal, buccal, transmucosal, oral transmucosal",
        "SQ": "sq, sc, subq, subcut, subcutaneous, subcutaneously",
        "PR": "pr, rectal, rectally",
        "inhaled": "inhaled, inhalation, neb, nebulized, nebulised, mdi",
        "topical": "topical, topically, transdermal",
        "epidural": "epidural",
        "nerve-block": "nerve block, regional block",
    }.items()
    for said in text.split(",")
)


def label(list_name: str, code: str) -> str:
    """Plain label of a code in one of `LISTS`; the code itself where it is not known."""
    return LISTS.get(list_name, {}).get(code, code)


def route_of(text: str) -> str | None:
    """Code of the route that a text names first ("IV push" is IV); None where it names none. "IN"
    counts only where it is the whole text: it is an English word as well.
    """
    words = words_of(text)
    found = ("IN",) if words == ("in",) else _ROUTES.found(words)
    return found[0] if found else None
