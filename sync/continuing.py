"""What a run of CONTENT goes on from instead of saying it: a place in a lane that its receiver has.

PROTOCOL.md, *Content*. Author, nonce and dependency are then the receiver's to fill in; the hash of what
is built shows whether it filled in the right ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from conflict.identity import DocumentId, NodeId, actor_id
from conflict.lane import LaneRun

ACTOR_START_BYTES = 8
HEAD_START_BYTES = 4


class Continued(NamedTuple):
    """A place in a lane that the sender believes the receiver to have.

    `actor`: first 8 bytes; `length`: changes up to there; `head`: first 4 bytes of the last's hash.
    """

    document: DocumentId
    actor: bytes
    length: int
    head: bytes


class Base(NamedTuple):
    """What a receiver has at such a place: who writes the lane, and the full hash there."""

    author: NodeId
    nonce: bytes
    head: bytes

    def fits(self, place: Continued) -> bool:
        """Whether this is that place and not another branch or lane."""
        actor = actor_id(self.author, self.nonce)
        return actor.startswith(place.actor) and self.head.startswith(place.head)


def end_of(run: LaneRun) -> tuple[Continued, Base]:
    """Where the next run of its lane goes on."""
    place = Continued(
        run.lane.document,
        run.lane.actor[:ACTOR_START_BYTES],
        run.last_seq,
        run.head[:HEAD_START_BYTES],
    )
    return place, Base(run.author, run.nonce, run.head)


class ReadBases(NamedTuple):
    """What is held, or staged of the peer `source`, at these places. Answered by `BasesRead`."""

    ticket: int
    source: NodeId
    places: tuple[Continued, ...]


class BasesRead(NamedTuple):
    """See `ReadBases`; places that are not here are left out."""

    bases: Mapping[Continued, Base]
