"""Places that a peer's runs go on from, found in what is held and in what that peer has staged.

By document and the start of an actor: one range of the key for each place, then one look for the stored
run that it is in. Changes are read only where the place is inside a run (`LaneReader.bases`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Connection, TextClause, bindparam, text

from conflict.change import read_header
from conflict.identity import ID_BYTES, NodeId
from storage.framing import unframe
from storage.upsert import chunks
from sync.continuing import Base, Continued

Found = tuple[Continued, Base]

_HELD = """
    JOIN lane ON lane.document = place.document AND lane.actor BETWEEN place.start AND place.stop
    JOIN run ON run.document = lane.document AND run.actor = lane.actor AND run.first_seq = (
        SELECT max(first_seq) FROM run AS one WHERE one.document = lane.document
            AND one.actor = lane.actor AND one.first_seq <= place.length)
    WHERE run.last_seq >= place.length"""
_STAGED = """
    JOIN staged AS run ON run.peer = :its_peer AND run.document = place.document
        AND run.actor BETWEEN place.start AND place.stop AND run.last_seq = place.length"""
_AWAY = tuple(
    f"""
    JOIN {table} AS run ON run.document = place.document
        AND run.actor BETWEEN place.start AND place.stop AND run.{length} = place.length"""
    for table, length in (("lane", "length"), ("shed_lane", "length"), ("refill", "last_seq"))
)
"""Ends of lanes whose changes were let go: all of them, those that went, those that have come back."""
_ENDS = "SELECT place.number, run.author, run.nonce, run.head, 0 AS first_seq, NULL AS changes"
_WANTED = """SELECT place.number, run.author, run.nonce, run.head, run.first_seq,
        CASE WHEN run.last_seq > place.length THEN run.changes END AS changes"""
_COLUMNS = ("number", "document", "start", "stop", "length")
_PLACES = {
    "sqlite": """(SELECT column1 AS number, column2 AS document, column3 AS start,
        column4 AS stop, column5 AS length FROM :rows)""",
    "postgresql": """(SELECT * FROM unnest(CAST(:number AS int[]), CAST(:document AS bytea[]),
        CAST(:start AS bytea[]), CAST(:stop AS bytea[]), CAST(:length AS int[])
        ) AS it(number, document, start, stop, length))""",
}


def bases(
    connection: Connection, places: Sequence[Continued], source: NodeId
) -> dict[Continued, Base]:
    """See `LaneReader.bases`."""
    found = certain(_among(connection, _HELD, places))
    rest = [place for place in places if place not in found]
    if rest:
        found |= certain(_among(connection, _STAGED, rest, its_peer=source))
        rest = [place for place in rest if place not in found]
    for table in _AWAY if rest else ():
        found |= certain(_among(connection, table, [one for one in rest if one not in found]))
    return found


def certain(fitting: Iterable[Found]) -> dict[Continued, Base]:
    """What fits each place, without places where two different lanes do."""
    found: dict[Continued, set[Base]] = {}
    for place, base in fitting:
        if base.fits(place):
            found.setdefault(place, set()).add(base)
    return {place: some.pop() for place, some in found.items() if len(some) == 1}


def _among(
    connection: Connection, table: str, places: Sequence[Continued], **where: bytes
) -> Iterator[Found]:
    dialect = connection.dialect.name
    for part in chunks(places):
        rows = [
            (number, one.document, one.actor, one.actor.ljust(ID_BYTES, b"\xff"), one.length)
            for number, one in enumerate(part)
        ]
        asked: dict[str, Any] = {"rows": rows}
        if dialect != "sqlite":
            asked = dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
        for row in connection.execute(_statement(dialect, table), asked | where):
            place, head = part[row.number], row.head
            if row.changes is not None:
                head = read_header(unframe(row.changes)[place.length - row.first_seq]).hash
            yield place, Base(NodeId(row.author), row.nonce, head)


@cache
def _statement(dialect: str, table: str) -> TextClause:
    """SQLite takes CROSS JOIN as the order to join in: from the places to the keys."""
    columns = _ENDS if table in _AWAY else _WANTED
    query = f"{columns} FROM {_PLACES[dialect]} AS place {table}"
    if dialect != "sqlite":
        return text(query)
    listed: BindParameter[Any] = bindparam("rows", expanding=True)
    return text(query.replace("JOIN", "CROSS JOIN")).bindparams(listed)
