"""Who a person is: assertions with their evidence, never edited. CLINICAL.md §1.6, §3.

A card scan outranks a registry, that a tag, a tag the person's own word, that word what a medic
sees. In some missions none of these may be written: a record works without any.
"""

from __future__ import annotations

from functools import partial

from conflict.finding import Severity
from conflict.identity import DocumentKind
from conflict.policies import Keyed, Ranked
from conflict.shape import Code, Day, Field, Group, Text
from conflict.slot import Slot, Urgency, declare
from conflict.wording import said

PERSON = (DocumentKind.PERSON,)
EVIDENCE = ("card-scan", "registry", "tag", "self", "observed")
"""From the strongest to the weakest."""


def _identity(
    name: str, plain: str, fields: dict[str, Field], basis: str, *, one_for_life: bool = False
) -> Slot:
    """`one_for_life`: two that differ are a hazard, not a slip of the pen."""
    return declare(
        Slot(
            name=name,
            kinds=PERSON,
            plain=plain,
            policy=Ranked(
                evidence="evidence",
                ranks=EVIDENCE,
                compared=tuple(fields),
                hazard=one_for_life,
                severity=Severity.HIGH if one_for_life else Severity.LOW,
            ),
            shape=Group({**fields, "evidence": Code(EVIDENCE)}),
            wording=lambda value: said(value, *fields),
            absent="not known",
            urgency=Urgency.SUMMARY,
            basis=basis,
        )
    )


_card = partial(_identity, basis="DD Form 1380; CLINICAL.md §3 demographics")

NAME = _card("name", "Name", {"family": Text(120), "given": Text(120)})
SEX = _card("sex", "Sex", {"code": Code(("male", "female", "other", "unknown"))})
BIRTH_DATE = _identity(
    "birth_date", "Date of birth", {"date": Day()}, "FHIR R4 Patient.birthDate; CLINICAL.md §3"
)
SERVICE = _card("service", "Service", {"code": Text(40)})
UNIT = _card("unit", "Unit", {"name": Text(120)})
RANK = _identity(
    "rank", "Rank", {"title": Text(60), "grade": Text(10)}, "heading of DD 2766, DD 2795, DD 3024"
)
NATIONALITY = _identity(
    "nationality",
    "Nationality",
    {"country": Text(60), "status": Code(("military", "civilian", "prisoner-of-war"))},
    "DD Form 1380 service box; MEDEVAC request line 8",
)
DOD_ID = _identity(
    "dod_id",
    "DoD ID",
    {"number": Text(20, r"\d{10,11}", "10 digits")},
    "CLINICAL.md §1.6: one per person for life",
    one_for_life=True,
)
BATTLE_ROSTER = _card("battle_roster", "Battle roster number", {"number": Text(20)})
"""Opaque and not unique: 5,000 people give some 8 pairs that share one."""

IDENTIFIER = declare(
    Slot(
        name="identifier",
        kinds=PERSON,
        plain="Identifier",
        policy=Keyed(
            key=("system", "value"),
            negatives=("retired",),
            highest=(("evidence", EVIDENCE),),
            severity=Severity.LOW,
        ),
        shape=Group(
            {
                "system": Text(120),
                "value": Text(120),
                "name": Text(120),
                "issuer": Text(200),
                "status": Code(("active", "retired")),
                "evidence": Code(EVIDENCE),
            }
        ),
        wording=lambda value: said(value, "system", "value", "name", "status"),
        absent="none given",
        urgency=Urgency.SUMMARY,
        basis="CLINICAL.md §1.6, §3: identifiers are a union; FHIR R4 Patient.identifier",
    )
)
"""A trauma identity is the number in `value` and the temporary name in `name`, taken from a pool that
was handed out beforehand; who it was is written by a `link`, and this stays as it is."""
