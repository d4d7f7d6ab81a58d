"""The fold: what a document's admitted statements mean, as a pure function of the set.

Order, grouping and duplication of deliveries do not matter. Every shown value names its statements,
unknown slots are kept and shown raw, and equal sets give byte-equal projections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from conflict import cosigning, imports, records
from conflict.document import Entry
from conflict.errors import BadStatement
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.identity import (
    ActorId,
    DocumentId,
    StatementId,
    document_kind,
    document_text,
)
from conflict.policies.rivals import with_rivals
from conflict.slot import CATALOGUE, History, Reading, Slot, View
from conflict.standing import Standing, standing
from conflict.statement import NOWHERE, Json, Statement, canonical_bytes, decode

RESOLUTION = records.RESOLUTION.name
Catalogue = Mapping[str, Slot]


@dataclass(frozen=True, slots=True)
class Folded:
    """A document's views by slot name, its findings, what was entered in error (`struck`, with the
    statement that says so), and what this software cannot read.

    `histories` is what the views were made from: the next fold starts there. `copies`: by copy of
    an import, the one that counts for all.
    """

    document: DocumentId
    views: Mapping[str, View]
    findings: tuple[Finding, ...]
    struck: tuple[tuple[Statement, Statement], ...]
    unknown: tuple[Statement, ...]
    unreadable: tuple[str, ...]
    catalogue: Catalogue = field(repr=False, default_factory=lambda: CATALOGUE)
    histories: Mapping[str, History] = field(repr=False, default_factory=dict)
    copies: Mapping[StatementId, StatementId] = field(repr=False, default_factory=dict)

    def readings(self, slot: str) -> tuple[Reading, ...]:
        """What is shown in a slot."""
        view = self.views.get(slot)
        return view.readings if view else ()

    def body(self) -> dict[str, Json]:
        """JSON form: the stored projection."""
        signed = cosigning.cosigned(self.views)
        slots = {
            name: self._slot(name, view, signed)
            for name, view in self.views.items()
            if view.readings
        }
        body: dict[str, Json] = {"document": document_text(self.document), "slots": slots}
        if self.findings:
            body["findings"] = [one.body() for one in self.findings]
        if self.struck:
            body["struck"] = [_struck_body(*pair) for pair in self.struck]
        if self.unknown:
            body["unknown"] = [
                {"slot": one.slot, "statement": one.id, "value": one.value} for one in self.unknown
            ]
        if self.unreadable:
            body["unreadable"] = list(self.unreadable)
        return body

    def _slot(self, name: str, view: View, signed: cosigning.Cosigned) -> list[dict[str, Json]]:
        declared, history = self.catalogue.get(name), self.histories.get(name)
        bodies = [(one.body(declared), one) for one in view.readings]
        if not signed or history is None:
            return [body for body, _ in bodies]
        return [cosigning.marked(body, one, history, signed) for body, one in bodies]

    def projection(self) -> bytes:
        """Canonical bytes of `body`: equal for equal held and admitted sets."""
        return canonical_bytes(self.body())


def _struck_body(one: Statement, void: Statement) -> dict[str, Json]:
    body: dict[str, Json] = {
        "slot": one.slot,
        "statement": one.id,
        "value": one.value,
        "by": one.by,
        "void": {"statement": void.id, "by": void.by, "reason": void.void},
    }
    return body | ({"at": one.at} if one.at else {})


def statements_of(
    lanes: Mapping[ActorId, Sequence[Entry]], document: DocumentId = NOWHERE
) -> tuple[list[Statement], tuple[str, ...]]:
    """Statements of all lanes in id order, and the ids of those whose fields cannot be read."""
    statements: list[Statement] = []
    unreadable: list[str] = []
    for actor in sorted(lanes):
        own = actor.hex()
        for slot, number, text in lanes[actor]:
            identity = StatementId(f"{own}.{number}")
            try:
                statements.append(decode(slot, identity, text, document))
            except BadStatement:
                unreadable.append(f"{slot}/{identity}")
    return statements, tuple(unreadable)


def fold(
    document: DocumentId,
    lanes: Mapping[ActorId, Sequence[Entry]],
    catalogue: Catalogue = CATALOGUE,
) -> Folded:
    """Fold a document from its lanes' admitted entries."""
    statements, unreadable = statements_of(lanes, document)
    return fold_statements(document, statements, unreadable, catalogue=catalogue)


def fold_statements(
    document: DocumentId,
    statements: Iterable[Statement],
    unreadable: tuple[str, ...] = (),
    *,
    catalogue: Catalogue = CATALOGUE,
    before: Folded | None = None,
) -> Folded:
    """Fold a document from its statements, in any order and any number of copies.

    `before` is an earlier fold of this document by the same catalogue: slots in which nothing
    changed keep their views. The result is the same without it.
    """
    unique = {one.id: one for one in statements}
    ordered = [unique[key] for key in sorted(unique)]
    copies = imports.copies(ordered)
    stands = standing(unique, copies.kept)
    kind = document_kind(document)
    by_slot: dict[str, list[Statement]] = {}
    unknown: list[Statement] = []
    for one in ordered:
        if copies.kept.get(one.id, one.id) != one.id:
            continue
        slot = catalogue.get(one.slot)
        if slot is not None and kind in slot.kinds:
            by_slot.setdefault(one.slot, []).append(one)
        else:
            unknown.append(one)
    histories = {name: _history(group, stands) for name, group in sorted(by_slot.items())}
    views = {name: _view(catalogue, name, one, before) for name, one in histories.items()}
    found = [
        *imports.differing(copies, stands),
        *_circular(stands, unique),
        *_from_elsewhere(stands),
    ]
    found.extend(one for view in views.values() for one in view.findings)
    closed = closings(views.get(RESOLUTION))
    unique_found = {one.id: one for one in found}
    findings = [_with_resolutions(unique_found[key], closed) for key in sorted(unique_found)]
    return Folded(
        document=document,
        views=views,
        findings=tuple(findings),
        struck=tuple(_struck(unique, stands, copies.kept)),
        unknown=tuple(unknown),
        unreadable=unreadable,
        catalogue=catalogue,
        histories=histories,
        copies={one: kept for one, kept in copies.kept.items() if kept != one},
    )


def _history(group: Sequence[Statement], stands: Standing) -> History:
    """One slot's part of what stands."""
    if not stands.superseded:
        return History(group, {})
    ids = [one.id for one in group]
    superseded = {key: stands.superseded[key] for key in ids if key in stands.superseded}
    struck = {key: stands.struck[key] for key in superseded if key in stands.struck}
    return History(group, superseded, struck)


def _view(catalogue: Catalogue, name: str, history: History, before: Folded | None) -> View:
    if before and before.histories.get(name) == history:
        return before.views[name]
    slot = catalogue[name]
    return with_rivals(slot, history, slot.policy.view(slot, history))


def _struck(
    unique: Mapping[StatementId, Statement],
    stands: Standing,
    kept: Mapping[StatementId, StatementId],
) -> Iterator[tuple[Statement, Statement]]:
    for key in sorted(stands.struck):
        one = unique.get(key)
        if one is not None and one.void is None and kept.get(key, key) == key:
            for void in stands.struck[key]:
                yield one, void


def _circular(stands: Standing, unique: Mapping[StatementId, Statement]) -> Iterator[Finding]:
    for circle in stands.circles:
        members = [unique[key] for key in circle]
        who = "; ".join(who_when(one) for one in members[:8])
        yield finding(
            "circle",
            Kind.CONTRADICTION,
            Severity.MEDIUM,
            members[0].slot,
            members,
            f"Statements replace each other in a circle ({who}): all are shown",
            Closing(Act.CHOOSE, members[0].slot, "write what holds, replacing these"),
        )


def _from_elsewhere(stands: Standing) -> Iterator[Finding]:
    by_writer: dict[StatementId, list[Statement]] = {}
    for one, target in stands.elsewhere:
        by_writer.setdefault(one.id, [one]).append(target)
    for members in by_writer.values():
        one, *named = members
        slots = ", ".join(dict.fromkeys(each.slot for each in named))
        yield finding(
            "named-from-elsewhere",
            Kind.CONTRADICTION,
            Severity.MEDIUM,
            named[0].slot,
            members,
            f"{who_when(one)} wrote in {one.slot} what would replace entries in {slots}: they stand",
            Closing(Act.RESOLVE, named[0].slot, "say what holds; mark what was in error"),
        )


def closings(view: View | None) -> dict[str, tuple[str, ...]]:
    """By finding: the names of resolutions that close it. Resolutions that differ close nothing."""
    closed: dict[str, tuple[str, ...]] = {}
    for reading in view.readings if view else ():
        if reading.state == "stands" and isinstance(reading.value, dict):
            name = reading.value.get("finding")
            if isinstance(name, str):
                closed[name] = tuple(sorted(one.name for one in reading.statements))
    return closed


def _with_resolutions(found: Finding, closed: Mapping[str, tuple[str, ...]]) -> Finding:
    return found._replace(closed_by=closed[found.id]) if found.id in closed else found
