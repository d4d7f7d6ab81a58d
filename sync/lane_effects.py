"""What a session asks and is told to reconcile one document's lanes; `effects.py` takes these in."""

from __future__ import annotations

from typing import NamedTuple

from conflict.identity import DocumentId, NodeId
from conflict.lane import Vector
from sync.lane_sketch import Told
from sync.sketch import Symbol


class LanesOf(NamedTuple):
    """Whose lanes, under which secret (`lane_sketch.secret_of`: it tells rounds apart, too).

    `source`: the peer, if what it has staged here is to count.
    """

    document: DocumentId
    secret: bytes
    source: NodeId | None


class ReadLanes(NamedTuple):
    """The first `size` cells over our lanes; 0: our vector. Answered by `LanesRead`."""

    ticket: int
    of: LanesOf
    size: int


class DifferLanes(NamedTuple):
    """Decode the peer's cells over its so many lanes against ours. Answered by `LanesDiffered`."""

    ticket: int
    of: LanesOf
    lanes: int
    cells: bytes


class ReadNamedLanes(NamedTuple):
    """Of which of our lanes the peer speaks. Answered by `LanesNamed`."""

    ticket: int
    of: LanesOf
    wanted: tuple[tuple[Symbol, Vector], ...]


LaneRead = ReadLanes | DifferLanes | ReadNamedLanes


class LanesShown(NamedTuple):
    """A document's number of lanes, and cells over them from the first on."""

    document: DocumentId
    lanes: int
    cells: bytes


class LanesRead(NamedTuple):
    """See `ReadLanes`: one of the two."""

    of: LanesOf
    shown: LanesShown | None
    vector: Vector | None


class LanesDiffered(NamedTuple):
    """See `DifferLanes`. `vector`: ours, if the peer's is no shorter and more cells would cost more."""

    of: LanesOf
    told: Told
    vector: Vector | None


class LanesNamed(NamedTuple):
    """See `ReadNamedLanes`. `have`: how far the peer has these lanes. `owed`: it spoke of lanes of its
    own, and waits for ours of them."""

    of: LanesOf
    have: Vector
    owed: bool


LaneAnswer = LanesRead | LanesDiffered | LanesNamed
