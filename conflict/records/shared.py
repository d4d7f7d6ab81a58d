"""Slots that belong to more than one kind of document: notes, links, resolutions, kept sources."""

from __future__ import annotations

from conflict.identity import DocumentKind
from conflict.policies import Events, Keyed, Single
from conflict.shape import Anything, Code, Flag, Group, Many, Text, Whole
from conflict.slot import Slot, declare

PERSON_OR_EPISODE = (DocumentKind.PERSON, DocumentKind.EPISODE)
EVERY_KIND = tuple(DocumentKind)

NOTE = declare(
    Slot(
        name="note",
        kinds=EVERY_KIND,
        plain="Note",
        policy=Events(),
        shape=Group({"text": Text(12_000), "title": Text(200)}),
    )
)

LINK = declare(
    Slot(
        name="link",
        kinds=PERSON_OR_EPISODE,
        plain="Link",
        policy=Keyed(key=("document",), status="relation", negatives=("not-same-person",)),
        shape=Group(
            {
                "document": Text(60),
                "relation": Code(("casualty", "same-person", "same-episode", "not-same-person")),
                "reason": Text(400),
            }
        ),
    )
)

RESOLUTION = declare(
    Slot(
        name="resolution",
        kinds=EVERY_KIND,
        plain="Resolution",
        policy=Single(key=("finding",), field="decision", same=("decision",)),
        shape=Group({"finding": Text(64), "decision": Text(2_000), "seen": Many(Text(100), 256)}),
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
                "blob": Group(
                    {
                        "hash": Text(64, r"[0-9a-f]{64}", "SHA-256 in hex"),
                        "bytes": Whole(0, 1 << 30),
                        "media": Text(80),
                    }
                ),
                "partly_mapped": Flag(),
            }
        ),
        wording=lambda value: (
            str(value.get("type", "record")) if isinstance(value, dict) else "record"
        ),
    )
)
