"""Review: what a person decides about a finding, as the statements that say so.

A resolution names the finding and the statements that were seen; it stands beside whatever else the
decision needs (one value that replaces those that differ, a mark of error, a proposed entry). A
finding that changed meanwhile has another id and is not closed by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from conflict.finding import Act, Finding
from conflict.fold import RESOLUTION, Folded
from conflict.identity import DocumentId, StatementId, document_kind, document_text
from conflict.limits import SUPERSEDES_MAX
from conflict.policies import Keyed, field_of
from conflict.policies.comparing import key_of, text_of, value_key
from conflict.slot import CATALOGUE, Slot
from conflict.statement import Draft, Json, Statement
from node.charting import HeldChart
from node.desk import Resolve, Save
from node.errors import BadRequest

SEEN_MAX = 128  # names in a resolution: a statement has at most 16 KiB
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
        "by_role": one.by_role,
        "entered_by": one.entered_by,
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
    if not rows:
        raise BadRequest(
            "its statements are of newer software: resolve it there. Nothing was saved"
        )
    drafts: dict[DocumentId, list[Draft]] = {row.document: [] for row in rows}
    for document, draft in _deciding(found, held, rows, how):
        drafts.setdefault(document, []).append(draft)
    value: dict[str, Json] = {
        "finding": found.id,
        "decision": _decision(found, rows, how),
        "seen": list(found.statements[:SEEN_MAX]),
    }
    for folded in held.chart.documents:
        if folded.document in {row.document for row in rows}:
            drafts[folded.document].append(
                Draft(
                    slot=RESOLUTION,
                    value=value,
                    by=how.by,
                    at=how.at,
                    supersedes=_decided_before(folded, found.id),
                )
            )
    return [Save(document, tuple(some)) for document, some in drafts.items() if some]


def _decided_before(folded: Folded, finding: str) -> tuple[StatementId, ...]:
    """Earlier decisions on this finding, as shown."""
    return tuple(
        one.id
        for reading in folded.readings(RESOLUTION)
        for one in reading.statements
        if text_of(one, "finding") == finding
    )[:SUPERSEDES_MAX]


def _deciding(
    found: Finding, held: HeldChart, rows: list[Seen], how: Resolve
) -> Iterator[tuple[DocumentId, Draft]]:
    if sum((bool(how.choose), how.value is not None, bool(how.void), how.record)) > 1:
        raise BadRequest("choose, value, void and record exclude each other. Nothing was saved")
    by_name = {row.statement.name: row for row in rows}
    if how.choose or how.value is not None:
        yield _chosen(found, rows, by_name, how)
    for name in how.void:
        yield _mark(_named(by_name, name), held, how)
    if how.record:
        yield _proposed(found, held, rows, how)


def _chosen(
    found: Finding, rows: list[Seen], by_name: Mapping[str, Seen], how: Resolve
) -> tuple[DocumentId, Draft]:
    """One value in place of all; only where they contend for one place in one document."""
    places = {(row.document, row.statement.slot) for row in rows}
    contending = found.closing.act is Act.CHOOSE and places == {(rows[0].document, found.slot)}
    if not contending or len(rows) < 2:
        raise BadRequest(
            f"no one value closes this finding: {found.closing.words}. Nothing was saved"
        )
    if len(rows) > SUPERSEDES_MAX:
        raise BadRequest(f"more than {SUPERSEDES_MAX} entries: decide in words. Nothing was saved")
    chosen = _named(by_name, how.choose).statement if how.choose else None
    if chosen is not None and chosen.void is not None:
        raise BadRequest("this entry is a mark of error, not a value: choose another, or --void")
    slot = CATALOGUE[found.slot]
    at, precision = _time_of(slot, chosen, rows, how)
    return rows[0].document, Draft(
        slot=found.slot,
        value=_value_of(slot, chosen, rows, how),
        by=how.by,
        at=at,
        precision=precision,
        supersedes=tuple(StatementId(row.statement.id) for row in rows),
    )


def _time_of(
    slot: Slot, chosen: Statement | None, rows: list[Seen], how: Resolve
) -> tuple[str | None, str | None]:
    """Clinical time of what is written: the chosen entry's; of an event, never that of the review."""
    if chosen is not None:
        return chosen.at, chosen.precision
    if slot.policy.family != "events":
        return how.at, None
    times = {(row.statement.at, row.statement.precision) for row in rows if not row.statement.void}
    if len(times) != 1:
        raise BadRequest(
            "the entries say different times: choose one of them, or record a correction with its "
            "time. Nothing was saved"
        )
    return times.pop()


def _value_of(slot: Slot, chosen: Statement | None, rows: list[Seen], how: Resolve) -> Json:
    """The value; of an item with details, with what the others add (reactions, the worst of them)."""
    policy = slot.policy
    if not isinstance(policy, Keyed):
        return chosen.value if chosen else how.value
    items = {key_of(row.statement, policy.key) for row in rows}
    value = chosen.value if chosen else how.value
    if value_key(value, policy.key) not in items or len(items) > 1:
        raise BadRequest("a value for this item expected, not for another one. Nothing was saved")
    positive = (*policy.negatives, *policy.none_known)
    if chosen is None or field_of(chosen, policy.status) in positive:
        return value
    others = (row.statement for row in rows if row.statement is not chosen)
    adding = [one for one in others if field_of(one, policy.status) not in positive]
    return policy.adding(chosen, adding)


def _mark(row: Seen, held: HeldChart, how: Resolve) -> tuple[DocumentId, Draft]:
    """Entered in error: the entry and all that it had replaced, else that would stand again."""
    one = row.statement
    folded = next(each for each in held.chart.documents if each.document == row.document)
    line = folded.histories[one.slot].line(one) or (one.id,)
    if len(line) > SUPERSEDES_MAX:
        raise BadRequest(f"corrected more than {SUPERSEDES_MAX} times. Nothing was saved")
    reason = how.decision or "entered in error"
    return row.document, Draft(slot=one.slot, by=how.by, at=how.at, supersedes=line, void=reason)


def _proposed(
    found: Finding, held: HeldChart, rows: list[Seen], how: Resolve
) -> tuple[DocumentId, Draft]:
    """What the finding proposes, in its own document, else in one of the chart that can hold it."""
    slot = CATALOGUE.get(found.closing.slot)
    if found.closing.act is not Act.RECORD or found.closing.value is None or slot is None:
        raise BadRequest("this finding proposes no entry. Nothing was saved")
    places = (*(row.document for row in rows), *held.vectors)
    place = next((one for one in places if document_kind(one) in slot.kinds), None)
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
