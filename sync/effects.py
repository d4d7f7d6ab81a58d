"""What a session asks the outside to do, and what it is told back, as frozen values.

A read carries a ticket; its answer comes back with the same ticket. Writes are answered after
commit, never before. The driver performs effects in the order given.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from conflict.identity import DocumentId, Lane, NodeId
from conflict.lane import LaneRun, ShortState, Vector
from conflict.scope import Scopes
from sync import continuing
from sync.audit_effects import AuditAnswer, AuditNotice, AuditQuestion, AuditWrite
from sync.authority_effects import (
    AuthorityAnswer,
    AuthorityDiffers,
    ReadAuthority,
    SaveAuthority,
)
from sync.blob_effects import BlobAnswer, ReadBlob, ReadBlobsWanted, SaveBlobPart
from sync.custody_effects import CustodyAnswer, CustodyQuestion, CustodyRefused, SaveCustody
from sync.lane_effects import LaneAnswer, LaneRead, LanesShown
from sync.ports import (
    Applied,
    Asked,
    Lacking,
    Listed,
    Precedence,
    Reach,
    Receipt,
    SetAside,
    Summary,
)
from sync.shed_effects import ShedAnswer, ShedNotice, ShedRead, ShedWrite
from sync.sketch import Symbol


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
    source: NodeId | None
    lanes_secret: bytes
    after: DocumentId | None
    listed: tuple[Listed, ...]
    final: bool


class ReadSketch(NamedTuple):
    """Our first `size` cells, those from `start` on. Answered by `SketchRead`."""

    ticket: int
    salt: bytes
    start: int
    size: int


class Differ(NamedTuple):
    """Decode the peer's cells against ours. `fewer`: documents of the smaller side. See `Differed`."""

    ticket: int
    source: NodeId | None
    lanes_secret: bytes
    salt: bytes
    cells: bytes
    fewer: int


class ReadNamed(NamedTuple):
    """Whose symbols these are. Answered by `NamedRead`."""

    ticket: int
    salt: bytes
    wanted: tuple[tuple[Symbol, Vector], ...]


class ReadNews(NamedTuple):
    """Lanes that grew here after an arrival number. Answered by `NewsRead`."""

    ticket: int
    since: int
    limit: int
    urgent_since_ms: int


class ReadLacking(NamedTuple):
    """Lanes that a peer with these vectors lacks the end of. Answered by `LackingRead`.

    `source`: the peer, if what it has staged here is to count.
    """

    ticket: int
    source: NodeId | None
    wanted: tuple[Asked, ...]
    urgent_since_ms: int


class ReadReach(NamedTuple):
    """Runs of lanes from where the peer has them. Answered by `ReachRead`."""

    ticket: int
    lanes: tuple[tuple[Lane, ShortState], ...]
    bytes_max: int


class ReadVectors(NamedTuple):
    """How far we have these lanes, for the peer to go on from. Answered by `VectorsRead`.

    `source`: the peer, if what it has staged here is to count.
    """

    ticket: int
    source: NodeId | None
    lanes: tuple[Lane, ...]


class ReadStaged(NamedTuple):
    """What of its lanes the peer has begun to send us. Answered by `StagedRead`."""

    ticket: int
    source: NodeId


class ReadOwed(NamedTuple):
    """Our own lanes outside what both may hold, if the peer is to have them. Answered by `OwedRead`."""

    ticket: int
    limit: int


Read = (
    ReadSummary
    | ReadListing
    | Compare
    | ReadSketch
    | Differ
    | ReadNamed
    | ReadNews
    | ReadLacking
    | ReadReach
    | ReadVectors
    | ReadStaged
    | ReadOwed
    | LaneRead
    | ReadBlobsWanted
    | ReadBlob
    | continuing.ReadBases
    | CustodyQuestion
    | AuditQuestion
    | ShedRead
    | ReadAuthority
)

# Writes ------------------------------------------------------------------------------------------


class Hold(NamedTuple):
    """Make checked runs durable. Answered by `HoldDone` after commit."""

    ticket: int
    source: NodeId
    runs: tuple[LaneRun, ...]
    set_aside: tuple[tuple[SetAside, LaneRun], ...]
    precedence: Precedence = Precedence.ROUTINE


class SaveReceipts(NamedTuple):
    """Keep what the peer acknowledged. Not answered."""

    holder: NodeId
    epoch: bytes
    receipts: tuple[Receipt, ...]


Write = Hold | SaveReceipts | SaveBlobPart | SaveCustody | ShedWrite | SaveAuthority | AuditWrite

# The rest ----------------------------------------------------------------------------------------


class Close(NamedTuple):
    """End the connection; `code` is a code of `errors.py`, or empty for a normal end."""

    code: str
    text: str


class Proven(NamedTuple):
    """The peer proved to be this node, in this store epoch, with its clock this far from ours.

    `scopes`: what both may hold (None: everything). Reads are answered from that view from here on.
    """

    node: NodeId
    epoch: bytes
    clock_ahead_ms: int
    scopes: Scopes | None = None


class Entered(NamedTuple):
    """The session entered a phase; `cause` says why it is not equal, where it is not."""

    phase: Phase
    cause: str


class Outdated(NamedTuple):
    """Content has gone or come since equality was proved: what is remembered of that (`Known`) does
    not say any more what the peer lacks. The next proof does."""


class PeerRefused(NamedTuple):
    """The peer set our changes aside."""

    lane: Lane
    first_seq: int
    code: str
    detail: str


Notice = (
    Proven
    | Entered
    | Outdated
    | PeerRefused
    | CustodyRefused
    | ShedNotice
    | AuthorityDiffers
    | AuditNotice
)
Effect = Read | Write | Close | Notice

# Answers -----------------------------------------------------------------------------------------


class SummaryRead(NamedTuple):
    """See `ReadSummary`. `arrival`: of the latest run in it, or of an earlier one."""

    summary: Summary
    arrival: int


class ListingRead(NamedTuple):
    """See `ReadListing`; `final`: nothing above the last one."""

    listed: tuple[Listed, ...]
    final: bool


class Compared(NamedTuple):
    """See `Compare`: our vectors (`large`: cells) where the peer has a document we lack or hold
    differently, and documents in the page's range that the peer did not list."""

    differing: tuple[tuple[DocumentId, Vector], ...]
    unlisted: tuple[DocumentId, ...]
    large: tuple[LanesShown, ...] = ()


class SketchRead(NamedTuple):
    """See `ReadSketch`."""

    start: int
    cells: bytes


class Differed(NamedTuple):
    """See `Differ`. `more`: cells wanted in all (0: a listing), or None when these have told all:

    `wanted`: symbols of the peer's documents with our vector of the same document (empty: we hold
    nothing); `unlisted`: ours that the peer holds nothing of; `doubtful`: our vectors of documents
    whose counterpart is not certain; `large`: instead of a vector of many lanes, cells over them.
    """

    more: int | None
    wanted: tuple[tuple[Symbol, Vector], ...] = ()
    unlisted: tuple[DocumentId, ...] = ()
    doubtful: tuple[tuple[DocumentId, Vector], ...] = ()
    large: tuple[LanesShown, ...] = ()


class NamedRead(NamedTuple):
    """See `ReadNamed`; symbols of no document are left out."""

    wanted: tuple[tuple[DocumentId, Vector], ...]


class NewsRead(NamedTuple):
    """See `ReadNews`: lanes, their first new change, how urgent they are; latest first. None: more
    than the limit."""

    lanes: tuple[tuple[Lane, int, Precedence], ...] | None


class LackingRead(NamedTuple):
    """See `ReadLacking`; `behind`: our vectors of the lanes of which the peer has more; `owed`: the
    documents among them for which it waits; `withheld`: where it lacks what was let go here."""

    lanes: tuple[Lacking, ...]
    behind: tuple[tuple[DocumentId, Vector], ...]
    owed: frozenset[DocumentId] = frozenset()
    withheld: tuple[DocumentId, ...] = ()


class ReachRead(NamedTuple):
    """See `ReadReach`."""

    reach: Reach


class VectorsRead(NamedTuple):
    """See `ReadVectors`; of other lanes they say nothing."""

    vectors: tuple[tuple[DocumentId, Vector], ...]


class StagedRead(NamedTuple):
    """See `ReadStaged`: our vectors, with what is staged; not of a held document of many lanes."""

    vectors: tuple[tuple[DocumentId, Vector], ...]


class OwedRead(NamedTuple):
    """See `ReadOwed`."""

    lanes: tuple[Lane, ...]


class HoldDone(NamedTuple):
    """See `Hold`: durable now."""

    applied: Applied


Answer = (
    SummaryRead
    | ListingRead
    | Compared
    | SketchRead
    | Differed
    | NamedRead
    | NewsRead
    | LackingRead
    | ReachRead
    | VectorsRead
    | StagedRead
    | OwedRead
    | LaneAnswer
    | BlobAnswer
    | HoldDone
    | continuing.BasesRead
    | CustodyAnswer
    | AuditAnswer
    | ShedAnswer
    | AuthorityAnswer
)
