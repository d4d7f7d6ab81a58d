"""What a person wants done or not done, and whom it may be told: directives and consent.

The reading that shuts out least wins: full treatment where directives differ or are not in force,
the most restrictive of consents. CLINICAL.md §3.
"""

from __future__ import annotations

from conflict.policies import Single
from conflict.records.identity import PERSON
from conflict.records.shared import BLOB
from conflict.shape import Code, Flag, Group, Text
from conflict.slot import Slot, Urgency, declare
from conflict.statement import Json

UNLIMITED = ("full-treatment", "revocation")
"""Need no signature to hold: they take nothing away."""

DIRECTIVES = (*UNLIMITED, "limited", "polst", "living-will", "dni", "dnr")
FULL_TREATMENT: dict[str, Json] = {"kind": "full-treatment"}


def in_force(value: Json) -> bool:
    """A directive of a known kind that is signed and verified; full treatment is always in force."""
    if not isinstance(value, dict) or value.get("kind") not in DIRECTIVES:
        return False
    signed = value.get("signed") is True and value.get("verified") is True
    return signed or value.get("kind") in UNLIMITED


DIRECTIVE = declare(
    Slot(
        name="directive",
        kinds=PERSON,
        plain="Directive",
        policy=Single(
            field="kind",
            safer=DIRECTIVES,
            same=("kind", "limits", "signed", "verified"),
            fallback=FULL_TREATMENT,
            in_force=in_force,
        ),
        shape=Group(
            {
                "kind": Code(DIRECTIVES),
                "limits": Text(2_000),
                "signed": Flag(),
                "signed_by": Text(120),
                "verified": Flag(),
                "verified_by": Text(120),
                "blob": BLOB,
            }
        ),
        absent="none written: full treatment, none is ever inferred",
        urgency=Urgency.SUMMARY,
        basis="CLINICAL.md §3 DNR / directives; US Core ADI DocumentReference",
    )
)
"""One register for all kinds: what stands side by side (a living will, a DNR) is read together by a
person, who writes what holds; until then it is full treatment. A revocation names what it revokes."""

CONSENT = declare(
    Slot(
        name="consent",
        kinds=PERSON,
        plain="Consent",
        policy=Single(
            field="decision",
            safer=("refused", "restricted", "granted"),
            key=("about", "procedure"),
            same=("decision", "restriction"),
        ),
        shape=Group(
            {
                "about": Code(
                    (
                        "treatment",
                        "procedure",
                        "blood-products",
                        "immunisation",
                        "photography",
                        "research",
                        "release-health-system",
                        "release-command",
                        "release-family",
                        "release-foreign",
                    )
                ),
                "procedure": Text(200),
                "decision": Code(("refused", "restricted", "granted")),
                "restriction": Text(1_000),
                "given_by": Code(("patient", "surrogate", "two-clinicians")),
                "blob": BLOB,
            }
        ),
        absent="not asked",
        basis="CLINICAL.md §3 consent / release: the most restrictive wins; FHIR R4 Consent",
    )
)
