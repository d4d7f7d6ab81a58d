"""Vectors on the wire: how far a node holds the lanes of documents, in few bytes a lane.

PROTOCOL.md, *Vectors*. A document is named by its id, or by the symbol that a sketch gave away. Actors
are cut to 8 bytes and heads to 4: they only choose what to send. Should a cut hide a difference, the
digests still differ, and the next round says both in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from conflict.identity import ID_BYTES, ActorId, DocumentId
from conflict.lane import HEAD_SHORT_BYTES, ShortState, Vector
from conflict.limits import LANE_CHANGES_MAX
from sync import limits, messages
from sync.errors import BadFrame
from sync.leb128 import Reader, bound, number

ACTOR_SHORT_BYTES = 8
HEAD_CUT_BYTES = 4

Name = TypeVar("Name")


def vectors_to_bytes(vectors: Iterable[tuple[bytes, Vector]], *, whole: bool) -> bytes:
    """Each: name, number of lanes, then (actor, length, head) by actor. `whole`: nothing is cut."""
    actor_bytes, head_bytes = _widths(whole=whole)
    parts: list[bytes] = []
    for name, vector in vectors:
        parts += (name, number(len(vector)))
        for actor, state in sorted(vector.items()):
            parts += (actor[:actor_bytes], number(state.length), state.head[:head_bytes])
    return b"".join(parts)


def vectors_from_bytes(
    data: bytes, name_bytes: int, *, whole: bool
) -> tuple[tuple[bytes, dict[ActorId, ShortState]], ...]:
    """Inverse of `vectors_to_bytes`. Raises `BadFrame`, `FrameTooLarge`."""
    actor_bytes, head_bytes = _widths(whole=whole)
    found: list[tuple[bytes, dict[ActorId, ShortState]]] = []
    reader = Reader(data)
    while not reader.ended:
        name, count = reader.take(name_bytes), reader.number()
        bound(count, limits.VECTOR_LANES_MAX, "lanes in a vector", "VECTOR_LANES_MAX")
        lanes: dict[ActorId, ShortState] = {}
        last = b""
        for _ in range(count):
            actor = reader.take(actor_bytes)
            length = reader.number()
            bound(length, LANE_CHANGES_MAX, "changes in a lane", "LANE_CHANGES_MAX")
            lanes[ActorId(actor)] = ShortState(length, reader.take(head_bytes))
            if actor <= last:
                raise BadFrame("the lanes of a vector ascend")
            last = actor
        found.append((name, lanes))
        bound(len(found), limits.VECTORS_DOCUMENTS_MAX, "documents", "VECTORS_DOCUMENTS_MAX")
    return tuple(found)


def packed(vector: Vector) -> bytes:
    """A vector in a tenth of its memory, to wait in a queue; its actors are equally wide."""
    whole = any(len(actor) == ID_BYTES for actor in vector)
    return bytes((whole,)) + vectors_to_bytes(((b"", vector),), whole=whole)


def unpacked(data: bytes) -> Vector:
    """Inverse of `packed`."""
    return vectors_from_bytes(data[1:], 0, whole=bool(data[0]))[0][1]


def ambiguous(vectors: Iterable[tuple[object, Vector]]) -> bool:
    """Whether two actors of one document are the same when cut."""
    return any(
        len({actor[:ACTOR_SHORT_BYTES] for actor in vector}) < len(vector) for _, vector in vectors
    )


def chunks(
    vectors: Sequence[tuple[Name, Vector]],
) -> Iterator[tuple[tuple[tuple[Name, Vector], ...], bool]]:
    """Vectors for messages of bounded size, at least one; the flag marks the last.

    One above `VECTOR_LANES_MAX` is said as empty: it costs too much content, and stops nobody else.
    """
    chunk: list[tuple[Name, Vector]] = []
    lanes = 0
    for name, given in vectors:
        vector = given if len(given) <= limits.VECTOR_LANES_MAX else {}
        full = len(chunk) >= limits.VECTORS_DOCUMENTS_MAX
        if chunk and (full or lanes + len(vector) > limits.VECTOR_LANES_MAX):
            yield tuple(chunk), False
            chunk, lanes = [], 0
        chunk.append((name, vector))
        lanes += len(vector)
    yield tuple(chunk), True


def said(
    round_: int,
    vectors: Sequence[tuple[DocumentId, Vector]],
    *,
    answer: bool = False,
    whole: bool = False,
    final: bool = False,
) -> Iterator[messages.Vectors]:
    """VECTORS of documents by id, at least one; cut only where that is clear. `final`: the last is."""
    for chunk, last in chunks(vectors):
        clear = whole or ambiguous(chunk)
        yield messages.Vectors(round_, chunk, answer, clear, final=final and last)


def _widths(*, whole: bool) -> tuple[int, int]:
    return (ID_BYTES, HEAD_SHORT_BYTES) if whole else (ACTOR_SHORT_BYTES, HEAD_CUT_BYTES)
