"""Holding runs in SQL: look up what a plan needs, plan, write its rows.

Truth and the caches that sync reads (lane, document, tally) change in the same transaction. Each
table is written by one statement with many rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from conflict.branches import Chain
from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import LaneRun, LaneState
from conflict.scope import NOBODY
from storage import (
    aliases,
    aside,
    audiences,
    branches,
    counting,
    coverage,
    holding,
    lanes,
    settings,
    shed_lanes,
    staging,
)
from storage.framing import frame, pack_evidence
from storage.locks import lock_rows
from storage.refilling import ShedBase
from storage.tables import document, lane, run
from storage.upsert import upsert, write_rows
from sync.aliases import document_alias
from sync.ports import Applied


class _Lookup:
    """What a plan asks, answered inside the transaction."""

    def __init__(self, connection: Connection, source: NodeId | None) -> None:
        self._connection, self._source = connection, source
        self.sizes = staging.sizes(connection, source)

    def states(self, documents: Sequence[DocumentId]) -> dict[DocumentId, dict[ActorId, LaneState]]:
        return lanes.states(self._connection, documents)

    def staged(self, one: Lane) -> LaneRun | None:
        if one not in self.sizes:
            return None
        return staging.prefix(self._connection, self._source, one)

    def run_at(self, one: Lane, seq: int) -> LaneRun:
        return lanes.run_at(self._connection, one, seq)

    def branches(self, documents: Sequence[DocumentId]) -> dict[Lane, dict[ActorId, Chain]]:
        return branches.of(self._connection, documents)

    def stored(self, one: Lane) -> list[LaneRun]:
        return lanes.stored(self._connection, one)

    def bases(self, documents: Sequence[DocumentId]) -> dict[Lane, ShedBase]:
        return shed_lanes.of(self._connection, documents)


def hold(
    connection: Connection, runs: Sequence[LaneRun], source: NodeId | None, now_ms: int
) -> Applied:
    """Plan and write (`Transaction.hold`)."""
    lock_rows(connection, [one.lane.document for one in runs])
    lookup = _Lookup(connection, source)
    plan = holding.plan(runs, lookup)
    if plan.tails:
        _write(connection, plan, now_ms)
    if plan.refill.rows or plan.refill.whole or plan.refill.emptied:
        claims = settings.writes_custody(connection)
        shed_lanes.bring_back(connection, plan.refill, now_ms, claims=claims)
    staging.store(connection, source, lookup.sizes, plan, now_ms)
    kept = {item: pack_evidence(one) for item, one in plan.aside}
    aside.keep(connection, list(kept), kept, source, now_ms)
    return plan.applied


def _write(connection: Connection, plan: holding.Plan, now_ms: int) -> None:
    held = [one.document for one in plan.documents if one.before is not None]
    new = [one.document for one in plan.documents if one.before is None]
    branches.write(connection, plan.branching)
    aliases.recognise(connection, new)
    counted = counting.count(connection, plan, audiences.of(connection, held, new))
    numbered = list(zip(counted.arrivals, plan.tails, strict=True))
    rows = [_run_row(tail, at, now_ms) for at, tail in numbered]
    write_rows(connection, upsert(connection, run), rows)
    latest = {tail.lane: tail for tail in plan.tails}
    reached = upsert(connection, lane, "length", "head")
    write_rows(connection, reached, list(map(_lane_row, latest.values())))
    at = {tail.lane.document: number for number, tail in numbered}
    lacks = coverage.weigh(connection, {one.document: one.states for one in plan.documents}, now_ms)
    write_rows(
        connection,
        upsert(connection, document, *_WRITTEN),
        [
            _document_row(one, at[one.document], counted, lacks[one.document])
            for one in plan.documents
        ],
    )


_WRITTEN = (
    *("digest", "lanes", "changes", "arrival", "dirty", "symbol"),
    *("lacking", "lacking_ms", "audience"),
)


def _run_row(tail: LaneRun, arrival_number: int, now_ms: int) -> dict[str, Any]:
    return {
        "document": tail.lane.document,
        "actor": tail.lane.actor,
        "first_seq": tail.first_seq,
        "last_seq": tail.last_seq,
        "author": tail.author,
        "nonce": tail.nonce,
        "head": tail.head,
        "signature": tail.signature,
        "arrival": arrival_number,
        "arrival_ms": now_ms,
        "changes": frame(tail.changes),
    }


def _document_row(
    one: holding.DocumentPlan, arrival_number: int, counted: counting.Counted, lacks: coverage.Lack
) -> dict[str, Any]:
    return {
        "document": one.document,
        "digest": one.digest,
        "lanes": one.lanes,
        "changes": one.changes,
        "arrival": arrival_number,
        "dirty": True,
        "symbol": counted.symbols[one.document],
        "audience": counted.audiences.get(one.document, NOBODY),
        "alias": document_alias(one.document),
        "lacking": lacks.changes,
        "lacking_ms": lacks.since_ms,
    }


def _lane_row(tail: LaneRun) -> dict[str, Any]:
    return {
        "document": tail.lane.document,
        "actor": tail.lane.actor,
        "author": tail.author,
        "nonce": tail.nonce,
        "length": tail.last_seq,
        "head": tail.head,
    }
