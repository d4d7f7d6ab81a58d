"""What is known of documents whose content was let go: the reading half, for `SqlStore`."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import Connection, Engine, and_, func, or_, select

from conflict.identity import DocumentId
from storage import shedding
from storage.database import is_sqlite, reading
from storage.shapes import Idle, Shed
from storage.tables import blob, lane, projection, run, shed, shed_lane
from storage.upsert import chunks


class ShedReading:
    """`Store`'s questions about them, each one snapshot."""

    engine: Engine

    def shed_documents(self, documents: Collection[DocumentId]) -> dict[DocumentId, Shed]:
        """See `Store.shed_documents`."""
        with reading(self.engine) as connection:
            return _shed(connection, documents)

    def wanted(self, limit: int) -> list[DocumentId]:
        """See `Store.wanted`."""
        with reading(self.engine) as connection:
            return shedding.wanted(connection, limit)

    def idle(self, before_ms: int, after: Idle | None, limit: int) -> list[Idle]:
        """See `Store.idle`."""
        with reading(self.engine) as connection:
            return _idle(connection, before_ms, after, limit)

    def touched_ms(self, documents: Collection[DocumentId]) -> int:
        """See `Store.touched_ms`."""
        latest = 0
        with reading(self.engine) as connection:
            for part in chunks(sorted(documents)):
                query = select(func.max(run.c.arrival_ms)).where(run.c.document.in_(part))
                latest = max(latest, connection.scalar(query) or 0)
        return latest

    def used_bytes(self) -> int:
        """See `Store.used_bytes`."""
        with reading(self.engine) as connection:
            return _used_bytes(connection)

    def free_bytes(self) -> int | None:
        """See `Store.free_bytes`."""
        if not is_sqlite(self.engine):
            return None
        with reading(self.engine) as connection:
            path = connection.exec_driver_sql("PRAGMA database_list").all()[0][2]  # main is first
        return shutil.disk_usage(Path(path).parent).free


def _shed(connection: Connection, documents: Collection[DocumentId]) -> dict[DocumentId, Shed]:
    found: dict[DocumentId, Shed] = {}
    let_go = func.coalesce(func.sum(shed_lane.c.length), 0)
    stated = func.coalesce(func.sum(shed_lane.c.statements), 0)
    columns = (shed.c.document, shed.c.at_ms, shed.c.wanted_ms, shed.c.label)
    for part in chunks(sorted(set(documents))):
        query = (
            select(*columns, let_go, stated)
            .select_from(shed.outerjoin(shed_lane, shed_lane.c.document == shed.c.document))
            .where(shed.c.document.in_(part))
            .group_by(*columns)
            .order_by(shed.c.document)
        )
        for one, at_ms, wanted_ms, label, changes, statements in connection.execute(query):
            known = DocumentId(one)
            found[known] = Shed(known, at_ms, wanted_ms, label, int(changes), int(statements))
    return found


def _idle(connection: Connection, before_ms: int, after: Idle | None, limit: int) -> list[Idle]:
    ages = shedding.OLDEST.subquery()
    query = select(ages.c.touched_ms, ages.c.document).where(ages.c.touched_ms < before_ms)
    if after is not None:
        same = and_(ages.c.touched_ms == after.touched_ms, ages.c.document > after.document)
        query = query.where(or_(ages.c.touched_ms > after.touched_ms, same))
    ordered = query.order_by(ages.c.touched_ms, ages.c.document).limit(limit)
    return [Idle(int(ms), DocumentId(one)) for ms, one in connection.execute(ordered)]


def _used_bytes(connection: Connection) -> int:
    """SQLite's own count of pages; a PostgreSQL server cleans up when it likes, so of that the bytes
    of what may be let go."""
    if is_sqlite(connection):
        pages, free, size = (
            int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size
    sizes = (
        func.sum(func.length(run.c.changes)),
        func.sum(func.length(lane.c.entries)),
        func.sum(func.length(projection.c.body)),
        func.sum(blob.c.have),
    )
    return sum(int(connection.scalar(select(one)) or 0) for one in sizes)
