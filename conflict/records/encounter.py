"""Care at a role: encounters, SOAP notes, orders with their results, ward care, consultations.

CLINICAL.md §1.3, §3. What is ordered, reported and signed is never rewritten: each step is a
statement that refers to the one before.
"""

from __future__ import annotations

from collections.abc import Iterator

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.identity import DocumentKind
from conflict.policies import Events, Single
from conflict.policies.comparing import (
    alike,
    compared,
    field_of,
    grouped,
    reference,
    said,
    text_of,
)
from conflict.records.fields import CODED, REFERENCE, ROUTE, VOLUME, one_course
from conflict.records.movement import ROLE_OF_CARE
from conflict.shape import Code, Flag, Group, Moment, Number, Text
from conflict.slot import Slot, declare
from conflict.statement import Statement, canonical

EPISODE = (DocumentKind.EPISODE,)
PROSE = Text(3_000)

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
                **CODED,
                "status": Text(40),
                "reason": Text(300),
                "role_of_care": ROLE_OF_CARE,
                "facility": Text(200),
                "end": Moment(),
            }
        ),
        absent="none recorded",
        basis="FHIR R4 Encounter; one for each role of care (CLINICAL.md §2)",
    )
)

SOAP = declare(
    Slot(
        name="soap",
        kinds=EPISODE,
        plain="SOAP note",
        policy=Events(permanent="signed", follows="addendum_to"),
        shape=Group(
            {
                "subjective": PROSE,
                "objective": PROSE,
                "assessment": PROSE,
                "plan": PROSE,
                "signed": Flag(),
                "addendum_to": REFERENCE,
            }
        ),
        absent="none written",
        basis="SF 600, chronological record of medical care; CLINICAL.md §3, notes",
    )
)
"""A signed note stays legible beside its correction. An addendum is shown after the note it names."""

ORDER = declare(
    Slot(
        name="order",
        kinds=EPISODE,
        plain="Order",
        policy=Events(same=("kind", "what", "drug"), within_minutes=60),
        shape=Group(
            {
                "kind": Code(("lab", "imaging", "pharmacy")),
                "what": Text(300),
                **CODED,
                "drug": Text(200),
                "dose": Number("0", "999999999"),
                "unit": Text(40),
                "route": ROUTE,
                "frequency": Text(80),
                "priority": Code(("routine", "urgent", "stat")),
                "reason": Text(400),
            }
        ),
        absent="none written",
        basis="FHIR R4 ServiceRequest, MedicationRequest",
    )
)

_DONE = ("completed", "in-progress", "accepted", "placed")
_NOT_DONE = ("cancelled", "held")

ORDER_EVENT = declare(
    Slot(
        name="order_event",
        kinds=EPISODE,
        plain="Order status",
        policy=Single(
            key=("of",),
            field="status",
            safer=(*_NOT_DONE, *_DONE),
            same=("status",),
            agree=one_course(_DONE),
            severity=Severity.MEDIUM,
        ),
        shape=Group(
            {
                "of": REFERENCE,
                "status": Code((*reversed(_DONE), *_NOT_DONE)),
                "reason": Text(400),
            }
        ),
        absent="placed, nobody acted on it yet",
        basis="FHIR R4 Task.status; [J] cancelled or held is the more cautious reading",
    )
)
"""`of`: the order. Steps of one order do not contradict each other: the furthest is shown first."""


def _results_apart(slot: Slot, standing: list[Statement]) -> Iterator[Finding]:
    """Different values of one thing measured for one order, neither replacing the other."""
    of_orders = [
        one
        for one in standing
        if reference(one, field_of(one, "of"))
        and text_of(one, "status") not in {"registered", "cancelled"}
    ]
    groups = grouped(
        of_orders,
        lambda one: canonical([reference(one, field_of(one, "of")), alike(field_of(one, "what"))]),
    )
    for group in groups.values():
        if len({compared(one, ("value", "unit")) for one in group}) > 1:
            yield finding(
                "results-differ",
                Kind.CONTRADICTION,
                Severity.HIGH,
                slot.name,
                group,
                f"{slot.plain}: one order, different results: {said(slot, group)}",
                Closing(Act.CHOOSE, slot.name, "write the result that holds, replacing these"),
            )


RESULT = declare(
    Slot(
        name="result",
        kinds=EPISODE,
        plain="Result",
        policy=Events(finds_more=_results_apart),
        shape=Group(
            {
                "of": REFERENCE,
                "what": Text(300),
                **CODED,
                "value": Text(2_000),
                "unit": Text(40),
                "low": Number("-999999999", "999999999"),
                "high": Number("-999999999", "999999999"),
                "abnormal": Code(
                    ("normal", "low", "high", "critical-low", "critical-high", "abnormal")
                ),
                "status": Code(("registered", "preliminary", "final", "amended", "cancelled")),
            }
        ),
        absent="none reported",
        basis="FHIR R4 Observation.status; CLINICAL.md §3, immutable",
    )
)
"""`value`: a number exactly as reported, or words. `low`, `high`: the reference range."""

ADMISSION = declare(
    Slot(
        name="admission",
        kinds=EPISODE,
        plain="Admission",
        policy=Events(),
        shape=Group(
            {
                "facility": Text(200),
                "ward": Text(120),
                "diagnosis": Text(400),
                "attending": Text(120),
                "role_of_care": ROLE_OF_CARE,
            }
        ),
        absent="not admitted",
        basis="CLINICAL.md §1.3: holding and ward care of roles 2 and 3",
    )
)

INTAKE_OUTPUT = declare(
    Slot(
        name="intake_output",
        kinds=EPISODE,
        plain="Intake and output",
        policy=Events(same=("direction", "kind", "volume"), within_minutes=15),
        shape=Group(
            {
                "direction": Code(("in", "out")),
                "kind": Code(
                    (
                        "oral",
                        "tube",
                        "iv",
                        "blood",
                        "urine",
                        "drain",
                        "chest-tube",
                        "gastric",
                        "emesis",
                        "stool",
                        "blood-loss",
                        "other",
                    )
                ),
                "volume": VOLUME,
            }
        ),
        absent="not measured",
        basis="JTS prolonged field care flowsheet; CLINICAL.md §1.3",
    )
)

DISCHARGE = declare(
    Slot(
        name="discharge",
        kinds=EPISODE,
        plain="Discharge",
        policy=Single(
            field="disposition",
            safer=("evacuated", "transferred", "against-advice", "returned-to-duty", "died"),
        ),
        shape=Group(
            {
                "disposition": Code(
                    ("returned-to-duty", "transferred", "evacuated", "against-advice", "died")
                ),
                "to": Text(200),
            }
        ),
        absent="still in care",
        basis="CLINICAL.md §1.3; [J] whoever may still need care is the more cautious reading",
    )
)
"""How care in this episode ended. Moving on from one role of care to the next is a `handover`."""

CONSULT = declare(
    Slot(
        name="consult",
        kinds=EPISODE,
        plain="Consultation",
        policy=Events(permanent="signed", follows="of"),
        shape=Group(
            {
                "kind": Code(("question", "answer")),
                "of": REFERENCE,
                "specialty": Text(120),
                "text": Text(8_000),
                "signed": Flag(),
            }
        ),
        absent="none asked",
        basis="CLINICAL.md §3, notes: signed text is immutable",
    )
)
"""`of`: the question that is answered, or what a question goes on from: a thread."""
