"""Branches in a `MemoryStore`: the questions and the rows of `branches.py` over its dicts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from conflict.branches import Chain
from conflict.identity import ActorId, DocumentId, Lane
from storage import branches
from storage.branching import Branching
from storage.memory_rows import Rows
from storage.shapes import Forked


def of(rows: Rows, documents: Collection[DocumentId]) -> dict[Lane, dict[ActorId, Chain]]:
    """By lane of an actor: its branches by name."""
    return {lane: names for lane, names in rows.branches.items() if lane.document in documents}


def actors(rows: Rows, documents: Collection[DocumentId]) -> dict[Lane, ActorId]:
    """Who wrote the lanes of these documents that are branches."""
    return {
        lane._replace(actor=name): lane.actor
        for lane, names in of(rows, documents).items()
        for name in names
    }


def write(rows: Rows, plan: Branching) -> None:
    """Carry out what a plan says of names, before its runs are written."""
    for one in plan.gone:
        _forget(rows, one)
    for one, name in plan.renamed:
        _rename(rows, one, one._replace(actor=name))
    for lane, names in plan.rows.items():
        rows.branches[lane] = names


def _rename(rows: Rows, one: Lane, other: Lane) -> None:
    runs, row = rows.runs[one], rows.lanes[one.document][one.actor]
    number = rows.tally.get("arrival", 0) + 1  # our custody log is to learn of it
    rows.tally["arrival"] = number
    _forget(rows, one)
    runs = (*runs[:-1], runs[-1]._replace(arrival=number))
    rows.runs[other] = tuple(each._replace(run=replace(each.run, lane=other)) for each in runs)
    for each in runs:
        rows.arrivals[each.arrival] = other
    rows.lanes[other.document] = {**rows.lanes[other.document], other.actor: row}
    if row.urgency.urgent_ms:
        rows.urgent[other] = row.urgency.urgent_ms


def _forget(rows: Rows, one: Lane) -> None:
    for each in rows.runs[one]:
        rows.arrivals.drop(each.arrival)
    rows.runs.drop(one)
    rows.urgent.drop(one)
    lanes = rows.lanes[one.document]
    rows.lanes[one.document] = {name: row for name, row in lanes.items() if name != one.actor}


def forked(rows: Rows) -> list[Forked]:
    """See `Store.forked`."""
    return branches.grouped(
        (lane.document, lane.actor, rows.lanes[lane.document][name].author, name, names[name][-1])
        for lane in sorted(rows.branches)
        for names in [rows.branches[lane]]
        for name in sorted(names)
    )
