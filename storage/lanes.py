"""Held lanes in SQL: the sync path's reads.

Every read here goes by primary key, partial index or a range of document ids or arrival numbers. The
judging is in `holding.py`, what is sent to peers in `shipping.py` and `reaching.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, or_, select

from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import LaneRun, LaneState, Vector
from storage import branches, reaching, shed_lanes, shipping, staging
from storage.framing import framed_size, unframe
from storage.reaching import Part, Standing
from storage.sharing import Audiences, of, within
from storage.tables import document, lane, run, shed_lane
from storage.upsert import among, chunks
from sync.ports import Lacking, Listed

# Statements on hot paths are built once: building costs more than running.
_STATES = select(lane.c.document, lane.c.actor, lane.c.length, lane.c.head).where(
    lane.c.document.in_(bindparam("documents", expanding=True))
)

_SAME_LANE = and_(shed_lane.c.document == lane.c.document, shed_lane.c.actor == lane.c.actor)
_STANDING = (
    select(lane.c.document, lane.c.actor, lane.c.length, lane.c.head)
    .add_columns(lane.c.urgent_ms, lane.c.summary, shed_lane.c.length.label("let_go"))
    .select_from(lane.outerjoin(shed_lane, _SAME_LANE))
    .where(lane.c.document.in_(bindparam("documents", expanding=True)))
)
_URGENT = (
    select(lane.c.document, lane.c.actor)
    .where(lane.c.urgent_ms > 0, lane.c.urgent_ms >= bindparam("since_ms"))
    .order_by(lane.c.urgent_ms.desc(), lane.c.document, lane.c.actor)
    .limit(bindparam("rows_max"))
)
_NEWS = (
    select(run.c.document, run.c.actor, run.c.first_seq, run.c.arrival)
    .where(run.c.arrival > bindparam("since"), run.c.arrival < bindparam("before"))
    .order_by(run.c.arrival.desc())
    .limit(bindparam("rows_max"))
)
_NO_ARRIVAL = 1 << 62
_LANE = run.c.document, run.c.actor
_PARTS = select(
    run.c.document,
    run.c.actor,
    run.c.first_seq,
    run.c.last_seq,
    run.c.head,
    func.length(run.c.changes),
).order_by(run.c.document, run.c.actor, run.c.first_seq)


def listing(
    connection: Connection, after: DocumentId | None, limit: int, audiences: Audiences
) -> list[Listed]:
    """A page of (document, digest)."""
    query = within(select(document.c.document, document.c.digest), audiences)
    query = query.order_by(document.c.document)
    if after is not None:
        query = query.where(document.c.document > after)
    return [
        Listed(DocumentId(one), digest) for one, digest in connection.execute(query.limit(limit))
    ]


def listing_between(
    connection: Connection,
    after: DocumentId | None,
    last: DocumentId | None,
    audiences: Audiences,
) -> list[Listed]:
    """(document, digest) of a range."""
    query = within(select(document.c.document, document.c.digest), audiences)
    query = query.order_by(document.c.document)
    if after is not None:
        query = query.where(document.c.document > after)
    if last is not None:
        query = query.where(document.c.document <= last)
    return [Listed(DocumentId(one), digest) for one, digest in connection.execute(query)]


def states(
    connection: Connection, documents: Sequence[DocumentId]
) -> dict[DocumentId, dict[ActorId, LaneState]]:
    """Held lanes of documents; unheld documents are absent."""
    found: dict[DocumentId, dict[ActorId, LaneState]] = {}
    for part in chunks(documents):
        for one, actor, length, head in connection.execute(_STATES, {"documents": part}):
            found.setdefault(one, {})[actor] = LaneState(length, head)
    return found


def vectors(
    connection: Connection, documents: Sequence[DocumentId], source: NodeId | None
) -> dict[DocumentId, Vector]:
    """Vector of each document asked for, ascending by actor (`LaneReader.vectors`)."""
    held = states(connection, documents)
    found = {
        one: {actor: state.short for actor, state in held.get(one, {}).items()} for one in documents
    }
    if source is not None:
        for one, state in staging.reached(connection, source, documents):
            mine = found[one.document].get(one.actor)
            if mine is None or mine.length < state.length:
                found[one.document][one.actor] = state
    return {one: dict(sorted(vector.items())) for one, vector in found.items()}


def lacking(
    connection: Connection,
    wanted: Sequence[tuple[DocumentId, Vector]],
    urgent_since_ms: int,
) -> tuple[list[Lacking], list[DocumentId]]:
    """What peers with these vectors lack, lane by lane (`LaneReader.lacking`)."""
    ordered = sorted(dict(wanted).items())
    standing: dict[DocumentId, dict[ActorId, Standing]] = {}
    away: dict[Lane, int] = {}  # whose content was let go, up to there
    for part in chunks([one for one, _ in ordered]):
        for row in connection.execute(_STANDING, {"documents": part}):
            one, actor, length, head, urgent_ms, says_who, let_go = row
            state = Standing(LaneState(length, head), urgent_ms, says_who)
            standing.setdefault(one, {})[actor] = state
            if let_go:
                away[Lane(one, actor)] = let_go
    found: list[Lacking] = []
    behind: list[DocumentId] = []
    for one, have in ordered:
        some, beyond = reaching.lacking(one, standing.get(one, {}), have, urgent_since_ms)
        found += [each for each in some if each.have.length >= away.get(each.lane, 0)]
        behind += [one] * beyond
    return found, behind


def urgent(connection: Connection, since_ms: int, limit: int, audiences: Audiences) -> list[Lane]:
    """Lanes with an urgent statement of late, by the partial index (`LaneReader.urgent`)."""
    query = _URGENT if audiences is None else _URGENT.where(of(lane, audiences))
    rows = connection.execute(query, {"since_ms": since_ms, "rows_max": limit})
    return [Lane(DocumentId(one), ActorId(actor)) for one, actor in rows]


def news(
    connection: Connection, since: int, limit: int, audiences: Audiences
) -> list[tuple[Lane, int]] | None:
    """Lanes that grew lately, by the index on arrival (`LaneReader.news`)."""
    query = _NEWS if audiences is None else _NEWS.where(of(run, audiences))
    found: dict[Lane, int] = {}
    page = limit + 1
    before = _NO_ARRIVAL
    while True:
        where = {"since": since, "before": before, "rows_max": page}
        rows = connection.execute(query, where).all()
        for one, actor, first_seq, _ in rows:
            found[Lane(DocumentId(one), ActorId(actor))] = first_seq
        if len(found) > limit:
            return None
        if len(rows) < page:
            return list(found.items())
        before = rows[-1].arrival


def stored(connection: Connection, one: Lane) -> list[LaneRun]:
    """All stored runs of a lane."""
    query = select(run).where(run.c.document == one.document, run.c.actor == one.actor)
    return [as_run(row) for row in connection.execute(query.order_by(run.c.first_seq))]


class Shelf:
    """Stored runs as `reaching.reach` asks for them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def parts(self, lanes: Sequence[Lane]) -> dict[Lane, list[Part]]:
        """See `reaching.Shelf`. No changes are read: the length of a blob is in its row's header."""
        found: dict[Lane, list[Part]] = {}
        which, asked = among(self._connection, _LANE, [*dict.fromkeys(lanes)])
        for row in self._connection.execute(_PARTS.where(which), asked).all():
            one, actor, first_seq, last_seq, head, framed = row
            size = framed_size(framed, last_seq - first_seq + 1)
            part = Part(Lane(one, actor), first_seq, last_seq, head, size)
            found.setdefault(part.lane, []).append(part)
        return found

    def actors(self, some: Sequence[Lane]) -> dict[Lane, ActorId]:
        """See `reaching.Shelf`."""
        return branches.actors(self._connection, {one.document for one in some})

    def read(self, parts: Sequence[Part]) -> list[LaneRun]:
        """See `reaching.Shelf`."""
        found: dict[tuple[Lane, int], LaneRun] = {}
        for some in chunks(parts):
            keys = [(*part.lane, part.first_seq) for part in some]
            which, asked = among(self._connection, (*_LANE, run.c.first_seq), keys)
            for row in self._connection.execute(select(run).where(which), asked).all():
                one = as_run(row)
                found[one.lane, one.first_seq] = one
        return [found[part.lane, part.first_seq] for part in parts]


def runs(
    connection: Connection, one: DocumentId, have: Vector, bytes_max: int
) -> tuple[list[LaneRun], bool]:
    """What a peer lacks of a document (`LaneReader.runs`)."""
    held = states(connection, [one]).get(one, {})
    wanted, beyond = shipping.lacking(held, have)
    for away in shed_lanes.withheld(shed_lanes.of(connection, [one]), [(one, have)]):
        wanted.pop(away.actor, None)
    if not wanted:
        return [], beyond
    stored = _stored(connection, one, wanted, everything=len(wanted) == len(held))
    found, apart = shipping.missing(stored, have, bytes_max)
    if apart:  # all of these, from the beginning
        rest = {actor: state for actor, state in have.items() if actor not in apart}
        return runs(connection, one, rest, bytes_max)[0], True
    whose = branches.actors(connection, [one])
    return [reaching.as_written(each, whose) for each in found], beyond


def _stored(
    connection: Connection, one: DocumentId, wanted: dict[ActorId, int], *, everything: bool
) -> list[LaneRun]:
    query = select(run).where(run.c.document == one).order_by(run.c.actor, run.c.first_seq)
    if everything and not any(wanted.values()):
        return [as_run(row) for row in connection.execute(query)]
    found: list[LaneRun] = []
    for part in chunks(sorted(wanted.items())):
        reach = (and_(run.c.actor == actor, run.c.last_seq >= seq) for actor, seq in part)
        found += (as_run(row) for row in connection.execute(query.where(or_(*reach))))
    return found


def runs_from(connection: Connection, one: Lane, first_seq: int, bytes_max: int) -> list[LaneRun]:
    """Runs of a lane from the stored one that contains `first_seq`."""
    query = (
        select(run)
        .where(run.c.document == one.document, run.c.actor == one.actor)
        .where(run.c.last_seq >= first_seq)
        .order_by(run.c.first_seq)
    )
    found = shipping.join([as_run(row) for row in connection.execute(query)], bytes_max)
    whose = branches.actors(connection, [one.document])
    return [reaching.as_written(each, whose) for each in found]


def run_at(connection: Connection, one: Lane, seq: int) -> LaneRun:
    """The stored run that contains a held change."""
    query = (
        select(run)
        .where(run.c.document == one.document, run.c.actor == one.actor, run.c.first_seq <= seq)
        .order_by(run.c.first_seq.desc())
        .limit(1)
    )
    return as_run(connection.execute(query).one())


def as_run(row: Row[Any]) -> LaneRun:
    """A stored row, all columns in the order of the table, as the run that it is."""
    one, actor, first_seq, _, author, nonce, head, signature, _, _, changes = tuple(row)
    return LaneRun(
        lane=Lane(DocumentId(one), ActorId(actor)),
        author=NodeId(author),
        nonce=nonce,
        first_seq=first_seq,
        changes=unframe(changes),
        head=head,
        signature=signature,
    )


def latest_arrival(connection: Connection) -> int:
    """The highest arrival number given, from truth."""
    return connection.scalar(select(func.max(run.c.arrival))) or 0
