"""What a session needs from the outside, as types: the store it reads and writes, keys, reconciler.

A session never calls these: it names the work in effects (`effects.py`), the driver performs it
on a store and feeds the answer back. The shapes live here so that storage and sessions agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

from conflict.identity import ID_BYTES, ActorId, DocumentId, Lane, NodeId
from conflict.lane import LaneRun, LaneState, ShortState, Vector
from conflict.scope import Scopes
from sync.audit_ports import AuditReader
from sync.continuing import Base, Continued
from sync.link_profile import LinkProfile
from sync.sketch import Sketch, Symbol


class Precedence(IntEnum):
    """What goes first when a link cannot carry everything at once (PROTOCOL.md, *Precedence*)."""

    CONTROL = 0  # what keeps the session going: greetings, checks, receipts, refusals
    URGENT = 1  # lanes with an urgent statement of the last hours
    SUMMARY = 2  # who the casualty is and how bad; and what is said to find differences
    ROUTINE = 3
    BLOB = 4


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
    `refilled`: documents whose content was let go here and is whole again. `forked`: lanes
    of actors that have branches, each a lane of its own in `grown` (`conflict/branches.py`), where any
    is new. A lane whose content is not all here is in none but `grown`: nothing durable is claimed of it.
    """

    held: tuple[HeldLane, ...]
    grown: tuple[tuple[Lane, int], ...]
    set_aside: tuple[SetAside, ...]
    gaps: tuple[Lane, ...]
    refilled: tuple[DocumentId, ...] = ()
    forked: tuple[Lane, ...] = ()


class Release(NamedTuple):
    """Documents whose content a node has let go, though it may have said that it holds them.

    `through`: number of the last shedding that this tells of; `total`: how many documents it is
    without now.
    """

    through: int
    total: int
    documents: tuple[DocumentId, ...]


class Receipt(NamedTuple):
    """A node's claim that a lane is durable in its store of epoch `epoch`."""

    lane: Lane
    state: ShortState


class Known(NamedTuple):
    """What is remembered of the last proof of equality with a peer.

    `epoch`: the peer's store epoch then; `arrival`: our latest run then; `summary`: what both held, of
    what `scopes` (None: everything) let both hold.
    """

    epoch: bytes
    arrival: int
    summary: Summary
    scopes: Scopes | None = None


def _always() -> bool:
    return True


class Terms(NamedTuple):
    """How to deal with a peer: the link to it, and what is remembered (None: nothing).

    `sparing`: only what is urgent goes, nothing is compared. `may_repair`: asked before each round;
    False while another session of this node is at it. `scopes`: what this node would share with the
    peer; None: everything.
    """

    profile: LinkProfile
    known: Known | None = None
    sparing: bool = False
    scopes: Scopes | None = None
    may_repair: Callable[[], bool] = _always

    def sharing(self, scopes: Scopes | None) -> Terms:
        """With what both may hold; equality that was proved of something else counts for nothing."""
        known = self.known if self.known is None or self.known.scopes == scopes else None
        return self._replace(scopes=scopes, known=known)


class BlobWanted(NamedTuple):
    """A blob that a held document names and this store lacks: SHA-256, all bytes, bytes here."""

    hash: bytes
    size: int
    have: int


class Asked(NamedTuple):
    """What a peer has of a document. `only`: of these lanes; of others it asks nothing. `owed`: it waits
    for our vector of the lanes of which it has more, if only to hear that there are none."""

    document: DocumentId
    have: Vector
    only: bool = False
    owed: bool = False


class Lacking(NamedTuple):
    """A lane that a peer lacks the end of, and how far it has it.

    `have.length` 0: nothing. `have.head` empty: not known, so it is not compared.
    """

    lane: Lane
    have: ShortState
    precedence: Precedence


class Reach(NamedTuple):
    """What was read of lanes to send: signed runs, and what is left of the lanes asked for.

    `rest`: lanes not read to their end, with how far they were. `behind`: lanes of which the peer
    holds something that we do not. `apart`: lanes of which it holds another branch; they are in
    `rest` from the beginning. Runs name the actor that wrote them; `written`: of lanes that are branches
    the lane of that actor.
    """

    runs: tuple[LaneRun, ...]
    rest: tuple[tuple[Lane, ShortState], ...]
    behind: tuple[Lane, ...]
    apart: tuple[Lane, ...] = ()
    written: Mapping[Lane, Lane] = {}


class Position(NamedTuple):
    """How far a garrison's custody log reaches. Compares: later epochs first, then numbers."""

    epoch: bytes = bytes(ID_BYTES)
    number: int = 0


class View(NamedTuple):
    """What two nodes may both hold: documents of these scopes and of the theatre.

    `own`: lanes that this node wrote are sent also when their document is of none of the scopes.
    """

    scopes: Scopes
    own: NodeId | None = None


class LaneReader(AuditReader, Protocol):
    """The reading half of a store, as sessions use it. Every answer is one consistent snapshot.

    A reader of a `View` knows nothing else: a session cannot send what the peer may not hold.
    """

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

    def arrival(self) -> int:
        """Local number of the latest run held; 0: none. Worth remembering with the epoch only."""
        ...

    def news(self, since: int, limit: int) -> list[tuple[Lane, int]] | None:
        """Lanes that grew after arrival number `since` and the first change that did, latest
        first; None: more than `limit` lanes."""
        ...

    def sketch(self, size: int) -> Sketch:
        """The first `size` cells of what is held, under the store's key. Kept incrementally up to
        `SKETCH_CELLS_KEPT`; more cost one pass over the symbols."""
        ...

    def salted_sketch(self, salt: bytes, size: int) -> tuple[Sketch, dict[Symbol, DocumentId]]:
        """The same under a salt (16 bytes) that one session agreed on, and whose symbols are whose:
        one pass over the held documents."""
        ...

    def named(self, symbols: Iterable[Symbol]) -> dict[Symbol, DocumentId]:
        """Held documents by symbol under the store's key; a symbol of no document is left out."""
        ...

    def vectors(
        self, documents: Sequence[DocumentId], source: NodeId | None = None
    ) -> dict[DocumentId, Vector]:
        """Exactly what is held of each document; an unheld document has an empty vector.

        With `source`: lanes reach as far as what that peer has staged here, so that it goes on there.
        """
        ...

    def staged(self, source: NodeId) -> list[DocumentId]:
        """Documents of which this peer has staged a prefix here, ascending."""
        ...

    def bases(self, places: Sequence[Continued], source: NodeId) -> dict[Continued, Base]:
        """What is held at these places, or ends there in what that peer has staged here.

        A place that is not here is left out, and one that two lanes fit. `length` from 1. Not only of
        the view: who names a place and can use it has what its author signed after it.
        """
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

    def lacking(
        self, wanted: Sequence[tuple[DocumentId, Vector]], urgent_since_ms: int
    ) -> tuple[list[Lacking], list[DocumentId]]:
        """Lanes that a peer with these vectors lacks the end of, ascending by document, actor.

        Vectors come from the wire: actors cut to their first 8 bytes or whole, heads to 4 or whole.
        `URGENT`: an urgent statement was recorded in the lane at or after `urgent_since_ms` (wall
        clock); `SUMMARY`: it says who the casualty is or how bad; else `ROUTINE`. Second: documents
        where the peer holds something that we do not.
        """
        ...

    def urgent(self, since_ms: int, limit: int) -> list[Lane]:
        """Lanes with an urgent statement recorded at or after `since_ms`, latest first."""
        ...

    def reach(self, lanes: Sequence[tuple[Lane, ShortState]], bytes_max: int) -> Reach:
        """Runs of lanes from where a peer has them, in the order given, as one snapshot.

        Stops when `bytes_max` of raw changes are read (one run at least is returned); a run holds
        at most `RUN_CHANGES_MAX` changes or `RUN_BYTES_MAX` bytes, ends where a signature stands,
        and begins right after `have` when its head agrees or is not known.
        """
        ...

    def runs_from(self, lane: Lane, first_seq: int, bytes_max: int) -> list[LaneRun]:
        """Signed runs of one lane from the stored run that contains `first_seq` onwards."""
        ...

    def owed(self, limit: int) -> list[Lane]:
        """Lanes outside the view that its `own` node wrote, of documents that no garrison is known to
        hold whole, longest waiting first."""
        ...

    def blobs_wanted(self, limit: int) -> list[BlobWanted]:
        """Blobs named by held documents and not complete here."""
        ...

    def blob_part(self, blob_hash: bytes, offset: int, size: int) -> tuple[bytes, int] | None:
        """Up to `size` bytes from `offset` and the total size; None: not complete here."""
        ...

    def latest(self, before: int | None, limit: int) -> list[tuple[Lane, int]]:
        """Lanes with the arrival number of their latest run, latest first, of those below `before`
        (None: all). Of a lane of which nothing is here any more: none."""
        ...

    def blobs_named(self, documents: Sequence[DocumentId]) -> list[bytes]:
        """Blobs that these documents name and that are complete here, ascending by hash."""
        ...

    def released(self, peer: NodeId, epoch: bytes, limit: int) -> Release | None:
        """What was let go here and this peer, in this epoch of its store, was not told yet."""
        ...

    def withheld(self, wanted: Sequence[tuple[DocumentId, Vector]]) -> list[Lane]:
        """Lanes of which peers with these vectors lack something that was let go here, ascending."""
        ...

    def refills(self, source: NodeId, limit: int) -> dict[DocumentId, Vector]:
        """Documents whose content is to come back, longest waiting first, and how far each lane of
        it has (length 0: nothing), with what that peer has staged of it."""
        ...

    def authority_entries(self, after: int, limit: int) -> list[bytes]:
        """Entries of the theatre's authority log above number `after`, in order, as received."""
        ...

    def custody_positions(self) -> dict[NodeId, Position]:
        """How far the custody log of each node known as a garrison is here, ascending."""
        ...

    def custody_entries(
        self, garrison: NodeId, epoch: bytes, number: int, limit: int
    ) -> list[bytes]:
        """Entries of that log above `number`, in order, as received; none of another epoch."""
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
