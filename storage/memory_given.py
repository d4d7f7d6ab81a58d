"""What a scope was given of what others wrote, over the dicts of a `MemoryStore`: see `given.py`."""

from __future__ import annotations

from collections.abc import Collection

from conflict.identity import DocumentId, DocumentKind, Lane, NodeId, document_kind
from storage.memory_rows import Rows
from storage.shapes import Given


def given(
    rows: Rows, scope: DocumentId, holders: Collection[NodeId], after: Given | None
) -> list[Given]:
    """See `Store.given`; without end."""
    found = []
    for one in (one for one, scopes in rows.belongs.items() if scope in scopes):
        found.append(Given(one, one))
        if document_kind(one) is DocumentKind.EPISODE and (row := rows.projections.get(one)):
            persons = (each for each in row.links if document_kind(each) is DocumentKind.PERSON)
            found += [Given(one, each) for each in persons]
    return sorted(
        one
        for one in found
        if (after is None or one > after)
        and any(lane.author not in holders for lane in rows.lanes.get(one.document, {}).values())
    )


def writers(rows: Rows, document: DocumentId) -> list[NodeId]:
    """See `Store.writers`."""
    came: dict[NodeId, int] = {}
    for actor, row in rows.lanes[document].items():
        runs = rows.runs.get(Lane(document, actor), ())
        first = min((one.arrival for one in runs), default=0)
        came[row.author] = min(first, came.get(row.author, first))
    return sorted(came, key=lambda author: (came[author], author))
