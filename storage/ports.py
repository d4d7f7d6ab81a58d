"""The one surface of every store, as types: what node code is written against.

`SqlStore` (SQLite, PostgreSQL) and `MemoryStore` implement it; INVARIANTS.md says what it promises
and tests/contracts/test_store_contract.py holds every implementation to that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from conflict.document import Entry
from conflict.identity import ActorId, DocumentId, DocumentKind, Lane, NodeId
from conflict.lane import LaneRun
from conflict.scope import Scopes
from conflict.urgency import ROUTINE_LANE, LaneUrgency
from storage.audit_chain import AuditAck
from storage.audit_chain import Sign as SignHead
from storage.shapes import (
    Counts,
    Custody,
    DocumentWork,
    Forked,
    Freed,
    Given,
    Holding,
    Idle,
    LaneStatus,
    Problem,
    ProjectionRow,
    Rebuilt,
    SetAsideRow,
    Shed,
    Suspected,
)
from sync.audit import AuditHead, AuditRow, AuditSegment, AuditVerdict
from sync.custody import CustodyEntry, Sign, Verdict
from sync.ports import Applied, LaneReader, Position, Receipt, Receipts, SetAside, View


class Transaction(Protocol):
    """Writes that become durable together when the `write()` block ends, or not at all."""

    def hold(self, runs: Sequence[LaneRun], source: NodeId | None, now_ms: int) -> Applied:
        """Make runs durable that passed `check_run` and, if signed, their signature check.

        Duplicates and overlaps are fine; an unsigned run is staged until a signed one of its lane
        joins it; a branch of a held lane is a lane too (`conflict/branches.py`); a run beyond what
        is held is named in `gaps` and not kept.
        """
        ...

    def set_aside(
        self,
        items: Sequence[SetAside],
        bytes_by_item: Mapping[SetAside, bytes],
        source: NodeId | None,
        now_ms: int,
    ) -> None:
        """Keep what broke a rule, with its bytes while the source's quota lasts."""
        ...

    def clear_set_aside(self, lane: Lane) -> None:
        """Forget what was set aside of one lane."""
        ...

    def entries(self, document: DocumentId) -> dict[ActorId, tuple[Entry, ...]]:
        """Admitted entries by the actor that their statements name, this transaction's own writes
        included."""
        ...

    def save_admission(
        self,
        document: DocumentId,
        actor: ActorId,
        length: int,
        entries: Sequence[Entry],
        urgency: LaneUrgency = ROUTINE_LANE,
    ) -> None:
        """The lane's first `length` changes opened safely and hold these entries (all of them).

        `urgency`: what these entries say of how soon the lane must travel. No effect when the lane
        is not held that far or was admitted further meanwhile.
        """
        ...

    def save_urgency(self, document: DocumentId, actor: ActorId, urgency: LaneUrgency) -> None:
        """How urgent the entries are that were admitted before: slots may be judged otherwise now."""
        ...

    def refuse_admission(
        self, document: DocumentId, actor: ActorId, length: int, code: str, detail: str
    ) -> None:
        """The lane's first `length` changes were refused. Entries admitted before stay."""
        ...

    def retry_admission(self, document: DocumentId) -> None:
        """Forget refusals of a document's lanes, so that they come up as work again."""
        ...

    def fold_again(self) -> None:
        """Every document awaits a fold: what folds has changed. Its admitted entries stay."""
        ...

    def save_projection(self, row: ProjectionRow) -> None:
        """Replace what is shown of a document, with its links and the blobs it names."""
        ...

    def mark_clean(self, document: DocumentId) -> None:
        """Done with a document, unless a lane is neither admitted nor refused at full length."""
        ...

    def save_receipts(
        self, holder: NodeId, epoch: bytes, receipts: Sequence[Receipt], now_ms: int
    ) -> None:
        """What `holder` says is durable there: grows within an epoch, a new one starts afresh."""
        ...

    def save_custody(self, entry: CustodyEntry, now_ms: int) -> tuple[Verdict, Position]:
        """Keep an entry that its garrison signed, with the receipts that it implies, if it goes on
        where the log here ends; what became of it, and how far the log is here.

        Entry 1 of a later epoch starts that log afresh: what an earlier one said is forgotten.
        """
        ...

    def write_custody(
        self, garrison: NodeId, epoch: bytes, now_ms: int, sign: Sign
    ) -> CustodyEntry | None:
        """The next entry of our own log, made of what is held and was not in it yet; None: nothing.

        At most `CUSTODY_LANES_MAX` lanes and `CUSTODY_BLOBS_MAX` blobs. The first entry of an epoch
        is made even of nothing, so that peers learn of the epoch.
        """
        ...

    def save_authority(self, after: int, entries: Sequence[bytes]) -> None:
        """Keep entries of the authority's log that were checked, the first of number `after` + 1; what
        is here already stays as it is. Raises `ValueError` where they do not follow."""
        ...

    def append_audit(
        self, device: NodeId, epoch: bytes, rows: Sequence[AuditRow], sign: SignHead
    ) -> AuditHead:
        """Add rows (at least one) to this device's own log, the last one signed; its new head."""
        ...

    def hold_audit(self, segment: AuditSegment, now_ms: int) -> tuple[AuditVerdict, AuditHead]:
        """Keep entries that their device signed; what became of them, and where they end (of a gap
        or a refusal: where the branch ends that grew last).

        Nothing held is ever replaced: entries that follow one with a successor begin a branch.
        """
        ...

    def save_audit_ack(self, garrison: NodeId, ack: AuditAck) -> None:
        """What a garrison says to hold of this device's log now; what it said before is over."""

    def suspect(self, nodes: Collection[NodeId]) -> bool:
        """These and no others are revoked: of their lanes only what is covered is shown. Whether that
        was news."""
        ...

    def cover(self, claims: Sequence[Receipt]) -> bool:
        """Lanes of revoked devices are shown as far as these say, where their bytes bear it out.
        Whether that was news."""
        ...

    def shed(self, document: DocumentId, now_ms: int) -> Freed:
        """Let go of a document's content: runs, entries, what is shown of it, blobs that nothing
        else names. Its lanes' states, digest and label stay. Raises `NotShed`."""
        ...

    def want(self, documents: Collection[DocumentId], now_ms: int) -> None:
        """Their content is to come back; those of which nothing was let go are passed over."""
        ...

    def save_released(self, holder: NodeId, documents: Sequence[DocumentId]) -> None:
        """`holder` has let go of these: what it said before to hold of them is forgotten."""
        ...

    def heard_release(self, peer: NodeId, epoch: bytes, through: int, total: int) -> None:
        """The peer knows what was let go here, so far (`Release`)."""
        ...

    def put_blob_part(self, blob_hash: bytes, offset: int, data: bytes, size: int) -> bool:
        """Add bytes of a blob; True when it is now complete and verified.

        Raises `BlobMismatch` (the parts are discarded), `BlobMisplaced`, `BlobTooLarge`.
        """
        ...

    def put_blob(self, data: bytes) -> bytes:
        """Keep a whole blob; its SHA-256."""
        ...

    def setting(self, key: str) -> bytes | None:
        """A setting, this transaction's own writes included."""
        ...

    def set_setting(self, key: str, value: bytes) -> None:
        """Keep a setting."""
        ...


class Store(LaneReader, Protocol):
    """A node's records. Reads may come from any thread; each is one consistent snapshot."""

    def write(self) -> AbstractContextManager[Transaction]:
        """One transaction: durable when the block ends; on any error nothing has changed."""
        ...

    def shared(self, view: View | None) -> LaneReader:
        """What a session with a peer may read; None: everything."""
        ...

    def scopes(self, documents: Sequence[DocumentId]) -> dict[DocumentId, Scopes]:
        """Which scopes may hold documents, held or not, as what is shown says; none: not named."""
        ...

    def given(
        self, scope: DocumentId, holders: Collection[NodeId], after: Given | None, limit: int
    ) -> list[Given]:
        """What a scope may hold in which others than its holders wrote, ascending, behind `after`."""
        ...

    def writers(self, documents: Sequence[DocumentId]) -> dict[DocumentId, list[NodeId]]:
        """Who wrote in each held document, each once, in the order in which that came here."""
        ...

    def work(self, limit: int, skip: Collection[DocumentId] = ()) -> list[DocumentWork]:
        """Documents that await admission or folding, longest waiting first, without `skip`."""
        ...

    def dirty_documents(self, limit: int = 1000) -> list[DocumentId]:
        """Ids of documents that await admission or folding, longest waiting first."""
        ...

    def suspected(self, limit: int) -> list[Suspected]:
        """Held lanes of revoked devices, ascending."""
        ...

    def refused(self, codes: Collection[str] | None) -> list[DocumentId]:
        """Documents with a lane that was refused with one of these codes (None: any), ascending."""
        ...

    def refused_authors(self) -> dict[NodeId, int]:
        """Who wrote lanes that are refused, and how many of each."""
        ...

    def authored(self) -> dict[NodeId, int]:
        """Changes held of each author: one pass over the lanes, off the sync path."""
        ...

    def entries(self, document: DocumentId) -> dict[ActorId, tuple[Entry, ...]]:
        """Admitted entries by the actor that their statements name, ascending."""
        ...

    def lanes(self, document: DocumentId) -> list[LaneStatus]:
        """Every held lane of a document, ascending by actor."""
        ...

    def statement_counts(self, documents: Sequence[DocumentId]) -> dict[DocumentId, int]:
        """Admitted statements of each held document."""
        ...

    def projection(self, document: DocumentId) -> ProjectionRow | None:
        """What is shown of one document."""
        ...

    def projections(
        self,
        kind: DocumentKind | None = None,
        after: DocumentId | None = None,
        limit: int = 100,
        label_contains: str | None = None,
        *,
        with_findings: bool = False,
    ) -> list[ProjectionRow]:
        """A page in ascending id order; search ignores case. Links and blobs are filled in."""
        ...

    def links(self, document: DocumentId) -> tuple[DocumentId, ...]:
        """Documents that this one names or that name it, ascending."""
        ...

    def receipts(self, document: DocumentId) -> Receipts:
        """Who has acknowledged how much of one document, under their latest epoch."""
        ...

    def holders(self, document: DocumentId) -> list[Holding]:
        """The same with when and how each was said, ascending by holder."""
        ...

    def epoch_told(self, holder: NodeId) -> bytes | None:
        """The latest epoch in which a node said what it holds; None: it never did."""
        ...

    def custody(self, limit: int) -> Custody:
        """How much of what is held is known to be at a garrison; at most `limit` documents named."""
        ...

    def audit_devices(self) -> list[NodeId]:
        """Devices of whose audit logs something is held, ascending."""
        ...

    def audit_acks(self) -> dict[NodeId, AuditAck]:
        """What each garrison last said to hold of this device's audit log, ascending."""
        ...

    def trust(self, garrisons: Collection[NodeId]) -> None:
        """Whose receipts count as a garrison's, and whose custody logs are kept.

        The nodes in use already change nothing; others cost one pass over the documents.
        """
        ...

    def shed_documents(self, documents: Collection[DocumentId]) -> dict[DocumentId, Shed]:
        """Those of these documents whose content was let go, ascending."""
        ...

    def wanted(self, limit: int) -> list[DocumentId]:
        """Documents whose content is to come back, longest waiting first."""
        ...

    def idle(self, before_ms: int, after: Idle | None, limit: int) -> list[Idle]:
        """Documents that receipts allow to let go and that did not change since `before_ms`, longest
        unchanged first, those behind `after`: one pass over the documents, off the sync path."""
        ...

    def touched_ms(self, documents: Collection[DocumentId]) -> int:
        """When the latest content of any of these came; 0: none is here."""
        ...

    def used_bytes(self) -> int:
        """How much of the database is in use, without free pages."""
        ...

    def forked(self) -> list[Forked]:
        """Actors that have several histories in a document, ascending: their device exists twice."""
        ...

    def set_aside_items(self) -> list[SetAsideRow]:
        """What was set aside, oldest first."""
        ...

    def blob(self, blob_hash: bytes) -> bytes | None:
        """A complete blob."""
        ...

    def setting(self, key: str) -> bytes | None:
        """A setting."""
        ...

    def counts(self) -> Counts:
        """Figures for status."""
        ...

    def resolve(self, prefix: str) -> list[DocumentId]:
        """Held documents whose text id (or its part after the kind) starts so; at most ten."""
        ...

    def rebuild(self, progress: Callable[[int], None] | None = None) -> Rebuilt:
        """Recreate every cache from truth; `progress` hears the number of documents done."""
        ...

    def check(self) -> list[Problem]:
        """Compare every cache with truth and every chain with its hashes; changes nothing."""
        ...

    def renew_epoch(self, entropy: bytes) -> None:
        """Start a new epoch (16 random bytes): this store may have lost what it acknowledged."""
        ...

    def sketch_with(self, secret: bytes) -> None:
        """Make symbols and cells under this secret (16 bytes, of the theatre) and keep it.

        Until the first call it is 16 zero bytes. The secret in use already changes nothing; another
        costs one pass over the documents, in one transaction.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
