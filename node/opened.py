"""What opening a document found, and how a worker says it: JSON, because a worker is not trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from conflict.document import Entry
from conflict.identity import ActorId, DocumentId
from conflict.statement import Json
from conflict.urgency import ROUTINE_LANE, LaneUrgency
from storage.shapes import ProjectionRow


class LaneVerdict(NamedTuple):
    """One lane: admitted with all its entries, or refused with a code. `length` in changes."""

    actor: ActorId
    length: int
    entries: tuple[Entry, ...]
    code: str
    detail: str
    urgency: LaneUrgency = ROUTINE_LANE


class Opened(NamedTuple):
    """One document: verdicts on the lanes that awaited one, and the row that shows it.

    `earlier`: how urgent the lanes that were admitted before are, by today's slots.
    """

    document: DocumentId
    lanes: tuple[LaneVerdict, ...]
    row: ProjectionRow | None
    earlier: tuple[tuple[ActorId, LaneUrgency], ...] = ()


def encoded(opened: Opened) -> Json:
    """Its JSON form."""
    row = opened.row
    return {
        "document": opened.document.hex(),
        "lanes": [
            [
                lane.actor.hex(),
                lane.length,
                [part for entry in lane.entries for part in entry],
                lane.code,
                lane.detail,
                [*lane.urgency],
            ]
            for lane in opened.lanes
        ],
        "earlier": [[actor.hex(), [*urgency]] for actor, urgency in opened.earlier],
        "row": row
        and {
            "label": row.label,
            "open": row.open_findings,
            "body": row.body.decode(),
            "links": [one.hex() for one in row.links],
            "members": [one.hex() for one in row.members],
            "blobs": [[name.hex(), size] for name, size in row.blobs],
        },
    }


def decoded(one: Json) -> Opened:
    """Inverse of `encoded`. Raises `ValueError`, `KeyError`, `TypeError` for what no worker says."""
    document = DocumentId(bytes.fromhex(one["document"]))
    lanes = tuple(
        LaneVerdict(
            ActorId(bytes.fromhex(actor)),
            int(length),
            tuple(map(Entry, flat[::3], flat[1::3], flat[2::3])),
            str(code),
            str(detail),
            _urgency(urgency),
        )
        for actor, length, flat, code, detail, urgency in one["lanes"]
    )
    earlier = tuple(
        (ActorId(bytes.fromhex(actor)), _urgency(urgency)) for actor, urgency in one["earlier"]
    )
    return Opened(document, lanes, _row(document, one["row"]), earlier)


URGENT_MS_MAX = 1 << 53  # a stamp is hostile input too: what a store can keep, and JSON say


def _urgency(found: Json) -> LaneUrgency:
    urgent_ms, summary = found
    return LaneUrgency(min(max(int(urgent_ms), 0), URGENT_MS_MAX), bool(summary))


def _row(document: DocumentId, row: Mapping[str, Json] | None) -> ProjectionRow | None:
    if row is None:
        return None
    return ProjectionRow(
        document,
        row["label"],
        row["open"],
        row["body"].encode(),
        tuple(DocumentId(bytes.fromhex(one)) for one in row["links"]),
        tuple((bytes.fromhex(name), size) for name, size in row["blobs"]),
        tuple(DocumentId(bytes.fromhex(one)) for one in row["members"]),
    )
