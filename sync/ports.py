"""What a session needs from the outside, as types: the store it reads and writes, keys, reconciler.

A session never calls these: it names the work in effects (`effects.py`), the driver performs it
on a store and feeds the answer back. The shapes live here so that storage and sessions agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import LaneRun, LaneState, ShortState, Vector


class Summary(NamedTuple):
    """Number of held documents and the 8-byte digest of their (document, digest) pairs."""

    documents: int
    digest: bytes


class Listed(NamedTuple):
    """One held document and its 16-byte state digest."""

    document: DocumentId
    digest: bytes


class HeldLane(NamedTuple):
    """A lane and how far it is durable here."""

    lane: Lane
    state: LaneState


class SetAside(NamedTuple):
    """Changes that were not taken, with the rule they broke. They block nothing else."""

    lane: Lane
    first_seq: int
    code: str
    detail: str


class Applied(NamedTuple):
    """Outcome of holding runs in one transaction.

    `held`: every lane named, as durable after commit. `grown`: lanes that are longer than before,
    with the number of their first new change. `gaps`: lanes whose run starts beyond what is held.
    """

    held: tuple[HeldLane, ...]
    grown: tuple[tuple[Lane, int], ...]
    set_aside: tuple[SetAside, ...]
    gaps: tuple[Lane, ...]


class Receipt(NamedTuple):
    """A node's claim that a lane is durable in its store of epoch `epoch`."""

    lane: Lane
    state: ShortState


class BlobWanted(NamedTuple):
    """A blob that a held document names and this store lacks: SHA-256, all bytes, bytes here."""

    hash: bytes
    size: int
    have: int


class LaneReader(Protocol):
    """The reading half of a store, as sessions use it. Every answer is one consistent snapshot."""

    def epoch(self) -> bytes:
        """16 random bytes, new whenever this store may have lost what it once acknowledged."""
        ...

    def summary(self) -> Summary:
        """Kept incrementally: costs no scan."""
        ...

    def listing(self, after: DocumentId | None, limit: int) -> list[Listed]:
        """Held documents in ascending id order, those above `after`."""
        ...

    def listing_between(self, after: DocumentId | None, last: DocumentId | None) -> list[Listed]:
        """Held documents with `after` < id <= `last` (None: open end), ascending."""
        ...

    def vectors(self, documents: Sequence[DocumentId]) -> dict[DocumentId, Vector]:
        """Exactly what is held of each document; an unheld document has an empty vector."""
        ...

    def runs(
        self, document: DocumentId, have: Vector, bytes_max: int
    ) -> tuple[list[LaneRun], bool]:
        """Signed runs that a peer with vector `have` lacks, ascending by actor, then seq.

        Neighbouring stored runs are joined up to `bytes_max` of raw changes a run; a run ends
        where a signature stands. The flag is True when `have` holds something that we do not (a
        longer or unknown lane, or another branch of one).
        """
        ...

    def content(
        self, wanted: Sequence[tuple[DocumentId, Vector]], bytes_max: int
    ) -> tuple[list[LaneRun], list[DocumentId]]:
        """`runs` of many documents in one snapshot; the documents whose flag is True."""
        ...

    def runs_from(self, lane: Lane, first_seq: int, bytes_max: int) -> list[LaneRun]:
        """Signed runs of one lane from the stored run that contains `first_seq` onwards."""
        ...

    def blobs_wanted(self, limit: int) -> list[BlobWanted]:
        """Blobs named by held documents and not complete here."""
        ...

    def blob_part(self, blob_hash: bytes, offset: int, size: int) -> tuple[bytes, int] | None:
        """Up to `size` bytes from `offset` and the total size; None: not complete here."""
        ...


class Keyring(Protocol):
    """Public keys by node, until enrolment brings certificates."""

    def verifies(self, node: NodeId, message: bytes, signature: bytes) -> bool | None:
        """Whether the signature is that node's; None when its key is not known here."""
        ...


class Signer(Protocol):
    """This node's signing key."""

    @property
    def node(self) -> NodeId:
        """Whose key it is."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Algorithm byte and r‖s (`conflict/signature.py`)."""
        ...


Receipts = Mapping[NodeId, Mapping[ActorId, ShortState]]
"""Who has acknowledged how much of one document."""
