"""What no garrison is known to hold: a number per document, kept right as lanes and receipts change.

A lane is covered when a garrison's receipt names its full length and head. A receipt for more than is
held here proves nothing about what is held here, so in doubt a lane is not covered. Which nodes are
garrisons is a setting that the node gives (`Store.trust`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select, update

from conflict.identity import ID_BYTES, ActorId, DocumentId, NodeId
from conflict.lane import LaneState, ShortState
from storage import lanes
from storage.framing import unpack_vector
from storage.tables import document, receipt, run, setting
from storage.upsert import chunks, upsert

SETTING = "custody.garrisons"
_PAGE = 500
_NONE_MS = 0

Held = Mapping[ActorId, LaneState]
Claims = Mapping[ActorId, ShortState]


class Lack(NamedTuple):
    """Changes of a document that no garrison is known to hold, and since when (ms) there are any."""

    changes: int = 0
    since_ms: int = _NONE_MS

    def after(self, changes: int, now_ms: int) -> Lack:
        """The same with another number; what was lacking before counts from then."""
        if not changes:
            return COVERED
        return Lack(changes, self.since_ms if self.changes else now_ms)


COVERED = Lack()


def lacking(held: Held, claims: Sequence[Claims]) -> int:
    """Changes of lanes that no claim covers whole; those that a shorter claim names are left out."""
    return sum(_lacking(actor, state.short, claims) for actor, state in held.items())


def _lacking(actor: ActorId, state: ShortState, claims: Sequence[Claims]) -> int:
    reached = 0
    for vector in claims:
        claim = vector.get(actor)
        if claim == state:
            return 0
        if claim is not None and claim.length < state.length:
            reached = max(reached, claim.length)
    return state.length - reached


def pack_nodes(nodes: Collection[NodeId]) -> bytes:
    """Ids ascending, joined."""
    return b"".join(sorted(set(nodes)))


def unpack_nodes(data: bytes | None) -> list[NodeId]:
    """Inverse of `pack_nodes`; None: none."""
    joined = data or b""
    return [NodeId(joined[at : at + ID_BYTES]) for at in range(0, len(joined), ID_BYTES)]


# In SQL ------------------------------------------------------------------------------------------

_GARRISONS = select(setting.c.value).where(setting.c.key == SETTING)
_DOCUMENTS: Any = bindparam("documents", expanding=True)
_BEFORE = select(document.c.document, document.c.lacking, document.c.lacking_ms).where(
    document.c.document.in_(_DOCUMENTS)
)
_CLAIMS = select(receipt.c.document, receipt.c.vector).where(
    receipt.c.document.in_(_DOCUMENTS),
    receipt.c.holder.in_(bindparam("garrisons", expanding=True)),
)
_MARK = (
    update(document)
    .where(document.c.document == bindparam("its_document"))
    .values(lacking=bindparam("its_lacking"), lacking_ms=bindparam("its_lacking_ms"))
)
_UNMARKED = (document.c.lacking != document.c.changes) | (document.c.lacking_ms == _NONE_MS)
_MARK_ALL = (
    update(document)
    .where(_UNMARKED)
    .values(
        lacking=document.c.changes,
        lacking_ms=func.coalesce(
            select(func.min(run.c.arrival_ms))
            .where(run.c.document == document.c.document)
            .scalar_subquery(),
            _NONE_MS,
        ),
    )
)


def garrisons(connection: Connection) -> list[NodeId]:
    """Nodes whose receipts count, ascending."""
    return unpack_nodes(connection.scalar(_GARRISONS))


def weigh(
    connection: Connection, held: Mapping[DocumentId, Held], now_ms: int
) -> dict[DocumentId, Lack]:
    """What documents lack that are about to be written with these lanes."""
    nodes = garrisons(connection)
    before = _before(connection, list(held)) if nodes else {}
    claims = _claims(connection, list(held), nodes)
    return {
        one: before.get(one, COVERED).after(lacking(states, claims.get(one, ())), now_ms)
        for one, states in held.items()
    }


def settle(connection: Connection, documents: Iterable[DocumentId]) -> None:
    """Garrisons have said something of these documents: look again what they lack."""
    ordered = sorted(set(documents))
    nodes = garrisons(connection)
    for part in chunks(ordered):
        held = lanes.states(connection, part)
        before, claims = _before(connection, part), _claims(connection, part, nodes)
        rows = []
        for one, states in held.items():
            changes = lacking(states, claims.get(one, ()))
            if (now := before[one].after(changes, before[one].since_ms)) != before[one]:
                rows.append(_row(one, now))
        if rows:
            connection.execute(_MARK, rows)


def recount(connection: Connection) -> None:
    """For every document: one statement, then a page at a time where garrisons have said something."""
    connection.execute(_MARK_ALL)
    nodes = garrisons(connection)
    after = b""
    while nodes:
        query = (
            select(receipt.c.document)
            .distinct()
            .where(receipt.c.document > after, receipt.c.holder.in_(nodes))
        )
        page = list(connection.scalars(query.order_by(receipt.c.document).limit(_PAGE)))
        settle(connection, map(DocumentId, page))
        if len(page) < _PAGE:
            return
        after = page[-1]


def wrong(connection: Connection) -> list[DocumentId]:
    """Documents whose number is not what their lanes and receipts say."""
    found: list[DocumentId] = []
    nodes = garrisons(connection)
    after = b""
    while True:
        query = select(document.c.document).where(document.c.document > after)
        page = list(connection.scalars(query.order_by(document.c.document).limit(_PAGE)))
        held = lanes.states(connection, page)
        before, claims = _before(connection, page), _claims(connection, page, nodes)
        found += (
            one
            for one in map(DocumentId, page)
            if before[one].changes != lacking(held.get(one, {}), claims.get(one, ()))
        )
        if len(page) < _PAGE:
            return found
        after = page[-1]


def trust(connection: Connection, nodes: Collection[NodeId]) -> None:
    """Their receipts count from now on, nobody else's."""
    connection.execute(upsert(connection, setting), {"key": SETTING, "value": pack_nodes(nodes)})
    recount(connection)


def _before(connection: Connection, documents: Sequence[DocumentId]) -> dict[DocumentId, Lack]:
    found: dict[DocumentId, Lack] = {}
    for part in chunks(documents):
        rows = connection.execute(_BEFORE, {"documents": part})
        found |= {DocumentId(one): Lack(changes, since_ms) for one, changes, since_ms in rows}
    return found


def _claims(
    connection: Connection, documents: Sequence[DocumentId], nodes: Sequence[NodeId]
) -> dict[DocumentId, list[Claims]]:
    found: dict[DocumentId, list[Claims]] = {}
    for part in chunks(documents) if nodes else ():
        rows = connection.execute(_CLAIMS, {"documents": part, "garrisons": nodes})
        for one, vector in rows:
            found.setdefault(DocumentId(one), []).append(unpack_vector(vector))
    return found


def _row(one: DocumentId, lack: Lack) -> dict[str, Any]:
    return {"its_document": one, "its_lacking": lack.changes, "its_lacking_ms": lack.since_ms}
