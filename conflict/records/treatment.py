"""What was done for the casualty, by MARCH: the back of a DD Form 1380, and procedures of any role.

Each is an event: given or applied, it is never merged away, and what may be one event written twice
is flagged. `at` is when it was done. CLINICAL.md §1.1, §3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conflict.codes import card as codes
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.identity import DocumentKind
from conflict.policies import Events
from conflict.policies.comparing import alike, grouped, said, text_of
from conflict.policies.events import duplicate, near_pairs
from conflict.records.fields import CODED, REFERENCE, ROUTE, VOLUME
from conflict.shape import Code, Group, Moment, Number, Text
from conflict.slot import Slot, Urgency, declare
from conflict.statement import Json, Statement
from conflict.wording import raw
from conflict.wording import said as fields_said

EPISODE = (DocumentKind.EPISODE,)
LIMBS = tuple(codes.LIMBS)

TOURNIQUET = declare(
    Slot(
        name="tourniquet",
        kinds=EPISODE,
        plain="Tourniquet",
        policy=Events(),
        shape=Group(
            {
                "action": Code(tuple(codes.TOURNIQUET_ACTIONS)),
                "kind": Code(tuple(codes.TOURNIQUET_KINDS)),
                "limb": Code(LIMBS),
                "type": Text(80),
                "tightness": Code(("hasty", "deliberate")),
                "of": REFERENCE,
                "reason": Text(400),
            }
        ),
        absent="none recorded, not that none was applied",
        urgency=Urgency.URGENT,
        basis="DD Form 1380: TQ; CLINICAL.md §3: the identity is the application, not the limb",
    )
)
"""`of`: the application that is converted, removed or reassessed. A second tourniquet on one limb is
another tourniquet. Its clock: `conflict/rules/tourniquet_clocks.py`."""

AIRWAY = declare(
    Slot(
        name="airway",
        kinds=EPISODE,
        plain="Airway",
        policy=Events(),
        shape=Group({"what": Code(tuple(codes.AIRWAY)), "type": Text(120)}),
        absent="none recorded",
        basis="DD Form 1380, back: A",
    )
)

BREATHING = declare(
    Slot(
        name="breathing",
        kinds=EPISODE,
        plain="Breathing",
        policy=Events(),
        shape=Group(
            {
                "what": Code(tuple(codes.BREATHING)),
                "type": Text(120),
                "site": Text(120),
                "flow": Number("0", "100", "L/min"),
            }
        ),
        absent="none recorded",
        basis="DD Form 1380, back: B",
    )
)
"""`flow`: of oxygen."""

CIRCULATION = declare(
    Slot(
        name="circulation",
        kinds=EPISODE,
        plain="Dressing",
        policy=Events(),
        shape=Group(
            {"dressing": Code(tuple(codes.DRESSINGS)), "type": Text(120), "site": Text(120)}
        ),
        absent="none recorded",
        basis="DD Form 1380, back: C, dressing",
    )
)

FLUID = declare(
    Slot(
        name="fluid",
        kinds=EPISODE,
        plain="Fluid",
        policy=Events(same=("product", "name", "route"), within_minutes=15),
        shape=Group(
            {
                "product": Code(tuple(codes.FLUIDS)),
                "name": Text(200),
                "volume": VOLUME,
                "route": ROUTE,
                "of_order": REFERENCE,
            }
        ),
        absent="none recorded",
        basis="DD Form 1380, back: C, fluid; CLINICAL.md §3, drug given",
    )
)
"""`name`: as written, where the product is other or not coded."""


def _perhaps_one_unit(slot: Slot, standing: list[Statement]) -> Iterator[Finding]:
    """A unit can be given once. Without its number: same product and route, near time, two writers."""
    numbered = [one for one in standing if text_of(one, "unit_number")]
    for unit in grouped(numbered, lambda one: text_of(one, "unit_number")).values():
        if len(unit) > 1:
            yield finding(
                "unit-given-twice",
                Kind.DUPLICATE,
                Severity.MEDIUM,
                slot.name,
                unit,
                f"{slot.plain}: one unit number written {len(unit)} times: {said(slot, unit)}",
                Closing(Act.VOID, slot.name, "mark the wrong ones, or the wrong number, as errors"),
            )
    for first, second in near_pairs(standing, ("product", "route"), within_minutes=15):
        if not (text_of(first, "unit_number") and text_of(second, "unit_number")):
            yield duplicate(slot, first, second)


BLOOD_PRODUCT = declare(
    Slot(
        name="blood_product",
        kinds=EPISODE,
        plain="Blood product",
        policy=Events(finds_more=_perhaps_one_unit),
        shape=Group(
            {
                "product": Code(tuple(codes.BLOOD_PRODUCTS)),
                "name": Text(200),
                "unit_number": Text(40),
                "abo": Code(("A", "B", "AB", "O", "unknown")),
                "rh": Code(("+", "-", "unknown")),
                "volume": VOLUME,
                "route": ROUTE,
                "of_order": REFERENCE,
            }
        ),
        absent="none recorded",
        urgency=Urgency.URGENT,
        basis="DD Form 1380, back: C, blood product; ISBT 128 unit number as scanned",
    )
)
"""`abo`, `rh`: of the unit, as its label says."""

GIVEN = ("given", "completed")
"""Statuses that say no more than the entry itself: the whole of it was given."""


def _medication_words(value: Mapping[str, Json]) -> str:
    """`morphine 10 mg IV: refused`."""
    words = fields_said(value, "drug", "dose", "unit", "route")
    if not value.get("drug"):
        words = f"{raw(value.get('display') or value.get('code') or 'a drug')} {words}".strip()
    if (status := value.get("status")) and alike(status) not in GIVEN:
        words += f": {raw(status)}"
    if reaction := value.get("adverse_reaction"):
        words += f"; adverse reaction: {raw(reaction)}"
    return words


MEDICATION_GIVEN = declare(
    Slot(
        name="medication_given",
        kinds=EPISODE,
        plain="Medication given",
        policy=Events(same=("drug", "route"), within_minutes=15),
        shape=Group(
            {
                "drug": Text(200),
                **CODED,
                "dose": Number("0", "999999999"),
                "unit": Text(40),
                "route": ROUTE,
                "category": Code(tuple(codes.DRUG_CATEGORIES)),
                "status": Text(40),
                "of_order": REFERENCE,
                "adverse_reaction": Text(400),
            }
        ),
        wording=_medication_words,
        absent="none recorded",
        basis="DD Form 1380, back: Meds; CLINICAL.md §3, drug given",
    )
)

OTHER_CARE = declare(
    Slot(
        name="other_care",
        kinds=EPISODE,
        plain="Other care",
        policy=Events(),
        shape=Group(
            {"what": Code(tuple(codes.OTHER_TREATMENTS)), "type": Text(120), "site": Text(120)}
        ),
        absent="none recorded",
        basis="DD Form 1380, back: Other",
    )
)

PROCEDURE = declare(
    Slot(
        name="procedure",
        kinds=EPISODE,
        plain="Procedure",
        policy=Events(),
        shape=Group(
            {
                "what": Text(300),
                **CODED,
                "status": Text(40),
                "site": Text(120),
                "end": Moment(),
            }
        ),
        absent="none recorded",
        basis="FHIR R4 Procedure; operations and procedures of any role of care",
    )
)
"""What has no box on the card. `at` to `end`: when it was performed."""
