"""Nodes of one invented theatre that meet by sticks only: real engines on SQLite."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conflict.identity import DocumentId, NodeId, node_text
from conflict.lane import LaneRun
from conflict.signature import SigningKey
from conflict.statement import Draft
from node.belonging import Belonging
from node.bundles.exporting import Export
from node.bundles.importing import Import
from node.bundles.parcel import Parcel, parcel
from node.desk import BundleOrder, Save
from node.engine import Engine
from node.local_desk import LocalDesk
from node.workers import InlineWorkers, Workers
from storage import SqlStore
from storage.ports import Store
from sync.bundle import Record, written
from sync.custody import new_epoch
from sync.effects import Hold
from sync.trust.sealing import seal
from tests.node.node_lab import NOW_MS, PATIENCE_S, Clock, document, idle, note
from tests.theatre import Authority

__all__ = ["Authority", "BundleOrder", "idle", "note"]


@dataclass
class Member:
    """A node with its desk. `clock` is moved by hand."""

    key: SigningKey
    engine: Engine
    desk: LocalDesk
    clock: Clock

    @property
    def node(self) -> NodeId:
        return self.key.node

    @property
    def name(self) -> str:
        return node_text(self.node)

    @property
    def digest(self) -> Any:
        return self.engine.store.summary()

    def write(self, document: DocumentId, text: str) -> None:
        """One statement."""
        self.engine.save([Save(document, (note(text),))])

    def seal_to(self, *others: Member, since: str = "", **more: Any) -> bytes:
        """A whole bundle in memory."""
        order = BundleOrder(nodes=tuple(one.name for one in others), since=since, **more)
        return self.seal(self.parcel(order))

    def seal(self, parcel: Parcel) -> bytes:
        """A whole bundle in memory."""
        return b"".join(Export(self.engine, parcel).sealed())

    def parcel(self, order: BundleOrder) -> Parcel:
        return parcel(self.engine.belonging, self.node, order)

    def take(self, data: bytes) -> Any:
        """Import from memory."""
        return Import(self.engine, io.BytesIO(data).read).run()

    def hold(self, *runs: LaneRun) -> None:
        """As a session would."""
        self.engine.hold(Hold(1, self.node, runs, ())).result(PATIENCE_S)


def key_of(name: str) -> SigningKey:
    """The same for the same name."""
    return SigningKey.from_entropy(hashlib.sha512(b"bundle " + name.encode()).digest())


@contextmanager
def member(
    place: Path,
    authority: Authority,
    name: str,
    codes: Sequence[str] | None = None,
    workers: Workers | None = None,
    **more: Any,
) -> Iterator[Member]:
    """An enrolled node, closed at the end."""
    key = key_of(name)
    if authority.theatre.device(key.node) is None:
        authority.enrol(key, name, codes=codes, **more)
    dice, clock = random.Random(name), Clock(NOW_MS)
    store: Store = SqlStore.open(
        place / f"{name}.db", entropy=new_epoch(clock(), dice.randbytes(16))
    )
    engine = Engine(
        key=key,
        store=store,
        workers=workers or InlineWorkers(),
        now_ms=clock,
        entropy=dice.randbytes,
        belonging=authority.admit(Belonging(store, key), key),
    )
    role = more.get("role", "field")
    try:
        yield Member(key, engine, LocalDesk(engine, name, role), clock)
    finally:
        engine.close()


def forged(
    signer: SigningKey, receivers: Sequence[bytes], records: Sequence[Record], seed: int = 1
) -> bytes:
    """A bundle of any records, signed by anybody."""
    header, chunked = seal(receivers, random.Random(seed).randbytes)
    plain = written(records, signer, header.binding)
    return header.to_bytes() + b"".join(chunked(plain))


def attach(to: Member, document: DocumentId, data: bytes) -> None:
    """A record with something too large for a statement."""
    named = {"hash": hashlib.sha256(data).hexdigest(), "bytes": len(data), "media": "image/png"}
    draft = Draft(slot="source", value={"type": "photo", "blob": named}, by="Ruiz")
    to.engine.save([Save(document, (draft,))], [data])


def fill(node: Member, first: int, count: int, text: str = "care") -> None:
    for at in range(first, first + count):
        node.write(document(at), f"{text} {at}")
