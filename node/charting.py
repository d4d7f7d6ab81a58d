"""Charts over what this node holds: which documents belong together, folded, with their findings.

Findings of charts that did not change are kept in memory, by what is held of their documents; those
that depend on the time are found anew every few minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from conflict.chart import Chart, chart_of
from conflict.finding import Finding, by_urgency
from conflict.fold import Catalogue, Folded, fold
from conflict.identity import DocumentId, document_text
from conflict.lane import Vector
from conflict.moving import moves_of
from conflict.rule import Facts
from conflict.slot import CATALOGUE
from node.errors import NotFound
from storage.ports import Store

CHART_DOCUMENTS_MAX = 2_000
REMEMBERED_CHARTS_MAX = 20_000
TIMED_FRESH_MS = 300_000
PAGE = 500


class HeldChart(NamedTuple):
    """A chart and what is held of its documents."""

    chart: Chart
    vectors: Mapping[DocumentId, Vector]


class Reviewed(NamedTuple):
    """An open finding with its chart's documents, and those known but not held."""

    finding: Finding
    documents: tuple[DocumentId, ...]
    not_held: tuple[DocumentId, ...]


class _Remembered(NamedTuple):
    held: Mapping[DocumentId, Vector]
    admitted: Mapping[DocumentId, int]
    beside: Mapping[DocumentId, Vector]
    found_ms: int
    open: tuple[Finding, ...]
    not_held: tuple[DocumentId, ...]


class Charts:
    """Reads charts from a store. `now_ms` is wall-clock milliseconds."""

    def __init__(
        self, store: Store, now_ms: Callable[[], int], catalogue: Catalogue = CATALOGUE
    ) -> None:
        self._store = store
        self._now_ms = now_ms
        self._catalogue = catalogue
        self._remembered: dict[tuple[DocumentId, ...], _Remembered] = {}

    def of(self, document: DocumentId) -> HeldChart:
        """The chart that a document belongs to, read now. Raises `NotFound`."""
        vectors, known = self._linked(document)
        away = self._store.shed_documents(list(vectors))
        folds = tuple(
            fold(one, lanes, self._catalogue)
            for one in vectors
            if (lanes := self._store.entries(one))
        )
        if not folds and not away:
            raise NotFound(f"{document_text(document)} is not held here; sync, then try again")
        facts = Facts(folds, self._now(), self._beside(folds))
        return HeldChart(chart_of(facts, [*known, *away]), vectors)

    def together(self, document: DocumentId) -> Sequence[DocumentId]:
        """Documents of one chart that are held, ascending, this one first."""
        vectors, _ = self._linked(document)
        return [document, *(one for one in vectors if one != document)]

    def to_review(self, document: DocumentId) -> bool:
        """Whether anything in this document's chart waits for a person's decision."""
        return bool(self._remember(document)[1].open) if self._store.lanes(document) else False

    def document(self, document: DocumentId) -> Folded:
        """One document, folded. Raises `NotFound`."""
        if not (lanes := self._store.entries(document)):
            raise NotFound(f"{document_text(document)} is not held here; sync, then try again")
        return fold(document, lanes, self._catalogue)

    def open_findings(self) -> list[Reviewed]:
        """Every open finding of every chart held here, most urgent first."""
        found: dict[str, Reviewed] = {}
        seen: set[DocumentId] = set()
        for document in self._documents():
            if document not in seen:
                documents, one = self._remember(document)
                seen.update(documents)
                for each in one.open:
                    found.setdefault(each.id, Reviewed(each, documents, one.not_held))
        return sorted(found.values(), key=lambda one: by_urgency(one.finding))

    def reviewed(self, identity: str) -> tuple[Finding, HeldChart]:
        """A finding by id or the start of one, closed ones included. Raises `NotFound`."""
        matches = [
            one
            for one in self.open_findings()
            if len(identity) >= 4 and one.finding.id.startswith(identity)
        ]
        if len(matches) != 1:
            many = (
                "several findings here start so" if matches else "no open finding here has this id"
            )
            raise NotFound(f"{many}; it may have changed with what arrived: list them again")
        held = self.of(matches[0].documents[0])
        wanted = matches[0].finding.id
        for one in held.chart.findings:
            if one.id == wanted:
                return one, held
        raise NotFound("this finding has just changed with what arrived: list them again")

    def _remember(self, document: DocumentId) -> tuple[tuple[DocumentId, ...], _Remembered]:
        vectors, _ = self._linked(document)
        documents = tuple(vectors)
        admitted = self._store.statement_counts(documents)  # what is held may not be open yet
        before = self._remembered.get(documents)
        now_ms = self._now_ms()
        if (
            before
            and before.held == vectors
            and 0 <= now_ms - before.found_ms < TIMED_FRESH_MS
            and before.admitted == admitted
            and before.beside == self._store.vectors(list(before.beside))
        ):
            return documents, before
        read = self.of(document).chart
        beside = self._store.vectors(_moved(read.documents))
        open_now = tuple(one for one in read.findings if not one.closed_by)
        while len(self._remembered) >= REMEMBERED_CHARTS_MAX:
            del self._remembered[next(iter(self._remembered))]
        self._remembered.pop(documents, None)
        fresh = _Remembered(vectors, admitted, beside, now_ms, open_now, read.not_held)
        self._remembered[documents] = fresh
        return documents, fresh

    def _documents(self) -> Iterator[DocumentId]:
        """Everything shown here, in id order."""
        after: DocumentId | None = None
        while rows := self._store.projections(None, after, PAGE):
            after = rows[-1].document
            yield from (row.document for row in rows)

    def _linked(
        self, document: DocumentId
    ) -> tuple[Mapping[DocumentId, Vector], Sequence[DocumentId]]:
        """Documents of one chart that are held, with their vectors; those named but not held."""
        seen: dict[DocumentId, None] = {document: None}
        todo = [document]
        while todo and len(seen) < CHART_DOCUMENTS_MAX:
            for other in self._store.links(todo.pop()):
                if other not in seen:
                    seen[other] = None
                    todo.append(other)
        vectors = self._store.vectors(sorted(seen))
        held = {one: vector for one, vector in vectors.items() if vector}
        return held, [one for one in vectors if one not in held]

    def _beside(self, folds: Sequence[Folded]) -> Mapping[DocumentId, Folded]:
        """Documents of other charts that moves of this one name, as far as they are held."""
        return {
            one: fold(one, lanes, self._catalogue)
            for one in _moved(folds)
            if (lanes := self._store.entries(one))
        }

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ms() / 1000, UTC)


def _moved(folds: Sequence[Folded]) -> list[DocumentId]:
    """Documents of other charts that moves of this one name."""
    own = {one.document for one in folds}
    return sorted({other for one in folds for other in moves_of(one)} - own)
