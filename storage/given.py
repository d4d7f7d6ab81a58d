"""What a scope was given of what others wrote, and who wrote in a document first, in SQL.

Read by the primary keys of `member`, `link` and `lane`, a page at a time: nothing here is on the sync path.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    or_,
    select,
    union_all,
)

from conflict.identity import DocumentId, DocumentKind, NodeId
from storage.shapes import Given
from storage.tables import lane, link, member, run
from storage.upsert import chunks

_EPISODES = bytes((DocumentKind.EPISODE,)), bytes((DocumentKind.EPISODE + 1,))


def page(
    connection: Connection,
    scope: DocumentId,
    holders: Collection[NodeId],
    after: Given | None,
    limit: int,
) -> list[Given]:
    """See `Store.given`."""
    own: Select[Any] = select(
        member.c.document.label("through"), member.c.document.label("document")
    ).where(member.c.scope == scope, _by_others(member.c.document, holders))
    named: Select[Any] = (
        select(member.c.document.label("through"), link.c.other.label("document"))
        .select_from(member.join(link, link.c.document == member.c.document))
        .where(member.c.scope == scope, _by_others(link.c.other, holders))
        .where(member.c.document >= _EPISODES[0], member.c.document < _EPISODES[1])
        .where(link.c.other < _EPISODES[0])
    )
    if after is not None:
        own = own.where(_beyond(member.c.document, member.c.document, after))
        named = named.where(_beyond(member.c.document, link.c.other, after))
    both = union_all(own, named).order_by("through", "document").limit(limit)
    return [Given(DocumentId(one), DocumentId(other)) for one, other in connection.execute(both)]


def _by_others(document: Any, holders: Collection[NodeId]) -> ColumnElement[bool]:
    return exists().where(lane.c.document == document, lane.c.author.not_in(sorted(holders)))


def _beyond(through: Any, document: Any, after: Given) -> ColumnElement[bool]:
    later = or_(through > after.through, document > after.document)
    return and_(through >= after.through, later)


def writers(
    connection: Connection, documents: Sequence[DocumentId]
) -> dict[DocumentId, list[NodeId]]:
    """See `Store.writers`. What was let go came before all that is here."""
    found: dict[DocumentId, list[NodeId]] = {}
    same = and_(run.c.document == lane.c.document, run.c.actor == lane.c.actor)
    came = func.coalesce(func.min(run.c.arrival), 0)
    for part in chunks(documents):
        query = (
            select(lane.c.document, lane.c.author)
            .select_from(lane.outerjoin(run, same))
            .where(lane.c.document.in_(part))
            .group_by(lane.c.document, lane.c.author)
            .order_by(lane.c.document, came, lane.c.author)
        )
        for one, author in connection.execute(query):
            found.setdefault(DocumentId(one), []).append(NodeId(author))
    return found
