"""What happened to the casualty and what was measured: the front of a DD Form 1380, JUL 2025.

What was done is in `treatment.py`, triage and evacuation are in `movement.py`, name to allergies are
the person's. `conflict/card.py` says which box of the form is kept in which slot. CLINICAL.md §1.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from conflict.clinical_time import Instants, instants
from conflict.codes import card as codes
from conflict.errors import BadTime
from conflict.finding import Severity
from conflict.identity import DocumentKind
from conflict.policies import Events, Single
from conflict.records.fields import CODED, LAST4
from conflict.shape import Code, Flag, Group, Many, Moment, Number, Text, Whole
from conflict.slot import Slot, Urgency, declare
from conflict.statement import Json, Statement

EPISODE = (DocumentKind.EPISODE,)

CARD = declare(
    Slot(
        name="card",
        kinds=EPISODE,
        plain="TCCC card",
        policy=Single(field="status", safer=("open", "closed"), severity=Severity.LOW),
        shape=Group({"edition": Code(tuple(codes.EDITIONS)), "status": Code(("open", "closed"))}),
        absent="nobody said that a card was filled",
        urgency=Urgency.SUMMARY,
        basis="DD Form 1380: the edition is a field of the record (CLINICAL.md §1.1)",
    )
)
"""An open card may still be written on: it is the more cautious reading."""


def injured_at(value: Json) -> Instants | None:
    """UTC range of the `time` of an `injury_time`; None where there is none that can be read."""
    time = value.get("time") if isinstance(value, dict) else None
    try:
        return instants(time) if isinstance(time, str) else None
    except BadTime:
        return None


def _earliest(value: Json) -> int:
    """The earlier the injury, the sooner the hours for TXA and of a tourniquet are over."""
    time = injured_at(value)
    return int(time.earliest.timestamp()) if time else 1 << 62


def _one_instant(heads: Sequence[Statement]) -> bool:
    """The same instant in another zone is no other time of injury."""
    times = {injured_at(one.value) for one in heads}
    return len(times) == 1 and None not in times


INJURY_TIME = declare(
    Slot(
        name="injury_time",
        kinds=EPISODE,
        plain="Time of injury",
        policy=Single(
            field="time",
            caution=_earliest,
            same=("time",),
            agree=_one_instant,
            severity=Severity.MEDIUM,
        ),
        shape=Group({"time": Moment(), "approximate": Flag(), "description": Text(400)}),
        absent="not known",
        urgency=Urgency.SUMMARY,
        basis="DD Form 1380, front: date and time of injury with L or Z",
    )
)
"""The time is in the value, not in `at`: two that differ are a contradiction, which `at` never is."""

MECHANISM = declare(
    Slot(
        name="mechanism",
        kinds=EPISODE,
        plain="Mechanism of injury",
        policy=Events(),
        shape=Group({"mechanisms": Many(Code(tuple(codes.MECHANISMS))), "other": Text(200)}),
        absent="not recorded",
        urgency=Urgency.SUMMARY,
        basis="DD Form 1380, front: mechanism of injury, all that apply",
    )
)

INJURY = declare(
    Slot(
        name="injury",
        kinds=EPISODE,
        plain="Injury",
        policy=Events(),
        shape=Group(
            {
                "region": Text(80),
                "view": Code(("front", "back")),
                "x": Number("0", "1"),
                "y": Number("0", "1"),
                "type": Text(120),
                "burn_percent": Whole(0, 100, "%"),
                **CODED,
                "mechanisms": Many(Text(120)),
            }
        ),
        absent="no injury marked",
        urgency=Urgency.SUMMARY,
        basis="DD Form 1380, front: mark on the body figure, burn %, line to its mechanisms",
    )
)
"""`mechanisms`: codes of the mechanism slot, or the words of another one; many to many. `x`, `y`: shares
of the figure's width and height from the top left."""


def _signs_together(value: Mapping[str, Json]) -> Iterator[str]:
    given = [value.get(name) for name in ("gcs_eye", "gcs_verbal", "gcs_motor", "gcs")]
    *parts, total = [one for one in given if isinstance(one, int)] or [0]
    if len(parts) == 3 and sum(parts) != total:
        yield f"gcs: {sum(parts)} expected from its three parts, {total} given"
    if value.get("systolic_method") == "palpated" and value.get("diastolic") is not None:
        yield "diastolic: none expected, a diastolic pressure cannot be palpated"


VITALS = declare(
    Slot(
        name="vitals",
        kinds=EPISODE,
        plain="Vital signs",
        policy=Events(),
        shape=Group(
            {
                "pulse": Whole(0, 350, "/min"),
                "pulse_site": Code(tuple(codes.PULSE_SITES)),
                "systolic": Whole(0, 350, "mmHg"),
                "diastolic": Whole(0, 250, "mmHg"),
                "systolic_method": Code(tuple(codes.SYSTOLIC_METHODS)),
                "mean_pressure": Whole(0, 300, "mmHg"),
                "respiration": Whole(0, 120, "/min"),
                "spo2": Whole(0, 100, "%"),
                "temperature": Number("10", "50", "Cel"),
                "avpu": Code(tuple(codes.AVPU)),
                "pain": Whole(0, 10),
                "gcs": Whole(3, 15),
                "gcs_eye": Whole(1, 4),
                "gcs_verbal": Whole(1, 5),
                "gcs_motor": Whole(1, 6),
                "etco2": Whole(0, 200, "mmHg"),
                "glucose": Number("0", "2000", "mg/dL"),
                "weight": Number("0", "700", "kg"),
                "height": Number("0", "300", "cm"),
                "bmi": Number("0", "200", "kg/m2"),
                "head_circumference": Number("0", "100", "cm"),
            }
        ),
        rule=_signs_together,
        absent="none measured, or none written down",
        basis="DD Form 1380, front: signs and symptoms; LOINC panel 85353-1 (CLINICAL.md §2)",
    )
)
"""A blood pressure of 90/P is a systolic of 90 with `systolic_method` palpated and no diastolic. GCS
is never derived from AVPU."""

FIRST_RESPONDER = declare(
    Slot(
        name="first_responder",
        kinds=EPISODE,
        plain="First responder",
        policy=Events(),
        shape=Group({"name": Text(120), "last4": LAST4}),
        absent="not named",
        basis="DD Form 1380, back: first responder name, last 4",
    )
)
