"""Held lanes in SQL: the sync path's reads, and the execution of a hold plan.

Every read here goes by primary key or by document id range. The judging is in `holding.py`, what
is sent to peers in `shipping.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, or_, select

from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import LaneRun, LaneState, Vector
from storage import shipping
from storage.framing import unframe
from storage.tables import document, lane, run, tally
from storage.upsert import chunks
from sync.ports import Listed, Summary

_MODULUS = 1 << 64
DIGEST_BYTES = 8
# Statements on hot paths are built once: building costs more than running.
_STATES = select(lane.c.document, lane.c.actor, lane.c.length, lane.c.head).where(
    lane.c.document.in_(bindparam("documents", expanding=True))
)
_RUNS = (
    select(run)
    .where(run.c.document.in_(bindparam("documents", expanding=True)))
    .order_by(run.c.document, run.c.actor, run.c.first_seq)
)
_TALLY = select(tally.c.documents, tally.c.digest)


def summary(connection: Connection) -> Summary:
    """Sum of the tally's shards."""
    rows = connection.execute(_TALLY).all()
    total = sum(int.from_bytes(digest, "big") for _, digest in rows) % _MODULUS
    return Summary(sum(count for count, _ in rows), total.to_bytes(DIGEST_BYTES, "big"))


def listing(connection: Connection, after: DocumentId | None, limit: int) -> list[Listed]:
    """A page of (document, digest)."""
    query = select(document.c.document, document.c.digest).order_by(document.c.document)
    if after is not None:
        query = query.where(document.c.document > after)
    return [
        Listed(DocumentId(one), digest) for one, digest in connection.execute(query.limit(limit))
    ]


def listing_between(
    connection: Connection, after: DocumentId | None, last: DocumentId | None
) -> list[Listed]:
    """(document, digest) of a range."""
    query = select(document.c.document, document.c.digest).order_by(document.c.document)
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


def vectors(connection: Connection, documents: Sequence[DocumentId]) -> dict[DocumentId, Vector]:
    """Vector of each document asked for, ascending by actor."""
    held = states(connection, documents)
    return {
        one: {actor: state.short for actor, state in sorted(held.get(one, {}).items())}
        for one in documents
    }


def runs(
    connection: Connection, one: DocumentId, have: Vector, bytes_max: int
) -> tuple[list[LaneRun], bool]:
    """What a peer lacks of a document (`LaneReader.runs`)."""
    held = states(connection, [one]).get(one, {})
    wanted, beyond = shipping.lacking(held, have)
    if not wanted:
        return [], beyond
    stored = _stored(connection, one, wanted, everything=len(wanted) == len(held))
    found, branches = shipping.missing(stored, have, bytes_max)
    return found, beyond or branches


def content(
    connection: Connection, wanted: Sequence[tuple[DocumentId, Vector]], bytes_max: int
) -> tuple[list[LaneRun], list[DocumentId]]:
    """What a peer lacks of many documents; those that it has nothing of come in one query."""
    whole = _whole(connection, [one for one, have in wanted if not have])
    found: list[LaneRun] = []
    behind: list[DocumentId] = []
    for one, have in wanted:
        if have:
            part, beyond = runs(connection, one, have, bytes_max)
            behind += [one] * beyond
        else:
            part, _ = shipping.missing(whole.get(one, []), {}, bytes_max)
        found += part
    return found, behind


def _whole(
    connection: Connection, documents: Sequence[DocumentId]
) -> dict[DocumentId, list[LaneRun]]:
    found: dict[DocumentId, list[LaneRun]] = {}
    for part in chunks(documents):
        for row in connection.execute(_RUNS, {"documents": part}):
            found.setdefault(row.document, []).append(as_run(row))
    return found


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
    return list(shipping.join([as_run(row) for row in connection.execute(query)], bytes_max))


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
    """A stored row as the run that it is."""
    return LaneRun(
        lane=Lane(DocumentId(row.document), ActorId(row.actor)),
        author=NodeId(row.author),
        nonce=row.nonce,
        first_seq=row.first_seq,
        changes=unframe(row.changes),
        head=row.head,
        signature=row.signature,
    )


def latest_arrival(connection: Connection) -> int:
    """The highest arrival number given, from truth."""
    return connection.scalar(select(func.max(run.c.arrival))) or 0
