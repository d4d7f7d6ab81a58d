"""Runs of lanes as nodes would send them: generated care, written live or imported, by several nodes.

The same seed gives the same bytes. Signatures are random bytes of the right size: nothing here
checks them, and nothing squeezes them.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

from conflict.clinical_time import instants
from conflict.clock import HybridClock, Stamp
from conflict.document import LaneWriter
from conflict.identity import DocumentId, Lane, NodeId, actor_id, statement_id
from conflict.lane import LaneRun
from conflict.statement import Draft
from node.sim import bench_charts, casualties, contradictions, stream
from node.sim.moment import PROVIDERS

START = datetime(2027, 3, 4, 5, 0, tzinfo=UTC)
IMPORTED_MS = 1_800_000_000_000
NODES = 4
Frame = list[LaneRun]


def signed_in(draft: Draft) -> Draft:
    """As a node with accounts writes it: the role of whoever says so."""
    return replace(draft, by_role="provider" if draft.by in PROVIDERS else "medic")


class Writer:
    """One node's lanes. `live`: stamps follow the clinical times by up to a minute; else at once.
    `roles`: people have accounts there; what is imported is entered by somebody of records."""

    def __init__(self, name: str, *, live: bool, roles: bool = True) -> None:
        self.random = random.Random(name)
        self._roles = roles
        self.author = NodeId(self.random.randbytes(16))
        self.nonce = self.random.randbytes(16)
        self.actor = actor_id(self.author, self.nonce)
        self._live = live
        self._now_ms = IMPORTED_MS
        self._clock = HybridClock()
        self._lanes: dict[DocumentId, LaneWriter] = {}
        self._written: dict[DocumentId, list[bytes]] = {}

    def save(self, document: DocumentId, drafts: Sequence[Draft]) -> list[str]:
        """One change; the ids of its statements."""
        lane = self._lanes.setdefault(document, LaneWriter(self.actor))
        drafts = [self._attributed(one) for one in drafts] if self._roles else drafts
        written = lane.write([(draft, stamp) for draft, stamp in self._stamped(drafts)])
        self._written.setdefault(document, []).append(written.raw)
        return [statement_id(self.actor, entry.number) for entry in written.entries]

    def _attributed(self, draft: Draft) -> Draft:
        if self._live:
            return signed_in(draft)
        return replace(draft, by_role="records", entered_by="SGT Verbandsson")

    def _stamped(self, drafts: Sequence[Draft]) -> Iterator[tuple[Draft, Stamp]]:
        if self._live:
            self._clock = HybridClock()  # documents are made one after the other, not as time goes
            at = instants(drafts[0].at or "").earliest
            self._now_ms = int(at.timestamp() * 1000) + self.random.randrange(800, 60_000)
        elif self.random.randrange(6) == 0:
            self._now_ms += 30
        for draft in drafts:
            yield draft, self._clock.tick(self._now_ms)

    def run(self, document: DocumentId, first: int, last: int) -> LaneRun:
        """Changes `first` to `last` of a lane, with something the size of a signature."""
        changes = tuple(self._written[document][first - 1 : last])
        return LaneRun(
            lane=Lane(document, self.actor),
            author=self.author,
            nonce=self.nonce,
            first_seq=first,
            changes=changes,
            head=hashlib.sha256(changes[-1][8:]).digest(),
            signature=b"\x01" + self.random.randbytes(64),
        )

    def runs(self) -> Iterator[LaneRun]:
        """Every lane whole; the writer starts afresh."""
        written, self._written = self._written, {}
        self._lanes.clear()
        for document, changes in written.items():
            self._written = {document: changes}
            yield self.run(document, 1, len(changes))
        self._written = {}


def new_charts(
    seed: int, count: int, *, live: bool = True, roles: bool = True
) -> Iterator[LaneRun]:
    """Benchmark charts: 11 changes of 20 statements in a document each, by one node."""
    writer = Writer(f"charts {seed}", live=live, roles=roles)
    for document, saves in bench_charts(seed, count):
        for drafts in saves:
            writer.save(document, drafts)
        yield from writer.runs()


def care(
    seed: int, count: int, *, first: int, changes: int, live: bool = True, roles: bool = True
) -> Iterator[LaneRun]:
    """Changes `first` and later of the ongoing care of `count` casualties, by four nodes."""
    writers = [Writer(f"care {seed} {number}", live=live, roles=roles) for number in range(NODES)]
    for number, casualty in enumerate(casualties(seed, count, START)):
        writer = writers[number % NODES]
        last = first + changes - 1
        for save in islice(stream(seed, casualty, casualty.last_at), last):
            writer.save(save.document, save.drafts)
        yield writer.run(casualty.episode, first, last)


def casualty_documents(
    seed: int, count: int, *, live: bool = True, roles: bool = True
) -> Iterator[LaneRun]:
    """Persons and episodes, what a second node says against them, and corrections of that."""
    medic, other = (Writer(f"{name} {seed}", live=live, roles=roles) for name in ("medic", "other"))
    for casualty in casualties(seed, count, START):
        for save in casualty.saves:
            medic.save(save.document, save.drafts)
        for pair in contradictions(seed, casualty):
            names = other.save(pair.document, (pair.right,))
            again = Draft(
                slot=pair.kind,
                value=pair.left.value,
                by=pair.left.by,
                at=pair.left.at,
                supersedes=tuple(names),
            )
            (medic if medic.random.random() < 0.5 else other).save(pair.document, (again,))
        yield from medic.runs()
        yield from other.runs()


def frames(runs: Iterable[LaneRun], raw_bytes: int) -> Iterator[Frame]:
    """Frames of about so many bytes of raw changes."""
    frame: Frame = []
    size = 0
    for run in runs:
        frame.append(run)
        size += sum(map(len, run.changes))
        if size >= raw_bytes:
            yield frame
            frame, size = [], 0
    if frame:
        yield frame
