"""How urgent, where, and in whose hands: triage, evacuation, MIST, MEDEVAC request, handover, place.

Triage category and evacuation precedence are two different fields. CLINICAL.md §1.2, §3.
"""

from __future__ import annotations

from conflict.codes import card as codes
from conflict.finding import Severity
from conflict.identity import DocumentKind
from conflict.policies import Events, Single
from conflict.records.fields import REFERENCE, one_course
from conflict.shape import Code, Field, Group, Many, Moment, Text, Whole
from conflict.slot import Slot, Urgency, declare

EPISODE = (DocumentKind.EPISODE,)
ROLE_OF_CARE = Code(tuple(codes.ROLES_OF_CARE))

TRIAGE = declare(
    Slot(
        name="triage",
        kinds=EPISODE,
        plain="Triage",
        policy=Single(field="category", safer=("immediate", "delayed", "minimal", "expectant")),
        shape=Group({"category": Code(tuple(codes.TRIAGE))}),
        absent="not triaged",
        urgency=Urgency.URGENT,
        basis="Emergency War Surgery ch. 3; CLINICAL.md §3: expectant never wins by merge",
    )
)
"""Every level of care triages again: a category replaces the one that its author was shown."""

EVACUATION = declare(
    Slot(
        name="evacuation",
        kinds=EPISODE,
        plain="Evacuation precedence",
        policy=Single(
            field="precedence",
            safer=("urgent-surgical", "urgent", "priority", "routine", "convenience"),
            severity=Severity.MEDIUM,
        ),
        shape=Group({"precedence": Code(tuple(codes.PRECEDENCES))}),
        absent="none given",
        urgency=Urgency.URGENT,
        basis="DD Form 1380, front: EVAC; MEDEVAC request line 3; CLINICAL.md §3",
    )
)

MIST = declare(
    Slot(
        name="mist",
        kinds=EPISODE,
        plain="MIST report",
        policy=Events(),
        shape=Group(
            {
                "zap": Text(20),
                "age": Text(20),
                "time": Moment(),
                "mechanism": Text(1_000),
                "injuries": Text(2_000),
                "signs": Text(2_000),
                "treatment": Text(2_000),
            }
        ),
        absent="no report given",
        urgency=Urgency.SUMMARY,
        basis="CLINICAL.md §1.2: MIST, ZMIST (zap: battle roster number), AT-MIST (age, time)",
    )
)
"""What was said at one handover, in the words of who said it; the record itself stands beside it."""

_COUNT = Whole(0, 999)
_LINES: dict[int, dict[str, Field]] = {
    1: {"pickup": Text(60)},
    2: {"frequency": Text(40), "call_sign": Text(40), "suffix": Text(20)},
    3: {name.replace("-", "_"): _COUNT for name in codes.NINE_LINE_PRECEDENCE},
    4: {"equipment": Many(Code(tuple(codes.NINE_LINE[4])), 4)},
    5: {"litter": _COUNT, "ambulatory": _COUNT},
    6: {"security": Code(tuple(codes.NINE_LINE[6])), "wounds": Text(400)},
    7: {"marking": Code(tuple(codes.NINE_LINE[7])), "marking_detail": Text(120)},
    8: {"nationality": Many(Code(tuple(codes.NINE_LINE[8])), 5)},
    9: {"contamination": Many(Code(tuple(codes.NINE_LINE[9])), 3), "terrain": Text(400)},
}
MEDEVAC_LINES = {line: tuple(fields) for line, fields in _LINES.items()}
"""Fields of each line of the request. 3 and 5 are numbers of patients; of 6 and 9 the second field is
the peacetime one."""

MEDEVAC = declare(
    Slot(
        name="medevac",
        kinds=EPISODE,
        plain="MEDEVAC request",
        policy=Events(same=("pickup",), within_minutes=60),
        shape=Group(
            {
                "setting": Code(("wartime", "peacetime")),
                **{name: field for line in _LINES.values() for name, field in line.items()},
            }
        ),
        absent="none requested",
        urgency=Urgency.URGENT,
        basis="9-line MEDEVAC request (CLINICAL.md §1.2): lines 1 to 5 before launch",
    )
)
"""Two requests for one pickup within an hour by two people may be one: one casualty, two aircraft."""

_COMING = (
    "delivered",
    "wheels-up",
    "on-scene",
    "launched",
    "accepted",
    "acknowledged",
    "requested",
)
_NOT_COMING = ("denied", "cancelled")

MEDEVAC_STATUS = declare(
    Slot(
        name="medevac_status",
        kinds=EPISODE,
        plain="MEDEVAC status",
        policy=Single(
            key=("of",),
            field="status",
            safer=(*_NOT_COMING, *_COMING),
            same=("status",),
            agree=one_course(_COMING),
        ),
        shape=Group(
            {
                "of": REFERENCE,
                "status": Code((*reversed(_COMING), *_NOT_COMING)),
                "mission": Text(60),
                "reason": Text(400),
            }
        ),
        absent="no answer known",
        urgency=Urgency.URGENT,
        basis="CLINICAL.md §1.2; that nobody comes is the more cautious reading",
    )
)
"""`of`: the request. Steps of one mission do not contradict each other: the furthest is shown first."""

HANDOVER = declare(
    Slot(
        name="handover",
        kinds=EPISODE,
        plain="Handover",
        policy=Events(),
        shape=Group(
            {
                "action": Code(("offer", "accept", "decline", "withdraw")),
                "of": REFERENCE,
                "from_unit": Text(120),
                "to_unit": Text(120),
                "to_person": Text(120),
                "role_of_care": ROLE_OF_CARE,
                "summary": Text(4_000),
            }
        ),
        absent="nobody offered to hand over",
        urgency=Urgency.SUMMARY,
        basis="CLINICAL.md §3: custody by an offer and accept pair",
    )
)
"""`of`: the offer that is accepted, declined or withdrawn. Who has the casualty: `rules/custody.py`."""

LOCATION = declare(
    Slot(
        name="location",
        kinds=EPISODE,
        plain="Location",
        policy=Single(field="place", latest=True),
        shape=Group(
            {
                "place": Text(200),
                "kind": Code(
                    (
                        "point-of-injury",
                        "collection-point",
                        "landing-zone",
                        "aid-station",
                        "hospital",
                        "ward",
                        "intensive-care",
                        "operating-room",
                        "en-route",
                        "other",
                    )
                ),
                "bed": Text(40),
                "transport": Text(120),
            }
        ),
        absent="not known",
        basis="CLINICAL.md §3, last row: last written is shown, the others are listed",
    )
)
