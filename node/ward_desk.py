"""The desk's part about the casualties here. Shapes: `ward.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from conflict.fold import Folded
from conflict.identity import DocumentId, DocumentKind, document_kind, document_text
from conflict.records import TOURNIQUET, TRIAGE, VITALS
from conflict.slot import CATALOGUE, History
from conflict.statement import Json, Statement
from node.charting import Charts
from storage import ProjectionRow
from storage.ports import Store

PAGE = 500
ORDER = ("immediate", "", "delayed", "minimal", "expectant")
"""By triage; whom nobody triaged is looked at before those who can wait."""

_KINDS = (DocumentKind.PERSON, DocumentKind.EPISODE)
_OFF = frozenset({"removed", "converted"})


class WardDesk:
    """For `LocalDesk`."""

    _store: Store
    _charts: Charts

    def casualties(self, limit: int = PAGE) -> Json:
        """See `Ward`."""
        rows = {row.document: row for kind in _KINDS for row in self._rows(kind)}
        found = [_casualty(group) for group in _together(rows)]
        found.sort(key=lambda one: (_place(one["triage"]), -one["findings"], one["label"]))
        return {"casualties": found[:limit], "more": len(found) > limit}

    def _rows(self, kind: DocumentKind) -> Iterator[ProjectionRow]:
        after: DocumentId | None = None
        while page := self._store.projections(kind, after, PAGE):
            yield from page
            after = page[-1].document

    def timeline(self, document: DocumentId) -> list[Json]:
        """See `Ward`."""
        folds = self._charts.of(document).chart.documents
        entries = [one for folded in folds for one in _entries(folded)]
        entries.sort(
            key=lambda one: (one["at"] or "", one["recorded_ms"], one["name"]), reverse=True
        )
        return entries


def _place(triage: str) -> int:
    return ORDER.index(triage) if triage in ORDER else 1


def _together(rows: Mapping[DocumentId, ProjectionRow]) -> Iterator[list[ProjectionRow]]:
    """Rows by chart, as far as their documents name one another."""
    named: dict[DocumentId, set[DocumentId]] = {one: set() for one in rows}
    for one, row in rows.items():
        for other in row.links:
            if other in named:
                named[one].add(other)
                named[other].add(one)
    seen: set[DocumentId] = set()
    for start in sorted(rows):
        if start in seen:
            continue
        group, todo = [], [start]
        seen.add(start)
        while todo:
            one = todo.pop()
            group.append(rows[one])
            todo += sorted(named[one] - seen)
            seen |= named[one]
        yield group


def _casualty(rows: Sequence[ProjectionRow]) -> dict[str, Any]:
    kinds = {row.document: document_kind(row.document) for row in rows}
    persons = [row for row in rows if kinds[row.document] is DocumentKind.PERSON]
    episodes = [row for row in rows if kinds[row.document] is DocumentKind.EPISODE]
    slots = [orjson.loads(row.body).get("slots", {}) for row in episodes]
    triage = list(_said(slots, TRIAGE.name))
    vitals = max(_said(slots, VITALS.name), key=lambda one: str(one.get("at") or ""), default={})
    categories = [str(one["value"].get("category", "")) for one in triage]
    return {
        "document": document_text((persons or episodes)[0].document),
        "episode": document_text(episodes[0].document) if episodes else "",
        "label": next((row.label for row in persons if row.label), "")
        or next((row.label for row in episodes if row.label), ""),
        "triage": min(categories, key=_place, default=""),
        "differs": len(set(categories)) > 1,
        "vitals": vitals.get("value", {}),
        "vitals_at": vitals.get("at"),
        "last_at": max((str(one.get("at") or "") for one in _all(slots)), default="") or None,
        "tourniquets": _on(_said(slots, TOURNIQUET.name)),
        "findings": sum(row.open_findings for row in rows),
        "shed_ms": max((row.shed_ms or 0 for row in rows), default=0) or None,
    }


Slots = Mapping[str, Sequence[dict[str, Any]]]


def _said(slots: Iterable[Slots], name: str) -> Iterator[dict[str, Any]]:
    return (
        one for each in slots for one in each.get(name, ()) if isinstance(one.get("value"), dict)
    )


def _all(slots: Iterable[Slots]) -> Iterator[dict[str, Any]]:
    return (one for each in slots for readings in each.values() for one in readings)


def _on(said: Iterable[dict[str, Any]]) -> int:
    """Limbs whose last tourniquet entry, by clinical time, does not say that it came off."""
    last: dict[str, tuple[str, bool]] = {}
    for one in said:
        value = one["value"]
        entry = (str(one.get("at") or ""), value.get("action") not in _OFF)
        limb = str(value.get("limb"))
        last[limb] = max(last.get(limb, entry), entry)
    return sum(on for _, on in last.values())


def _entries(folded: Folded) -> Iterator[dict[str, Any]]:
    place = document_text(folded.document)
    for history in folded.histories.values():
        for one in history.statements:
            yield {"document": place, **_entry(one, history)}


def _entry(one: Statement, history: History) -> dict[str, Any]:
    slot = CATALOGUE.get(one.slot)
    words = slot.words(one.value) if slot else str(one.value)
    return {
        "name": one.name,
        "statement": one.id,
        "slot": one.slot,
        "plain": slot.plain if slot else one.slot,
        "words": one.void if one.void is not None else words,
        "value": one.value,
        "by": one.by,
        "by_role": one.by_role,
        "entered_by": one.entered_by,
        "at": one.at,
        "recorded_ms": one.rec.ms,
        "state": _state(one, history),
        "replaced_by": [each.id for each in history.superseded.get(one.id, ())],
    }


def _state(one: Statement, history: History) -> str:
    if one.void is not None:
        return "mark"
    if one.id in history.struck:
        return "struck"
    return "replaced" if one.id in history.superseded else "stands"
