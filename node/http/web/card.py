"""The card of one casualty: what its template shows, made from the chart and the timeline.

Contradictions come first and every value of them is listed; what was replaced or marked as in error
stays in the timeline. Ages stand beside Z times.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from conflict.clinical_time import instants, utc_text
from conflict.errors import ConflictError
from conflict.identity import (
    ID_BYTES,
    DocumentId,
    DocumentKind,
    StatementId,
    document_kind,
    document_text,
    new_document,
    parse_document,
)
from conflict.slot import CATALOGUE
from conflict.statement import Draft
from node.desk import Desk, Save
from node.errors import BadRequest
from node.http.web import sheet
from node.http.web.entering import Entered, names_of

SHOWN_MAX = 60
"""Entries of the timeline on a page; `?all=1` has the others."""

_SINGLE = ("triage", "evacuation")


def values(
    desk: Desk,
    document: DocumentId,
    now: datetime,
    entered: Entered | None,
    given: Mapping[str, str],
) -> dict[str, Any]:
    """What the template shows. `entered`: a form that left something to ask or unsaved."""
    chart: Any = desk.chart(document)
    entries: list[Any] = desk.timeline(document)
    places = [one["document"] for one in chart["documents"]]
    slots = [one["slots"] for one in chart["documents"]]
    person = next((one for one in places if one.startswith("person-")), "")
    kept = entered.kept if entered else {}
    return {
        "sheet": sheet,
        "document": document_text(document),
        "label": chart["label"] or "Unknown casualty",
        "once": secrets.token_urlsafe(18),
        "person": person,
        "triage": _readings(slots, "triage", now),
        "evacuation": _readings(slots, "evacuation", now),
        "allergies": _readings(slots, "allergy", now),
        "findings": [one for one in chart["findings"] if not one["closed_by"]],
        "seen": [f"{one['slot']}={one['name']}" for one in entries if _is_seen(one)],
        "marks": [one["value"] for one in _values(slots, "injury") if "x" in one["value"]],
        "done": _done(entries, now),
        "tourniquets": chart.get("derived", {}).get("tourniquets") or [],
        "vitals": [{**one, **_when(one, now)} for one in entries if _is_vitals(one)][:6],
        "timeline": [
            {**one, "words": _words(one), **_when(one, now)}
            for one in entries[: None if given.get("all") else SHOWN_MAX]
        ],
        "hidden": 0 if given.get("all") else max(0, len(entries) - SHOWN_MAX),
        "unread": [one for each in chart["documents"] for one in each.get("unreadable", ())],
        "away": [*chart["not_held"], *(one["label"] for one in chart["shed"])],
        "typed": kept,
        "doubts": dict(entered.doubts) if entered else {},
        "asked": " ".join(f"{name}={kept[name]}".replace(" ", "") for name in _doubts(entered)),
        "offset": given.get("offset", "0"),
        "wound": given.get("wound", sheet.WOUNDS[0]),
        "saved": given.get("saved", ""),
        "again": bool(given.get("again")),
    }


def _doubts(entered: Entered | None) -> list[str]:
    """Fields in doubt; each is asked about with the very value that stands in it."""
    return [name for name in entered.doubts if name in entered.kept] if entered else []


def _words(one: Mapping[str, Any]) -> str:
    """In the order in which people say it; places on the figure are shown there."""
    value = one["value"]
    if one["state"] == "mark" or not isinstance(value, dict):
        return str(one["words"])
    if one["slot"] == "injury" and "x" in value:
        named = (value.get(name) for name in ("type", "region", "view"))
        return ", ".join(str(part) for part in named if part)
    if one["slot"] == "link":
        return f"{value.get('relation')}: another record of this casualty"
    return str(one["words"])


def _is_seen(one: Mapping[str, Any]) -> bool:
    return one["slot"] in _SINGLE and one["state"] == "stands"


def _is_vitals(one: Mapping[str, Any]) -> bool:
    return one["slot"] == "vitals" and one["state"] == "stands" and isinstance(one["value"], dict)


def _values(slots: Sequence[Mapping[str, Any]], name: str) -> Iterator[Any]:
    return (
        one for each in slots for one in each.get(name, ()) if isinstance(one.get("value"), dict)
    )


def _readings(slots: Sequence[Mapping[str, Any]], name: str, now: datetime) -> list[dict[str, Any]]:
    """All that is said in a slot, the safer reading first."""
    words = CATALOGUE[name].words
    found = (one for each in slots for one in each.get(name, ()))
    defaults = {"by": "", "by_role": "", "state": "stands"}
    return [{**defaults, **one, "words": words(one["value"]), **_when(one, now)} for one in found]


def _done(entries: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, dict[str, Any]]:
    """How often each tile was tapped, as far as what stands says the same, and when last."""
    found: dict[str, dict[str, Any]] = {}
    for tile in sheet.TILES:
        same = [
            one
            for one in entries
            if one["slot"] == tile.slot
            and one["state"] == "stands"
            and isinstance(one["value"], dict)
            and all(one["value"].get(name) == value for name, value in tile.value.items())
        ]
        if same:
            found[tile.key] = {"count": len(same), **_when(same[0], now)}
    return found


def _when(one: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Z time with its date where that is another day, and age."""
    try:
        at = instants(one.get("at") or "").earliest
    except ConflictError:
        return {"zulu": str(one.get("at") or "no time"), "age": ""}
    form = "%H:%MZ" if at.date() == now.date() else "%Y-%m-%d %H:%MZ"
    return {"zulu": at.astimezone(UTC).strftime(form), "age": age(now - at)}


def age(since: Any) -> str:
    """`38 min`, `3 h 12 min`, `2 days`; in the future: `in 5 min`."""
    minutes = int(since.total_seconds() // 60)
    if minutes < 0:
        return f"in {-minutes} min"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} days"


# Saving ---------------------------------------------------------------------------------------------


def places_of(desk: Desk, document: DocumentId) -> tuple[DocumentId | None, DocumentId | None]:
    """Person and episode that a card writes in: the first of each; None: there is none yet."""
    chart: Any = desk.chart(document)
    ids = [document, *(parse_document(one["document"]) for one in chart["documents"])]
    persons = [one for one in ids if document_kind(one) is DocumentKind.PERSON]
    episodes = [one for one in ids if document_kind(one) is DocumentKind.EPISODE]
    return next(iter(persons), None), next(iter(episodes), None)


def saved(
    desk: Desk,
    found: Entered,
    person: DocumentId | None,
    episode: DocumentId | None,
    once: str,
    by: str,
) -> list[str]:
    """Save what a form says; names of the new statements. Raises `SavedAlready` and what a desk does."""
    saves = []
    if found.episode:
        place, begun = (episode, ()) if episode else _begun(person, by)
        saves.append(Save(place, (*begun, *found.episode), once))
        if not episode and person:
            saves.append(Save(person, (_joined(place, by),), once))
    if found.person and person:
        saves.append(Save(person, tuple(found.person), once))
    ids = desk.save(saves) if saves else []
    return [
        name
        for save, some in zip(saves, ids, strict=True)
        for name in names_of(save.document, some)
    ]


def undo(desk: Desk, document: DocumentId, found: Entered, once: str, by: str) -> None:
    """Mark entries of this casualty as entered in error. Raises `SavedAlready`, `BadRequest`."""
    entries: list[Any] = desk.timeline(document)
    slots = {one["name"]: one["slot"] for one in entries if one["state"] != "struck"}
    saves = []
    for place, ids in sorted(found.undone.items()):
        named = dict(zip(ids, names_of(place, list(ids)), strict=True))
        drafts = [_mark(one, slots[name], by) for one, name in named.items() if name in slots]
        saves += [Save(place, tuple(drafts), once)] if drafts else []
    if not saves:
        raise BadRequest("These entries are not of this casualty, or are undone already")
    desk.save(saves)


def _mark(identity: StatementId, slot: str, by: str) -> Draft:
    at = utc_text(datetime.now(UTC))
    reason = "undone on the card"
    return Draft(slot=slot, value=None, by=by, at=at, void=reason, supersedes=(identity,))


def _begun(person: DocumentId | None, by: str) -> tuple[DocumentId, tuple[Draft, ...]]:
    episode = new_document(DocumentKind.EPISODE, secrets.token_bytes(ID_BYTES - 1))
    return episode, ((_joined(person, by),) if person else ())


def _joined(other: DocumentId, by: str) -> Draft:
    value = {"document": document_text(other), "relation": "casualty"}
    return Draft(slot="link", value=value, by=by, at=utc_text(datetime.now(UTC)))
