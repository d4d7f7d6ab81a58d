"""The tables of `MemoryStore`: dicts of frozen rows, with a journal that can take writes back.

Only `memory.py` and `memory_writes.py` use these. Every value is immutable, so that a copy of a
dict is a snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypeVar

from conflict.branches import Chain
from conflict.document import Entry
from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import LaneRun, LaneState, ShortState
from conflict.scope import Scopes
from conflict.urgency import ROUTINE_LANE, LaneUrgency
from storage.audit_chain import AuditAck
from storage.audit_chain import Log as AuditLog
from storage.coverage import Lack
from storage.custody import Log
from storage.shapes import ProjectionRow, Refusal, SetAsideRow
from storage.sketches import key_of
from sync.aliases import DocumentAlias
from sync.audit import StoredAudit
from sync.limits import SKETCH_CELLS_KEPT
from sync.sketch import Sketch, Symbol

K = TypeVar("K")
V = TypeVar("V")
Vectors = Mapping[NodeId, Mapping[ActorId, ShortState]]
_ABSENT: Any = object()


class StoredRun(NamedTuple):
    """A signed run, its arrival number, and when it came (ms)."""

    run: LaneRun
    arrival: int
    at_ms: int


class ShedRow(NamedTuple):
    """A document whose content was let go; `links`: ids joined."""

    number: int
    at_ms: int
    wanted_ms: int
    label: str
    links: bytes


class LetGoLane(NamedTuple):
    """How far a lane reached then, and how many statements it had."""

    state: LaneState
    statements: int


class LaneRow(NamedTuple):
    """Held, admitted, refused."""

    author: NodeId
    nonce: bytes
    held: LaneState
    admitted: int = 0
    entries: tuple[Entry, ...] = ()
    urgency: LaneUrgency = ROUTINE_LANE
    refusal: Refusal | None = None

    @property
    def awaits(self) -> bool:
        """Whether its latest changes were neither admitted nor refused."""
        return self.held.length > max(self.admitted, self.refusal.length if self.refusal else 0)


class DocumentCache(NamedTuple):
    """Digest, statements admitted, arrival number of the latest run, symbol in the sketch."""

    digest: bytes
    statements: int
    arrival: int
    symbol: Symbol


class StagedRun(NamedTuple):
    """An unsigned prefix and when it came."""

    run: LaneRun
    at_ms: int


class BlobRow(NamedTuple):
    """The bytes of a blob so far and its whole size."""

    data: bytes
    size: int
    complete: bool


class Table(dict[K, V]):
    """A dict that notes in a journal what each write replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.journal: list[tuple[Table[Any, Any], Any, Any]] = []

    def __setitem__(self, key: K, value: V) -> None:
        self.journal.append((self, key, self.get(key, _ABSENT)))
        super().__setitem__(key, value)

    def drop(self, key: K) -> None:
        """Remove a row, if it is there."""
        if key in self:
            self.journal.append((self, key, self[key]))
            super().__delitem__(key)

    def restore(self, key: K, value: V) -> None:
        """Put back what a write replaced."""
        if value is _ABSENT:
            super().__delitem__(key)
        else:
            super().__setitem__(key, value)


def _no_cells() -> Sketch:
    return Sketch(key_of(None), SKETCH_CELLS_KEPT)


@dataclass(slots=True)
class Rows:
    """Everything a memory store keeps; the tables up to `came` are truth.

    `cells` are those of finished transactions: no journal takes them back.
    """

    runs: Table[Lane, tuple[StoredRun, ...]] = field(default_factory=Table)
    staged: Table[tuple[NodeId | None, Lane], StagedRun] = field(default_factory=Table)
    aside: Table[tuple[Any, ...], SetAsideRow] = field(default_factory=Table)
    blobs: Table[bytes, BlobRow] = field(default_factory=Table)
    receipts: Table[DocumentId, Vectors] = field(default_factory=Table)
    aliases: Table[DocumentAlias, DocumentId] = field(default_factory=Table)
    holders: Table[NodeId, bytes] = field(default_factory=Table)
    settings: Table[str, bytes] = field(default_factory=Table)
    authority: Table[int, bytes] = field(default_factory=Table)
    covers: Table[Lane, tuple[ShortState, ...]] = field(default_factory=Table)
    told: Table[tuple[DocumentId, NodeId], tuple[int, int, int]] = field(default_factory=Table)
    told_by: Table[NodeId, int] = field(default_factory=Table)
    logs: Table[NodeId, Log] = field(default_factory=Table)
    entries: Table[tuple[NodeId, int], bytes] = field(default_factory=Table)
    claimed: Table[bytes, frozenset[NodeId]] = field(default_factory=Table)
    own_claimed: Table[bytes, bool] = field(default_factory=Table)
    shed: Table[DocumentId, ShedRow] = field(default_factory=Table)
    let_go: Table[Lane, LetGoLane] = field(default_factory=Table)
    refills: Table[Lane, tuple[LaneRun, ...]] = field(default_factory=Table)
    audit: Table[tuple[NodeId, int, int], StoredAudit] = field(default_factory=Table)
    audit_logs: Table[tuple[NodeId, int], tuple[AuditLog, int]] = field(default_factory=Table)
    audit_acks: Table[NodeId, AuditAck] = field(default_factory=Table)
    came: Table[DocumentId, int] = field(default_factory=Table)
    branches: Table[Lane, dict[ActorId, Chain]] = field(default_factory=Table)
    lanes: Table[DocumentId, Mapping[ActorId, LaneRow]] = field(default_factory=Table)
    documents: Table[DocumentId, DocumentCache] = field(default_factory=Table)
    dirty: Table[DocumentId, int] = field(default_factory=Table)
    projections: Table[DocumentId, ProjectionRow] = field(default_factory=Table)
    named_by: Table[DocumentId, frozenset[DocumentId]] = field(default_factory=Table)
    needs: Table[bytes, Mapping[DocumentId, int]] = field(default_factory=Table)
    belongs: Table[DocumentId, Scopes] = field(default_factory=Table)
    tally: Table[str, int] = field(default_factory=Table)
    arrivals: Table[int, Lane] = field(default_factory=Table)
    urgent: Table[Lane, int] = field(default_factory=Table)
    lacks: Table[DocumentId, Lack] = field(default_factory=Table)
    owners: Table[Symbol, frozenset[DocumentId]] = field(default_factory=Table)
    cells: Sketch = field(default_factory=_no_cells)
    journal: list[tuple[Table[Any, Any], Any, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for one in self.tables():
            one.journal = self.journal

    def tables(self) -> list[Table[Any, Any]]:
        """Every table."""
        values = [getattr(self, one.name) for one in fields(self)]
        return [one for one in values if isinstance(one, Table)]

    def mark(self, document: DocumentId, row: DocumentCache) -> None:
        """Keep a document's row, and whose its symbol is; `cells` follow when it is committed."""
        before = self.documents.get(document)
        if before is not None:
            rest = self.owners.get(before.symbol, frozenset()) - {document}
            self.owners[before.symbol] = rest
            if not rest:
                self.owners.drop(before.symbol)
        self.documents[document] = row
        self.owners[row.symbol] = self.owners.get(row.symbol, frozenset()) | {document}

    def written(self, table: Table[K, Any]) -> frozenset[K]:
        """Keys of a table that the transaction under way has written."""
        return frozenset(key for one, key, _ in self.journal if one is table)

    def commit(self) -> None:
        """Keep what was written."""
        self.journal.clear()

    def roll_back(self) -> None:
        """Take back what was written, newest first."""
        while self.journal:
            table, key, value = self.journal.pop()
            table.restore(key, value)

    def copy(self) -> Rows:
        """A snapshot that shares no table."""
        twin = Rows()
        for mine, its in zip(self.tables(), twin.tables(), strict=True):
            dict.update(its, mine)
        twin.cells = Sketch.from_bytes(self.cells.key, self.cells.to_bytes())
        return twin
