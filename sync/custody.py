"""A garrison's custody log: signed entries that say which lanes and blobs are durable there.

Everybody holds it, so it speaks by aliases (`aliases.py`). Entries are numbered from 1 and chained by
hash, so that they can be passed on by anybody and checked with the garrison's key alone. An epoch starts
with the time at which it began: of two logs of one garrison the later epoch counts. PROTOCOL.md,
*Custody*. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from conflict.identity import ID_BYTES, ActorId, NodeId
from conflict.lane import HEAD_SHORT_BYTES, ShortState
from conflict.limits import LANE_CHANGES_MAX
from conflict.signature import SIGNATURE_BYTES
from sync import leb128, limits
from sync.aliases import ALIAS_BYTES, BlobAlias, Claim, DocumentAlias
from sync.errors import BadFrame, FrameTooLarge
from sync.ports import Keyring, Position, Signer

LINK_BYTES = 16
NO_ENTRY = bytes(LINK_BYTES)
NO_EPOCH = bytes(ID_BYTES)
_DOMAIN = b"aidstation/custody/2"
_BEGAN_BYTES = 6
_NUMBER_MAX = 1 << 48


class Verdict(StrEnum):
    """What became of an entry. All but `KEPT`, `KNOWN` and `GAP` are refusals."""

    KEPT = "kept"
    KNOWN = "known"  # held already, or of an epoch that is over
    GAP = "gap"  # earlier entries are missing
    FORKED = "custody-forked"  # does not follow the entry before it
    NO_GARRISON = "custody-no-garrison"  # not of a node known as a garrison here
    BAD_SIGNATURE = "custody-bad-signature"
    FULL = "custody-full"  # above CUSTODY_LOG_BYTES_MAX
    SURPASSED = "custody-surpassed"  # our own log, further than we have it: we have lost something


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyEntry:
    """One entry. `previous`: link of the one before; `at_ms`: the garrison's wall clock, shown only.

    `lanes` ascend by (document, actor), `blobs` too; each lane is durable as far as it says.
    """

    garrison: NodeId
    epoch: bytes
    number: int
    previous: bytes
    at_ms: int
    lanes: tuple[Claim, ...]
    blobs: tuple[BlobAlias, ...]
    signature: bytes = b""

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.epoch, self.number)

    @property
    def link(self) -> bytes:
        """16 bytes of its hash, signature left out: what the next entry names."""
        return hashlib.sha256(_DOMAIN + _body(self)).digest()[:LINK_BYTES]


Sign = Callable[[CustodyEntry], CustodyEntry]
"""Makes the same entry, signed."""


def new_epoch(now_ms: int, entropy: bytes, after: bytes = NO_EPOCH) -> bytes:
    """An epoch that began now: 6 bytes of wall clock (ms), then 10 random ones.

    `after`: the epoch before it in this store; a clock that was set back does not make it earlier.
    """
    began = max(now_ms, int.from_bytes(after[:_BEGAN_BYTES], "big") + (after != NO_EPOCH))
    return min(began, (1 << 48) - 1).to_bytes(_BEGAN_BYTES, "big") + entropy[: ID_BYTES - 6]


def signed(entry: CustodyEntry, signer: Signer) -> CustodyEntry:
    """The same, signed."""
    return replace(entry, signature=signer.sign(_DOMAIN + _body(entry)))


def verdict(entry: CustodyEntry, keyring: Keyring) -> Verdict | None:
    """None when the garrison signed it. Who is a garrison, and the chain, is the store's to judge."""
    found = keyring.verifies(entry.garrison, _DOMAIN + _body(entry), entry.signature)
    if found is None:
        return Verdict.NO_GARRISON
    return None if found else Verdict.BAD_SIGNATURE


def follows(entry: CustodyEntry, held: Position, link: bytes) -> Verdict:
    """Judge an entry against the log held so far: its position and the link of its last entry."""
    if entry.epoch < held.epoch or (entry.epoch == held.epoch and entry.number <= held.number):
        return Verdict.KNOWN
    new_log = entry.epoch != held.epoch
    if entry.number != (1 if new_log else held.number + 1):
        return Verdict.GAP
    if entry.previous != (NO_ENTRY if new_log else link):
        return Verdict.FORKED
    return Verdict.KEPT


# Bytes -------------------------------------------------------------------------------------------


def to_bytes(entry: CustodyEntry) -> bytes:
    """Canonical bytes, signature last."""
    return _body(entry) + entry.signature


def _body(entry: CustodyEntry) -> bytes:
    actors = sorted({one.actor for one in entry.lanes})
    places = {actor: place for place, actor in enumerate(actors)}
    parts = [entry.garrison, entry.epoch, entry.previous]
    counts = (entry.number, entry.at_ms, len(actors), len(entry.lanes), len(entry.blobs))
    parts += [leb128.numbers(counts), *actors]
    for document, actor, (length, head) in entry.lanes:
        parts += (document, leb128.numbers((places[actor], length)), head)
    return b"".join((*parts, *entry.blobs))


def from_bytes(data: bytes) -> CustodyEntry:
    """Inverse of `to_bytes`. Raises `BadFrame`, `FrameTooLarge`; bytes have one reading."""
    if len(data) > limits.CUSTODY_ENTRY_BYTES_MAX:
        raise FrameTooLarge(
            f"over {limits.CUSTODY_ENTRY_BYTES_MAX} bytes (CUSTODY_ENTRY_BYTES_MAX)"
        )
    reader = leb128.Reader(data)
    garrison, epoch = NodeId(reader.take(ID_BYTES)), reader.take(ID_BYTES)
    previous = reader.take(LINK_BYTES)
    number, at_ms = reader.number(), reader.number()
    sizes = reader.number(), reader.number(), reader.number()
    leb128.bound(sizes[1], limits.CUSTODY_LANES_MAX, "lanes in an entry", "CUSTODY_LANES_MAX")
    leb128.bound(sizes[2], limits.CUSTODY_BLOBS_MAX, "blobs in an entry", "CUSTODY_BLOBS_MAX")
    if sizes[0] > sizes[1]:
        raise BadFrame("an actor that no claim names")
    actors = [ActorId(reader.take(ID_BYTES)) for _ in range(sizes[0])]
    lanes = tuple(_lane(reader, actors) for _ in range(sizes[1]))
    blobs = tuple(BlobAlias(reader.take(ALIAS_BYTES)) for _ in range(sizes[2]))
    entry = CustodyEntry(
        garrison=garrison,
        epoch=epoch,
        number=number,
        previous=previous,
        at_ms=at_ms,
        lanes=lanes,
        blobs=blobs,
        signature=reader.take(SIGNATURE_BYTES),
    )
    _check(entry, actors)
    if to_bytes(entry) != data:
        raise BadFrame("not the one encoding of a custody entry")
    return entry


def _lane(reader: leb128.Reader, actors: Sequence[ActorId]) -> Claim:
    document = DocumentAlias(reader.take(ALIAS_BYTES))
    place, length = reader.number(), reader.number()
    if place >= len(actors) or not 1 <= length <= LANE_CHANGES_MAX:
        raise BadFrame("a claim names an actor of its entry and how many changes")
    return Claim(document, actors[place], ShortState(length, reader.take(HEAD_SHORT_BYTES)))


def _check(entry: CustodyEntry, actors: Sequence[ActorId]) -> None:
    if not 1 <= entry.number < _NUMBER_MAX or entry.epoch == NO_EPOCH:
        raise BadFrame("entries count from 1, in an epoch")
    ordered = _ascends([one[:2] for one in entry.lanes]) and _ascends(entry.blobs)
    if not ordered or not _ascends(actors):
        raise BadFrame("the claims of an entry ascend")


def _ascends(items: Iterable[bytes | tuple[bytes, bytes]]) -> bool:
    return all(tuple(one) < tuple(other) for one, other in pairwise(items))
