"""The tally in SQL: how much is held, its digest, arrival numbers, steps of the sketch.

One row a shard. On SQLite there is one; on PostgreSQL several, so that processes do not wait for each
other: each adds to its own, whose row it locks until it commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select, update

from storage import holding, sketches
from storage.database import is_sqlite
from storage.tables import arrival as arrivals
from storage.tables import tally
from storage.upsert import insert_new
from sync.ports import Summary
from sync.sketch import Symbol

DIGEST_BYTES = 8
_MODULUS = 1 << 64
_SHARDS = 8
_ITS_SHARD = tally.c.shard == bindparam("its_shard")
_ROW = (
    select(tally, sketches.SECRET.scalar_subquery().label("secret"))
    .where(_ITS_SHARD)
    .with_for_update(of=tally)
)
_RETALLY = (
    update(tally)
    .where(_ITS_SHARD)
    .values({name: bindparam(name) for name in ("documents", "digest", "arrival", "steps")})
)
_SUMMARY = select(tally.c.documents, tally.c.digest)
_ARRIVAL = select(func.coalesce(func.max(tally.c.arrival), 0))


class Counted(NamedTuple):
    """Arrival numbers of a plan's tails, ascending, and the new symbol of each of its documents."""

    arrivals: Sequence[int]
    symbols: list[Symbol]


def count(connection: Connection, plan: holding.Plan) -> Counted:
    """Add a plan to a shard of the tally."""
    numbers: Sequence[int] = ()
    shard = 0
    if not is_sqlite(connection):
        wanted = func.generate_series(1, len(plan.tails))
        numbers = sorted(connection.scalars(select(arrivals.next_value()).select_from(wanted)))
        shard = connection.scalar(select(func.pg_backend_pid() % _SHARDS)) or 0
    row = connection.execute(_ROW, {"its_shard": shard}).one_or_none()
    if row is None:
        begin(connection, shard)
        row = connection.execute(_ROW, {"its_shard": shard}).one()
    numbers = numbers or range(row.arrival + 1, row.arrival + 1 + len(plan.tails))
    key = sketches.key_of(row.secret)
    steps = [sketches.step(key, one.document, one.before, one.digest) for one in plan.documents]
    digest = (int.from_bytes(row.digest, "big") + plan.digest_delta) % _MODULUS
    connection.execute(
        _RETALLY,
        {
            "its_shard": shard,
            "documents": row.documents + plan.documents_added,
            "digest": digest.to_bytes(DIGEST_BYTES, "big"),
            "arrival": max(row.arrival, numbers[-1]),
            "steps": sketches.settle(
                connection, key, shard, row.steps + sketches.pack_steps(steps)
            ),
        },
    )
    return Counted(numbers, [one.came for one in steps])


def begin(
    connection: Connection, shard: int = 0, documents: int = 0, digest: int = 0, arrival: int = 0
) -> None:
    """The row of a shard, if it has none yet."""
    row = {
        "shard": shard,
        "documents": documents,
        "digest": (digest % _MODULUS).to_bytes(DIGEST_BYTES, "big"),
        "arrival": arrival,
        "steps": b"",
    }
    connection.execute(insert_new(connection, tally), row)


def summary(connection: Connection) -> Summary:
    """Sum of the tally's shards."""
    rows = connection.execute(_SUMMARY).all()
    total = sum(int.from_bytes(digest, "big") for _, digest in rows) % _MODULUS
    return Summary(sum(count for count, _ in rows), total.to_bytes(DIGEST_BYTES, "big"))


def arrival(connection: Connection) -> int:
    """The last arrival number given."""
    return connection.scalar(_ARRIVAL) or 0
