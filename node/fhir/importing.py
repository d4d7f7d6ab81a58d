"""FHIR import from paths to drafts, grouped by document in pieces that each fit one save.

The caller writes each `Imported` as one change and stores its blobs; nothing here does that. Two
nodes that import the same files write the same statements into the same documents, and the fold
shows them once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from conflict.identity import DocumentId
from conflict.records import SOURCE
from conflict.statement import Draft, encode
from node.fhir import limits
from node.fhir.files import list_files, total_bytes
from node.fhir.mapping import LONGEST_STAMP, Outcome, outcome
from node.fhir.reading import Group, read_file
from node.fhir.reference import Index
from node.fhir.report import UNNAMED, ImportReport, Refusal, Tally

_KEY_BYTES = 100  # the root key and the change's own framing, as the record counts them


class Imported(NamedTuple):
    """Drafts of one document that fit one save, and the blobs that they name."""

    document: DocumentId
    drafts: tuple[Draft, ...]
    blobs: tuple[bytes, ...]


class Batch(NamedTuple):
    """What one Bundle, or some lines of an NDJSON file, became. `report` counts this batch only."""

    imported: tuple[Imported, ...]
    report: ImportReport


class Progress(NamedTuple):
    """How far an import is, in bytes on disk and files."""

    bytes_done: int
    bytes_total: int
    files_done: int
    files_total: int


def import_paths(
    paths: Iterable[Path],
    *,
    system: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Iterator[Batch]:
    """Batches of everything under `paths`, in a fixed order; one bad resource stops nothing.

    `system` names the source; without it records are told apart by their server's URL where the
    Bundle gives one. Sum the reports with `ImportReport.plus`. Never raises for what files hold.
    """
    listing = list_files(paths)
    total, before = total_bytes(listing.files), 0
    yield Batch((), _refused(listing.refusals, passed_over=len(listing.passed_over)))
    for number, path in enumerate(listing.files, 1):
        for group in read_file(path):
            yield batch(group, system)
            if on_progress:
                place = min(before + group.bytes_done, total)
                on_progress(Progress(place, total, number - 1, len(listing.files)))
        before += total_bytes((path,))
        yield Batch((), ImportReport(files=1))
        if on_progress:
            on_progress(Progress(min(before, total), total, number, len(listing.files)))


def batch(group: Group, system: str | None = None) -> Batch:
    """Drafts of resources that arrived together. Pure."""
    index = Index(group.resources, system)
    outcomes = [outcome(one, index) for one in group.resources]
    imported = tuple(_grouped(outcomes))
    counted = ImportReport(
        types=_counted(outcomes),
        weak_ids=sum(one.record.weak for one in outcomes),
        statements=sum(len(one.drafts) for one in imported),
        blobs=sum(len(one.blobs) for one in imported),
    )
    return Batch(imported, _refused(group.refusals).plus(counted))


def _counted(outcomes: Iterable[Outcome]) -> dict[str, Tally]:
    types: dict[str, Tally] = {}
    for one in outcomes:
        tally = Tally(
            read=1,
            mapped=int(one.mapped),
            also_kept=int(one.mapped and one.kept),
            verbatim=int(not one.mapped),
        )
        types[one.record.type] = types.get(one.record.type, Tally()).plus(tally)
    return types


def _refused(refusals: Iterable[Refusal], passed_over: int = 0) -> ImportReport:
    report = ImportReport(refusals=tuple(refusals), passed_over=passed_over)
    for one in report.refusals:
        if one.position or one.type != UNNAMED:
            report = report.plus(ImportReport(types={one.type: Tally(read=1, refused=1)}))
    return report


def _grouped(outcomes: Iterable[Outcome]) -> Iterator[Imported]:
    """Drafts by document, in reading order, each statement once, in pieces of one save."""
    texts: dict[DocumentId, dict[str, tuple[Draft, bytes | None]]] = {}
    for one in outcomes:
        for document, draft in one.drafts:
            text = encode(draft, LONGEST_STAMP)
            blob = one.blob if draft.slot == SOURCE.name else None
            texts.setdefault(document, {}).setdefault(text, (draft, blob))
    for document, drafts in texts.items():
        yield from _pieces(document, drafts)


def _pieces(
    document: DocumentId, drafts: dict[str, tuple[Draft, bytes | None]]
) -> Iterator[Imported]:
    piece: list[tuple[Draft, bytes | None]] = []
    size = 0
    for text, (draft, blob) in drafts.items():
        bytes_more = len(text.encode()) + _KEY_BYTES
        full = size + bytes_more > limits.SAVE_BYTES_MAX
        if piece and (full or len(piece) >= limits.SAVE_STATEMENTS_MAX):
            yield _imported(document, piece)
            piece, size = [], 0
        piece.append((draft, blob))
        size += bytes_more
    if piece:
        yield _imported(document, piece)


def _imported(document: DocumentId, piece: list[tuple[Draft, bytes | None]]) -> Imported:
    blobs = tuple(blob for _, blob in piece if blob is not None)
    return Imported(document, tuple(draft for draft, _ in piece), blobs)
