"""Who may hold which document, in SQL: members of scopes, audiences, and what is counted for each.

`conflict/scope.py` says what an audience is. A document's row keeps its audience; the tally and the
sketch have rows for each audience beside those of everything, so that what a peer may be shown is a sum
of few rows. A unit that says otherwise, or an episode that links a person, moves documents from one
audience to another in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    delete,
    exists,
    insert,
    select,
    union,
    update,
)

from conflict.identity import ID_BYTES, DocumentId, DocumentKind, document_kind, document_text
from conflict.lane import set_item
from conflict.scope import NOBODY, THEATRE, Audience, Scopes, audience, own_scopes
from storage import counting, sketches
from storage.counting import Move
from storage.locks import lock_rows
from storage.shapes import ProjectionRow
from storage.sharing import audiences_of
from storage.tables import audience as audiences
from storage.tables import document, link, member, sketch, tally
from storage.upsert import chunks, insert_new
from sync.limits import SKETCH_CELLS_KEPT
from sync.sketch import Sketch, Symbol

_PAGE = 1000
_IN: BindParameter[Any] = bindparam("documents", expanding=True)
_IN_USE = select(exists(select(member.c.scope)))
_ROWS = select(document.c.document, document.c.digest, document.c.symbol, document.c.audience)
_HELD = _ROWS.where(document.c.document.in_(_IN))
_EPISODES = bytes((DocumentKind.EPISODE,)), bytes((DocumentKind.EPISODE + 1,))
_STATED = union(
    select(member.c.document, member.c.scope).where(member.c.document.in_(_IN)),
    select(link.c.other, member.c.scope)
    .select_from(link.join(member, member.c.document == link.c.document))
    .where(link.c.other.in_(_IN), link.c.other < _EPISODES[0])
    .where(link.c.document >= _EPISODES[0], link.c.document < _EPISODES[1]),
)
"""A person document is in the scopes of the episodes that name it too."""
_MOVE = (
    update(document)
    .where(document.c.document == bindparam("its_document"))
    .values(audience=bindparam("its_audience"))
)

# Reading -----------------------------------------------------------------------------------------


def visible(connection: Connection, scopes: Scopes) -> list[Audience]:
    """Audiences that one of these scopes, or the theatre, is among."""
    granted = scopes | {THEATRE}
    return [
        Audience(one)
        for one, packed in connection.execute(select(audiences))
        if not granted.isdisjoint(_unpacked(packed))
    ]


def _unpacked(packed: bytes) -> list[DocumentId]:
    return [DocumentId(packed[at : at + ID_BYTES]) for at in range(0, len(packed), ID_BYTES)]


def stated(connection: Connection, documents: Sequence[DocumentId]) -> dict[DocumentId, Scopes]:
    """Scopes of documents, held or not, as what is shown here says; without those of none."""
    found: dict[DocumentId, Scopes] = {}
    rest = []
    for one in documents:
        if (scopes := own_scopes(one)) is not None:
            found[one] = scopes
        else:
            rest.append(one)
    if rest and connection.scalar(_IN_USE):
        for part in chunks(rest):
            for one, scope in connection.execute(_STATED, {"documents": part}):
                found[one] = found.get(one, frozenset()) | {scope}
    return found


def of(
    connection: Connection, held: Sequence[DocumentId], new: Sequence[DocumentId]
) -> dict[DocumentId, Audience]:
    """The audience that each held document is counted in, and that each new one will be."""
    return audiences_of(connection, held) | _noted(connection, stated(connection, new))


def _noted(
    connection: Connection, scopes: Mapping[DocumentId, Scopes]
) -> dict[DocumentId, Audience]:
    """Audiences by document; what each stands for is kept."""
    names = {one: audience(one) for one in set(scopes.values())}
    _note(connection, names)
    return {one: names[each] for one, each in scopes.items()}


def _note(connection: Connection, names: Mapping[Scopes, Audience]) -> None:
    rows = [{"audience": name, "scopes": b"".join(sorted(one))} for one, name in names.items()]
    if rows:
        connection.execute(insert_new(connection, audiences), rows)


# Changing ----------------------------------------------------------------------------------------


def lock(
    connection: Connection, touched: Iterable[DocumentId], rows: Sequence[ProjectionRow]
) -> list[DocumentId]:
    """Documents whose audience these rows may change, after locking them and what is touched.

    Units first, then episodes, then persons: the order in which one kind says who may hold the next.
    """
    told = [row for row in rows if document_kind(row.document) is DocumentKind.UNIT]
    if not connection.scalar(_IN_USE) and not any(row.members for row in told):
        lock_rows(connection, [*touched])
        return []
    kinds = _by_kind(touched)
    lock_rows(
        connection,
        [one for kind, some in kinds.items() if kind >= DocumentKind.UNIT for one in some],
    )
    due = {one for row in told for one in members_of(connection, row.document) ^ set(row.members)}
    moved = _by_kind(due)
    episodes = moved.get(DocumentKind.EPISODE, [])
    lock_rows(connection, [*kinds.get(DocumentKind.EPISODE, []), *episodes])
    persons = set(moved.get(DocumentKind.PERSON, [])) | _persons(connection, episodes)
    linking = {
        row.document: row for row in rows if document_kind(row.document) is DocumentKind.EPISODE
    }
    before = _linked(connection, [*linking])
    for one, row in linking.items():
        persons |= before.get(one, set()) ^ set(row.links)
    rest = [one for kind, some in kinds.items() if kind < DocumentKind.EPISODE for one in some]
    lock_rows(connection, [*rest, *persons])
    return sorted(due | persons)


def _by_kind(documents: Iterable[DocumentId]) -> dict[int, list[DocumentId]]:
    found: dict[int, list[DocumentId]] = {}
    for one in documents:
        found.setdefault(one[0], []).append(one)
    return found


def members_of(connection: Connection, scope: DocumentId) -> set[DocumentId]:
    """Documents that are in a scope as shown here."""
    query = select(member.c.document).where(member.c.scope == scope)
    return {DocumentId(one) for one in connection.scalars(query)}


def _linked(
    connection: Connection, episodes: Sequence[DocumentId]
) -> dict[DocumentId, set[DocumentId]]:
    found: dict[DocumentId, set[DocumentId]] = {}
    for part in chunks(episodes):
        for one, other in connection.execute(select(link).where(link.c.document.in_(part))):
            found.setdefault(DocumentId(one), set()).add(DocumentId(other))
    return found


def _persons(connection: Connection, episodes: Sequence[DocumentId]) -> set[DocumentId]:
    others = (one for some in _linked(connection, episodes).values() for one in some)
    return {one for one in others if document_kind(one) is DocumentKind.PERSON}


def say(connection: Connection, rows: Sequence[ProjectionRow]) -> None:
    """Members as units say now."""
    for row in rows:
        if document_kind(row.document) is not DocumentKind.UNIT:
            continue
        before, now = members_of(connection, row.document), set(row.members)
        for part in chunks(sorted(before - now)):
            gone = delete(member).where(member.c.scope == row.document, member.c.document.in_(part))
            connection.execute(gone)
        if now - before:
            came = [{"scope": row.document, "document": one} for one in sorted(now - before)]
            connection.execute(insert(member), came)


def settle(connection: Connection, documents: Sequence[DocumentId]) -> None:
    """Move documents to the audience that they have now."""
    moves: dict[Audience, list[Move]] = {}
    changed: list[dict[str, Any]] = []
    for part in chunks(documents):
        now = _noted(connection, stated(connection, part))
        for row in connection.execute(_HELD, {"documents": part}).all():
            name = now.get(DocumentId(row.document), NOBODY)
            if name == row.audience:
                continue
            changed.append({"its_document": row.document, "its_audience": name})
            moves.setdefault(Audience(row.audience), []).append(_move(row, came=False))
            moves.setdefault(name, []).append(_move(row, came=True))
    if changed:
        connection.execute(_MOVE, changed)
    moves.pop(NOBODY, None)
    for name in sorted(moves):
        counting.add(connection, name, moves[name])


def _move(row: Any, *, came: bool) -> Move:
    one, digest, symbol = DocumentId(row.document), row.digest, Symbol(row.symbol)
    return Move(one, None, digest, None, symbol) if came else Move(one, digest, None, symbol, None)


# Made anew ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Total:
    """What should be counted for an audience."""

    cells: Sketch
    scopes: Scopes
    documents: int = 0
    digest: int = 0


def recount(connection: Connection) -> None:
    """Every document's audience, and all that is counted for audiences, in pages."""
    for table in (tally, sketch):
        connection.execute(delete(table).where(table.c.audience != NOBODY))
    strays: list[dict[str, Any]] = []
    totals = _totals(connection, strays)
    _note(connection, {total.scopes: name for name, total in totals.items()})
    for name, total in totals.items():
        counting.begin(connection, name, documents=total.documents, digest=total.digest)
        sketches.start(connection, total.cells, name)
    if strays:
        connection.execute(_MOVE, strays)


def _totals(connection: Connection, strays: list[dict[str, Any]]) -> dict[Audience, _Total]:
    """By audience, from the documents and what says who may hold them; `strays`: documents that are
    in another audience than they should be, as `_MOVE` takes them."""
    key = sketches.key_of(connection.scalar(sketches.SECRET))
    totals: dict[Audience, _Total] = {}
    for rows in _pages(connection):
        now = stated(connection, [DocumentId(row.document) for row in rows])
        for row in rows:
            scopes = now.get(DocumentId(row.document), frozenset())
            name = audience(scopes)
            if name != row.audience:
                strays.append({"its_document": row.document, "its_audience": name})
            if name == NOBODY:
                continue
            total = totals.setdefault(name, _Total(Sketch(key, SKETCH_CELLS_KEPT), scopes))
            total.documents += 1
            total.digest += set_item(DocumentId(row.document), row.digest)
            total.cells.add(Symbol(row.symbol))
    return totals


def _pages(connection: Connection) -> Iterator[Sequence[Any]]:
    after = b""
    query = _ROWS.order_by(document.c.document).limit(_PAGE)
    while rows := connection.execute(query.where(document.c.document > after)).all():
        yield rows
        after = rows[-1].document


def wrong(connection: Connection) -> list[str]:
    """What is counted otherwise than it should be: documents and audiences, in words."""
    strays: list[dict[str, Any]] = []
    totals = _totals(connection, strays)
    found = [document_text(DocumentId(one["its_document"])) for one in strays]
    kept = counting.of_audiences(connection)
    for name in sorted({*totals, *kept}):
        cells = sketches.kept(connection, [name])
        total = totals.get(name) or _Total(Sketch(cells.key, SKETCH_CELLS_KEPT), frozenset())
        told = total.documents, total.digest % counting.MODULUS
        if kept.get(name, (0, 0)) != told or cells.cells() != total.cells.cells():
            found.append(f"audience {name:x}")
    return found
