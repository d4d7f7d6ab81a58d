"""The tally in SQL: how much is held, its digest, arrival numbers, steps of the sketch.

One row a shard, for everything and for each audience. On SQLite there is one shard; on PostgreSQL
several, so that processes do not wait for each other: each adds to its own, whose row it locks until it
commits, that of everything first, then those of audiences in ascending order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, select, update

from conflict.identity import DocumentId
from conflict.lane import set_item
from conflict.scope import NOBODY, Audience
from storage import holding, sketches
from storage.database import is_sqlite
from storage.tables import arrival as arrivals
from storage.tables import tally
from storage.upsert import insert_new
from sync.ports import Summary
from sync.sketch import SketchKey, Symbol

DIGEST_BYTES = 8
MODULUS = 1 << 64
_SHARDS = 8
_ITS_ROW = (tally.c.audience == bindparam("its_audience")) & (
    tally.c.shard == bindparam("its_shard")
)
_ROW = (
    select(tally, sketches.SECRET.scalar_subquery().label("secret"))
    .where(_ITS_ROW)
    .with_for_update(of=tally)
)
_RETALLY = (
    update(tally)
    .where(_ITS_ROW)
    .values({name: bindparam(name) for name in ("documents", "digest", "arrival", "steps")})
)
_SUMMARY = select(tally.c.documents, tally.c.digest).where(
    tally.c.audience.in_(bindparam("audiences", expanding=True))
)
_BY_AUDIENCE = select(tally.c.audience, tally.c.documents, tally.c.digest).where(
    tally.c.audience != NOBODY
)
_ARRIVAL = select(func.coalesce(func.max(tally.c.arrival), 0))
EVERYTHING = (NOBODY,)
"""The rows in which all documents are counted."""


class Move(NamedTuple):
    """A document that comes, goes (no digest after) or changes: its digests and its symbols."""

    document: DocumentId
    before: bytes | None
    after: bytes | None
    went: Symbol | None
    came: Symbol | None

    @property
    def digest(self) -> int:
        """What it adds to the digest of the set."""
        return sum(
            sign * set_item(self.document, digest)
            for sign, digest in ((-1, self.before), (1, self.after))
            if digest is not None
        )


class Counted(NamedTuple):
    """Arrival numbers of a plan's tails, ascending, and by document its new symbol and audience."""

    arrivals: Sequence[int]
    symbols: Mapping[DocumentId, Symbol]
    audiences: Mapping[DocumentId, Audience]


def count(
    connection: Connection, plan: holding.Plan, known: Mapping[DocumentId, Audience]
) -> Counted:
    """Add a plan to a shard of the tally; `known`: audiences of its documents."""
    numbers: Sequence[int] = ()
    if not is_sqlite(connection):
        wanted = func.generate_series(1, len(plan.tails))
        numbers = sorted(connection.scalars(select(arrivals.next_value()).select_from(wanted)))
    shard = _shard(connection)
    row = _row(connection, NOBODY, shard)
    numbers = numbers or range(row.arrival + 1, row.arrival + 1 + len(plan.tails))
    key = sketches.key_of(row.secret)
    moves = [_move(key, one) for one in plan.documents]
    delta = _Delta(plan.documents_added, plan.digest_delta, numbers[-1])
    _write(connection, row, delta, moves)
    by_audience: dict[Audience, list[Move]] = {}
    for move in moves:
        if name := known.get(move.document, NOBODY):
            by_audience.setdefault(name, []).append(move)
    for name in sorted(by_audience):
        add(connection, name, by_audience[name])
    return Counted(
        numbers, {one.document: one.came for one in moves if one.came is not None}, known
    )


class _Delta(NamedTuple):
    documents: int
    digest: int
    arrival: int


def add(connection: Connection, audience: Audience, moves: Sequence[Move]) -> None:
    """Count documents that come to an audience, leave it, or change in it."""
    come = sum((one.after is not None) - (one.before is not None) for one in moves)
    delta = _Delta(come, sum(one.digest for one in moves), 0)
    _write(connection, _row(connection, audience, _shard(connection)), delta, moves)


def _shard(connection: Connection) -> int:
    if is_sqlite(connection):
        return 0
    return connection.scalar(select(func.pg_backend_pid() % _SHARDS)) or 0


def _move(key: SketchKey, one: holding.DocumentPlan) -> Move:
    went, came = sketches.step(key, one.document, one.before, one.digest)
    return Move(one.document, one.before, one.digest, went, came)


def _row(connection: Connection, audience: Audience, shard: int) -> Row[Any]:
    """A shard's row, made if need be, locked."""
    where = {"its_audience": audience, "its_shard": shard}
    row = connection.execute(_ROW, where).one_or_none()
    if row is None:
        begin(connection, audience, shard)
        row = connection.execute(_ROW, where).one()
    return row


def _write(connection: Connection, row: Row[Any], delta: _Delta, moves: Sequence[Move]) -> None:
    """Add to a row."""
    digest = (int.from_bytes(row.digest, "big") + delta.digest) % MODULUS
    steps = row.steps + sketches.pack_steps((one.went, one.came) for one in moves)
    place = sketches.Place(row.audience, row.shard)
    connection.execute(
        _RETALLY,
        {
            "its_audience": row.audience,
            "its_shard": row.shard,
            "documents": row.documents + delta.documents,
            "digest": digest.to_bytes(DIGEST_BYTES, "big"),
            "arrival": max(row.arrival, delta.arrival),
            "steps": sketches.settle(connection, sketches.key_of(row.secret), place, steps),
        },
    )


def next_arrival(connection: Connection) -> int:
    """A number of its own for what arrives without growing anything."""
    row = _row(connection, NOBODY, _shard(connection))
    number = row.arrival + 1
    if not is_sqlite(connection):
        number = connection.scalar(select(arrivals.next_value())) or 0
    _write(connection, row, _Delta(0, 0, number), ())
    return int(number)


def begin(
    connection: Connection,
    audience: Audience = NOBODY,
    shard: int = 0,
    *,
    documents: int = 0,
    digest: int = 0,
    arrival: int = 0,
) -> None:
    """The row of a shard, if it has none yet."""
    row = {
        "audience": audience,
        "shard": shard,
        "documents": documents,
        "digest": (digest % MODULUS).to_bytes(DIGEST_BYTES, "big"),
        "arrival": arrival,
        "steps": b"",
    }
    connection.execute(insert_new(connection, tally), row)


def summary(connection: Connection, audiences: Sequence[Audience] = EVERYTHING) -> Summary:
    """Sum of the tally's rows of these audiences."""
    rows = connection.execute(_SUMMARY, {"audiences": audiences}).all()
    total = sum(int.from_bytes(digest, "big") for _, digest in rows) % MODULUS
    return Summary(sum(count for count, _ in rows), total.to_bytes(DIGEST_BYTES, "big"))


def of_audiences(connection: Connection) -> dict[Audience, tuple[int, int]]:
    """Number of documents and digest of each audience."""
    found: dict[Audience, tuple[int, int]] = {}
    for name, documents, digest in connection.execute(_BY_AUDIENCE):
        before = found.get(Audience(name), (0, 0))
        total = (before[1] + int.from_bytes(digest, "big")) % MODULUS
        found[Audience(name)] = before[0] + documents, total
    return found


def arrival(connection: Connection) -> int:
    """The last arrival number given."""
    return connection.scalar(_ARRIVAL) or 0
