"""Damage that pages and chains do not show: attachments against their names, admitted statements against
the signed changes that state them.

In an encrypted file every flipped bit fails its page's code; a plain file has no codes, so what is read
from it is compared with what others can prove. Off every path that somebody waits on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, and_, select, true

from conflict.document import retold
from conflict.identity import NodeId, actor_id, document_text
from storage import blobs
from storage.errors import BlobMismatch, DatabaseCorrupt
from storage.framing import unframe, unpack_entries
from storage.shapes import Problem
from storage.tables import blob, lane, run

_LANES_READ = 200
_REBUILD = "Run `aidstation db rebuild`: it recreates every cache from the signed changes."
_FETCH = "Run `aidstation db rebuild`: it forgets the attachment, and peers send it again."
_BY_LANE = (lane.c.document, lane.c.actor)
_ADMITTED = (
    select(
        *(lane.c[name] for name in ("document", "actor", "author", "nonce", "admitted", "entries")),
        run.c.last_seq,
        run.c.changes,
    )
    .join_from(lane, run, and_(run.c.document == lane.c.document, run.c.actor == lane.c.actor))
    .order_by(*_BY_LANE, run.c.first_seq)
)


def problems(connection: Connection) -> Iterator[Problem]:
    """What is not what it should be."""
    for name in broken_blobs(connection):
        yield Problem("broken-attachment", name.hex()[:16], _FETCH)
    for one, actor in _wrong_lanes(connection):
        subject = f"{document_text(one)} lane {actor.hex()[:8]}"
        yield Problem("lane-statements", subject, _REBUILD)


def broken_blobs(connection: Connection) -> list[bytes]:
    """Complete attachments that no longer hash to their names."""
    names = select(blob.c.hash).where(blob.c.complete == true()).order_by(blob.c.hash)
    return [name for name in connection.scalars(names).all() if not _sound(connection, name)]


def _sound(connection: Connection, name: bytes) -> bool:
    try:
        blobs.check_hash(name, blobs.parts(connection, name))
    except BlobMismatch:
        return False
    return True


def _wrong_lanes(connection: Connection) -> Iterator[Any]:
    """(document, actor) of lanes whose admitted statements are not those of their changes."""
    after = (b"", b"")
    while pages := _page(connection, after):
        for name, rows in groupby(pages, key=lambda row: (row.document, row.actor)):
            after = name
            if not _told_so(list(rows)):
                yield name


def _page(connection: Connection, after: tuple[bytes, bytes]) -> Sequence[Any]:
    """Runs of the next lanes, whole lanes."""
    one, actor = after
    beyond = (lane.c.document > one) | and_(lane.c.document == one, lane.c.actor > actor)
    lanes = select(*_BY_LANE).where(lane.c.admitted > 0, beyond).order_by(*_BY_LANE)
    last = connection.execute(lanes.limit(_LANES_READ)).all()[-1:]
    if not last:
        return []
    upto = (lane.c.document < last[0].document) | and_(
        lane.c.document == last[0].document, lane.c.actor <= last[0].actor
    )
    return connection.execute(_ADMITTED.where(lane.c.admitted > 0, beyond, upto)).all()


def _told_so(rows: Sequence[Any]) -> bool:
    """Whether a lane's statements are those of its changes; also where this code cannot tell: another
    writer's changes, or content that was let go."""
    first = rows[0]
    try:
        changes = [raw for row in rows for raw in unframe(row.changes)][: first.admitted]
        entries = unpack_entries(first.entries)
    except (DatabaseCorrupt, ValueError, TypeError):
        return False
    if len(changes) < first.admitted:
        return True
    told = retold(actor_id(NodeId(first.author), first.nonce), changes)
    return told is None or told.entries == entries
