"""The messages of the protocol as frozen values. Grammar and reasons: PROTOCOL.md."""

from __future__ import annotations

from typing import NamedTuple

from conflict.identity import ActorId, DocumentId, NodeId
from conflict.lane import LaneRun, Vector
from sync.ports import Listed, Receipt, Summary

VERSION_MIN = 1
VERSION_MAX = 1


class Hello(NamedTuple):
    """First in every session. `clock_ms` is the sender's wall clock, shown, never trusted."""

    version_min: int
    version_max: int
    node: NodeId
    epoch: bytes
    nonce: bytes
    catalogue: int
    clock_ms: int
    frame_bytes_max: int


class Proof(NamedTuple):
    """Signature over both nonces: the sender holds the key of the node that its HELLO named."""

    signature: bytes


class Check(NamedTuple):
    """What the sender holds. The leader asks, the follower answers with the same round.

    `repair` False: compare only, do not start to list.
    """

    round: int
    summary: Summary
    repair: bool


class Listing(NamedTuple):
    """The lister's (document, digest) pairs above `after`, ascending. `final`: the last page."""

    round: int
    after: DocumentId | None
    listed: tuple[Listed, ...]
    final: bool


class Vectors(NamedTuple):
    """What the sender holds of these documents, so that the receiver sends what is missing.

    `answer`: the receiver need not say its own vectors. `final`: nothing more is asked this round.
    Round 0: outside a round (a gap found while live).
    """

    round: int
    vectors: tuple[tuple[DocumentId, Vector], ...]
    answer: bool
    final: bool


class Content(NamedTuple):
    """Runs of lanes, numbered so that receipts can name them."""

    frame: int
    runs: tuple[LaneRun, ...]


class Finished(NamedTuple):
    """All that was asked of the sender in this round has been sent."""

    round: int


class Receipts(NamedTuple):
    """Signed: these lanes are durable in the sender's store of this epoch, up to that frame."""

    frame: int
    epoch: bytes
    receipts: tuple[Receipt, ...]
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


class Fault(NamedTuple):
    """The sender closes the session: code, and a text that names limit or cause."""

    code: str
    text: str


Message = (
    Hello
    | Proof
    | Check
    | Listing
    | Vectors
    | Content
    | Finished
    | Receipts
    | Refused
    | BlobAsk
    | BlobPart
    | Fault
)
