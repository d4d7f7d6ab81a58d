"""Slots of an episode: one casualty event or encounter. DD Form 1380 and CLINICAL.md §1.1–1.2, §3."""

from __future__ import annotations

from conflict.finding import Severity
from conflict.identity import DocumentKind
from conflict.policies import Events, Single
from conflict.shape import Code, Group, Many, Moment, Number, Text, Whole
from conflict.slot import Slot, declare

EPISODE = (DocumentKind.EPISODE,)

TRIAGE = declare(
    Slot(
        name="triage",
        kinds=EPISODE,
        plain="Triage",
        policy=Single(field="category", safer=("immediate", "delayed", "minimal", "expectant")),
        shape=Group({"category": Code(("immediate", "delayed", "minimal", "expectant"))}),
    )
)

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
        shape=Group(
            {
                "precedence": Code(
                    ("urgent-surgical", "urgent", "priority", "routine", "convenience")
                )
            }
        ),
    )
)

MECHANISM = declare(
    Slot(
        name="mechanism",
        kinds=EPISODE,
        plain="Mechanism of injury",
        policy=Events(),
        shape=Group(
            {
                "mechanisms": Many(
                    Code(
                        (
                            "artillery",
                            "blunt",
                            "burn",
                            "fall",
                            "grenade",
                            "gsw",
                            "ied",
                            "landmine",
                            "mvc",
                            "rpg",
                            "other",
                        )
                    )
                ),
                "other": Text(200),
            }
        ),
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
                "code": Text(40),
                "system": Text(120),
                "mechanisms": Many(Text(60)),
            }
        ),
    )
)

VITALS = declare(
    Slot(
        name="vitals",
        kinds=EPISODE,
        plain="Vital signs",
        policy=Events(),
        shape=Group(
            {
                "pulse": Whole(0, 350, "/min"),
                "pulse_site": Code(("radial", "carotid", "femoral", "brachial", "apical", "pedal")),
                "systolic": Whole(0, 350, "mmHg"),
                "diastolic": Whole(0, 250, "mmHg"),
                "systolic_method": Code(("palpated", "auscultated", "automatic", "arterial-line")),
                "respiration": Whole(0, 120, "/min"),
                "spo2": Whole(0, 100, "%"),
                "temperature": Number("10", "50", "Cel"),
                "avpu": Code(("A", "V", "P", "U")),
                "pain": Whole(0, 10),
                "gcs": Whole(3, 15),
                "etco2": Whole(0, 200, "mmHg"),
                "glucose": Number("0", "2000", "mg/dL"),
                "weight": Number("0", "700", "kg"),
                "height": Number("0", "300", "cm"),
                "bmi": Number("0", "200", "kg/m2"),
                "head_circumference": Number("0", "100", "cm"),
            }
        ),
    )
)

LIMBS = ("right-arm", "left-arm", "right-leg", "left-leg", "junctional", "truncal")

TOURNIQUET = declare(
    Slot(
        name="tourniquet",
        kinds=EPISODE,
        plain="Tourniquet",
        policy=Events(),
        shape=Group(
            {
                "action": Code(("applied", "converted", "removed", "reassessed")),
                "limb": Code(LIMBS),
                "type": Text(80),
                "application": Text(60),
            }
        ),
    )
)

TREATMENT = declare(
    Slot(
        name="treatment",
        kinds=EPISODE,
        plain="Treatment",
        policy=Events(),
        shape=Group(
            {
                "category": Code(
                    ("airway", "breathing", "circulation", "fluid", "blood", "other", "procedure")
                ),
                "what": Text(300),
                "code": Text(40),
                "system": Text(120),
                "status": Text(40),
                "site": Text(120),
                "volume": Number("0", "100000", "mL"),
                "route": Text(80),
                "end": Moment(),
            }
        ),
    )
)

MEDICATION_GIVEN = declare(
    Slot(
        name="medication_given",
        kinds=EPISODE,
        plain="Medication given",
        policy=Events(same=("drug", "route"), within_minutes=15),
        shape=Group(
            {
                "drug": Text(200),
                "code": Text(40),
                "system": Text(120),
                "dose": Number("0", "999999999"),
                "unit": Text(40),
                "route": Text(80),
                "category": Code(("analgesic", "antibiotic", "other")),
                "status": Text(40),
            }
        ),
        wording=lambda value: (
            " ".join(
                str(value[name]) for name in ("drug", "dose", "unit", "route") if value.get(name)
            )
            if isinstance(value, dict)
            else "a drug"
        ),
    )
)

ENCOUNTER = declare(
    Slot(
        name="encounter",
        kinds=EPISODE,
        plain="Encounter",
        policy=Events(),
        shape=Group(
            {
                "class": Text(40),
                "type": Text(300),
                "code": Text(40),
                "system": Text(120),
                "status": Text(40),
                "reason": Text(300),
                "role_of_care": Code(("point-of-injury", "1", "en-route", "2", "3", "4")),
                "facility": Text(200),
                "end": Moment(),
            }
        ),
    )
)
