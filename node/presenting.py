"""From admitted statements to what lists and screens read: label, links, blobs, findings, body.

A pure function, run in a document worker for foreign lanes and in the writer for local saves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from conflict.chart import linked
from conflict.document import Entry
from conflict.fold import Folded, fold
from conflict.identity import ActorId, DocumentId, DocumentKind, document_kind
from conflict.records import (
    BATTLE_ROSTER,
    DOD_ID,
    ENCOUNTER,
    MECHANISM,
    NAME,
    SOURCE,
    TRIAGE,
)
from conflict.slot import CATALOGUE
from conflict.statement import Json
from storage.limits import BLOB_BYTES_MAX
from storage.shapes import ProjectionRow

LABEL_CHARS_MAX = 120
_PERSON_LABEL = (NAME, BATTLE_ROSTER, DOD_ID)
_EPISODE_LABEL = (TRIAGE, MECHANISM, ENCOUNTER)


def present(document: DocumentId, entries: Mapping[ActorId, Sequence[Entry]]) -> ProjectionRow:
    """Fold a document and make the row that shows it."""
    folded = fold(document, entries)
    return ProjectionRow(
        document=document,
        label=_label(folded),
        open_findings=sum(not one.closed_by for one in folded.findings),
        body=folded.projection(),
        links=linked(folded),
        blobs=tuple(sorted(set(_blobs(folded)))),
    )


def _label(folded: Folded) -> str:
    person = document_kind(folded.document) is DocumentKind.PERSON
    parts: list[str] = []
    for slot in _PERSON_LABEL if person else _EPISODE_LABEL:
        view = folded.views.get(slot.name)
        if view and view.readings:
            parts.append(CATALOGUE[slot.name].words(view.readings[0].value))
    text = " · ".join(part for part in parts if part)[:LABEL_CHARS_MAX]
    # a peer may write any character, but PostgreSQL's text takes no NUL
    return "".join(" " if letter < " " else letter for letter in text)


def _blobs(folded: Folded) -> Iterator[tuple[bytes, int]]:
    view = folded.views.get(SOURCE.name)
    for reading in view.readings if view else ():
        blob: Json = reading.value.get("blob") if isinstance(reading.value, dict) else None
        try:
            name, size = bytes.fromhex(blob["hash"]), blob["bytes"]
        except (TypeError, KeyError, ValueError):
            continue  # no blob, or a peer's odd value that the projection shows as it is
        if len(name) == 32 and isinstance(size, int) and 0 < size <= BLOB_BYTES_MAX:
            yield name, size
