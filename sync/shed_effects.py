"""What a session asks and is told about content that was let go; the unions of `effects.py` take
these in."""

from __future__ import annotations

from typing import NamedTuple

from conflict.identity import DocumentId, NodeId
from conflict.lane import Vector
from sync.ports import Release


class ReadReleased(NamedTuple):
    """What this peer, in this epoch of its store, was not told to be let go here. Answered by
    `ReleasedRead`."""

    ticket: int
    peer: NodeId
    epoch: bytes


class ReadRefills(NamedTuple):
    """How far has come back what is wanted again, with what this peer has staged of it. Answered by
    `RefillsRead`."""

    ticket: int
    peer: NodeId


class SaveReleased(NamedTuple):
    """Forget what the peer said to hold of these. Answered by `ReleasedSaved` after commit."""

    ticket: int
    holder: NodeId
    release: Release


class SaveHeard(NamedTuple):
    """Keep that the peer, in this epoch of its store, was told. Answered by `HeardSaved`."""

    ticket: int
    peer: NodeId
    epoch: bytes
    release: Release


class PeerReleased(NamedTuple):
    """The peer is without the content of so many documents that it has said to know."""

    total: int


class PeerWithholds(NamedTuple):
    """The peer was asked for these and has let them go."""

    documents: tuple[DocumentId, ...]


class ReleasedRead(NamedTuple):
    """See `ReadReleased`; None: nothing."""

    release: Release | None


class RefillsRead(NamedTuple):
    """See `ReadRefills`."""

    vectors: tuple[tuple[DocumentId, Vector], ...]


class ReleasedSaved(NamedTuple):
    """See `SaveReleased`: durable now."""

    release: Release


class HeardSaved(NamedTuple):
    """See `SaveHeard`: durable now."""


ShedRead = ReadReleased | ReadRefills
ShedWrite = SaveReleased | SaveHeard
ShedNotice = PeerReleased | PeerWithholds
ShedAnswer = ReleasedRead | RefillsRead | ReleasedSaved | HeardSaved
