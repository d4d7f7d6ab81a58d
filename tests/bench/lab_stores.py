"""Nodes with many documents for the benchmarks: one short signed lane each, care written on top.

In a document's first lane the first change is the same bytes everywhere (a change does not name its
document), so 100,000 signed lanes cost seconds. What is written on top is generated care.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

from sqlalchemy import event

from conflict.clock import Stamp
from conflict.document import LaneWriter
from conflict.identity import DocumentId, DocumentKind, Lane, NodeId, actor_id, document_from_source
from conflict.lane import LaneRun
from conflict.signature import SigningKey, lane_message
from conflict.statement import Draft
from storage import SqlStore
from storage.ports import Store
from sync.ports import Precedence
from tests.bench.payload_runs import Writer
from tests.sync.session_lab import Keys, Node

HELD_AT_ONCE = 1_000
FIRST = Draft(slot="vitals", value={"pulse": 88}, by="SPC Ruiz", at="2027-03-04T05:00:00Z")
FIRST_STAMP = Stamp(1_800_000_000_000, 0)
SEED = 1


def document(number: int) -> DocumentId:
    """An id as scattered as real ones."""
    return document_from_source(DocumentKind.EPISODE, "bench", str(number))


class SignedWriter(Writer):
    """Lanes of one node, really signed, every save a run of its own."""

    def __init__(self, name: str, key: SigningKey) -> None:
        super().__init__(name, live=True)
        self.author = key.node
        self.actor = actor_id(key.node, self.nonce)
        self._key = key
        self._first = LaneWriter(self.actor).write([(FIRST, FIRST_STAMP)])

    def begin(self, one: DocumentId) -> LaneRun:
        """The first change of a document's lane, for `go_on` to follow."""
        run = LaneRun(
            lane=Lane(one, self.actor),
            author=self.author,
            nonce=self.nonce,
            first_seq=1,
            changes=(self._first.raw,),
            head=self._first.hash,
            signature=None,
        )
        return replace(run, signature=self._key.sign(lane_message(run)))

    def go_on(self, one: DocumentId) -> None:
        """What is written next in this document follows what `begin` gave."""
        if one not in self._lanes:
            self._lanes[one] = LaneWriter(self.actor, [self._first.raw])
            self._written[one] = [self._first.raw]

    def write(self, one: DocumentId, drafts: Sequence[Draft]) -> LaneRun:
        """The next change."""
        self.save(one, drafts)
        last = len(self._written[one])
        run = self.run(one, last, last)
        return replace(run, signature=self._key.sign(lane_message(run)))


class LabNode(Node):
    """A node of the session lab over any store, that notes when it last received something."""

    store: Store  # type: ignore[assignment]  # the lab's own is in memory

    def __init__(self, number: int, keys: Keys, store: Store | None = None) -> None:
        super().__init__(number, keys)
        self.writer = SignedWriter(f"bench {number}", self.key)
        self.received_s = 0.0
        self._begun = range(0)
        if store is not None:
            self.store = store

    def begin(self, numbers: range) -> None:
        """Documents of these numbers, with one change of ours each."""
        self._begun = numbers
        wanted = iter(numbers)
        while some := list(islice(wanted, HELD_AT_ONCE)):
            self.hold([self.writer.begin(document(number)) for number in some])

    def care(self, number: int, drafts: Sequence[Draft]) -> None:
        """One more change of ours to a document, offered to whoever is linked."""
        if number in self._begun:
            self.writer.go_on(document(number))
        run = self.writer.write(document(number), drafts)
        self.grown(self.hold([run]), None, Precedence.ROUTINE)

    def hold(self, runs: Sequence[LaneRun]) -> tuple[tuple[Lane, int], ...]:
        """Durable; which lanes grew."""
        with self.store.write() as transaction:
            applied = transaction.hold(runs, None, 1)
        assert len(applied.grown) == len({run.lane for run in runs})
        return applied.grown

    def grown(
        self, lanes: tuple[tuple[Lane, int], ...], source: NodeId | None, precedence: Precedence
    ) -> None:
        """See `Node`."""
        if source is not None and lanes:
            self.received_s = self.sessions[-1].link.now
        super().grown(lanes, source, precedence)

    def part(self) -> None:
        """The link is gone."""
        self.sessions.clear()


@contextmanager
def sql_pair(folder: Path, documents: int) -> Iterator[tuple[LabNode, LabNode]]:
    """Two nodes on SQLite files that hold the same, half of it begun by each."""
    rng = random.Random(f"{SEED} {documents}")
    keys = Keys()
    own = Path(tempfile.mkdtemp(dir=folder))
    files = [own / "a.db", own / "b.db"]
    first = SqlStore.open(files[0], entropy=rng.randbytes(16))
    a, b = LabNode(1, keys, first), LabNode(2, keys, first)
    a.begin(range(0, documents, 2))
    b.begin(range(1, documents, 2))
    first.close()
    shutil.copyfile(files[0], files[1])
    stores = [SqlStore.open(one, entropy=rng.randbytes(16)) for one in files]
    stores[1].renew_epoch(rng.randbytes(16))
    a.store, b.store = stores
    try:
        yield a, b
    finally:
        for store in stores:
            store.close()


class Steps:
    """A count of how often SQLite looks whether it should go on: about once a row or jump.

    Not time, so the same on any machine; a scan of a table shows as a step a row at least.
    """

    def __init__(self) -> None:
        self.count = 0

    def watch(self, raw: object, *_: object) -> None:
        """A connection is about to be used."""
        raw.set_progress_handler(self._step, 1)  # type: ignore[attr-defined]  # sqlite3's

    def leave(self, raw: object, *_: object) -> None:
        """It has been used."""
        raw.set_progress_handler(None, 0)  # type: ignore[attr-defined]  # sqlite3's

    def _step(self) -> int:
        self.count += 1
        return 0


@contextmanager
def counted_steps(nodes: Sequence[LabNode]) -> Iterator[Steps]:
    """Of all their databases together, within the block."""
    steps = Steps()
    watched = [
        (node.store.engine, name, work)
        for node in nodes
        if isinstance(node.store, SqlStore)
        for name, work in (("checkout", steps.watch), ("checkin", steps.leave))
    ]
    for one in watched:
        event.listen(*one)
    try:
        yield steps
    finally:
        for one in watched:
            event.remove(*one)
