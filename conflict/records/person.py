"""Slots of a person: who it is, and what stays true across episodes. CLINICAL.md §1.6, §3.

Identity is asserted, never edited: each assertion carries its evidence, and a card scan outranks a
tag, a tag the person's own word, that word a medic's guess.
"""

from __future__ import annotations

from conflict.finding import Severity
from conflict.identity import DocumentKind
from conflict.policies import Events, Keyed, Ranked
from conflict.shape import Code, Day, Field, Flag, Group, Many, Moment, Number, Text, Whole
from conflict.slot import Slot, declare

PERSON = (DocumentKind.PERSON,)
EVIDENCE = ("card-scan", "registry", "tag", "self", "observed")


def _identity(
    name: str, plain: str, fields: dict[str, Field], severity: Severity = Severity.LOW
) -> Slot:
    return declare(
        Slot(
            name=name,
            kinds=PERSON,
            plain=plain,
            policy=Ranked(
                evidence="evidence", ranks=EVIDENCE, compared=tuple(fields), severity=severity
            ),
            shape=Group({**fields, "evidence": Code(EVIDENCE)}),
            wording=lambda value: " ".join(
                str(value[one]) for one in fields if isinstance(value, dict) and value.get(one)
            ),
        )
    )


NAME = _identity("name", "Name", {"family": Text(120), "given": Text(120)})
SEX = _identity("sex", "Sex", {"code": Code(("male", "female", "other", "unknown"))})
BIRTH_DATE = _identity("birth_date", "Date of birth", {"date": Day()})
DOD_ID = _identity(
    "dod_id", "DoD ID", {"number": Text(20, r"\d{10,11}", "10 digits")}, Severity.HIGH
)
BATTLE_ROSTER = _identity("battle_roster", "Battle roster number", {"number": Text(20)})
SERVICE = _identity("service", "Service", {"code": Text(40)})
UNIT = _identity("unit", "Unit", {"name": Text(120)})


def _allergy_words(value: object) -> str:
    if not isinstance(value, dict):
        return "an allergy entry"
    if value.get("status") == "none-known-drug":
        return "no known drug allergies"
    if value.get("status") == "none-known":
        return "no known allergies"
    return f"{value.get('substance', 'unnamed substance')} ({value.get('status', 'active')})"


ALLERGY = declare(
    Slot(
        name="allergy",
        kinds=PERSON,
        plain="Allergy",
        policy=Keyed(
            key=("substance",),
            negatives=("refuted", "inactive", "resolved"),
            none_known=("none-known-drug", "none-known"),
            speaks_of=(("none-known-drug", "drug"),),
            union=("reactions",),
            highest=(
                ("criticality", ("high", "unable-to-assess", "low")),
                ("verification", ("confirmed", "unconfirmed")),
            ),
        ),
        shape=Group(
            {
                "substance": Text(200),
                "code": Text(40),
                "system": Text(120),
                "status": Code(
                    ("active", "refuted", "inactive", "resolved", "none-known-drug", "none-known")
                ),
                "category": Code(("drug", "food", "environment", "biologic")),
                "reactions": Many(Text(200)),
                "criticality": Code(("high", "unable-to-assess", "low")),
                "verification": Code(("confirmed", "unconfirmed")),
            }
        ),
        wording=_allergy_words,
    )
)


BLOOD_TYPE = declare(
    Slot(
        name="blood_type",
        kinds=PERSON,
        plain="Blood type",
        policy=Ranked(
            evidence="method",
            ranks=("two-lab-samples", "lab", "field-card", "tag", "self"),
            compared=("abo", "rh"),
            discrepant={"abo": "unknown", "rh": "unknown", "discrepant": True},
            severity=Severity.HIGH,
        ),
        shape=Group(
            {
                "abo": Code(("A", "B", "AB", "O", "unknown")),
                "rh": Code(("+", "-", "unknown")),
                "method": Code(("two-lab-samples", "lab", "field-card", "tag", "self")),
                "discrepant": Flag(),
            }
        ),
        wording=lambda value: (
            f"{value.get('abo', '?')}{value.get('rh', '')} ({value.get('method', '')})"
            if isinstance(value, dict)
            else "a blood type"
        ),
    )
)

_CODED: dict[str, Field] = {
    "code": Text(40),
    "system": Text(120),
    "display": Text(300),
    "episode": Text(60),  # document of the encounter it was recorded in
}

PROBLEM = declare(
    Slot(
        name="problem",
        kinds=PERSON,
        plain="Problem",
        policy=Keyed(key=("key",), negatives=("resolved", "inactive", "remission", "refuted")),
        shape=Group(
            {
                **_CODED,
                "key": Text(300),
                "status": Code(("active", "resolved", "inactive", "remission", "refuted")),
                "abatement": Moment(),
                "category": Text(80),
            }
        ),
    )
)

MEDICATION = declare(
    Slot(
        name="medication",
        kinds=PERSON,
        plain="Medication",
        policy=Keyed(key=("key",), negatives=("stopped", "completed", "cancelled")),
        shape=Group(
            {
                **_CODED,
                "key": Text(300),
                "status": Code(("active", "stopped", "completed", "cancelled", "on-hold", "draft")),
                "dose": Number("0", "999999999"),
                "unit": Text(40),
                "route": Text(80),
                "instructions": Text(1_000),
            }
        ),
    )
)

IMMUNISATION = declare(
    Slot(
        name="immunisation",
        kinds=PERSON,
        plain="Immunisation",
        policy=Events(same=("code",), within_minutes=24 * 60),
        shape=Group(
            {
                **_CODED,
                "status": Code(("completed", "not-done")),
                "lot": Text(80),
                "primary_source": Flag(),
                "dose_number": Whole(1, 20),
            }
        ),
    )
)
