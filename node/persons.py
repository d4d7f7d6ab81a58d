"""Who is who: candidates for the same person, links and their undoing, moves, new casualties.

The machine shows candidates with their evidence; a person links. A link is written into both
documents, and so is its undoing, so that either document alone tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import orjson

from conflict import matching
from conflict.identity import (
    ID_BYTES,
    DocumentId,
    DocumentKind,
    StatementId,
    document_from_source,
    document_kind,
    document_text,
    new_document,
)
from conflict.limits import SUPERSEDES_MAX
from conflict.matching import Match, Profile
from conflict.moving import Moved, move
from conflict.policies import field_of
from conflict.policies.comparing import text_of
from conflict.records import (
    BATTLE_ROSTER,
    BIRTH_DATE,
    DOD_ID,
    IDENTIFIER,
    LINK,
    NAME,
    SERVICE,
    SEX,
    UNIT,
)
from conflict.records.shared import DENIED_LINKS
from conflict.rules.links import linked_document
from conflict.slot import CATALOGUE, History
from conflict.statement import Draft, Json, Statement
from node.charting import Charts
from node.desk import Move, Relation, Save
from node.errors import BadRequest, NotFound
from storage.ports import Store

PAGE = 500


def profile_of(body: Mapping[str, Json]) -> Profile:
    """All that a person document's projection asserts of who it is."""
    slots = body.get("slots", {})

    def values(slot: str, *fields: str) -> Iterator[tuple[str, ...]]:
        for reading in slots.get(slot, ()):
            value = reading["value"]
            if isinstance(value, dict):
                found = tuple(value.get(name) for name in fields)
                texts = tuple(one if isinstance(one, str) else "" for one in found)
                if any(texts):
                    yield texts

    def firsts(slot: str, field: str) -> tuple[str, ...]:
        return tuple(one for (one,) in values(slot, field))

    rosters = ((matching.BATTLE_ROSTER, one) for one in firsts(BATTLE_ROSTER.name, "number"))
    others = ((system, value) for system, value in values(IDENTIFIER.name, "system", "value"))
    return Profile(
        names=tuple((one, two) for one, two in values(NAME.name, "family", "given")),
        birth_dates=firsts(BIRTH_DATE.name, "date"),
        sexes=firsts(SEX.name, "code"),
        services=firsts(SERVICE.name, "code"),
        units=firsts(UNIT.name, "name"),
        dod_ids=firsts(DOD_ID.name, "number"),
        identifiers=(*rosters, *others),
    )


def candidates(store: Store, document: DocumentId, most: int) -> list[Json]:
    """Persons held here that may be this one. Shape: `Desk.candidates`. Raises `NotFound`."""
    row = store.projection(document)
    if row is None or document_kind(document) is not DocumentKind.PERSON:
        raise NotFound(f"{document_text(document)} is no person held here")
    if not row.body:
        raise NotFound(f"{document_text(document)} is not here any more: fetch it, then try again")
    body = orjson.loads(row.body)
    settled = {document, *store.links(document), *_said_other(body)}
    labels: dict[DocumentId, str] = {}

    def others() -> Iterator[tuple[DocumentId, Profile]]:
        after: DocumentId | None = None
        while rows := store.projections(DocumentKind.PERSON, after, PAGE):
            after = rows[-1].document
            for one in rows:
                if one.document not in settled and one.body:
                    labels[one.document] = one.label
                    yield one.document, profile_of(orjson.loads(one.body))

    found = matching.candidates(profile_of(body), others(), most)
    return [_candidate(other, labels[other], match) for other, match in found]


def _said_other(body: Mapping[str, Json]) -> list[DocumentId]:
    """Documents that somebody said are other persons."""
    said = (one["value"] for one in body.get("slots", {}).get(LINK.name, ()))
    denied = (
        linked_document(value.get("document"))
        for value in said
        if isinstance(value, dict) and value.get("relation") == DENIED_LINKS["same-person"]
    )
    return [one for one in denied if one]  # a peer's odd value is shown raw in the chart


def _candidate(other: DocumentId, label: str, match: Match) -> dict[str, Json]:
    return {
        "document": document_text(other),
        "label": label,
        "band": match.band,
        "probability": f"{match.probability:.4f}",
        "score_bits": f"{match.score_bits:.1f}",
        "words": matching.words(match),
        "evidence": [
            {
                "field": one.field,
                "level": one.level,
                "weight_bits": f"{one.weight_bits:.1f}",
                "ours": one.ours,
                "theirs": one.theirs,
            }
            for one in match.evidence
        ],
    }


# Links --------------------------------------------------------------------------------------------


def link_saves(charts: Charts, given: Relation) -> list[Save]:
    """Both documents say that they belong together. Raises `BadRequest`."""
    relation = _relation(given.one, given.other)
    return [
        Save(here, tuple(_link_drafts(charts, here, there, relation, given)))
        for here, there in _both(given)
    ]


def unlink_saves(charts: Charts, given: Relation) -> list[Save]:
    """Both documents say that they do not, also one that is not held. Raises `BadRequest`,
    `NotFound`."""
    relation = DENIED_LINKS[_relation(given.one, given.other)]
    if not any(_links(charts, here, there) for here, there in _both(given)):
        raise NotFound("no link between these two is held here; nothing was saved")
    return [
        Save(here, tuple(_link_drafts(charts, here, there, relation, given)))
        for here, there in _both(given)
    ]


def _both(given: Relation) -> tuple[tuple[DocumentId, DocumentId], ...]:
    if not given.by.strip():
        raise BadRequest("by: a link is a named person's. Nothing was saved")
    return (given.one, given.other), (given.other, given.one)


def _relation(one: DocumentId, other: DocumentId) -> str:
    kinds = {document_kind(one), document_kind(other)}
    if one == other or not kinds <= {DocumentKind.PERSON, DocumentKind.EPISODE}:
        raise BadRequest("a link joins two different person or episode records. Nothing was saved")
    if len(kinds) == 2:
        return "casualty"
    return "same-person" if DocumentKind.PERSON in kinds else "same-episode"


def _links(charts: Charts, here: DocumentId, there: DocumentId) -> dict[StatementId, Statement]:
    """What a document shows of its link to another, however a peer spelt it."""
    try:
        readings = charts.document(here).readings(LINK.name)
    except NotFound:
        return {}
    return {
        statement.id: statement
        for reading in readings
        for statement in reading.statements
        if linked_document(field_of(statement, "document")) == there
    }


def _link_drafts(
    charts: Charts, here: DocumentId, there: DocumentId, relation: str, given: Relation
) -> Iterator[Draft]:
    """What holds now. A link in another spelling is another item, which only a mark takes away."""
    text = document_text(there)
    shown = _links(charts, here, there)
    odd = [one for one in shown.values() if text_of(one, "document") != text]
    marked: dict[StatementId, None] = {}
    for one in odd:
        marked |= dict.fromkeys(charts.document(here).histories[LINK.name].line(one))
    value: dict[str, Json] = {"document": text, "relation": relation}
    if given.reason:
        value["reason"] = given.reason
    replaced = tuple(one for one in shown if one not in marked)[:SUPERSEDES_MAX]
    yield Draft(slot=LINK.name, value=value, by=given.by, at=given.at, supersedes=replaced)
    if marked:
        yield Draft(
            slot=LINK.name,
            by=given.by,
            at=given.at,
            supersedes=tuple(marked)[:SUPERSEDES_MAX],
            void=f"written anew as {relation} {text}",
        )


# Wrong casualty -----------------------------------------------------------------------------------


def move_saves(charts: Charts, given: Move) -> list[Save]:
    """Marks in the document that is left, copies in the other. Raises `BadRequest`, `NotFound`."""
    if given.source == given.to or not given.statements:
        raise BadRequest("name statements of one document, and another to move them to")
    if not given.by.strip() or not given.reason.strip():
        raise BadRequest("by and reason: who moves it, and why. Nothing was saved")
    folded = charts.document(given.source)
    standing = {
        one.id: (one, history)
        for history in folded.histories.values()
        for one in history.standing()
    }
    named = dict.fromkeys(_own(one, given.source) for one in given.statements)
    halves = [_halves(*_movable(standing, one, given.to), given) for one in named]
    return [
        Save(given.source, tuple(one.mark for one in halves)),
        Save(given.to, tuple(one.copy for one in halves)),
    ]


def _own(name: str, source: DocumentId) -> StatementId:
    """A statement's id, given alone or as `<document>/<id>`."""
    document, _, identity = name.strip().rpartition("/")
    if document and linked_document(document) != source:
        raise NotFound(f"'{name[:100]}' is of another document; nothing was saved")
    return StatementId(identity)


def _movable(
    standing: Mapping[StatementId, tuple[Statement, History]], name: StatementId, to: DocumentId
) -> tuple[Statement, History]:
    if name not in standing:
        raise NotFound(f"'{name[:100]}' does not stand in this document; nothing was saved")
    one, history = standing[name]
    if document_kind(to) not in CATALOGUE[one.slot].kinds:
        kinds = " or ".join(kind.name.lower() for kind in CATALOGUE[one.slot].kinds)
        raise BadRequest(f"{one.slot} belongs in a document of kind {kinds}. Nothing was saved")
    return one, history


def _halves(one: Statement, history: History, given: Move) -> Moved:
    """A statement and all that it replaced are marked, or what was corrected would come back."""
    line = history.line(one)
    if len(line) > SUPERSEDES_MAX:
        raise BadRequest(
            f"{one.id} replaced {len(line) - 1} entries; at most {SUPERSEDES_MAX - 1} can be moved "
            "with it: mark it as entered in error and write it anew. Nothing was saved"
        )
    by_id = {each.id: each for each in history.statements}
    withdrawn = (
        each.id
        for each in history.statements
        if each.void is not None and one.id in each.supersedes
    )
    return move(
        one,
        given.to,
        by=given.by,
        at=given.at,
        reason=given.reason,
        line=[by_id[each] for each in line],
        before=withdrawn,
    )


# New casualties -----------------------------------------------------------------------------------


class NewCasualty(NamedTuple):
    """What to save for a casualty, and what to call it."""

    person: DocumentId
    episode: DocumentId
    trauma_identity: str
    saves: tuple[Save, ...]


class Banded(NamedTuple):
    """Who already wears a wristband here."""

    person: DocumentId
    episode: DocumentId
    trauma_identity: str


def band_of(wristband: str) -> str:
    """A wristband's number as it is compared: blanks collapsed, capitals."""
    return " ".join(wristband.split()).upper()


def wearing(charts: Charts, wristband: str) -> Banded | None:
    """The casualty that this node shows under a wristband (`band_of` form); None of none."""
    if not wristband:
        return None
    person, episode = _documents_of(wristband)
    try:
        readings = charts.document(person).readings(IDENTIFIER.name)
    except NotFound:
        return None
    if not readings:
        return None
    said = (one.value for one in readings if isinstance(one.value, dict))
    names = [
        name
        for value in said
        if value.get("system") == matching.TRAUMA_IDENTITY
        and isinstance(name := value.get("value"), str)
    ]
    return Banded(person, episode, next(iter(names), ""))


def _documents_of(wristband: str) -> tuple[DocumentId, DocumentId]:
    return (
        document_from_source(DocumentKind.PERSON, matching.WRISTBAND, wristband),
        document_from_source(DocumentKind.EPISODE, matching.WRISTBAND, wristband),
    )


def casualty(
    wristband: str,
    trauma_identity: str,
    entropy: Callable[[int], bytes],
    by: str,
    at: str,
    *,
    another: bool = False,
) -> NewCasualty:
    """A person and an episode, joined. Two nodes that scan one wristband write in the same two.

    A wristband's number is one casualty's for one event. `another`: this one wears a number that
    was used before, so the records are new and only a candidate for the same person.
    """
    if wristband and not another:
        person, episode = _documents_of(wristband)
    else:
        person = new_document(DocumentKind.PERSON, entropy(ID_BYTES - 1))
        episode = new_document(DocumentKind.EPISODE, entropy(ID_BYTES - 1))
    named = {matching.TRAUMA_IDENTITY: trauma_identity, matching.WRISTBAND: wristband}
    identities = [
        Draft(slot=IDENTIFIER.name, value={"system": system, "value": value}, by=by, at=at)
        for system, value in named.items()
        if value
    ]
    to_episode, to_person = (
        Draft(
            slot=LINK.name,
            value={"document": document_text(other), "relation": "casualty"},
            by=by,
            at=at,
        )
        for other in (episode, person)
    )
    saves = (Save(person, (*identities, to_episode)), Save(episode, (to_person,)))
    return NewCasualty(person, episode, trauma_identity, saves)
