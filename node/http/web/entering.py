"""What a card's form says, as statements: one tap is one statement, and typed fields go with Save.

Nothing typed is ever refused: what is outside the plausible is asked about once, and what no field can
hold is saved as a note in the medic's own words. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from conflict.clinical_time import utc_text
from conflict.errors import BadIdentity
from conflict.identity import DocumentId, StatementId, document_text, parse_document
from conflict.statement import Draft, Json
from node.errors import BadRequest
from node.http.web.sheet import (
    AVPU,
    EVACUATION,
    OFFSETS_MIN,
    REGIONS,
    TILE,
    TRIAGE,
    VIEWS,
    VITALS,
    WOUNDS,
    Measure,
)

TYPED = (*(one.name for one in VITALS), "avpu", "note", "drug", "dose", "unit", "route", "allergy")
"""Fields that a person types; they stay on the page until they are saved."""

TEXT_MAX = 12_000
SEEN_MAX = 200
_NUMBER = re.compile(r"\d{1,6}([.,]\d{1,4})?")
_NAME = re.compile(r"[0-9a-f]{32}\.\d{1,9}")


@dataclass
class Entered:
    """Statements for the episode and the person; `doubts`: fields to ask about, with the question;
    `kept`: what was typed and not saved; `undone`: statements to be marked, by document."""

    episode: list[Draft] = field(default_factory=list)
    person: list[Draft] = field(default_factory=list)
    undone: dict[DocumentId, list[StatementId]] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)


Form = Mapping[str, str]


def entered(form: Form, seen: Mapping[str, list[StatementId]], by: str, now: datetime) -> Entered:
    """Read one form. `seen`: by slot, what the form displayed. Raises `BadRequest` for no such tap."""
    found = Entered(kept={name: form[name].strip() for name in TYPED if form.get(name, "").strip()})
    if too_long := [name for name, text in found.kept.items() if len(text) > TEXT_MAX]:
        raise BadRequest(f"{too_long[0]}: at most {TEXT_MAX} letters. Nothing was saved")
    at = utc_text(now - timedelta(minutes=_offset(form)))
    what, _, which = form.get("do", "save").partition(":")
    if what == "save":
        _typed(found, form.get("asked", "").split(), by, at)
    elif what == "undo":
        found.undone = _undone(which)
    else:
        found.episode.append(_tapped(what, which, form, seen, by, at))
    return found


def _offset(form: Form) -> int:
    given = form.get("offset", "0")
    return int(given) if given in {str(one) for one in OFFSETS_MIN} else 0


def _tapped(
    what: str, which: str, form: Form, seen: Mapping[str, list[StatementId]], by: str, at: str
) -> Draft:
    if what == "treat" and which in TILE:
        tile = TILE[which]
        return Draft(slot=tile.slot, value={**tile.value}, by=by, at=at)
    if what == "triage" and which in TRIAGE:
        replaced = tuple(seen.get("triage", ()))
        return Draft(slot="triage", value={"category": which}, by=by, at=at, supersedes=replaced)
    if what == "evacuation" and which in EVACUATION:
        replaced = tuple(seen.get("evacuation", ()))
        value: Json = {"precedence": which}
        return Draft(slot="evacuation", value=value, by=by, at=at, supersedes=replaced)
    if what == "hurt":
        return _injury(which, form, by, at)
    if what in {"removed", "converted"}:
        return Draft(slot="tourniquet", value=_off(what, which), by=by, at=at)
    raise BadRequest("The card has no such button. Nothing was saved")


def _off(action: str, which: str) -> Json:
    """`which`: limb, `=`, and the name of the statement that applied it."""
    limb, _, name = which.partition("=")
    if limb not in {str(one.value.get("limb")) for one in TILE.values()} or not _names([name]):
        raise BadRequest("This form names no tourniquet. Nothing was saved")
    return {"action": action, "limb": limb, "of": name}


def _injury(which: str, form: Form, by: str, at: str) -> Draft:
    view, _, key = which.partition(":")
    region = next((one for one in REGIONS if one.key == key), None)
    if region is None or view not in VIEWS:
        raise BadRequest("The figure has no such region. Nothing was saved")
    kind = form.get("wound", WOUNDS[0])
    across = region.x if view == "front" else str(1 - Decimal(region.x))  # left is left from behind
    value: dict[str, Json] = {"region": region.plain, "view": view, "x": across, "y": region.y}
    value["type"] = kind if kind in WOUNDS else "other"
    return Draft(slot="injury", value=value, by=by, at=at)


def _typed(found: Entered, asked: list[str], by: str, at: str) -> None:
    vitals, odd = _vitals(found, set(asked))
    text = found.kept.pop("note", "")
    if vitals:
        found.episode.append(Draft(slot="vitals", value=vitals, by=by, at=at))
    for words in (*([f"As typed: {', '.join(odd)}"] if odd else ()), *([text] if text else ())):
        found.episode.append(Draft(slot="note", value={"text": words}, by=by, at=at))
    if drug := found.kept.pop("drug", ""):
        found.episode.append(_dose(drug, found, by, at))
    if allergy := found.kept.pop("allergy", ""):
        none = allergy.upper() in {"NKDA", "NKA", "NONE"}
        value: dict[str, Json] = {"status": "none-known-drug"} if none else {"substance": allergy}
        found.person.append(
            Draft(slot="allergy", value={"status": "active", **value}, by=by, at=at)
        )


def _vitals(found: Entered, asked: set[str]) -> tuple[dict[str, Json], list[str]]:
    """Values that a field can hold, and words for those that none can."""
    values: dict[str, Json] = {}
    odd: list[str] = []
    for one in VITALS:
        text = found.kept.get(one.name, "")
        if not text:
            continue
        if (doubt := _doubt(one, text)) and f"{one.name}={text}".replace(" ", "") not in asked:
            found.doubts[one.name] = doubt
            continue
        del found.kept[one.name]
        held = _held(one, text)
        if held is None:
            odd.append(f"{one.plain} {text}")
        else:
            values[one.name] = held
    if (avpu := found.kept.pop("avpu", "")) in AVPU:
        values["avpu"] = avpu
    return values, odd


def _doubt(one: Measure, text: str) -> str:
    if not _NUMBER.fullmatch(text):
        return f"{one.plain} “{text[:20]}” is no number"
    value = float(text.replace(",", "."))
    if not one.low <= value <= one.high:
        return f"{one.plain} {text} {one.unit} is unusual"
    return f"{one.plain} {text}: a whole number is usual" if "." in text and not one.decimal else ""


_WIDEST = {
    "pulse": 350,
    "systolic": 350,
    "diastolic": 250,
    "respiration": 120,
    "spo2": 100,
    "pain": 10,
}


def _held(one: Measure, text: str) -> Json:
    """The value as its field takes it; None: it takes no such value."""
    if one.decimal:
        fits = _NUMBER.fullmatch(text) and 10 <= float(text.replace(",", ".")) <= 50
        return text.replace(",", ".") if fits else None
    return (
        int(text) if text.isascii() and text.isdigit() and int(text) <= _WIDEST[one.name] else None
    )


def _dose(drug: str, found: Entered, by: str, at: str) -> Draft:
    """A dose as typed; a dose that is no number stands beside the drug's name."""
    value: dict[str, Json] = {"drug": drug[:200]}
    dose = found.kept.pop("dose", "").replace(",", ".")
    if _NUMBER.fullmatch(dose):
        value["dose"] = dose
    elif dose:
        value["drug"] = f"{drug} {dose}"[:200]
    for name, most in (("unit", 40), ("route", 80)):
        if text := found.kept.pop(name, ""):
            value[name] = text[:most]
    return Draft(slot="medication_given", value=value, by=by, at=at)


def _undone(which: str) -> dict[DocumentId, list[StatementId]]:
    names = which.split(",")[:SEEN_MAX]
    found: dict[DocumentId, list[StatementId]] = {}
    for document, identity in _names(names):
        found.setdefault(document, []).append(identity)
    if not found:
        raise BadRequest("This form names no entry. Nothing was changed")
    return found


def _names(names: list[str]) -> list[tuple[DocumentId, StatementId]]:
    """`<document>/<statement>` each; what is not one is passed over."""
    return list(_split(names))


def _split(names: list[str]) -> Iterator[tuple[DocumentId, StatementId]]:
    for name in names:
        document, _, identity = name.partition("/")
        if _NAME.fullmatch(identity):
            try:
                yield parse_document(document), StatementId(identity)
            except BadIdentity:
                continue


def seen_of(names: list[str], episode: DocumentId) -> dict[str, list[StatementId]]:
    """What a form displayed in the episode that it writes in, by slot: `slot=<document>/<statement>`."""
    found: dict[str, list[StatementId]] = {}
    for name in names[:SEEN_MAX]:
        slot, _, rest = name.partition("=")
        for document, identity in _split([rest]):
            if document == episode:
                found.setdefault(slot, []).append(identity)
    return found


def names_of(document: DocumentId, ids: list[str]) -> list[str]:
    """`<document>/<statement>` of what was saved."""
    return [f"{document_text(document)}/{one}" for one in ids]
