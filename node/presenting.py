"""From admitted statements to what lists and screens read: label, links, blobs, findings, body.

A pure function, run in a document worker for foreign lanes and in the writer for local saves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from conflict.chart import linked
from conflict.document import Entry
from conflict.fold import Catalogue, Folded, fold, fold_statements, statements_of
from conflict.identity import ActorId, DocumentId, DocumentKind, document_kind
from conflict.membership import members
from conflict.records import (
    BATTLE_ROSTER,
    DOD_ID,
    ENCOUNTER,
    IDENTIFIER,
    MECHANISM,
    NAME,
    SCOPE,
    TRIAGE,
)
from conflict.slot import CATALOGUE
from conflict.statement import Json, Statement
from storage.limits import BLOB_BYTES_MAX
from storage.shapes import ProjectionRow

LABEL_CHARS_MAX = 120
IDENTIFIERS_SHOWN_MAX = 3
KEPT_DOCUMENTS_MAX = 64
_PERSON_LABEL = (NAME, BATTLE_ROSTER, DOD_ID)
_EPISODE_LABEL = (TRIAGE, MECHANISM, ENCOUNTER)
_LABELS = {
    DocumentKind.PERSON: _PERSON_LABEL,
    DocumentKind.EPISODE: _EPISODE_LABEL,
    DocumentKind.UNIT: (SCOPE,),
    DocumentKind.THEATRE: (SCOPE,),
}


def present(
    document: DocumentId,
    entries: Mapping[ActorId, Sequence[Entry]],
    catalogue: Catalogue = CATALOGUE,
) -> ProjectionRow:
    """Fold a document and make the row that shows it."""
    return _row(fold(document, entries, catalogue))


class _Kept(NamedTuple):
    """A fold, its statements, and how many entries of each lane it was made from."""

    folded: Folded
    statements: Sequence[Statement]
    counts: Mapping[ActorId, int]


class Presenter:
    """`present` for documents that grow by little again and again: folds on from the last time.

    Entries of a lane only ever grow. Not for use from several threads.
    """

    def __init__(self, catalogue: Catalogue = CATALOGUE) -> None:
        self._catalogue = catalogue
        self._kept: dict[DocumentId, _Kept] = {}

    def present(
        self, document: DocumentId, entries: Mapping[ActorId, Sequence[Entry]]
    ) -> ProjectionRow:
        """The same row as from `present`."""
        before = self._kept.pop(document, None)
        counts = {actor: len(entries[actor]) for actor in entries}
        if before and any(counts.get(actor, 0) < was for actor, was in before.counts.items()):
            before = None  # a store that was rebuilt meanwhile
        known = before.counts if before else {}
        fresh = {actor: entries[actor][known.get(actor, 0) :] for actor in entries}
        more, unreadable = statements_of(fresh, document)
        if unreadable:
            return present(document, entries, self._catalogue)
        statements = [*(before.statements if before else ()), *more]
        folded = fold_statements(
            document,
            statements,
            catalogue=self._catalogue,
            before=before.folded if before else None,
        )
        while len(self._kept) >= KEPT_DOCUMENTS_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[document] = _Kept(folded, statements, counts)
        return _row(folded)


def _row(folded: Folded) -> ProjectionRow:
    return ProjectionRow(
        document=folded.document,
        label=_label(folded),
        open_findings=sum(not one.closed_by for one in folded.findings),
        body=folded.projection(),
        links=linked(folded),
        blobs=tuple(sorted(set(_blobs(folded)))),
        members=members(folded),
    )


def _label(folded: Folded) -> str:
    kind = document_kind(folded.document)
    parts: list[str] = []
    for slot in _LABELS[kind] if kind else ():
        view = folded.views.get(slot.name)
        if view and view.readings:
            parts.append(folded.catalogue[slot.name].words(view.readings[0].value))
    if kind is DocumentKind.PERSON:
        parts.extend(_identifiers(folded))
    text = " · ".join(part for part in parts if part)[:LABEL_CHARS_MAX]
    # a peer may write any character, but PostgreSQL's text takes no NUL
    return "".join(" " if letter < " " else letter for letter in text)


def _identifiers(folded: Folded) -> Iterator[str]:
    """What a casualty without a name is called by: trauma identity, wristband."""
    for reading in folded.readings(IDENTIFIER.name)[:IDENTIFIERS_SHOWN_MAX]:
        if reading.state != "inactive" and isinstance(reading.value, dict):
            yield str(reading.value.get("value") or "")


def _blobs(folded: Folded) -> Iterator[tuple[bytes, int]]:
    """Of every slot that names files: imported sources, scans, content packs."""
    known = folded.catalogue
    naming = (view for name, view in folded.views.items() if "blob" in known[name].shape.fields)
    for reading in (one for view in naming for one in view.readings):
        blob: Json = reading.value.get("blob") if isinstance(reading.value, dict) else None
        try:
            name, size = bytes.fromhex(blob["hash"]), blob["bytes"]
        except (TypeError, KeyError, ValueError):
            continue  # no blob, or a peer's odd value that the projection shows as it is
        if len(name) == 32 and isinstance(size, int) and 0 < size <= BLOB_BYTES_MAX:
            yield name, size
