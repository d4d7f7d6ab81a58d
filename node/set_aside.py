"""What was set aside here, why, and what helps: deliveries that were refused at the door, and held lanes
that no worker could open. Neither stops another lane, nor anybody who writes here.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final, NamedTuple

from conflict.document import UNREADABLE
from conflict.identity import Lane, document_text, node_text
from conflict.lane import LaneRun
from conflict.limits import CHANGE_BYTES_MAX, LANE_CHANGES_MAX
from conflict.statement import Json
from node.engine import Engine
from node.quotas import AUTHOR_QUOTA
from node.workers import FAULT, KILLED
from storage.framing import frame
from storage.holding import EQUIVOCATION
from storage.ports import Store, Transaction
from storage.shapes import LaneStatus
from sync.receipts import AUTHOR_UNKNOWN, BAD_SIGNATURE

DELIVERY, LANE = "delivery", "lane"
LANE_BYTES_MAX = LANE_CHANGES_MAX * CHANGE_BYTES_MAX


class Advice(NamedTuple):
    """What happened and what to do, in words for a person."""

    cause: str
    next_step: str


_RULE: Final = Advice(
    "its bytes break a rule of the record: its author's software is damaged, hostile or much newer",
    "upgrade this node and `aidstation set-aside retry`; else have the author's device looked at",
)
ADVICE: Final = {
    AUTHOR_UNKNOWN: Advice(
        "the device that wrote it is not enrolled, as far as this node knows",
        "sync with a node that has the theatre's latest log: it then comes again by itself",
    ),
    BAD_SIGNATURE: Advice(
        "it does not bear its author's signature: it was changed or invented on its way",
        "have the device that brought it looked at; `export` keeps the bytes as evidence",
    ),
    EQUIVOCATION: Advice(
        "its author's device signed two different changes at one place: a copy of it runs, or it lies",
        "find out who runs that device; the first that arrived is shown, both can be exported",
    ),
    AUTHOR_QUOTA: Advice(
        "its author's device has brought more that cannot be opened, or more at all, than any may",
        "have that device looked at, and revoke it if nobody can answer for it",
    ),
    KILLED: Advice(
        "opening it took more processor time or memory than any lane may",
        "it is tried again at each start, or with `aidstation set-aside retry` on a free machine",
    ),
    FAULT: Advice(
        "this software failed on it",
        "upgrade, then `aidstation set-aside retry`; report the detail with `export`",
    ),
    UNREADABLE: _RULE,
}


def advice(code: str) -> Advice:
    """What to say of a code."""
    return ADVICE.get(code, _RULE)


def listed(store: Store, *, with_bytes: bool = False) -> list[Json]:
    """See `Desk.set_aside`."""
    deliveries = (
        _item(
            DELIVERY,
            row.item.lane,
            (row.item.first_seq, row.item.code, row.item.detail),
            source=node_text(row.source) if row.source else None,
            at=row.at_ms,
            data=row.kept if with_bytes else None,
        )
        for row in store.set_aside_items()
    )
    lanes = (
        _item(
            LANE,
            status.lane,
            (status.admitted + 1, status.refusal.code, status.refusal.detail),
            source=node_text(status.author),
            at=None,
            data=_raw(store, status.lane) if with_bytes else None,
        )
        for status in _refused(store)
        if status.refusal
    )
    return [*deliveries, *lanes]


def _item(
    kind: str,
    lane: Lane,
    refused: tuple[int, str, str],
    *,
    source: str | None,
    at: int | None,
    data: bytes | None,
) -> dict[str, Json]:
    first_seq, code, detail = refused
    body: dict[str, Json] = {
        "kind": kind,
        "document": document_text(lane.document),
        "actor": lane.actor.hex(),
        "first_seq": first_seq,
        "code": code,
        "detail": detail,
        "source": source,
        "at": at,
        **advice(code)._asdict(),
    }
    return body if data is None else {**body, "bytes": base64.b64encode(data).decode()}


def _refused(store: Store) -> Iterator[LaneStatus]:
    for document in store.refused(None):
        yield from (status for status in store.lanes(document) if status.refusal)


def _raw(store: Store, lane: Lane) -> bytes:
    runs: list[LaneRun] = store.runs_from(lane, 1, LANE_BYTES_MAX)
    return frame(tuple(chunk for run in runs for chunk in run.changes))


def retry(engine: Engine) -> Json:
    """See `Desk.retry_set_aside`: durable when it returns; what comes of it shows as it is opened."""

    def job(transaction: Transaction) -> Json:
        documents, items = engine.store.refused(None), engine.store.set_aside_items()
        # what an author signed twice stays: it is evidence, and held as far as it may be
        lanes = {row.item.lane for row in items if row.item.code != EQUIVOCATION}
        kept = {row.item.lane for row in items if row.item.code == EQUIVOCATION}
        for document in documents:
            transaction.retry_admission(document)
        for lane in sorted(lanes - kept):
            transaction.clear_set_aside(lane)
        return {"documents": len(documents), "lanes": len(lanes - kept)}

    return engine.retry(job)
