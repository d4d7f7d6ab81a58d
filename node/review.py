"""Review: what a person decides about a finding, as the statements that say so.

A resolution names the finding and the statements that were seen; it stands beside whatever else the
decision needs (one value that replaces those that differ, a mark of error, a proposed entry). A
finding that changed meanwhile has another id and is not closed by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from conflict.finding import Act, Finding
from conflict.fold import RESOLUTION
from conflict.identity import DocumentId, StatementId, document_text
from conflict.slot import CATALOGUE
from conflict.statement import Draft, Json, Statement
from node.charting import HeldChart, first_person
from node.desk import Resolve, Save
from node.errors import BadRequest

SEEN_MAX = 256
DECISION_CHARS_MAX = 2_000


class Seen(NamedTuple):
    """A statement of a finding: where it is held, and what is shown of it."""

    document: DocumentId
    statement: Statement
    state: str


def seen(found: Finding, held: HeldChart) -> list[Seen]:
    """The statements of a finding, those that are shown first in the order of display."""
    shown: dict[str, str] = {}
    for folded in held.chart.documents:
        for view in folded.views.values():
            for reading in view.readings:
                for one in reading.statements:
                    shown.pop(one.name, None)  # its own reading comes after one over all of them
                    shown[one.name] = reading.state
    places = {name: place for place, name in enumerate(shown)}
    by_name = {
        one.name: Seen(folded.document, one, shown.get(one.name, "replaced"))
        for folded in held.chart.documents
        for history in folded.histories.values()
        for one in history.statements
    }
    rows = [by_name[name] for name in found.statements if name in by_name]
    rows.sort(key=lambda row: places.get(row.statement.name, len(places)))
    return rows


def finding_body(found: Finding, held: HeldChart) -> dict[str, Json]:
    """A finding with its statements, for the review screen. Shape: `Desk.finding`."""
    return {
        **found.body(),
        "documents": [document_text(one) for one in held.vectors],
        "not_held": [document_text(one) for one in held.chart.not_held],
        "entries": [_entry(row) for row in seen(found, held)],
    }


def _entry(row: Seen) -> dict[str, Json]:
    one = row.statement
    slot = CATALOGUE.get(one.slot)
    return {
        "name": one.name,
        "document": document_text(row.document),
        "slot": one.slot,
        "plain": slot.plain if slot else one.slot,
        "by": one.by,
        "at": one.at,
        "recorded_ms": one.rec.ms,
        "state": row.state,
        "value": one.value,
        "words": f"entered in error: {one.void}" if one.void else _words(one),
    }


def _words(one: Statement) -> str:
    slot = CATALOGUE.get(one.slot)
    return slot.words(one.value) if slot else str(one.value)


def saves_for(found: Finding, held: HeldChart, how: Resolve) -> list[Save]:
    """What resolving writes: a save for each document of the finding. Raises `BadRequest`."""
    if not how.by.strip():
        raise BadRequest("by: a resolution is a named person's. Nothing was saved")
    rows = seen(found, held)
    drafts: dict[DocumentId, list[Draft]] = {row.document: [] for row in rows}
    for document, draft in _deciding(found, held, rows, how):
        drafts.setdefault(document, []).append(draft)
    decision = _decision(found, rows, how)
    value: dict[str, Json] = {
        "finding": found.id,
        "decision": decision,
        "seen": list(found.statements[:SEEN_MAX]),
    }
    for document in {row.document: None for row in rows}:
        drafts[document].append(Draft(slot=RESOLUTION, value=value, by=how.by, at=how.at))
    return [Save(document, tuple(some)) for document, some in drafts.items() if some]


def _deciding(
    found: Finding, held: HeldChart, rows: list[Seen], how: Resolve
) -> Iterator[tuple[DocumentId, Draft]]:
    if sum((bool(how.choose), how.value is not None, bool(how.void), how.record)) > 1:
        raise BadRequest("choose, value, void and record exclude each other. Nothing was saved")
    by_name = {row.statement.name: row for row in rows}
    if how.choose or how.value is not None:
        yield _chosen(found, rows, by_name, how)
    for name in how.void:
        row = _named(by_name, name)
        yield row.document, _mark(row.statement, how)
    if how.record:
        yield _proposed(found, held, how)


def _chosen(
    found: Finding, rows: list[Seen], by_name: Mapping[str, Seen], how: Resolve
) -> tuple[DocumentId, Draft]:
    documents = {row.document for row in rows}
    if found.closing.act is not Act.CHOOSE or len(documents) > 1:
        raise BadRequest(
            f"no one value closes this finding: {found.closing.words}. Nothing was saved"
        )
    chosen = _named(by_name, how.choose).statement if how.choose else None
    if chosen is not None and chosen.void is not None:
        raise BadRequest("this entry is a mark of error, not a value: choose another, or --void")
    return rows[0].document, Draft(
        slot=found.slot,
        value=chosen.value if chosen else how.value,
        by=how.by,
        at=chosen.at if chosen else how.at,
        precision=chosen.precision if chosen else None,
        supersedes=tuple(StatementId(row.statement.id) for row in rows),
    )


def _mark(one: Statement, how: Resolve) -> Draft:
    reason = how.decision or "entered in error"
    return Draft(slot=one.slot, by=how.by, at=how.at, supersedes=(one.id,), void=reason)


def _proposed(found: Finding, held: HeldChart, how: Resolve) -> tuple[DocumentId, Draft]:
    slot = CATALOGUE.get(found.closing.slot)
    if found.closing.act is not Act.RECORD or found.closing.value is None or slot is None:
        raise BadRequest("this finding proposes no entry. Nothing was saved")
    place = next(
        (one for one in held.vectors if one[0] in {kind.value for kind in slot.kinds}),
        first_person(list(held.vectors)),
    )
    if place is None:
        raise BadRequest(f"no document of this chart takes {slot.plain.lower()}. Nothing was saved")
    return place, Draft(slot=slot.name, value=found.closing.value, by=how.by, at=how.at)


def _named(by_name: Mapping[str, Seen], name: str) -> Seen:
    if name not in by_name:
        raise BadRequest(f"'{name[:100]}' is no statement of this finding. Nothing was saved")
    return by_name[name]


def _decision(found: Finding, rows: list[Seen], how: Resolve) -> str:
    words = how.decision.strip()
    by_name = {row.statement.name: row.statement for row in rows}
    if how.choose:
        words = words or f"holds: {_words(by_name[how.choose])}"
    elif how.value is not None:
        words = words or f"holds: {CATALOGUE[found.slot].words(how.value)}"
    elif how.void:
        words = words or "entered in error: " + "; ".join(_words(by_name[one]) for one in how.void)
    elif how.record:
        words = words or found.closing.words
    if not words:
        raise BadRequest("decision: say in words what was decided. Nothing was saved")
    return words[:DECISION_CHARS_MAX]
