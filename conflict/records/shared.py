"""Slots that belong to more than one kind of document: notes, links, resolutions, kept sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conflict.errors import BadIdentity
from conflict.identity import DocumentKind, document_text, parse_document
from conflict.policies import Events, Keyed, Single
from conflict.records.fields import DOCUMENT, REFERENCE
from conflict.shape import Anything, Code, Flag, Group, Many, Number, Text, Whole
from conflict.slot import Slot, Urgency, declare
from conflict.statement import Json

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

DENIED_LINKS = {
    "casualty": "not-casualty",
    "same-person": "not-same-person",
    "same-episode": "not-same-episode",
}
"""By relation, the one that denies it."""


def _spelling(value: Mapping[str, Json]) -> Iterator[str]:
    """One spelling of a document, so that what is said of it later is said of the same item."""
    given = value.get("document")
    try:
        canonical = document_text(parse_document(given)) if isinstance(given, str) else given
    except BadIdentity:
        return
    if given != canonical:
        yield f"document: {canonical} expected, {str(given)[:60]!r} given"


LINK = declare(
    Slot(
        name="link",
        kinds=PERSON_OR_EPISODE,
        plain="Link",
        policy=Keyed(
            key=("document",),
            status="relation",
            negatives=tuple(DENIED_LINKS.values()),
            union=("evidence",),
            aside=("reason", "score"),
        ),
        shape=Group(
            {
                "document": DOCUMENT,
                "relation": Code((*DENIED_LINKS, *DENIED_LINKS.values())),
                "reason": Text(400),
                "evidence": Many(Text(200)),
                "score": Number("-999", "999", "bits"),
            }
        ),
        rule=_spelling,
        urgency=Urgency.SUMMARY,
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
