"""Lanes: what one actor wrote in one document, as a chain of raw changes and a signed head.

Rules a run of changes must keep, each with its refusal code: actor is the hash of author and nonce
(`actor-not-authors`); every change names exactly that actor (`wrong-actor`); seq counts up by one
(`sequence-gap`); the only dependency is the previous change (`broken-chain`, `foreign-dependency`);
at most 512 changes (`lane-too-long`). The document is the Automerge merge of its lanes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from conflict import limits
from conflict.change import read_header
from conflict.errors import LaneRefused
from conflict.identity import NONCE_BYTES, ActorId, DocumentId, Lane, NodeId, actor_id

HEAD_SHORT_BYTES = 8
DIGEST_BYTES = 16
_DIGEST_DOMAIN = b"aidstation/document-state/1"
_ITEM_DOMAIN = b"aidstation/set-item/1"


class LaneState(NamedTuple):
    """How far a lane reaches: number of changes and full head hash (32 bytes)."""

    length: int
    head: bytes

    @property
    def short(self) -> ShortState:
        """The form that vectors carry."""
        return ShortState(self.length, self.head[:HEAD_SHORT_BYTES])


class ShortState(NamedTuple):
    """Number of changes and the first 8 bytes of the head hash."""

    length: int
    head: bytes


Vector = Mapping[ActorId, ShortState]
"""Exactly what a node holds of one document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRun:
    """Consecutive raw changes of one lane, and the author's signature over the last one's head.

    `changes[0]` has number `first_seq` (from 1). `signature` None: a prefix whose signed end is
    still to come (staged, not held).
    """

    lane: Lane
    author: NodeId
    nonce: bytes
    first_seq: int
    changes: tuple[bytes, ...]
    head: bytes
    signature: bytes | None

    @property
    def last_seq(self) -> int:
        """Number of the last change."""
        return self.first_seq + len(self.changes) - 1

    @property
    def state(self) -> LaneState:
        """State of the lane once this run is held."""
        return LaneState(self.last_seq, self.head)

    @property
    def size(self) -> int:
        """Bytes of its raw changes."""
        return sum(map(len, self.changes))

    def since(self, first_seq: int) -> LaneRun:
        """The run without what comes before change `first_seq`, at most its last: the signature over
        the head covers every front."""
        if first_seq <= self.first_seq:
            return self
        return replace(
            self, first_seq=first_seq, changes=self.changes[first_seq - self.first_seq :]
        )


class CheckedRun(NamedTuple):
    """What header checks found: the dependency of the first change and each change's hash."""

    dependency: bytes | None
    hashes: tuple[bytes, ...]


def check_run(run: LaneRun) -> CheckedRun:
    """Hold a run to the rules of lanes, without opening it. Raises `LaneRefused`."""
    sized = len(run.nonce) == NONCE_BYTES
    if not sized or actor_id(run.author, run.nonce) != run.lane.actor:
        raise LaneRefused("actor-not-authors", "the actor is not the hash of author and nonce")
    if not run.changes or run.first_seq < 1:
        raise LaneRefused("empty-run", "a run has at least one change")
    if run.last_seq > limits.LANE_CHANGES_MAX:
        raise LaneRefused("lane-too-long", f"over {limits.LANE_CHANGES_MAX} changes in a lane")
    hashes: list[bytes] = []
    first_dependency: bytes | None = None
    for number, chunk in enumerate(run.changes, run.first_seq):
        header = read_header(chunk)
        if header.actor != run.lane.actor:
            raise LaneRefused("wrong-actor", "a change by another actor")
        if header.seq != number:
            raise LaneRefused("sequence-gap", f"change {header.seq} stands at place {number}")
        if (header.dependency is None) != (number == 1):
            raise LaneRefused("broken-chain", "the first change depends on nothing, others on one")
        if not hashes:
            first_dependency = header.dependency
        elif header.dependency != hashes[-1]:
            raise LaneRefused("broken-chain", "a change does not follow the one before it")
        hashes.append(header.hash)
    if hashes[-1] != run.head:
        raise LaneRefused("wrong-head", "the head is not the last change's hash")
    return CheckedRun(first_dependency, tuple(hashes))


def state_digest(document: DocumentId, heads: Iterable[tuple[ActorId, bytes]]) -> bytes:
    """16 bytes over the document id and its full lane heads. Same digest: same content."""
    digest = hashlib.sha256(_DIGEST_DOMAIN + document)
    for actor, head in sorted(heads):
        digest.update(actor + head)
    return digest.digest()[:DIGEST_BYTES]


def set_item(document: DocumentId, digest: bytes) -> int:
    """The 64-bit number that a (document, digest) pair adds to a set's digest (sum modulo 2^64)."""
    return int.from_bytes(hashlib.sha256(_ITEM_DOMAIN + document + digest).digest()[:8], "big")
