"""What individual medical readiness is computed from, and the deployment health questionnaires.

Whether somebody is ready, and what is due when, is derived when read (`rules/readiness.py`).
DoDI 6025.19, CLINICAL.md §1.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.policies import Events, Keyed, Single
from conflict.policies.comparing import compared, grouped, said, text_of
from conflict.records.fields import CODED, REFERENCE
from conflict.records.identity import PERSON
from conflict.records.shared import BLOB
from conflict.shape import Code, Day, Flag, Group, Many, Text
from conflict.slot import Slot, declare
from conflict.statement import Statement

DAY_MINUTES = 24 * 60

HEALTH_ASSESSMENT = declare(
    Slot(
        name="health_assessment",
        kinds=PERSON,
        plain="Periodic health assessment",
        policy=Events(same=("status",), within_minutes=DAY_MINUTES),
        shape=Group(
            {
                "status": Code(("completed", "in-progress", "cancelled")),
                "result": Code(("no-limits", "referred", "limits")),
                "of": REFERENCE,  # the questionnaire that it rests on
                "note": Text(1_000),
            }
        ),
        absent="overdue: none on record",
        basis="DD 3024; DoDI 6025.19: every year",
    )
)

LIMITING_CONDITION = declare(
    Slot(
        name="limiting_condition",
        kinds=PERSON,
        plain="Deployment-limiting condition",
        policy=Keyed(
            key=("condition",), negatives=("resolved", "refuted"), severity=Severity.MEDIUM
        ),
        shape=Group(
            {
                "condition": Text(200),
                **CODED,
                "status": Code(("active", "resolved", "refuted")),
                "course": Code(("chronic", "prolonged", "temporary")),
                "until": Day(),
                "limits": Text(1_000),
            }
        ),
        absent="none recorded",
        basis="DoDI 6025.19: deployment-limiting medical conditions",
    )
)

LIFELONG = ("g6pd", "sickle-cell", "blood-group")
"""Tests of a trait: a person cannot have two results of one of them."""


def _traits_that_differ(slot: Slot, standing: list[Statement]) -> Iterator[Finding]:
    known = [one for one in standing if text_of(one, "test") in LIFELONG and text_of(one, "result")]
    for group in grouped(known, lambda one: text_of(one, "test")).values():
        if len({compared(one, ("result",)) for one in group}) > 1:
            yield finding(
                "trait-differs",
                Kind.CONTRADICTION,
                Severity.HIGH,
                slot.name,
                group,
                f"{slot.plain}: {said(slot, group)}: the result of this test does not change",
                Closing(Act.VOID, slot.name, "repeat the test; mark the wrong one as an error"),
            )


READINESS_LAB = declare(
    Slot(
        name="readiness_lab",
        kinds=PERSON,
        plain="Readiness lab",
        policy=Events(
            same=("test", "result"), within_minutes=DAY_MINUTES, finds_more=_traits_that_differ
        ),
        shape=Group(
            {
                "test": Code(("dna", "hiv", *LIFELONG, "hepatitis-b", "hepatitis-c", "other")),
                "name": Text(120),
                "status": Code(("drawn", "on-file", "resulted", "not-done")),
                "result": Text(200),
                **CODED,
            }
        ),
        absent="missing",
        basis="DoDI 6025.19: DNA and G6PD; HIV",
    )
)

ITEMS = {
    "mask-inserts": "Gas mask inserts",
    "glasses": "Glasses",
    "hearing-protection": "Hearing protection",
    "hearing-aid-batteries": "Hearing aid batteries",
    "warning-tags": "Medical warning tags",
}
EQUIPPED = ("missing", "unserviceable", "required", "issued", "not-required")

EQUIPMENT = declare(
    Slot(
        name="equipment",
        kinds=PERSON,
        plain="Medical equipment",
        policy=Single(
            field="status",
            safer=EQUIPPED,
            key=("item",),
            same=("status",),
            severity=Severity.LOW,
        ),
        shape=Group({"item": Code(tuple(ITEMS)), "status": Code(EQUIPPED)}),
        absent="not checked",
        basis="DoDI 6025.19: individual medical equipment",
    )
)
"""What is missing wins over what was issued: here having it is the claim that could do harm."""

FORMS = ("dd-2795", "dd-2796", "dd-2900", "dd-2978", "dd-3024")
PARTS = ("member", "provider")

QUESTIONNAIRE = declare(
    Slot(
        name="questionnaire",
        kinds=PERSON,
        plain="Questionnaire",
        policy=Events(same=("form", "part"), within_minutes=DAY_MINUTES, permanent="signed"),
        shape=Group(
            {
                "form": Code(FORMS),
                "edition": Text(20),
                "part": Code(PARTS),
                "of": REFERENCE,  # provider part: the member part that it answers
                "signed": Flag(),
                "signed_by": Text(120),
                "answers": Many(
                    Group({"item": Text(40), "question": Text(400), "answer": Text(2_000)}), 200
                ),
                "concerns": Many(Text(200)),
                "referrals": Many(Text(200)),
                "blob": BLOB,
            }
        ),
        absent="not completed",
        basis="DD 2795, DD 2796, DD 2900, DD 2978, DD 3024; CLINICAL.md §1.4, §3",
    )
)
"""Each part is signed on its own; two completions both stay."""

DEPLOYMENT = declare(
    Slot(
        name="deployment",
        kinds=PERSON,
        plain="Deployment",
        policy=Events(same=("departs",), within_minutes=DAY_MINUTES),
        shape=Group({"departs": Day(), "returns": Day(), "place": Text(200), "note": Text(400)}),
        absent="none recorded: no questionnaire is due",
        basis="the dates that the windows of CLINICAL.md §1.4 count from",
    )
)
