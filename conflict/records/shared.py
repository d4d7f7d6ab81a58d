"""Slots that belong to more than one kind of document: notes, links, resolutions, kept sources."""

from __future__ import annotations

from conflict.identity import DocumentKind
from conflict.policies import Events, Keyed, Single
from conflict.records.fields import DOCUMENT, REFERENCE
from conflict.shape import Anything, Code, Flag, Group, Many, Number, Text, Whole
from conflict.slot import Slot, declare

PERSON_OR_EPISODE = (DocumentKind.PERSON, DocumentKind.EPISODE)
EVERY_KIND = tuple(DocumentKind)

BLOB = Group(
    {
        "hash": Text(64, r"[0-9a-f]{64}", "SHA-256 in hex"),
        "bytes": Whole(0, 1 << 30),
        "media": Text(80),
    }
)
"""Content too large for a statement, kept beside the record and named by its hash."""

NOTE = declare(
    Slot(
        name="note",
        kinds=EVERY_KIND,
        plain="Note",
        policy=Events(permanent="signed", follows="addendum_to"),
        shape=Group(
            {
                "text": Text(12_000),
                "title": Text(200),
                "signed": Flag(),
                "signed_by": Text(120),
                "addendum_to": REFERENCE,
            }
        ),
        basis="CLINICAL.md §3 notes; FHIR R4 DocumentReference.relatesTo (appends)",
    )
)
"""Signed text stays as it was; what is added to it is an addendum, shown after it."""

LINK = declare(
    Slot(
        name="link",
        kinds=PERSON_OR_EPISODE,
        plain="Link",
        policy=Keyed(
            key=("document",),
            status="relation",
            negatives=("not-same-person",),
            union=("evidence",),
            aside=("reason", "score"),
        ),
        shape=Group(
            {
                "document": DOCUMENT,
                "relation": Code(("casualty", "same-person", "same-episode", "not-same-person")),
                "reason": Text(400),
                "evidence": Many(Text(200)),
                "score": Number("-999", "999", "bits"),
            }
        ),
        basis="CLINICAL.md §3 same person?; FHIR R4 Patient.link; score: Fellegi-Sunter 1969",
    )
)

RESOLUTION = declare(
    Slot(
        name="resolution",
        kinds=EVERY_KIND,
        plain="Resolution",
        policy=Single(key=("finding",), field="decision", same=("decision",)),
        shape=Group({"finding": Text(64), "decision": Text(2_000), "seen": Many(Text(100), 256)}),
        basis="CLINICAL.md §3: an open item stays until a person's resolving event names what it closes",
    )
)

SOURCE = declare(
    Slot(
        name="source",
        kinds=EVERY_KIND,
        plain="Imported record",
        policy=Events(),
        shape=Group(
            {
                "type": Text(80),
                "resource": Anything(),
                "verbatim": Text(15_000),
                "blob": BLOB,
                "partly_mapped": Flag(),
            }
        ),
        wording=lambda value: str(value.get("type") or "record"),
        basis="CLINICAL.md §2: what a resource says that no slot holds is kept verbatim",
    )
)
