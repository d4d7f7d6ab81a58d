"""Real signed lanes for tests: an author with a key, documents, runs cut as a test needs them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

from sqlalchemy import event

from conflict.clock import Stamp
from conflict.document import LaneWriter, Written, admit
from conflict.identity import (
    DocumentId,
    DocumentKind,
    Lane,
    NodeId,
    actor_id,
    new_document,
)
from conflict.lane import LaneRun, LaneState, check_run
from conflict.signature import SigningKey, lane_message
from conflict.statement import Draft
from storage import ProjectionRow, SqlStore, Store
from storage.database import reading
from sync.ports import Receipt

NOW_MS = 1_795_401_431_123
PEER = NodeId(b"peer" * 4)
OTHER_PEER = NodeId(b"else" * 4)
HOLDER = NodeId(b"garrison" * 2)


def document(number: int, kind: DocumentKind = DocumentKind.EPISODE) -> DocumentId:
    """The same document for the same number, anywhere in the id space."""
    return new_document(kind, hashlib.sha256(b"document %d" % number).digest()[:15])


@dataclass(frozen=True)
class SampleLane:
    """A lane with its author: `cut(a, b)` is the run of changes a to b, signed or not."""

    key: SigningKey
    nonce: bytes
    lane: Lane
    written: tuple[Written, ...]

    def cut(self, first: int, last: int, *, signed: bool = True) -> LaneRun:
        """Changes `first` to `last`."""
        return _run(self, first, last, self.written, signed=signed)

    def whole(self) -> LaneRun:
        """All changes in one signed run."""
        return self.cut(1, len(self.written))


@cache
def sample_lane(seed: int, at: DocumentId, changes: int, text: str = "") -> SampleLane:
    """A lane of one-statement changes; `text` varies its content but not its actor."""
    key = SigningKey.from_entropy(hashlib.sha512(b"key %d" % seed).digest())
    nonce = hashlib.sha256(b"nonce %d" % seed).digest()[:16]
    actor = actor_id(key.node, nonce)
    writer = LaneWriter(actor)
    written = tuple(
        writer.write([(_draft(number, text), Stamp(NOW_MS + number, 0))])
        for number in range(1, changes + 1)
    )
    return SampleLane(key, nonce, Lane(at, actor), written)


def branch_of(lane: SampleLane, after: int, changes: int, salt: int = 7) -> SampleLane:
    """The same actor's lane with other changes from number `after` + 1, others for each `salt`."""
    writer = LaneWriter(lane.lane.actor, [one.raw for one in lane.written[:after]])
    rest = tuple(
        writer.write([(_draft(number, "branch"), Stamp(NOW_MS + number, salt))])
        for number in range(after + 1, after + changes + 1)
    )
    return SampleLane(lane.key, lane.nonce, lane.lane, lane.written[:after] + rest)


def _draft(number: int, text: str) -> Draft:
    return Draft(slot="vitals", value={"pulse": 60 + number, "note": text}, by="medic")


def _run(
    lane: SampleLane, first: int, last: int, written: tuple[Written, ...], *, signed: bool
) -> LaneRun:
    parts = written[first - 1 : last]

    def run(signature: bytes | None) -> LaneRun:
        return LaneRun(
            lane=lane.lane,
            author=lane.key.node,
            nonce=lane.nonce,
            first_seq=first,
            changes=tuple(part.raw for part in parts),
            head=parts[-1].hash,
            signature=signature,
        )

    plain = run(None)
    check_run(plain)
    return run(lane.key.sign(lane_message(plain))) if signed else plain


def hold(store: Store, *runs: LaneRun, source: NodeId | None = PEER) -> None:
    """Hold runs in one transaction."""
    with store.write() as transaction:
        transaction.hold(runs, source, NOW_MS)


def admit_all(store: Store) -> None:
    """Do what the node does with work: open every lane, save entries, project, mark clean."""
    for work in store.work(1000):
        with store.write() as transaction:
            for lane in work.lanes:
                actor = work.actors.get(lane.actor, lane.actor)
                entries = admit(actor, lane.changes, lane.known).entries
                length = len(lane.changes)
                transaction.save_admission(work.document, lane.actor, length, entries)
            transaction.save_projection(ProjectionRow(work.document, "shown", 0, b"body"))
            transaction.mark_clean(work.document)


def receipt(lane: SampleLane, length: int) -> Receipt:
    """A claim that a lane's first changes are durable somewhere."""
    return Receipt(lane.lane, LaneState(length, lane.written[length - 1].hash).short)


def limit_pages(store: SqlStore, extra: int) -> None:
    """A disk with room for `extra` pages more, on every connection made from now on."""
    store.engine.dispose()
    with reading(store.engine) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    store.engine.dispose()

    def limit(raw, _record) -> None:  # type: ignore[no-untyped-def]
        raw.execute(f"PRAGMA max_page_count = {pages + extra}").fetchall()

    event.listen(store.engine, "connect", limit)
