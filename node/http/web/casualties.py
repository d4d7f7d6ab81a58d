"""The casualty list: by triage, with the last vital signs and how old they are; and the search."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from conflict.clinical_time import instants
from conflict.errors import ConflictError
from node.desk import Desk
from node.http.web.card import age
from node.http.web.sheet import VITALS

SHOWN_MAX = 500
_BRIEF = {"pulse": "P", "systolic": "BP", "respiration": "R", "spo2": "SpO2", "avpu": ""}


def values(desk: Desk, sought: str, now: datetime) -> dict[str, Any]:
    """What the template shows; `more`: there are others that it does not."""
    found: Any = desk.casualties(SHOWN_MAX if not sought else 10_000)
    words = sought.casefold().split()
    rows = [
        {
            **one,
            "vitals_words": _brief(one["vitals"]),
            "vitals_age": _age(one["vitals_at"], now),
            "last_age": _age(one["last_at"], now),
        }
        for one in found["casualties"]
        if all(word in one["label"].casefold() for word in words)
    ]
    shown = rows[:SHOWN_MAX]
    return {"casualties": shown, "more": found["more"] or len(rows) > SHOWN_MAX, "sought": sought}


def _brief(vitals: Mapping[str, Any]) -> str:
    """`P 88 · BP 120/80 · R 16 · SpO2 97 · A`."""
    parts = []
    for name in ("pulse", "systolic", "respiration", "spo2", "avpu"):
        value = vitals.get(name)
        if value is not None:
            beside = (
                f"/{vitals['diastolic']}" if name == "systolic" and "diastolic" in vitals else ""
            )
            parts.append(f"{_BRIEF[name]} {value}{beside}".strip())
    others = [one for one in VITALS if one.name in vitals and one.name not in _BRIEF]
    return " · ".join(parts) or " · ".join(f"{one.plain} {vitals[one.name]}" for one in others)


def _age(at: str | None, now: datetime) -> str:
    try:
        return age(now - instants(at).earliest) if at else ""
    except ConflictError:
        return ""
