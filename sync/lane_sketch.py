"""The lanes of one document told apart by a sketch, where a vector would be long. PROTOCOL.md, *Lanes*.

A symbol stands for one lane in one state, as for a document in `sketch.py`: its tag is the actor's. The
key is of one round of one session, so what misled once does not mislead again, and who only wrote a
lane cannot choose its symbol. Pure functions over vectors.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from conflict.identity import ActorId
from conflict.lane import ShortState, Vector
from sync import sketch
from sync.errors import BadSketch
from sync.sketch import CELL_BYTES, SECRET_BYTES, Sketch, SketchKey, Symbol
from sync.vectors import LANE_BYTES, NOTHING, joined, resolved

_DOMAIN = b"aidstation/lane-sketch/1"


def secret_of(session: bytes, round_: int) -> bytes:
    """16 bytes from those that only a session has: what the lanes of one round are sketched under."""
    return hashlib.sha256(_DOMAIN + session + round_.to_bytes(8, "big")).digest()[:SECRET_BYTES]


def symbols_of(key: SketchKey, vector: Vector) -> dict[Symbol, ActorId]:
    """Whose symbols are whose."""
    return {key.symbol(actor, state.head): actor for actor, state in vector.items()}


def cells_of(key: SketchKey, vector: Vector, size: int) -> bytes:
    """The first cells over the lanes of a vector."""
    return _sketch(key, symbols_of(key, vector), size).to_bytes()


def _sketch(key: SketchKey, symbols: Iterable[Symbol], size: int) -> Sketch:
    found = Sketch(key, size)
    for symbol in symbols:
        found.add(symbol)
    return found


class Told(NamedTuple):
    """What cells tell. `more`: cells wanted in all (0: a vector is less), or None when they told all:

    `wanted`: symbols of the peer's lanes that we do not hold so, each with our lanes of the same tag:
    one of them may be that lane. `offered`: lanes that the peer holds nothing of.
    """

    more: int | None
    wanted: tuple[tuple[Symbol, Vector], ...] = ()
    offered: tuple[ActorId, ...] = ()


def differ(key: SketchKey, ours: Vector, cells: bytes, lanes: int) -> Told:
    """Decode the cells that a peer with so many lanes shows."""
    owners = symbols_of(key, ours)
    try:
        theirs = Sketch.from_bytes(key, cells)
        difference = _sketch(key, owners, len(cells) // CELL_BYTES).subtract(theirs)
        found = sketch.decode(difference)
    except BadSketch:
        return Told(0)
    if not found.complete:
        return Told(sketch.next_size(difference, min(len(ours), lanes), LANE_BYTES) or 0)
    its_tags = {sketch.tag(one) for one in found.theirs}
    stated: defaultdict[int, dict[ActorId, ShortState]] = defaultdict(dict)
    offered: list[ActorId] = []
    for one in found.ours:
        actor = owners.get(one)
        if actor is not None and sketch.tag(one) in its_tags:
            stated[sketch.tag(one)][actor] = ours[actor]
        elif actor is not None:
            offered.append(actor)
    wanted = tuple((one, stated.get(sketch.tag(one), {})) for one in found.theirs)
    return Told(None, wanted, tuple(offered))


def named(key: SketchKey, ours: Vector, wanted: Iterable[tuple[Symbol, Vector]]) -> Vector:
    """How far a peer that wants these symbols of ours has the lanes that it speaks of."""
    owners = symbols_of(key, ours)
    stated: dict[ActorId, ShortState] = {}
    lanes: dict[ActorId, ShortState] = {}
    for symbol, vector in wanted:
        stated |= resolved(ours, vector)
        if (actor := owners.get(symbol)) is not None:
            lanes[actor] = NOTHING
    return joined(lanes, stated)
