"""The chart: what a person reads, folded over all held documents of linked persons and episodes.

Two medics may open two episodes for one casualty: hazards are computed over the whole chart, and
what is known to belong to it but is not held is named, never silently missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from conflict.document import Entry
from conflict.errors import BadIdentity
from conflict.finding import Act, Closing, Finding, Kind, Severity, by_urgency, finding
from conflict.fold import RESOLUTION, Catalogue, Folded, closings, fold
from conflict.identity import ActorId, DocumentId, document_text, parse_document
from conflict.policies import by_record_time
from conflict.policies.comparing import said, text_of
from conflict.records import LINK
from conflict.records import RESOLUTION as RESOLUTION_SLOT
from conflict.rule import Facts
from conflict.rules import DERIVED, RULES
from conflict.slot import CATALOGUE
from conflict.statement import Json, Statement

JOINING = ("casualty", "same-person", "same-episode")
Lanes = Mapping[ActorId, Sequence[Entry]]


@dataclass(frozen=True, slots=True)
class Chart:
    """Linked documents folded one by one, findings over all of them, and what is not held.

    `derived`: values computed for the time of reading, empty where none was given.
    """

    documents: tuple[Folded, ...]
    findings: tuple[Finding, ...]
    not_held: tuple[DocumentId, ...]
    derived: Mapping[str, Json] = field(default_factory=dict)

    def body(self) -> dict[str, Json]:
        """JSON form."""
        return {
            "documents": [one.body() for one in self.documents],
            "findings": [one.body() for one in self.findings],
            "not_held": [document_text(one) for one in self.not_held],
            "derived": dict(self.derived),
        }


def linked(folded: Folded) -> tuple[DocumentId, ...]:
    """Documents that this one's standing links join to its chart, ascending."""
    found: set[DocumentId] = set()
    for reading in folded.readings(LINK.name):
        if isinstance(reading.value, dict) and reading.value.get("relation") in JOINING:
            try:
                found.add(parse_document(str(reading.value.get("document", ""))))
            except BadIdentity:
                continue  # shown raw by the document's own projection
    return tuple(sorted(found - {folded.document}))


def chart(
    held: Mapping[DocumentId, Lanes],
    known: Iterable[DocumentId] = (),
    *,
    now: datetime | None = None,
    beside: Mapping[DocumentId, Lanes] | None = None,
    catalogue: Catalogue = CATALOGUE,
) -> Chart:
    """Chart over the held documents of one casualty; `known` adds ids learned elsewhere.

    `now` (aware) adds what depends on the time. `beside`: held documents of other charts that a
    move names.
    """
    folds = tuple(fold(document, held[document], catalogue) for document in sorted(held))
    others = {one: fold(one, lanes, catalogue) for one, lanes in sorted((beside or {}).items())}
    return chart_of(Facts(folds, now, others), known)


def chart_of(facts: Facts, known: Iterable[DocumentId] = ()) -> Chart:
    """Chart over documents that are folded already."""
    named = {other for one in facts.folds for other in linked(one)} | set(known)
    found = {one.id: one for one in _across(facts)}
    found |= {one.id: one for folded in facts.folds for one in folded.findings}
    decided = _Decided(facts.folds)
    found |= {one.id: one for one in decided.apart}
    findings = (
        one._replace(closed_by=decided.closing(one))
        for one in sorted(found.values(), key=by_urgency)
    )
    derived = {one.name: one.compute(facts) for one in DERIVED} if facts.now else {}
    held = {one.document for one in facts.folds}
    return Chart(
        documents=facts.folds,
        findings=tuple(findings),
        not_held=tuple(sorted(named - held)),
        derived={name: value for name, value in derived.items() if value is not None},
    )


def _across(facts: Facts) -> Iterator[Finding]:
    for rule in RULES:
        if facts.now is not None or not rule.timed:
            yield from rule.find(facts)


class _Decided:
    """The resolutions of all documents. `apart`: findings that were decided in different ways."""

    def __init__(self, folds: Iterable[Folded]) -> None:
        self._closed: dict[str, dict[str, tuple[str, ...]]] = {}
        by_finding: dict[str, list[Statement]] = {}
        for folded in folds:
            place = document_text(folded.document)
            self._closed[place] = closings(folded.views.get(RESOLUTION))
            for reading in folded.readings(RESOLUTION):
                if name := text_of(reading.statements[0], "finding"):
                    by_finding.setdefault(name, []).extend(reading.statements)
        self._apart = {
            name: by_record_time(statements)
            for name, statements in sorted(by_finding.items())
            if len({text_of(one, "decision") for one in statements}) > 1
        }
        self.apart = tuple(
            _apart(statements)
            for statements in self._apart.values()
            if len({one.document for one in statements}) > 1
        )

    def closing(self, found: Finding) -> tuple[str, ...]:
        """Names of the resolutions that close a finding: one in every held document that it is about.

        While half of a decision is on its way, the other half may still be needed.
        """
        if found.id in self._apart:
            return ()
        places = {name.partition("/")[0] for name in found.statements} & self._closed.keys()
        halves = [self._closed[place].get(found.id, ()) for place in sorted(places)]
        return tuple(sorted(name for half in halves for name in half)) if all(halves) else ()


def _apart(resolutions: Sequence[Statement]) -> Finding:
    return finding(
        "decided-apart",
        Kind.CONTRADICTION,
        Severity.HIGH,
        RESOLUTION,
        resolutions,
        f"Resolution: {said(RESOLUTION_SLOT, resolutions)}",
        Closing(Act.RESOLVE, RESOLUTION, "decide the finding again, having seen both"),
    )
