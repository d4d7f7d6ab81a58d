"""A rateless sketch of what a node holds: cells that two nodes subtract to see what differs.

After Yang, Gilad and Alizadeh, *Practical Rateless Set Reconciliation* (SIGCOMM 2024, arXiv 2402.02668).
A held (document, state digest) is a 6-byte symbol and lies in about 13 of the first 1,024 cells: in
cell i with probability 1/(1 + i/2). The difference of two nodes' cells is the sketch of what they do
not share, and peels. Cells are a stream: any prefix will do, more can follow. PROTOCOL.md, *Sketch*.

Symbol, 6 bytes: the last two of the document id (the *tag*), four of a keyed hash of document and digest.
A node finds its own documents by symbol and hands the others back to be looked up. Tags say at once
which documents both sides hold differently and which one side lacks, so that content starts a round
trip earlier; a chance match costs only that round trip. Carrying the whole id and 8 bytes of state
would make a cell 27 bytes: 470 more for 10 differences, to save at most 60 of symbols handed back.

Cell, 9 bytes: sum modulo 2^72 of 22 bits of mark, 48 of symbol, and a one.
- One sum, not two XORs and a count: one operation a cell. The lowest two bits are the count modulo
  four, enough to tell +1 from -1, and never grow with the set. As a varint the count takes three bytes
  of the first cells at 100,000 documents: with 8 + 4 bytes beside it, 387 bytes at p95 for 10
  differences instead of 234.
- The mark is a keyed hash of the symbol. Cells of unkeyed XORs are forged by linear algebra
  (yangl1996/riblt issue 3), these only by who has the key. Enrolled nodes have it: so `decode` is
  bounded whatever the cells say, a session may add a salt, and equality is proved by the digest of
  CHECK, never by a sketch. By chance, two states of a document share a symbol once in 2^32, which
  the next, salted round finds.

Places are integers worked out from the bytes of one hash, so that every implementation agrees.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple, NewType

from conflict.identity import ID_BYTES, ActorId, DocumentId
from conflict.lane import DIGEST_BYTES
from sync import limits
from sync.errors import BadFrame, BadSketch, FrameTooLarge

Symbol = NewType("Symbol", int)
"""48 bits that stand for one document in one state under one key."""

SYMBOL_BYTES = 6
CELL_BYTES = 9
SECRET_BYTES = 16
SALT_BYTES = 16
KEY_NAME_BYTES = 4
LISTED_BYTES = ID_BYTES + DIGEST_BYTES  # what a LISTING takes a document

_DOMAIN = b"aidstation/sketch/1"
_TAG_BYTES = 2
_STATE_BYTES = SYMBOL_BYTES - _TAG_BYTES
_SYMBOL = (1 << 8 * SYMBOL_BYTES) - 1
_COUNT_BITS = 2
_COUNT = (1 << _COUNT_BITS) - 1
_MARK_SHIFT = 8 * SYMBOL_BYTES + _COUNT_BITS
_CELL = (1 << 8 * CELL_BYTES) - 1

_STRIDE_BITS = 20
_PHASES = 16
_SHARES = 256 * _PHASES


def _stride(share: int) -> int:
    """2^20 (u^-1/2 - 1) rounded down, where u = (share + 1/2) / 4096, share from 0 to 4095."""
    one = 1 << _STRIDE_BITS
    return math.isqrt(2 * _SHARES * one * one // (2 * share + 1)) - one


_STRIDES = tuple(
    tuple(_stride(_PHASES * step + phase) for step in range(256)) for phase in range(_PHASES)
)
"""By phase and step. A symbol keeps its phase: with one phase for all, pairs stay together too long."""


class SketchKey:
    """What turns documents into symbols, and symbols into what they add and where.

    `secret`: 16 bytes that the nodes of a theatre share. `salt`: none, or 16 bytes that one session
    agreed on. `name`: 4 bytes that tell keys apart and betray nothing of them. Raises `ValueError`
    on other lengths.
    """

    __slots__ = ("_cell_hash", "_symbol_hash", "name")

    def __init__(self, secret: bytes, salt: bytes = b"") -> None:
        if len(secret) != SECRET_BYTES or len(salt) not in {0, SALT_BYTES}:
            raise ValueError("a sketch key has 16 bytes, its salt none or 16")
        keys = hashlib.sha512(_DOMAIN + secret + salt).digest()
        self._symbol_hash = hashlib.sha256(keys[:16])
        self._cell_hash = hashlib.sha512(keys[16:32])
        self.name = keys[32 : 32 + KEY_NAME_BYTES]

    def symbol(self, one: DocumentId | ActorId, state: bytes) -> Symbol:
        """Symbol of a document (16-byte id) in the state of that digest (16 bytes), or of the lane of
        an actor with that head (8 bytes)."""
        hashed = self._symbol_hash.copy()
        hashed.update(one + state)
        named = one[-_TAG_BYTES:] + hashed.digest()[:_STATE_BYTES]
        return Symbol(int.from_bytes(named, "big"))

    def spread(self, symbol: Symbol) -> tuple[int, tuple[int, ...], bytes]:
        """What a symbol adds to each of its cells; the strides and the steps that lead to them."""
        digest = self._hashed(symbol)
        item = _mark(digest) << _MARK_SHIFT | symbol << _COUNT_BITS | 1
        return item, _STRIDES[digest[3] % _PHASES], digest[4:]

    def places(self, item: int, stop: int) -> list[int]:
        """Cells below `stop` that hold what a symbol adds; none for what no symbol adds."""
        digest = self._hashed(_symbol(item))
        if _mark(digest) != item >> _MARK_SHIFT:
            return []
        return _walk(_STRIDES[digest[3] % _PHASES], digest[4:], stop)

    def _hashed(self, symbol: Symbol) -> bytes:
        """64 bytes: three of mark, one of phase, then the steps."""
        hashed = self._cell_hash.copy()
        hashed.update(symbol.to_bytes(SYMBOL_BYTES, "big"))
        return hashed.digest()


def _mark(digest: bytes) -> int:
    return int.from_bytes(digest[:3], "big") >> 2


def _symbol(item: int) -> Symbol:
    return Symbol(item >> _COUNT_BITS & _SYMBOL)


def _walk(strides: Sequence[int], steps: bytes, stop: int) -> list[int]:
    """Cells below `stop` that these strides and steps lead to, ascending; 0 is always one."""
    at, found = 0, [0]
    for step in steps:
        at += ((2 * at + 3) * strides[step] >> 21) + 1  # (at + 1.5) stride / 2^20
        if at >= stop:
            break
        found.append(at)
    return found


class Sketch:
    """The first cells over a set of symbols, or over the difference of two sets.

    Symbols come and go one by one, none is in twice; sketches of parts of a set add up.
    """

    __slots__ = ("_cells", "key")

    def __init__(self, key: SketchKey, size: int) -> None:
        self.key = key
        self._cells = [0] * _sized(size)

    def __len__(self) -> int:
        return len(self._cells)

    def add(self, symbol: Symbol) -> None:
        """A document is held in this state."""
        item, strides, steps = self.key.spread(symbol)
        self._pour(item, strides, steps)

    def remove(self, symbol: Symbol) -> None:
        """A document is no longer held in this state."""
        item, strides, steps = self.key.spread(symbol)
        self._pour(-item, strides, steps)

    def _pour(self, item: int, strides: Sequence[int], steps: bytes) -> None:
        """`_walk` written out, and ended by the last cell: a fifth of an insert is saved here."""
        cells, at = self._cells, 0
        cells[0] += item
        try:
            for step in steps:
                at += ((2 * at + 3) * strides[step] >> 21) + 1
                cells[at] += item
        except IndexError:
            return

    def extend(self, symbols: Iterable[Symbol], size: int) -> None:
        """Grow to `size` cells. `symbols`: the whole set that the sketch stands for."""
        self._cells += cells_of(self.key, symbols, len(self), _sized(size))

    def merge(self, other: Sketch) -> None:
        """Add the sketch of another part of the set; the shorter one says how long the sum is."""
        self._cells = [mine + its for mine, its in self._pairs(other)]

    def subtract(self, other: Sketch) -> Sketch:
        """The sketch of what only one side has, as long as the shorter one."""
        found = Sketch(self.key, 1)
        found._cells = [mine - its for mine, its in self._pairs(other)]
        return found

    def _pairs(self, other: Sketch) -> Iterable[tuple[int, int]]:
        if self.key.name != other.key.name:
            raise ValueError("sketches under different keys have nothing to do with one another")
        return zip(self._cells, other._cells, strict=False)

    def cells(self) -> list[int]:
        """The 72 bits of each cell."""
        return [cell & _CELL for cell in self._cells]

    def to_bytes(self, start: int = 0, stop: int | None = None) -> bytes:
        """Cells from `start` up to `stop`, 9 bytes each."""
        return b"".join([(one & _CELL).to_bytes(9, "big") for one in self._cells[start:stop]])

    @classmethod
    def from_bytes(cls, key: SketchKey, data: bytes) -> Sketch:
        """Inverse of `to_bytes` from cell 0. Raises `BadFrame`, `FrameTooLarge`."""
        if not data or len(data) % CELL_BYTES:
            raise BadFrame(f"a sketch is one cell or more, {CELL_BYTES} bytes each")
        if len(data) > limits.SKETCH_CELLS_MAX * CELL_BYTES:
            raise FrameTooLarge(f"over {limits.SKETCH_CELLS_MAX} cells (SKETCH_CELLS_MAX)")
        found = cls(key, 1)
        starts = range(0, len(data), CELL_BYTES)
        found._cells = [int.from_bytes(data[at : at + CELL_BYTES], "big") for at in starts]
        return found


def _sized(size: int) -> int:
    if not 1 <= size <= limits.SKETCH_CELLS_MAX:
        raise ValueError(f"a sketch has 1 to {limits.SKETCH_CELLS_MAX} cells (SKETCH_CELLS_MAX)")
    return size


def cells_of(key: SketchKey, symbols: Iterable[Symbol], start: int, stop: int) -> list[int]:
    """Cells from `start` up to `stop` of a set: one pass over it, microseconds a symbol."""
    cells = [0] * max(0, stop - start)
    for symbol in symbols:
        item, strides, steps = key.spread(symbol)
        found = _walk(strides, steps, stop)
        for at in found[bisect_left(found, start) :]:
            cells[at - start] += item
    return cells


def tag(symbol: Symbol) -> int:
    """The 16 bits of a symbol that are the same for every state of its document."""
    return symbol >> 8 * _STATE_BYTES


# Decoding ----------------------------------------------------------------------------------------


class Decoded(NamedTuple):
    """Symbols that only one side has, ascending. `complete`: nothing is left in the cells.

    `ours`: of the sketch that was subtracted from.
    """

    ours: tuple[Symbol, ...]
    theirs: tuple[Symbol, ...]
    complete: bool

    @property
    def lacking_here(self) -> tuple[Symbol, ...]:
        """Theirs of documents that we hold in no state, if `complete`."""
        return _untagged(self.theirs, self.ours)

    @property
    def lacking_there(self) -> tuple[Symbol, ...]:
        """Ours of documents that they hold in no state, if `complete`."""
        return _untagged(self.ours, self.theirs)


def _untagged(symbols: tuple[Symbol, ...], others: tuple[Symbol, ...]) -> tuple[Symbol, ...]:
    tags = {tag(one) for one in others}
    return tuple(one for one in symbols if tag(one) not in tags)


def decode(difference: Sketch) -> Decoded:
    """Peel a difference. Raises `BadSketch` if its cells contradict one another.

    A cell with one symbol gives it away; taking it out of its other cells makes more of those. Cells
    are tested once a generation, not at each touch: fewer hashes, and fewer chances for a sum to
    pass as a symbol. Each symbol once, no more symbols than cells: nothing makes it loop.
    """
    rest = difference.cells()
    size = len(rest)
    found: dict[int, bool] = {}  # what a symbol adds: is it ours?
    due: Sequence[int] = range(size)[::-1]  # later cells have fewer symbols
    while due:
        touched: set[int] = set()
        for place in due:
            cell = rest[place] & _CELL
            if not cell & 1:
                continue
            ours = cell & _COUNT == 1
            item = cell if ours else -cell & _CELL
            shared = difference.key.places(item, size)
            if place in shared:
                if item in found or len(found) == size:
                    raise BadSketch("a symbol twice in the cells, or more symbols than cells")
                found[item] = ours
                for other in shared:
                    rest[other] -= cell
                touched.update(shared)
        due = sorted(touched, reverse=True)
    return _decoded(found, complete=not any(cell & _CELL for cell in rest))


def _decoded(found: dict[int, bool], *, complete: bool) -> Decoded:
    ours = tuple(sorted(_symbol(item) for item, here in found.items() if here))
    theirs = tuple(sorted(_symbol(item) for item, here in found.items() if not here))
    return Decoded(ours, theirs, complete)


# How many cells ----------------------------------------------------------------------------------

_NEEDED = (
    (1, 1), (2, 6), (3, 10), (5, 15), (10, 26), (20, 43), (30, 60), (50, 90), (100, 164),
    (200, 309), (500, 736), (1_000, 1_431), (2_000, 2_811), (5_000, 6_900), (10_000, 13_755),
    (50_000, 68_000),
)  # fmt: skip
"""(differences, cells that decode 95 of 100 such sets), measured. Half as often: 16 % more at 10
differences, 1 % more at 1,000."""
STEP_CELLS_MIN = 8  # asked for at least, when cells did not decode
EMPTY_CELLS_MIN = 4  # fewer say nothing of how many differences there are


def cells_for(differences: int) -> int:
    """Cells that decode this many differences (both sides' symbols together) at p95."""
    right = min(max(1, bisect_left(_NEEDED, (differences,))), len(_NEEDED) - 1)
    (few, enough), (many, more) = _NEEDED[right - 1 : right + 1]
    return max(1, enough - (few - differences) * (more - enough) // (many - few))


def worth_sketching(ours: int, theirs: int) -> bool:
    """Whether sets of so many documents may be told apart with fewer bytes than by a listing.

    The gap is the least number of differences. A new node, or one far behind, has few to list.
    """
    gap = abs(ours - theirs)
    return _cheaper(0, cells_for(gap), gap * SYMBOL_BYTES, min(ours, theirs) * LISTED_BYTES)


def least_size(have: int) -> int:
    """Cells to have in all when `have` did not do: each step may cost a pass over all that is held."""
    return have + max(STEP_CELLS_MIN, have // 4)


def next_size(difference: Sketch, fewer: int, each_bytes: int = LISTED_BYTES) -> int | None:
    """Cells to have in all when these did not decode; None: list the `fewer` documents instead, which
    takes `each_bytes` for each."""
    have = len(difference)
    guessed = differences_guessed(difference)
    guess = 4 * have if guessed is None else cells_for(guessed)
    size = max(guess, least_size(have))
    return size if _cheaper(have, size, 0, fewer * each_bytes) else None


def _cheaper(have: int, size: int, more_bytes: int, listed_bytes: int) -> bool:
    """Whether cells up to `size` may be had, and for less than a listing."""
    sketched = (size - have) * CELL_BYTES + more_bytes
    return size <= limits.SKETCH_CELLS_MAX and sketched <= listed_bytes


def differences_guessed(difference: Sketch) -> int | None:
    """From how many cells of the later half are empty; None: too few, so there are many.

    Cell i is empty with probability (1 - 2/(i + 2))^d, about e^(-2d/(i + 2)). Good to about a fifth
    from a hundred cells on.
    """
    later = difference.cells()[len(difference) // 2 :]
    empty = later.count(0)
    if empty < EMPTY_CELLS_MIN:
        return None
    middle = len(difference) * 3 / 4 + 2
    return round(math.log(len(later) / empty) * middle / 2)
