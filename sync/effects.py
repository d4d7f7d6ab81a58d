"""What a session asks the outside to do, and what it is told back, as frozen values.

A read carries a ticket; its answer comes back with the same ticket. Writes are answered after
commit, never before. The driver performs effects in the order given.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from conflict.identity import DocumentId, Lane, NodeId
from conflict.lane import LaneRun, Vector
from sync.ports import Applied, BlobWanted, Listed, Receipt, SetAside, Summary


class Phase(StrEnum):
    """Where a session stands; the words that status shows."""

    GREETING = "greeting"
    PROVING = "proving"
    CHECKING = "checking"
    REPAIRING = "repairing"
    EQUAL = "equal"
    DIFFERENT = "different"
    CLOSED = "closed"


# Reads -------------------------------------------------------------------------------------------


class ReadSummary(NamedTuple):
    """Answered by `SummaryRead`."""

    ticket: int


class ReadListing(NamedTuple):
    """A page of our listing above `after`. Answered by `ListingRead`."""

    ticket: int
    after: DocumentId | None
    limit: int


class Compare(NamedTuple):
    """Compare the peer's page with ours. Answered by `Compared`."""

    ticket: int
    after: DocumentId | None
    listed: tuple[Listed, ...]
    final: bool


class ReadContent(NamedTuple):
    """Runs that a peer with these vectors lacks. Answered by `ContentRead`."""

    ticket: int
    wanted: tuple[tuple[DocumentId, Vector], ...]


class ReadLanes(NamedTuple):
    """Runs of lanes from these numbers on. Answered by `ContentRead`."""

    ticket: int
    lanes: tuple[tuple[Lane, int], ...]


class ReadVectors(NamedTuple):
    """Our vectors of these documents. Answered by `VectorsRead`."""

    ticket: int
    documents: tuple[DocumentId, ...]


class ReadBlobsWanted(NamedTuple):
    """Blobs that held documents name and we lack. Answered by `BlobsWantedRead`."""

    ticket: int


class ReadBlob(NamedTuple):
    """A part of a blob. Answered by `BlobRead`."""

    ticket: int
    hash: bytes
    offset: int


Read = (
    ReadSummary
    | ReadListing
    | Compare
    | ReadContent
    | ReadLanes
    | ReadVectors
    | ReadBlobsWanted
    | ReadBlob
)

# Writes ------------------------------------------------------------------------------------------


class Hold(NamedTuple):
    """Make checked runs durable. Answered by `HoldDone` after commit."""

    ticket: int
    source: NodeId
    runs: tuple[LaneRun, ...]
    set_aside: tuple[tuple[SetAside, LaneRun], ...]


class SaveReceipts(NamedTuple):
    """Keep what the peer acknowledged. Not answered."""

    holder: NodeId
    epoch: bytes
    receipts: tuple[Receipt, ...]


class SaveBlobPart(NamedTuple):
    """Keep a part of a blob. Answered by `BlobSaved`."""

    ticket: int
    hash: bytes
    size: int
    offset: int
    data: bytes


Write = Hold | SaveReceipts | SaveBlobPart

# The rest ----------------------------------------------------------------------------------------


class Send(NamedTuple):
    """Put one frame on the wire."""

    frame: bytes


class Close(NamedTuple):
    """End the connection; `code` is a code of `errors.py`, or empty for a normal end."""

    code: str
    text: str


class Proven(NamedTuple):
    """The peer proved to be this node, in this store epoch, with its clock this far from ours."""

    node: NodeId
    epoch: bytes
    clock_ahead_ms: int


class Entered(NamedTuple):
    """The session entered a phase; `cause` says why it is not equal, where it is not."""

    phase: Phase
    cause: str


class PeerRefused(NamedTuple):
    """The peer set our changes aside."""

    lane: Lane
    first_seq: int
    code: str
    detail: str


Notice = Proven | Entered | PeerRefused
Effect = Read | Write | Send | Close | Notice

# Answers -----------------------------------------------------------------------------------------


class SummaryRead(NamedTuple):
    """See `ReadSummary`."""

    summary: Summary


class ListingRead(NamedTuple):
    """See `ReadListing`; `final`: nothing above the last one."""

    listed: tuple[Listed, ...]
    final: bool


class Compared(NamedTuple):
    """See `Compare`: our vectors where the peer has a document we lack or hold differently, and
    documents in the page's range that the peer did not list."""

    differing: tuple[tuple[DocumentId, Vector], ...]
    unlisted: tuple[DocumentId, ...]


class ContentRead(NamedTuple):
    """See `ReadContent`; `behind`: documents where the peer has something that we do not."""

    runs: tuple[LaneRun, ...]
    behind: tuple[DocumentId, ...]


class VectorsRead(NamedTuple):
    """See `ReadVectors`."""

    vectors: tuple[tuple[DocumentId, Vector], ...]


class BlobsWantedRead(NamedTuple):
    """See `ReadBlobsWanted`."""

    wanted: tuple[BlobWanted, ...]


class BlobRead(NamedTuple):
    """See `ReadBlob`; size 0 when it is not here."""

    hash: bytes
    size: int
    offset: int
    data: bytes


class HoldDone(NamedTuple):
    """See `Hold`: durable now."""

    applied: Applied


class BlobSaved(NamedTuple):
    """See `SaveBlobPart`."""

    hash: bytes
    have: int
    complete: bool


Answer = (
    SummaryRead
    | ListingRead
    | Compared
    | ContentRead
    | VectorsRead
    | BlobsWantedRead
    | BlobRead
    | HoldDone
    | BlobSaved
)
