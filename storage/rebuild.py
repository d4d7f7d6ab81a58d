"""Caches from truth in SQL: `rebuild` recreates them, `check` compares them and changes nothing.

A damaged run is set aside with everything after it in its lane, so that the lane is short rather
than wrong and peers send the rest again. After a rebuild every document awaits admission.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, insert, select

from conflict.identity import document_text
from conflict.lane import set_item
from storage import (
    aliases,
    aside,
    audiences,
    branches,
    chains,
    counting,
    coverage,
    holding,
    lanes,
    sketches,
)
from storage.chains import Chain, DocumentChains, LetGo
from storage.database import is_sqlite
from storage.locks import lock_everything
from storage.shapes import Problem, Rebuilt
from storage.tables import CACHES, document, lane, run, set_aside, shed_lane
from storage.upsert import insert_new
from sync.aliases import document_alias
from sync.limits import SKETCH_CELLS_KEPT
from sync.sketch import Sketch, SketchKey

DAMAGED = "damaged"
_BATCH = 500
_ADVICE = "Run `aidstation db rebuild`: it recreates every cache from the signed changes."


def rebuild(connection: Connection, progress: Callable[[int], None] | None) -> Rebuilt:
    """Recreate every cache (`Store.rebuild`)."""
    lock_everything(connection)
    last = max(counting.arrival(connection), lanes.latest_arrival(connection))
    cells = Sketch(sketches.key_of(connection.scalar(sketches.SECRET)), SKETCH_CELLS_KEPT)
    for table in CACHES:
        connection.execute(delete(table))
    problems: list[Problem] = []
    documents = lane_count = total = 0
    batch: list[DocumentChains] = []
    for found in _walk(connection):
        problems += (_set_aside(connection, one) for one in found.chains if one.broken)
        states = found.states
        if not states:
            continue
        total += set_item(found.document, holding.digest_of(found.document, states))
        documents, lane_count = documents + 1, lane_count + len(states)
        batch.append(found)
        if len(batch) >= _BATCH:
            _write(connection, batch, cells)
            batch = []
            if progress:
                progress(documents)
    _write(connection, batch, cells)
    if progress:
        progress(documents)
    sketches.start(connection, cells)
    coverage.recount(connection)
    counting.begin(connection, documents=documents, digest=total, arrival=last)
    audiences.recount(connection)
    return Rebuilt(documents, lane_count, tuple(problems))


def _walk(connection: Connection) -> Iterator[DocumentChains]:
    return chains.walk(_rows(connection), _let_go(connection))


def _let_go(connection: Connection) -> Iterator[LetGo]:
    """Every lane whose content was let go, in pages too."""
    names = LetGo._fields
    query = select(*(shed_lane.c[name] for name in names))
    query = query.order_by(shed_lane.c.document, shed_lane.c.actor).limit(chains.RUNS_READ)
    rows = connection.execute(query).all()
    while rows:
        yield from (LetGo(*row) for row in rows)
        one, actor = rows[-1].document, rows[-1].actor
        same = and_(shed_lane.c.document == one, shed_lane.c.actor > actor)
        rows = connection.execute(query.where((shed_lane.c.document > one) | same)).all()


def _rows(connection: Connection) -> Iterator[Any]:
    """Every run, in pages, so that neither database buffers the whole table."""
    order = (run.c.document, run.c.actor, run.c.first_seq)
    after: tuple[bytes, bytes, int] | None = None
    while True:
        query = select(run).order_by(*order).limit(chains.RUNS_READ)
        if after is not None:
            query = query.where(_beyond(after))
        rows = connection.execute(query).all()
        yield from rows
        if len(rows) < chains.RUNS_READ:
            return
        after = (rows[-1].document, rows[-1].actor, rows[-1].first_seq)


def _beyond(after: tuple[bytes, bytes, int]) -> Any:
    one, actor, first_seq = after
    same = run.c.document == one
    later = (run.c.actor > actor) | and_(run.c.actor == actor, run.c.first_seq > first_seq)
    return (run.c.document > one) | and_(same, later)


def _write(connection: Connection, batch: list[DocumentChains], cells: Sketch) -> None:
    if not batch:
        return
    found = [(one, chain) for one in batch for chain in one.chains if chain.state.length]
    connection.execute(insert(lane), [_lane_row(chain) for _, chain in found])
    connection.execute(insert(document), [_document_row(one, cells) for one in batch])
    aliases.recognise(connection, [one.document for one in batch])
    for _, chain in found:
        if chain.actor != chain.lane.actor:
            actor = chain.lane._replace(actor=chain.actor)
            branches.insert_rows(connection, actor, {chain.lane.actor: chain.hashes})


def _lane_row(chain: Chain) -> dict[str, Any]:
    return {
        "document": chain.lane.document,
        "actor": chain.lane.actor,
        "author": chain.author,
        "nonce": chain.nonce,
        "length": chain.state.length,
        "head": chain.state.head,
    }


def _document_row(found: DocumentChains, cells: Sketch) -> dict[str, Any]:
    states = found.states
    digest = holding.digest_of(found.document, states)
    symbol = cells.key.symbol(found.document, digest)
    cells.add(symbol)
    return {
        "document": found.document,
        "digest": digest,
        "lanes": len(states),
        "changes": sum(state.length for state in states.values()),
        "arrival": found.arrival,
        "dirty": True,
        "symbol": symbol,
        "alias": document_alias(found.document),
    }


def _set_aside(connection: Connection, chain: Chain) -> Problem:
    """Move damaged rows out of truth's way, bytes and all."""
    for row in chain.broken:
        where = {"document": row.document, "actor": row.actor, "first_seq": row.first_seq}
        kept = {
            **where,
            "code": DAMAGED,
            "content": aside.content_key(row.changes),
            "detail": "a stored run no longer matches its hashes",
            "source": b"",
            "at_ms": row.arrival_ms,
            "size": len(row.changes),
            "kept": row.changes,
        }
        connection.execute(insert_new(connection, set_aside), kept)
        connection.execute(delete(run).where(*(run.c[name] == one for name, one in where.items())))
    return chains.broken_run(chain.lane, chain.broken[0].first_seq)


def check(connection: Connection) -> list[Problem]:
    """Everything that is wrong (`Store.check`)."""
    problems = _integrity(connection)
    total = documents = 0
    kept = sketches.kept(connection)
    cells = Sketch(kept.key, SKETCH_CELLS_KEPT)
    for found in _walk(connection):
        broken = [chain for chain in found.chains if chain.broken]
        problems += (chains.broken_run(one.lane, one.broken[0].first_seq) for one in broken)
        if found.states:
            digest = holding.digest_of(found.document, found.states)
            documents += 1
            total += set_item(found.document, digest)
            cells.add(cells.key.symbol(found.document, digest))
        problems += _compare(connection, found, cells.key)
    summary = counting.summary(connection)
    subject = f"{summary.documents} of {documents} documents"
    if summary.documents != documents or int.from_bytes(summary.digest, "big") != total % (1 << 64):
        problems.append(Problem("set-digest", subject, _ADVICE))
    if kept.cells() != cells.cells():
        problems.append(Problem("sketch", subject, _ADVICE))
    problems += (Problem("audience", one, _ADVICE) for one in audiences.wrong(connection))
    wrong = coverage.wrong(connection)
    return problems + [Problem("custody", document_text(one), _ADVICE) for one in wrong]


def _compare(connection: Connection, found: DocumentChains, key: SketchKey) -> list[Problem]:
    """A document's cached rows against its runs."""
    held = lanes.states(connection, [found.document]).get(found.document, {})
    subject = document_text(found.document)
    if held != found.states:
        return [Problem("lane-state", subject, _ADVICE)]
    if not held:
        return []
    digest = holding.digest_of(found.document, held)
    row = connection.execute(_CACHED, {"its_document": found.document}).one_or_none()
    if row is None or row.digest != digest:
        return [Problem("document-digest", subject, _ADVICE)]
    if row.symbol != key.symbol(found.document, digest):
        return [Problem("document-symbol", subject, _ADVICE)]
    return []


_CACHED = select(document.c.digest, document.c.symbol).where(
    document.c.document == bindparam("its_document")
)


def _integrity(connection: Connection) -> list[Problem]:
    if not is_sqlite(connection):
        return []
    lines = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(10)")]
    if lines == ["ok"]:
        return []
    advice = "Copy the file, then restore from a backup or let peers refill a new database."
    return [Problem("file-damaged", line[:200], advice) for line in lines]
