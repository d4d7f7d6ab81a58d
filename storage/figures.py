"""Figures of a whole store in SQL, and finding a document by the start of its text id.

Counts come from small rows and partial indexes: status pages may ask often.
"""

from __future__ import annotations

import base64
from typing import Any

from sqlalchemy import Connection, func, select, true

from conflict.errors import BadIdentity
from conflict.identity import ID_BYTES, DocumentId, DocumentKind
from storage.shapes import Counts
from storage.tables import blob, blob_need, document, lane, projection, set_aside, shed, staged

RESOLVED_MAX = 10
_TEXT_LETTERS = 24


def _number(table: Any, *where: Any) -> Any:
    query = select(func.count()).select_from(table).where(*where)
    return query.correlate(None).scalar_subquery()


def _sum(name: str) -> Any:
    return func.coalesce(func.sum(document.c[name]), 0)


# One statement, built once: building eleven costs more than running them. In the order of `Counts`.
_COUNTS = select(
    func.count(),
    _sum("lanes"),
    _sum("changes"),
    _sum("statements"),
    _number(document, document.c.dirty == true()),
    _number(lane, lane.c.refused > 0),
    _number(projection, projection.c.open_findings > 0),
    _number(set_aside),
    _number(staged),
    _number(blob, blob.c.complete == true()),
    select(func.count(blob_need.c.hash.distinct()))
    .where(blob_need.c.missing == true())
    .scalar_subquery(),
    _number(shed),
    _number(shed, shed.c.wanted_ms > 0),
).select_from(document)


def counts(connection: Connection) -> Counts:
    """Figures for status."""
    return Counts(*map(int, connection.execute(_COUNTS).one()))


def resolve(connection: Connection, prefix: str) -> list[DocumentId]:
    """Held documents whose text starts so, ascending."""
    found: set[DocumentId] = set()
    for low, high in ranges(prefix):
        query = (
            select(document.c.document)
            .where(document.c.document >= low, document.c.document <= high)
            .order_by(document.c.document)
            .limit(RESOLVED_MAX)
        )
        found.update(DocumentId(one) for one in connection.scalars(query))
    return sorted(found)[:RESOLVED_MAX]


def ranges(prefix: str) -> list[tuple[bytes, bytes]]:
    """Id ranges that a prefix like `person-abc` or `abc` covers. Raises `BadIdentity`."""
    name, dash, letters = prefix.strip().lower().rpartition("-")
    kinds = [kind.value for kind in DocumentKind]
    try:
        if dash:
            kinds = [int(name[4:]) if name.startswith("kind") else DocumentKind[name.upper()]]
        low, high = _filled(letters, "a"), _filled(letters, "7")
        return [(bytes([kind]) + low, bytes([kind]) + high) for kind in kinds]
    except (KeyError, ValueError) as fault:
        raise BadIdentity(
            f"'{prefix[:60]}' does not start a document id: it reads like episode-abcd or abcd"
        ) from fault


def _filled(letters: str, filler: str) -> bytes:
    raw = base64.b32decode(letters.ljust(_TEXT_LETTERS, filler).upper())
    if len(raw) != ID_BYTES - 1:
        raise ValueError("length")
    return raw
