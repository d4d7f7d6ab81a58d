"""Vectors on the wire: how far a node holds the lanes of documents, in few bytes a lane.

PROTOCOL.md, *Vectors*. A document is named by its id, or by the symbol that a sketch gave away. Actors
are cut to 8 bytes and heads to 4: they only choose what to send. Should a cut hide a difference, the
digests still differ, and the next round says both in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from conflict.identity import ID_BYTES, ActorId, DocumentId
from conflict.lane import HEAD_SHORT_BYTES, ShortState, Vector
from conflict.limits import LANE_CHANGES_MAX
from sync import limits, messages
from sync.errors import BadFrame
from sync.leb128 import Reader, bound, number

ACTOR_SHORT_BYTES = 8
HEAD_CUT_BYTES = 4
LANE_BYTES = ACTOR_SHORT_BYTES + 1 + HEAD_CUT_BYTES  # of a lane up to 127 changes long
NOTHING = ShortState(0, b"")
"""Of a lane that one has nothing of."""

Name = TypeVar("Name")


def vectors_to_bytes(vectors: Iterable[tuple[bytes, Vector]], *, whole: bool) -> bytes:
    """Each: name, number of lanes, then (actor, length, head) by actor. `whole`: nothing is cut."""
    actor_bytes, head_bytes = _widths(whole=whole)
    parts: list[bytes] = []
    for name, vector in vectors:
        parts += (name, number(len(vector)))
        for actor, state in sorted(vector.items()):
            head = state.head[:head_bytes] if state.length else b""
            parts += (actor[:actor_bytes], number(state.length), head)
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
            head = reader.take(head_bytes) if length else b""
            lanes[ActorId(actor)] = ShortState(length, head)
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


def resolved(held: Mapping[ActorId, object], have: Vector) -> Vector:
    """A vector from the wire may cut its actors: by those that we hold, they are whole again."""
    if all(actor in held for actor in have):
        return have
    widths = {len(actor) for actor in have}
    whole = {actor[:width]: actor for actor in held for width in widths}
    return {whole.get(actor, actor): state for actor, state in have.items()}


def lacking(ours: Vector, theirs: Vector) -> dict[ActorId, ShortState]:
    """Ours of the lanes of which they have more than we do, or another branch: what to ask for."""
    found: dict[ActorId, ShortState] = {}
    for actor, its in resolved(ours, theirs).items():
        mine = ours.get(actor, NOTHING)
        branch = its.length == mine.length and not mine.head.startswith(its.head)
        if branch or its.length > mine.length:
            found[actor] = mine
    return found


def joined(one: Vector, other: Vector) -> Vector:
    """Both, the other where they speak of the same lane; all cut if anything in them is."""
    both = {**one, **other}
    if not any(_is_cut(actor, state) for actor, state in both.items()):
        return both
    return {ActorId(actor[:ACTOR_SHORT_BYTES]): state for actor, state in both.items()}


def clear(vectors: Iterable[tuple[object, Vector]], *, whole: bool) -> bool:
    """Whether to say these whole: it is wished for, or needed; and nothing came cut to us."""
    vectors = list(vectors)
    cut = any(_is_cut(*lane) for _, vector in vectors for lane in vector.items())
    return not cut and (whole or ambiguous(vectors))


def _is_cut(actor: ActorId, state: ShortState) -> bool:
    return len(actor) < ID_BYTES or (state.length > 0 and len(state.head) < HEAD_SHORT_BYTES)


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
        said_whole = clear(chunk, whole=whole)
        yield messages.Vectors(round_, chunk, answer, said_whole, final=final and last)


def _widths(*, whole: bool) -> tuple[int, int]:
    return (ID_BYTES, HEAD_SHORT_BYTES) if whole else (ACTOR_SHORT_BYTES, HEAD_CUT_BYTES)
