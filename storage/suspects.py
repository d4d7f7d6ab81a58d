"""Lanes of revoked devices in SQL: held like any other, shown only as far as something covers them.

Who is suspect is a setting that the node gives; covers are claims of lane heads (`Receipt`) that the
authority or a garrison's log made. What is admitted of such a lane is what may be shown of it, so both
facts act by opening its lanes again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from sqlalchemy import Connection, and_, bindparam, func, null, select, update

from conflict.change import read_header
from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import HEAD_SHORT_BYTES, ShortState
from storage import branches, coverage, settings
from storage.locks import lock_everything
from storage.shapes import LaneWork, Suspected
from storage.tables import cover, document, lane
from storage.upsert import chunks, insert_new
from sync.ports import Receipt

SETTING = "suspects"
Covers = Callable[[Lane], Iterable[ShortState]]

_NOT_ADMITTED = {
    "admitted": 0,
    "statements": 0,
    "refused": 0,
    "urgent_ms": 0,
    "summary": False,
    "entries": null(),
    "code": null(),
    "detail": null(),
}
_RESET = (
    update(lane)
    .where(lane.c.document == bindparam("its_document"), lane.c.actor == bindparam("its_actor"))
    .values(**_NOT_ADMITTED)
)


def nodes(connection: Connection) -> frozenset[NodeId]:
    """Who is suspect now."""
    return frozenset(coverage.unpack_nodes(settings.read(connection, SETTING)))


def name(connection: Connection, wanted: Collection[NodeId]) -> bool:
    """See `Transaction.suspect`."""
    changed = nodes(connection) ^ frozenset(wanted)
    if not changed:
        return False
    lock_everything(connection)
    settings.write(connection, SETTING, coverage.pack_nodes(wanted))
    whose = lane.c.author.in_(sorted(changed))
    of_them = select(lane.c.document).where(whose)
    connection.execute(update(document).where(document.c.document.in_(of_them)).values(dirty=True))
    connection.execute(update(lane).where(whose).values(**_NOT_ADMITTED))
    return True


def save_covers(connection: Connection, claims: Sequence[Receipt]) -> bool:
    """See `Transaction.cover`."""
    if not claims:
        return False
    rows = [{**lane._asdict(), **state._asdict()} for lane, state in claims]
    keep = insert_new(connection, cover).returning(cover.c.document, cover.c.actor)
    new = connection.execute(keep, rows)
    named = {Lane(DocumentId(one), ActorId(actor)) for one, actor in new}
    if not named:
        return False
    documents = sorted({one.document for one in named})
    whose = branches.actors(connection, documents)
    named |= {one for one in whose if branches.unforked(one, whose) in named}
    keys = [{"its_document": one, "its_actor": actor} for one, actor in sorted(named)]
    connection.execute(_RESET, keys)
    for some in chunks(documents):
        dirty = update(document).where(document.c.document.in_(some))
        connection.execute(dirty.values(dirty=True))
    return True


def listed(connection: Connection, limit: int) -> list[Suspected]:
    """See `Store.suspected`."""
    suspects = nodes(connection)
    if not suspects:
        return []
    same = and_(cover.c.document == lane.c.document, cover.c.actor == lane.c.actor)
    columns = lane.c.document, lane.c.actor, lane.c.author, lane.c.length
    query = (
        select(*columns, func.coalesce(func.max(cover.c.length), 0))
        .select_from(lane.outerjoin(cover, and_(same, cover.c.length <= lane.c.length)))
        .where(lane.c.author.in_(sorted(suspects)))
        .group_by(*columns)
        .order_by(lane.c.document, lane.c.actor)
        .limit(limit)
    )
    return [
        Suspected(Lane(DocumentId(one), ActorId(actor)), NodeId(author), length, covered)
        for one, actor, author, length, covered in connection.execute(query)
    ]


def limited(
    connection: Connection, work: dict[DocumentId, list[LaneWork]]
) -> dict[DocumentId, list[LaneWork]]:
    """The same work; of suspects' lanes with how much of them may be shown."""
    suspects = nodes(connection)
    if not any(one.author in suspects for lanes in work.values() for one in lanes):
        return work
    covers: dict[Lane, list[ShortState]] = {}
    for part in chunks(list(work)):
        query = select(cover).where(cover.c.document.in_(part))
        for one, actor, length, head in connection.execute(query):
            covers.setdefault(Lane(one, actor), []).append(ShortState(length, head))
    whose = branches.actors(connection, list(work))

    def of(lane: Lane) -> list[ShortState]:
        return covers.get(lane, []) + covers.get(branches.unforked(lane, whose), [])

    return {one: [limit(one, each, suspects, of) for each in lanes] for one, lanes in work.items()}


def limit(one: DocumentId, work: LaneWork, suspects: frozenset[NodeId], covers: Covers) -> LaneWork:
    """Of a suspect's lane: changes up to the longest claim that its own bytes bear out."""
    if work.author not in suspects:
        return work
    claims = covers(Lane(one, work.actor))
    return work._replace(known=0, shown=max((reach(work, claim) for claim in claims), default=0))


def reach(work: LaneWork, claim: ShortState) -> int:
    """How many changes a claim covers: all that it says if the hash there is the one it names."""
    if not 1 <= claim.length <= len(work.changes):
        return 0
    found = read_header(work.changes[claim.length - 1]).hash[:HEAD_SHORT_BYTES]
    return claim.length if found == claim.head else 0
