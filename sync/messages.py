"""The messages of the protocol as frozen values. Grammar and reasons: PROTOCOL.md."""

from __future__ import annotations

from typing import NamedTuple

from conflict.identity import ActorId, DocumentId, NodeId
from conflict.lane import Vector
from sync.audit import AuditPlace, AuditSegment
from sync.authority_effects import NO_LOG, LogHead
from sync.ports import Listed, Precedence, Summary
from sync.sketch import Symbol

VERSION_MIN = 1
VERSION_MAX = 1


class Hello(NamedTuple):
    """First in every session. `clock_ms` is the sender's wall clock, shown, never trusted.

    `sketch_key` names the key of its sketches (4 bytes). `frame_bytes_max` and `credit_bytes`: the
    largest frame that it takes, and how many counted bytes may be on the way to it.
    """

    version_min: int
    version_max: int
    node: NodeId
    epoch: bytes
    nonce: bytes
    catalogue: int
    clock_ms: int
    sketch_key: bytes
    frame_bytes_max: int
    credit_bytes: int


class Proof(NamedTuple):
    """Signature over both nonces: the sender holds the key of the node that its HELLO named.

    `scopes`: what both may hold as far as the sender is concerned, ascending; None: everything. `log`:
    how far it has the authority's log.
    """

    signature: bytes
    scopes: tuple[DocumentId, ...] | None = None
    log: LogHead = NO_LOG


class Check(NamedTuple):
    """What the sender holds. The leader asks, the follower answers with the same round.

    `repair` False: compare only, do not start a round. `sketched`: if these differ, the sender is the
    round's lister, and its SKETCH follows at once.
    """

    round: int
    summary: Summary
    repair: bool
    sketched: bool


class Listing(NamedTuple):
    """The lister's (document, digest) pairs above `after`, ascending. `final`: the last page."""

    round: int
    after: DocumentId | None
    listed: tuple[Listed, ...]
    final: bool


class Sketch(NamedTuple):
    """Cells of the lister's sketch from number `start` on, 9 bytes each (`sketch.py`).

    `salt`: none, or 16 bytes, when sketches under the bare key have misled before. With `document`:
    the comparer's, over its `lanes` lanes of that document, without salt.
    """

    round: int
    salt: bytes
    start: int
    cells: bytes
    document: DocumentId | None = None
    lanes: int = 0


class More(NamedTuple):
    """The comparer could not decode: it wants `size` cells in all; 0: it wants a listing.

    With `document`: the lister, cells over that document's lanes; 0: it wants its vector.
    """

    round: int
    size: int
    document: DocumentId | None = None


class Wanted(NamedTuple):
    """What the comparer holds of the lister's documents that the sketch gave away, by symbol.

    `whole`: actors and heads are not cut. `final`: nothing more is asked this round. With `document`:
    symbols of lanes of that document, each with the lister's lanes of the same tag.
    """

    round: int
    wanted: tuple[tuple[Symbol, Vector], ...]
    whole: bool
    final: bool
    document: DocumentId | None = None


class Vectors(NamedTuple):
    """What the sender holds of these documents, so that the receiver sends what is missing.

    `answer`: of these lanes; of others nothing is said or asked. `whole`: actors and heads are not
    cut. `final`: nothing more is asked this round. Round 0: a gap (`answer`), or what is staged.
    """

    round: int
    vectors: tuple[tuple[DocumentId, Vector], ...]
    answer: bool
    whole: bool
    final: bool


class Content(NamedTuple):
    """Runs of lanes, numbered so that receipts can name them, as urgent as their most urgent.

    `payload`: `packing.py` writes it, `payload.py` reads it. Some runs are complete only together with
    what the receiver has, so bytes are all that a message alone can say.
    """

    frame: int
    precedence: Precedence
    payload: bytes


class Finished(NamedTuple):
    """All that was asked of the sender in this round has been sent."""

    round: int


class Receipts(NamedTuple):
    """Signed: what these CONTENT messages carried is durable in the sender's store.

    `refused`: (frame, place) of runs that are not. The signature covers the sender's epoch and the
    lanes, which both sides know (`receipts.py`).
    """

    frames: tuple[int, ...]
    refused: tuple[tuple[int, int], ...]
    signature: bytes


class Refused(NamedTuple):
    """Changes that the sender set aside, and why. Nothing else is held up."""

    document: DocumentId
    actor: ActorId
    first_seq: int
    code: str
    detail: str


class BlobAsk(NamedTuple):
    """Blobs wanted: SHA-256 and the offset to go on from."""

    wanted: tuple[tuple[bytes, int], ...]


class BlobPart(NamedTuple):
    """A part of a blob. `size` 0: the sender does not have it."""

    hash: bytes
    size: int
    offset: int
    data: bytes


class CustodyHave(NamedTuple):
    """How far the sender has the custody logs of garrisons: (garrison, epoch 16 B, number) each.

    The side that has more sends it. Number 0: nothing of that epoch.
    """

    logs: tuple[tuple[NodeId, bytes, int], ...]


class Custody(NamedTuple):
    """One entry of a garrison's custody log, as that garrison signed it (`custody.py`)."""

    entry: bytes


class Released(NamedTuple):
    """The sender has let go of the content of these documents: its receipts of them are over.

    `through`: number of its last shedding that this tells of; `total`: how many documents it is
    without now.
    """

    through: int
    total: int
    documents: tuple[DocumentId, ...]


class Heard(NamedTuple):
    """The sender has kept that RELEASED; the same two numbers."""

    through: int
    total: int


class Withheld(NamedTuple):
    """The receiver lacks something of these documents that the sender has let go."""

    documents: tuple[DocumentId, ...]


class AuditHave(NamedTuple):
    """Entries of a device's audit log that the sender has, each by epoch, number and 8 bytes of its link.

    A garrison says it to that device, which sends what follows the latest that it has too; none: it asks
    in the same way about entries of its own.
    """

    device: NodeId
    places: tuple[AuditPlace, ...]


class Audit(NamedTuple):
    """Entries of the sender's audit log that follow one another, the last one signed."""

    segment: AuditSegment


class Fault(NamedTuple):
    """The sender closes the session: code, and a text that names limit or cause."""

    code: str
    text: str


class Part(NamedTuple):
    """A piece of a message above the frame size, in order within its precedence. `more` follow."""

    precedence: Precedence
    more: bool
    data: bytes


class AuthorityHave(NamedTuple):
    """The sender has the authority's log so far now: the next page may come."""

    number: int
    link: bytes


class Authority(NamedTuple):
    """Entries of the authority's log after number `after`, as signed."""

    after: int
    entries: tuple[bytes, ...]


class Ack(NamedTuple):
    """The sender has taken so many bytes of counted frames in all: credit for as many more."""

    through: int


Message = (
    Hello
    | Proof
    | Check
    | Listing
    | Sketch
    | More
    | Wanted
    | Vectors
    | Content
    | Finished
    | Receipts
    | Refused
    | BlobAsk
    | BlobPart
    | CustodyHave
    | Custody
    | Released
    | Heard
    | Withheld
    | AuditHave
    | Audit
    | AuthorityHave
    | Authority
    | Fault
    | Part
    | Ack
)

# What does not go as CONTROL (PROTOCOL.md, *Precedence*). Both ends must have the same table: what is
# not CONTROL is counted against the receiver's credit.
_SAID_AS: dict[type, Precedence] = {
    Listing: Precedence.SUMMARY,
    Sketch: Precedence.SUMMARY,
    More: Precedence.SUMMARY,
    Wanted: Precedence.SUMMARY,
    Vectors: Precedence.SUMMARY,
    Custody: Precedence.SUMMARY,
    Released: Precedence.SUMMARY,
    Withheld: Precedence.SUMMARY,
    Finished: Precedence.ROUTINE,
    Refused: Precedence.ROUTINE,
    BlobPart: Precedence.BLOB,
    AuditHave: Precedence.BLOB,
    Audit: Precedence.BLOB,
}


def precedence_of(message: Message) -> Precedence:
    """What a message may overtake."""
    if isinstance(message, Content | Part):
        return message.precedence
    answers = isinstance(message, Vectors) and message.answer and message.round
    if answers or (isinstance(message, Wanted) and message.document is not None):
        return Precedence.ROUTINE  # before FINISHED, which says that nothing more is asked
    return _SAID_AS.get(type(message), Precedence.CONTROL)


def is_control(kind: type) -> bool:
    """Whether messages of this type go before all others, whatever they carry."""
    return kind not in _SAID_AS and kind not in {Content, Part}
