"""The fold: what a document's admitted statements mean, as a pure function of the set.

Order, grouping and duplication of deliveries do not matter. Every shown value names its statements,
unknown slots are kept and shown raw, and equal sets give byte-equal projections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from conflict import records
from conflict.document import Entry
from conflict.errors import BadStatement
from conflict.finding import Finding, Kind, Severity, finding
from conflict.identity import (
    ActorId,
    DocumentId,
    StatementId,
    document_kind,
    document_text,
    statement_id,
)
from conflict.slot import CATALOGUE, History, Slot, View
from conflict.statement import NOWHERE, Json, Statement, canonical, decode

RESOLUTION = records.RESOLUTION.name


@dataclass(frozen=True, slots=True)
class Folded:
    """A document's views by slot name, its findings, and what this software cannot read."""

    document: DocumentId
    views: Mapping[str, View]
    findings: tuple[Finding, ...]
    unknown: tuple[Statement, ...]
    unreadable: tuple[str, ...]

    def body(self) -> dict[str, Json]:
        """JSON form: the stored projection."""
        slots = {
            name: [one.body(CATALOGUE.get(name)) for one in view.readings]
            for name, view in self.views.items()
            if view.readings
        }
        body: dict[str, Json] = {"document": document_text(self.document), "slots": slots}
        if self.findings:
            body["findings"] = [one.body() for one in self.findings]
        if self.unknown:
            body["unknown"] = [
                {"slot": one.slot, "statement": one.id, "value": one.value} for one in self.unknown
            ]
        if self.unreadable:
            body["unreadable"] = list(self.unreadable)
        return body

    def projection(self) -> bytes:
        """Canonical bytes of `body`: equal for equal held and admitted sets."""
        return canonical(self.body()).encode()


def statements_of(
    lanes: Mapping[ActorId, Sequence[Entry]], document: DocumentId = NOWHERE
) -> tuple[list[Statement], tuple[str, ...]]:
    """Statements of all lanes in id order, and the ids of those whose fields cannot be read."""
    statements: list[Statement] = []
    unreadable: list[str] = []
    for actor in sorted(lanes):
        for entry in lanes[actor]:
            identity = statement_id(actor, entry.number)
            try:
                statements.append(decode(entry.slot, identity, entry.text, document))
            except BadStatement:
                unreadable.append(f"{entry.slot}/{identity}")
    return statements, tuple(unreadable)


def fold(document: DocumentId, lanes: Mapping[ActorId, Sequence[Entry]]) -> Folded:
    """Fold a document from its lanes' admitted entries."""
    statements, unreadable = statements_of(lanes, document)
    return fold_statements(document, statements, unreadable)


def fold_statements(
    document: DocumentId, statements: Iterable[Statement], unreadable: tuple[str, ...] = ()
) -> Folded:
    """Fold a document from its statements, in any order and any number of copies."""
    unique = {one.id: one for one in statements}
    kept, versions = _imports([unique[key] for key in sorted(unique)])
    superseded = _superseded(unique, kept)
    distinct = [one for key, one in sorted(unique.items()) if kept.get(key, key) == key]
    found = _differing_imports(versions, superseded)
    by_slot: dict[str, list[Statement]] = {}
    unknown: list[Statement] = []
    for one in distinct:
        if _slot(document, one.slot) is None:
            unknown.append(one)
        else:
            by_slot.setdefault(one.slot, []).append(one)
    views: dict[str, View] = {}
    for name, group in sorted(by_slot.items()):
        slot = CATALOGUE[name]
        views[name] = slot.policy.view(slot, History(group, superseded))
        found.extend(views[name].findings)
    closed = _resolutions(by_slot.get(RESOLUTION, ()), superseded)
    findings = tuple(sorted(_with_resolutions(one, closed) for one in found))
    return Folded(document, views, findings, tuple(unknown), unreadable)


def _slot(document: DocumentId, name: str) -> Slot | None:
    slot = CATALOGUE.get(name)
    return slot if slot and document_kind(document) in slot.kinds else None


def _superseded(
    statements: Mapping[StatementId, Statement], kept: Mapping[StatementId, StatementId]
) -> dict[StatementId, list[Statement]]:
    """Who names each statement; to name one copy of an import is to name that import."""
    superseded: dict[StatementId, list[Statement]] = {}
    for key in sorted(statements):
        targets = (kept.get(one, one) for one in statements[key].supersedes)
        for target in dict.fromkeys(targets):
            if target != kept.get(key, key):
                superseded.setdefault(target, []).append(statements[key])
    return superseded


Versions = Mapping[tuple[str, str, str], Sequence[Statement]]


def _imports(
    statements: Sequence[Statement],
) -> tuple[dict[StatementId, StatementId], Versions]:
    """Equal imports fold into the one with the smallest id: by copy, the one that is kept.

    Then what was imported of each source record of a slot.
    """
    kept: dict[StatementId, StatementId] = {}
    first: dict[tuple[str, ...], StatementId] = {}
    versions: dict[tuple[str, str, str], list[Statement]] = {}
    for one in statements:
        if one.source is None:
            continue
        content = (one.slot, *one.source, one.at or "", canonical([one.value, one.void]))
        kept[one.id] = first.setdefault(content, one.id)
        if kept[one.id] == one.id:
            key = (one.slot, one.source.system, one.source.record)
            versions.setdefault(key, []).append(one)
    return kept, versions


def _differing_imports(
    versions: Versions, superseded: Mapping[StatementId, Sequence[Statement]]
) -> list[Finding]:
    standing = {
        key: [one for one in group if one.id not in superseded] for key, group in versions.items()
    }
    return [
        finding(
            Kind.SOURCE,
            Severity.LOW,
            slot,
            group,
            f"{slot}: one source record was imported with different content",
        )
        for (slot, _, _), group in standing.items()
        if len({one.source.content_hash for one in group if one.source}) > 1
    ]


def _resolutions(
    statements: Sequence[Statement], superseded: Mapping[StatementId, Sequence[Statement]]
) -> dict[str, tuple[str, ...]]:
    closed: dict[str, list[str]] = {}
    for one in History(statements, superseded).standing():
        if isinstance(one.value, dict) and isinstance(name := one.value.get("finding"), str):
            closed.setdefault(name, []).append(one.id)
    return {name: tuple(sorted(ids)) for name, ids in closed.items()}


def _with_resolutions(found: Finding, closed: Mapping[str, tuple[str, ...]]) -> Finding:
    return found._replace(closed_by=closed[found.id]) if found.id in closed else found
