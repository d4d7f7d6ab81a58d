"""A DD Form 1380 on which every box is filled, and its way into change bytes and back to a chart."""

from __future__ import annotations

from collections.abc import Mapping

from conflict.card import Card, card_drafts
from conflict.chart import Chart, chart
from conflict.clock import HybridClock
from conflict.document import Entry, LaneWriter, admit
from conflict.identity import ActorId, DocumentId, DocumentKind
from conflict.slot import CATALOGUE
from conflict.statement import Draft
from tests.conflict.conflict_lab import EPISODE, PERSON

BY, AT = "SPC Bandejo", "2026-11-23T14:20Z"
HOME = {DocumentKind.PERSON: PERSON, DocumentKind.EPISODE: EPISODE}


def filled_card() -> Card:
    """A new copy. It contradicts nothing, and its columns of signs are more than a sheet holds."""
    return {
        "form": [{"edition": "2025-07", "status": "open"}],
        "battle_roster": [{"number": "JE4711"}],
        "evacuation": [{"precedence": "urgent"}],
        "name": [{"family": "Ejemplo", "given": "Jun"}],
        "last4": [{"value": "4711"}],
        "sex": [{"code": "male"}],
        "injury_time": [
            {
                "time": "2026-11-23T16:55L",
                "approximate": True,
                "description": "Just before the convoy stopped",
            }
        ],
        "service": [{"code": "USA"}],
        "unit": [{"name": "A Co, 9-999 IN"}],
        "allergies": [
            {"substance": "Iodinated contrast", "status": "active"},
            {"substance": "Bee venom", "status": "active"},
        ],
        "mechanism": [{"mechanisms": ["ied", "burn", "other"], "other": "Vehicle door"}],
        "injuries": [
            {
                "region": "Left thigh",
                "view": "front",
                "x": "0.57",
                "y": "0.63",
                "type": "Traumatic amputation",
                "mechanisms": ["ied", "Vehicle door"],
            },
            {
                "region": "Upper back",
                "view": "back",
                "x": "0.50",
                "y": "0.27",
                "type": "Partial-thickness burn",
                "burn_percent": 9,
                "mechanisms": ["ied", "burn"],
            },
        ],
        "tourniquets": [
            {
                "action": "applied",
                "kind": "extremity",
                "limb": "left-leg",
                "type": "CAT Gen 7",
                "tightness": "hasty",
                "time": "2026-11-23T13:58Z",
            },
            {
                "action": "applied",
                "kind": "junctional",
                "limb": "junctional",
                "type": "SAM Junctional Tourniquet",
                "time": "2026-11-23T14:02Z",
            },
            {
                "action": "reassessed",
                "limb": "left-leg",
                "reason": "Moved to the litter, still no distal pulse",
                "time": "2026-11-23T14:09Z",
            },
        ],
        "vitals": [
            {
                "pulse": 128 - column,
                "pulse_site": "carotid",
                "systolic": 76 + column,
                "systolic_method": "palpated",
                "respiration": 26,
                "spo2": 91,
                "avpu": "V",
                "time": f"2026-11-23T14:{column * 5:02}Z",
            }
            for column in range(5)
        ]
        + [
            {
                "pulse": 104,
                "pulse_site": "radial",
                "systolic": 98,
                "diastolic": 60,
                "systolic_method": "auscultated",
                "respiration": 20,
                "spo2": 96,
                "avpu": "A",
                "pain": 7,
                "time": "2026-11-23T14:30Z",
            }
        ],
        "dressings": [
            {
                "dressing": "pressure",
                "type": "Israeli bandage",
                "site": "Left thigh",
                "time": "2026-11-23T14:03Z",
            },
            {"dressing": "other", "type": "Dry dressing", "site": "Upper back"},
        ],
        "airway": [{"what": "npa", "type": "28 Fr", "time": "2026-11-23T14:04Z"}],
        "breathing": [
            {
                "what": "chest-seal",
                "type": "Vented",
                "site": "Upper back",
                "time": "2026-11-23T14:05Z",
            },
            {"what": "o2", "type": "Mask", "flow": "10", "time": "2026-11-23T14:06Z"},
        ],
        "fluids": [
            {
                "product": "other",
                "name": "Ringer's acetate",
                "volume": "250",
                "route": "IV",
                "time": "2026-11-23T14:07Z",
            }
        ],
        "blood": [
            {
                "product": "whole-blood-ltowb",
                "name": "Cold-stored",
                "unit_number": "W999926000123",
                "abo": "O",
                "rh": "-",
                "volume": "500",
                "route": "IO",
                "time": "2026-11-23T14:08Z",
            },
            {
                "product": "whole-blood-ltowb",
                "unit_number": "W999926000124",
                "abo": "O",
                "rh": "-",
                "volume": "500",
                "route": "IO",
                "time": "2026-11-23T14:16Z",
            },
        ],
        "medications": [
            {
                "category": "analgesic",
                "drug": "Ketamine",
                "dose": "20",
                "unit": "mg",
                "route": "IV",
                "adverse_reaction": "Nystagmus, passed by itself",
                "time": "2026-11-23T14:10Z",
            },
            {
                "category": "other",
                "drug": "TXA",
                "dose": "2",
                "unit": "g",
                "route": "IV",
                "time": "2026-11-23T14:11Z",
            },
            {
                "category": "antibiotic",
                "drug": "Ertapenem",
                "dose": "1",
                "unit": "g",
                "route": "IV",
                "time": "2026-11-23T14:12Z",
            },
        ],
        "other": [
            {"what": "eye-shield-right", "type": "Rigid", "time": "2026-11-23T14:13Z"},
            {"what": "splint", "type": "SAM", "site": "Left thigh", "time": "2026-11-23T14:14Z"},
            {"what": "hypothermia-prevention", "type": "HPMK", "time": "2026-11-23T14:15Z"},
            {"what": "combat-pill-pack"},
        ],
        "notes": [{"title": "Handed over", "text": "To DUSTOFF 99 at the landing zone."}],
        "first_responder": [{"name": BY, "last4": "0815"}],
    }


def changes_of(card: Card, actor: ActorId) -> dict[DocumentId, list[bytes]]:
    """The card as its author's change bytes, one change for each document that it speaks of."""
    clock = HybridClock()
    by_kind: dict[DocumentKind, list[Draft]] = {}
    for kind, draft in card_drafts(card, BY, AT):
        CATALOGUE[draft.slot].check(draft)
        by_kind.setdefault(kind, []).append(draft)
    return {
        HOME[kind]: [LaneWriter(actor).write([(one, clock.tick(1)) for one in drafts]).raw]
        for kind, drafts in by_kind.items()
    }


def chart_from(*authors: tuple[ActorId, Mapping[DocumentId, list[bytes]]]) -> Chart:
    """The chart of whoever admits these bytes."""
    held: dict[DocumentId, dict[ActorId, tuple[Entry, ...]]] = {}
    for actor, changes in authors:
        for document, raws in changes.items():
            held.setdefault(document, {})[actor] = admit(actor, raws).entries
    return chart(held)
