"""Byte forms of the store's columns: changes of a run, vectors, admitted entries, evidence.

Pure functions in pairs. The forms are the store's own; nothing here reaches the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from conflict.document import Entry
from conflict.identity import ActorId, Lane, NodeId
from conflict.lane import LaneRun, ShortState
from storage.errors import DatabaseCorrupt

_LENGTH_BYTES = 4
_VECTOR_ROW_BYTES = 16 + 4 + 8


def frame(parts: Iterable[bytes]) -> bytes:
    """Byte strings joined, each after its length (4 bytes, big endian)."""
    pieces: list[bytes] = []
    for part in parts:
        pieces += (len(part).to_bytes(4, "big"), part)
    return b"".join(pieces)


def framed_size(framed: int, parts: int) -> int:
    """Bytes of so many parts that take `framed` bytes framed."""
    return framed - _LENGTH_BYTES * parts


def unframe(data: bytes) -> tuple[bytes, ...]:
    """Inverse of `frame`. Raises `DatabaseCorrupt` when lengths do not fill the data exactly."""
    parts: list[bytes] = []
    at, end = 0, len(data)
    while at + 4 <= end:
        stop = at + 4 + int.from_bytes(data[at : at + 4], "big")
        parts.append(data[at + 4 : stop])
        at = stop
    if at != end:
        raise DatabaseCorrupt(
            "A stored run of changes is cut short. Run `aidstation db check`; "
            "`aidstation db rebuild` sets the damaged lane aside so that peers send it again."
        )
    return tuple(parts)


def unframed(lane: Lane, row: Any, signature: bytes | None) -> LaneRun:
    """The run that a row of a lane is, columns by name. Raises `DatabaseCorrupt` as `unframe` does."""
    return LaneRun(
        lane=lane,
        author=NodeId(row.author),
        nonce=row.nonce,
        first_seq=row.first_seq,
        changes=unframe(row.changes),
        head=row.head,
        signature=signature,
    )


def pack_vector(vector: Mapping[ActorId, ShortState]) -> bytes:
    """Actor, length and short head of each lane, ascending by actor."""
    return b"".join(
        actor + state.length.to_bytes(4, "big") + state.head
        for actor, state in sorted(vector.items())
    )


def unpack_vector(data: bytes) -> dict[ActorId, ShortState]:
    """Inverse of `pack_vector`."""
    vector: dict[ActorId, ShortState] = {}
    for at in range(0, len(data), _VECTOR_ROW_BYTES):
        row = data[at : at + _VECTOR_ROW_BYTES]
        vector[ActorId(row[:16])] = ShortState(int.from_bytes(row[16:20], "big"), row[20:])
    return vector


def pack_entries(entries: Sequence[Entry]) -> bytes:
    """Slots, numbers and texts of a lane's admitted entries, in writing order."""
    return orjson.dumps([part for entry in entries for part in entry])


def unpack_entries(data: bytes) -> tuple[Entry, ...]:
    """Inverse of `pack_entries`."""
    flat = orjson.loads(data)
    return tuple(map(Entry, flat[::3], flat[1::3], flat[2::3]))


def pack_evidence(run: LaneRun) -> bytes:
    """A whole run as bytes: what is kept of a branch, enough to prove who signed it."""
    return frame((run.author, run.nonce, run.head, run.signature or b"", *run.changes))
