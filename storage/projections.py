"""What is shown, in SQL: projection rows, links both ways, the blobs that documents name.

All of it is a cache: the fold writes it again after a rebuild. Rows are queued (`Shown`) and
written by one statement a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    delete,
    insert,
    select,
    true,
    union,
    update,
)

from conflict.identity import ID_BYTES, DocumentId, DocumentKind
from storage.shapes import ProjectionRow
from storage.sharing import Audiences, of
from storage.tables import blob, blob_need, link, member, projection, shed
from storage.upsert import chunks, upsert, write_rows
from sync.aliases import blob_alias
from sync.ports import BlobWanted

_DOCUMENTS: BindParameter[Any] = bindparam("documents", expanding=True)
_UNLINK = delete(link).where(link.c.document.in_(_DOCUMENTS))
_LINK = insert(link)
_UNNEED = delete(blob_need).where(blob_need.c.document.in_(_DOCUMENTS))


@dataclass(slots=True)
class Shown:
    """Projection rows that a transaction has yet to write; the last of a document wins."""

    rows: dict[DocumentId, ProjectionRow] = field(default_factory=dict)

    def complete(self, connection: Connection) -> list[ProjectionRow]:
        """They, with what is known of content that was let go: the label, if the rest gives none, and
        all links."""
        known: dict[bytes, tuple[str, bytes]] = {}
        for part in chunks(list(self.rows)):
            for one, label, links in connection.execute(_LET_GO, {"documents": part}):
                known[one] = label, links
        for one in known.keys() & self.rows.keys():
            self.rows[DocumentId(one)] = completed(self.rows[DocumentId(one)], *known[one])
        return list(self.rows.values())

    def write(self, connection: Connection) -> None:
        """Write and forget them."""
        rows, self.rows = list(self.rows.values()), {}
        if not rows:
            return
        write_rows(connection, upsert(connection, projection), list(map(_columns, rows)))
        for part in chunks([row.document for row in rows]):
            connection.execute(_UNLINK, {"documents": part})
            connection.execute(_UNNEED, {"documents": part})
        links = [
            {"document": row.document, "other": other}
            for row in rows
            for other in sorted(set(row.links))
        ]
        if links:
            write_rows(connection, _LINK, links)
        _need_blobs(connection, rows)


def completed(row: ProjectionRow, label: str, links: bytes) -> ProjectionRow:
    """With label and links (ids joined) of what was let go."""
    others = {DocumentId(links[at : at + ID_BYTES]) for at in range(0, len(links), ID_BYTES)}
    linked = tuple(sorted(others | set(row.links)))
    return replace(row, label=row.label or label, links=linked)


_LET_GO = select(shed.c.document, shed.c.label, shed.c.links).where(shed.c.document.in_(_DOCUMENTS))


def _columns(row: ProjectionRow) -> dict[str, Any]:
    return {
        "document": row.document,
        "label": row.label,
        "search": row.label.casefold(),
        "open_findings": row.open_findings,
        "body": row.body,
    }


def _need_blobs(connection: Connection, rows: Sequence[ProjectionRow]) -> None:
    named = sorted({name for row in rows for name, _ in row.blobs})
    if not named:
        return
    here: set[bytes] = set()
    for part in chunks(named):
        query = select(blob.c.hash).where(blob.c.hash.in_(part), blob.c.complete == true())
        here.update(connection.scalars(query))
    connection.execute(
        insert(blob_need),
        [
            {
                "document": row.document,
                "hash": name,
                "size": size,
                "missing": name not in here,
                "alias": blob_alias(name),
            }
            for row in rows
            for name, size in dict(row.blobs).items()
        ],
    )


def blob_arrived(connection: Connection, name: bytes) -> None:
    """A blob is complete: nobody needs to send it."""
    connection.execute(update(blob_need).where(blob_need.c.hash == name).values(missing=False))


def blobs_wanted(connection: Connection, limit: int, audiences: Audiences) -> list[BlobWanted]:
    """Blobs to ask for, ascending by hash, by the partial index."""
    query = (
        select(blob_need.c.hash, blob_need.c.size, blob.c.have)
        .select_from(blob_need.outerjoin(blob, blob.c.hash == blob_need.c.hash))
        .where(blob_need.c.missing == true())
        .order_by(blob_need.c.hash, blob_need.c.size)
        .distinct()
        .limit(limit)
    )
    if audiences is not None:
        query = query.where(of(blob_need, audiences))
    found: dict[bytes, BlobWanted] = {}
    for name, size, have in connection.execute(query):
        found.setdefault(name, BlobWanted(name, size, have or 0))
    return list(found.values())


def one_projection(connection: Connection, document: DocumentId) -> ProjectionRow | None:
    """A document's row."""
    query = select(projection).where(projection.c.document == document)
    return next(iter(_filled(connection, list(connection.execute(query)))), None)


def page(
    connection: Connection,
    kind: DocumentKind | None,
    after: DocumentId | None,
    limit: int,
    label_contains: str | None,
    *,
    with_findings: bool,
) -> list[ProjectionRow]:
    """A page for lists (`Store.projections`)."""
    query = select(projection).order_by(projection.c.document).limit(limit)
    if kind is not None:
        low, high = bytes([kind]), bytes([kind + 1])
        query = query.where(projection.c.document >= low, projection.c.document < high)
    if after is not None:
        query = query.where(projection.c.document > after)
    if label_contains:
        needle = label_contains.casefold()
        query = query.where(projection.c.search.contains(needle, autoescape=True))
    if with_findings:
        query = query.where(projection.c.open_findings > 0)
    return _filled(connection, list(connection.execute(query)))


def _filled(connection: Connection, rows: Sequence[Any]) -> list[ProjectionRow]:
    """Rows with their links, blobs and members."""
    members: dict[bytes, list[DocumentId]] = {}
    links: dict[bytes, list[DocumentId]] = {}
    blobs: dict[bytes, list[tuple[bytes, int]]] = {}
    shed_ms: dict[bytes, int] = {}
    for part in chunks([row.document for row in rows]):
        named = select(link).where(link.c.document.in_(part)).order_by(link.c.other)
        for document, other in connection.execute(named):
            links.setdefault(document, []).append(DocumentId(other))
        needs = select(blob_need).where(blob_need.c.document.in_(part)).order_by(blob_need.c.hash)
        for need in connection.execute(needs):
            blobs.setdefault(need.document, []).append((need.hash, need.size))
        gone = select(shed.c.document, shed.c.at_ms).where(shed.c.document.in_(part))
        shed_ms |= {row.document: row.at_ms for row in connection.execute(gone)}
        inside = select(member).where(member.c.scope.in_(part)).order_by(member.c.document)
        for scope, one in connection.execute(inside):
            members.setdefault(scope, []).append(DocumentId(one))
    return [
        ProjectionRow(
            document=DocumentId(row.document),
            label=row.label,
            open_findings=row.open_findings,
            body=row.body,
            links=tuple(links.get(row.document, ())),
            blobs=tuple(blobs.get(row.document, ())),
            shed_ms=shed_ms.get(row.document, 0),
            members=tuple(members.get(row.document, ())),
        )
        for row in rows
    ]


def linked(connection: Connection, document: DocumentId) -> tuple[DocumentId, ...]:
    """Documents linked in either direction, ascending."""
    there = select(link.c.other).where(link.c.document == document)
    back = select(link.c.document).where(link.c.other == document)
    return tuple(DocumentId(one) for one in sorted(connection.scalars(union(there, back))))
