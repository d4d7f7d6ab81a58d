"""Slots of the theatre: alerts and content packs. A bulletin is a `note` in the theatre's document.

CLINICAL.md §1.5: an alert carries the coverage that it was computed over, else a partition looks
like an outbreak that ended.
"""

from __future__ import annotations

from conflict.finding import Severity
from conflict.identity import DocumentKind
from conflict.policies import Keyed
from conflict.records.shared import BLOB
from conflict.shape import Code, Group, Many, Moment, Text
from conflict.slot import Slot, Urgency, declare
from conflict.wording import said

THEATRE = (DocumentKind.THEATRE,)
SEVERITIES = ("high", "medium", "low")

ALERT = declare(
    Slot(
        name="alert",
        kinds=THEATRE,
        plain="Alert",
        policy=Keyed(
            key=("key",),
            negatives=("ended",),
            union=("coverage",),
            highest=(("severity", SEVERITIES),),
            severity=Severity.MEDIUM,
        ),
        shape=Group(
            {
                "key": Text(200),
                "status": Code(("active", "ended")),
                "severity": Code(SEVERITIES),
                "text": Text(2_000),
                "since": Moment(),
                "coverage": Many(Text(200)),
            }
        ),
        absent="none raised by what is held",
        urgency=Urgency.URGENT,
        basis="CLINICAL.md §1.5: population health",
    )
)
"""`key`: what is alerted and where, the same from every node that sees it (`heat-injury/unit-…`).
`coverage`: "3 of 5 nodes, latest 14 h ago", from each of them."""

CONTENT_PACK = declare(
    Slot(
        name="content_pack",
        kinds=THEATRE,
        plain="Content pack",
        policy=Keyed(key=("name", "version"), negatives=("withdrawn",)),
        shape=Group(
            {
                "name": Text(120),
                "version": Text(60),
                "status": Code(("active", "withdrawn")),
                "blob": BLOB,
            }
        ),
        wording=lambda value: said(value, "name", "version", "status") or "unnamed",
        absent="none published",
        basis="DESIGN §1: theatre documents hold content packs; guidelines and order sets as data",
    )
)
"""Two contents under one name and version are a contradiction, whoever published them."""
