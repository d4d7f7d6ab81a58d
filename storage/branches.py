"""Branches in SQL: which lanes are one actor's several histories, and what becomes of rows as they fork."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from conflict.branches import Chain, spread
from conflict.document import Entry
from conflict.identity import ActorId, DocumentId, Lane
from storage import counting
from storage.branch_table import branch
from storage.branching import Branching
from storage.shapes import Forked
from storage.tables import lane, run
from storage.upsert import chunks
from sync.ports import Receipt

NO_ACTOR = ActorId(b"")
_HASH_BYTES = 32
_OF = select(branch).where(branch.c.document.in_(bindparam("documents", expanding=True)))
_ACTORS = select(branch.c.document, branch.c.lane, branch.c.actor).where(
    branch.c.document.in_(bindparam("documents", expanding=True))
)


def of(connection: Connection, documents: Sequence[DocumentId]) -> dict[Lane, dict[ActorId, Chain]]:
    """By lane of an actor: its branches by name."""
    found: dict[Lane, dict[ActorId, Chain]] = {}
    for part in chunks(documents):
        for document, name, actor, hashes in connection.execute(_OF, {"documents": part}):
            lane_of = Lane(DocumentId(document), ActorId(actor))
            found.setdefault(lane_of, {})[ActorId(name)] = unpack(hashes)
    return found


def actors(connection: Connection, documents: Collection[DocumentId]) -> dict[Lane, ActorId]:
    """Who wrote the lanes of these documents that are branches."""
    found: dict[Lane, ActorId] = {}
    for part in chunks(sorted(documents)):
        for document, name, actor in connection.execute(_ACTORS, {"documents": part}):
            found[Lane(DocumentId(document), ActorId(name))] = ActorId(actor)
    return found


def unforked(lane: Lane, actors: Mapping[Lane, ActorId]) -> Lane:
    """The lane that this one was, or was part of, before its actor had branches."""
    return lane._replace(actor=actors[lane]) if lane in actors else Lane(lane.document, NO_ACTOR)


def spread_out(
    connection: Connection, document: DocumentId, entries: Mapping[ActorId, Sequence[Entry]]
) -> dict[ActorId, tuple[Entry, ...]]:
    """Admitted entries by the name that their statements have."""
    whose = {one.actor: actor for one, actor in actors(connection, [document]).items()}
    if not whose:
        return {actor: tuple(some) for actor, some in entries.items()}
    return {actor: tuple(some) for actor, some in spread(entries, whose).items()}


def at_lanes(connection: Connection, claims: Sequence[Receipt]) -> list[Receipt]:
    """Claims of what an actor wrote, by the lane that it is here: branches go by their heads."""
    known = of(connection, [*dict.fromkeys(claim.lane.document for claim in claims)])
    return [located(claim, known.get(claim.lane, {})) for claim in claims] if known else [*claims]


def located(claim: Receipt, mine: Mapping[ActorId, Chain]) -> Receipt:
    """The same claim of the branch that it is about."""
    for name, chain in mine.items():
        if len(chain) == claim.state.length and chain[-1].startswith(claim.state.head):
            return claim._replace(lane=claim.lane._replace(actor=name))
    return claim


def write(connection: Connection, plan: Branching) -> None:
    """Carry out what a plan says of names, before its runs are written."""
    for one in plan.gone:
        for table in (run, lane):
            connection.execute(delete(table).where(_is(table, one)))
    for one, name in plan.renamed:
        for table in (run, lane):
            connection.execute(update(table).where(_is(table, one)).values(actor=name))
        renamed = one._replace(actor=name)
        mine = _is(run, renamed)
        last = select(run.c.first_seq).where(mine).order_by(run.c.first_seq.desc()).limit(1)
        number = counting.next_arrival(connection)  # our custody log is to learn of it
        again = update(run).where(mine, run.c.first_seq == last.scalar_subquery())
        connection.execute(again.values(arrival=number))
    for one, names in plan.rows.items():
        mine = and_(branch.c.document == one.document, branch.c.actor == one.actor)
        connection.execute(delete(branch).where(mine))
        insert_rows(connection, one, names)


def insert_rows(connection: Connection, one: Lane, names: Mapping[ActorId, Chain]) -> None:
    """The rows of an actor's branches."""
    rows = [
        {"document": one.document, "lane": name, "actor": one.actor, "hashes": b"".join(chain)}
        for name, chain in names.items()
    ]
    connection.execute(insert(branch), rows)


def forked(connection: Connection) -> list[Forked]:
    """See `Store.forked`."""
    same = and_(lane.c.document == branch.c.document, lane.c.actor == branch.c.lane)
    query = (
        select(branch.c.document, branch.c.actor, lane.c.author, lane.c.actor, lane.c.head)
        .join_from(branch, lane, same)
        .order_by(branch.c.document, branch.c.actor, lane.c.actor)
    )
    return grouped(connection.execute(query).all())


def grouped(rows: Iterable[Any]) -> list[Forked]:
    """(document, actor, author, lane, head) of each branch, ascending, one value an actor."""
    found: dict[Lane, Forked] = {}
    for document, actor, author, _, head in rows:
        one = Lane(DocumentId(document), ActorId(actor))
        heads = found[one].heads if one in found else ()
        found[one] = Forked(one, author, (*heads, head))
    return list(found.values())


def unpack(hashes: bytes) -> Chain:
    """Hashes joined, taken apart."""
    return tuple(hashes[at : at + _HASH_BYTES] for at in range(0, len(hashes), _HASH_BYTES))


def _is(table: Any, one: Lane) -> Any:
    return and_(table.c.document == one.document, table.c.actor == one.actor)
