"""Slots of a unit, which is a scope: who is in it, how strong it is, which documents belong to it.

Two nodes may open a copy of one unit each. DESIGN §5.9; CLINICAL.md §1.5.
"""

from __future__ import annotations

from conflict.finding import Severity
from conflict.identity import DocumentKind
from conflict.policies import Keyed, Single
from conflict.records.fields import DOCUMENT
from conflict.shape import Code, Day, Group, Text, Whole
from conflict.slot import Slot, declare
from conflict.statement import Json
from conflict.wording import said

UNIT_DOCUMENT = (DocumentKind.UNIT,)

SCOPE = declare(
    Slot(
        name="scope",
        kinds=(DocumentKind.UNIT, DocumentKind.THEATRE),
        plain="Scope",
        policy=Single(field="code", severity=Severity.LOW),
        shape=Group({"code": Text(60), "name": Text(120), "part_of": DOCUMENT}),
        wording=lambda value: said(value, "name", "code"),
        absent="not named",
        basis="DESIGN §1: a scope is a unit, a site or the theatre",
    )
)
"""`code`: what everybody calls it by (a unit identification code). The document's id follows from it,
so two nodes that begin one unit write in one document."""

ROSTER_ENTRY = declare(
    Slot(
        name="roster_entry",
        kinds=UNIT_DOCUMENT,
        plain="Roster",
        policy=Keyed(key=("person",), negatives=("departed",), severity=Severity.LOW),
        shape=Group(
            {
                "person": DOCUMENT,
                "status": Code(("arrived", "departed")),
                "arrival": Day(),
                "departure": Day(),
            }
        ),
        absent="nobody entered",
        basis="CLINICAL.md §1.5: the denominator of rates; [J] a departure is a negative",
    )
)
"""`person`: the person's document. Who departed by one copy and is there by another is still there."""


def _fewest_present(value: Json) -> int:
    """The fewer are present, the higher every rate, and the sooner it is looked at."""
    present = value.get("present") if isinstance(value, dict) else None
    return present if isinstance(present, int) and present >= 0 else 1 << 64


STRENGTH = declare(
    Slot(
        name="strength",
        kinds=UNIT_DOCUMENT,
        plain="Troop strength",
        policy=Single(
            key=("day",), field="present", caution=_fewest_present, severity=Severity.LOW
        ),
        shape=Group(
            {"day": Day(), "assigned": Whole(0, 9_999_999), "present": Whole(0, 9_999_999)}
        ),
        absent="not reported: counts without rates",
        basis="CLINICAL.md §1.5: troop strength per unit is the denominator of DNBI rates",
    )
)
"""One number a day is one fact, not one event for each copy that reports it: two that differ are a
contradiction, and adding them up would be wrong."""

MEMBER_DOCUMENT = declare(
    Slot(
        name="member_document",
        kinds=UNIT_DOCUMENT,
        plain="Document of the unit",
        policy=Keyed(key=("document",), negatives=("left",), severity=Severity.LOW),
        shape=Group({"document": DOCUMENT, "status": Code(("belongs", "left")), "to": Text(120)}),
        absent="none belongs",
        basis="DESIGN §5.9: membership of a scope is stated in its own unit document",
    )
)
"""`to`: where a document that left went. Leaving takes effect by naming what said that it belongs."""
