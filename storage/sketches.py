"""The sketch of what is held, in SQL: the sum of all cells and of the steps not yet poured into them.

A transaction notes symbols that went and came (*steps*) in the row of the tally that it writes anyway;
when those are many they are poured into that shard's cells: right in any order of commits. The secret
is kept beside them, so that every process that opens the database works under one key.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    delete,
    literal,
    select,
    union_all,
    update,
)

from conflict.identity import DocumentId
from conflict.scope import NOBODY, Audience
from storage.sharing import Audiences, within
from storage.tables import document, setting, sketch, tally
from storage.upsert import chunks, upsert
from sync.limits import SKETCH_CELLS_KEPT
from sync.sketch import CELL_BYTES, SECRET_BYTES, SYMBOL_BYTES, Sketch, SketchKey, Symbol

SETTING = "sketch.secret"
NO_SECRET = bytes(SECRET_BYTES)
STEPS_BYTES_MAX = 2048  # 128 saves: written with each of them, poured in two milliseconds
_STEP_BYTES = 8
_SYMBOL_MAX = (1 << 8 * SYMBOL_BYTES) - 1
_PAGE = 1000
_SHARD = 0


@lru_cache(maxsize=8)
def key_of(secret: bytes | None) -> SketchKey:
    """The key that a secret (16 bytes; None: not given yet) makes."""
    return SketchKey(NO_SECRET if secret is None else secret)


# Steps -------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """A held document's symbol before (None: it was not held) and after a transaction."""

    went: Symbol | None
    came: Symbol


def step(key: SketchKey, one: DocumentId, before: bytes | None, after: bytes) -> Step:
    """From the state digests before and after."""
    went = None if before is None else key.symbol(one, before)
    return Step(went, key.symbol(one, after))


def pack_steps(steps: Iterable[tuple[Symbol | None, Symbol | None]]) -> bytes:
    """Of symbols that went and came (None: none did). Eight bytes a symbol: its 48 bits, then whether
    it went."""
    found: list[int] = []
    for went, came in steps:
        if went is not None:
            found.append(went << 1 | 1)
        if came is not None:
            found.append(came << 1)
    return struct.pack(f">{len(found)}q", *found)


def pour(cells: Sketch, steps: bytes) -> None:
    """Do what packed steps say; a document that went on changing leaves its first and last symbol."""
    counts = _net(steps)
    for symbol, count in counts.items():
        for _ in range(abs(count)):
            (cells.add if count > 0 else cells.remove)(Symbol(symbol))


def shortened(steps: bytes) -> bytes:
    """The same without symbols that came and went."""
    found: list[int] = []
    for symbol, count in _net(steps).items():
        found += [symbol << 1 | (count < 0)] * abs(count)
    return struct.pack(f">{len(found)}q", *found)


def _net(steps: bytes) -> Counter[int]:
    counts: Counter[int] = Counter()
    for (number,) in struct.iter_unpack(">q", steps[: len(steps) // _STEP_BYTES * _STEP_BYTES]):
        if 0 <= number >> 1 <= _SYMBOL_MAX:  # damaged ones count as none, as damaged cells do
            counts[number >> 1] += -1 if number & 1 else 1
    return counts


class Place(NamedTuple):
    """Which row of cells: an audience (0: everything), a shard."""

    audience: Audience
    shard: int


def settle(connection: Connection, key: SketchKey, place: Place, steps: bytes) -> bytes:
    """Steps that stay in that row of the tally, which is locked; too many go into its cells."""
    if len(steps) <= STEPS_BYTES_MAX:
        return steps
    steps = shortened(steps)
    if len(steps) <= STEPS_BYTES_MAX // 2:
        return steps
    where = {"its_audience": place.audience, "its_shard": place.shard}
    found = _sketch(key, connection.scalar(_CELLS, where))
    pour(found, steps)
    _save(connection, place, found)
    return b""


_CELLS = select(sketch.c.cells).where(
    sketch.c.audience == bindparam("its_audience"), sketch.c.shard == bindparam("its_shard")
)


def _sketch(key: SketchKey, cells: bytes | None) -> Sketch:
    """Stored cells; damaged ones count as none: `check` finds them, and no save waits for that."""
    if cells is None or len(cells) != SKETCH_CELLS_KEPT * CELL_BYTES:
        return Sketch(key, SKETCH_CELLS_KEPT)
    return Sketch.from_bytes(key, cells)


def _save(connection: Connection, place: Place, found: Sketch) -> None:
    row = {**place._asdict(), "cells": found.to_bytes()}
    connection.execute(upsert(connection, sketch), row)


# Reading -----------------------------------------------------------------------------------------

SECRET = select(setting.c.value).where(setting.c.key == SETTING)
_AUDIENCES: BindParameter[Any] = bindparam("audiences", expanding=True)
_KEPT = union_all(
    select(literal(0), setting.c.value).where(setting.c.key == SETTING),
    select(literal(1), sketch.c.cells).where(sketch.c.audience.in_(_AUDIENCES)),
    select(literal(2), tally.c.steps).where(tally.c.audience.in_(_AUDIENCES)),
)
_NAMED = select(document.c.symbol, document.c.document).where(
    document.c.symbol.in_(bindparam("symbols", expanding=True))
)
_SYMBOLS = select(document.c.symbol).execution_options(yield_per=_PAGE)
_STATES = select(document.c.document, document.c.digest).execution_options(yield_per=_PAGE)


def kept(connection: Connection, audiences: Audiences = None) -> Sketch:
    """The first `SKETCH_CELLS_KEPT` cells of audiences (None: everything): a few small rows."""
    asked = {"audiences": (NOBODY,) if audiences is None else audiences}
    rows = [tuple(row) for row in connection.execute(_KEPT, asked)]
    key = key_of(next((value for kind, value in rows if kind == 0), None))
    found = Sketch(key, SKETCH_CELLS_KEPT)
    for kind, value in rows:
        if kind == 1:
            found.merge(_sketch(key, value))
    pour(found, b"".join(value for kind, value in rows if kind == 2))
    return found


def read(connection: Connection, size: int, audiences: Audiences) -> Sketch:
    """The first `size` cells (`LaneReader.sketch`)."""
    return resized(kept(connection, audiences), _symbols(connection, audiences), size)


def resized(found: Sketch, symbols: Iterable[Symbol], size: int) -> Sketch:
    """The first `size` cells of kept ones; more are made from all symbols."""
    if size > len(found):
        found.extend(symbols, size)
        return found
    first = Sketch(found.key, size)
    first.merge(found)
    return first


def _symbols(connection: Connection, audiences: Audiences) -> Iterator[Symbol]:
    """All of them, read only when the first is asked for."""
    for one in connection.scalars(within(_SYMBOLS, audiences)):
        yield Symbol(one)


def salted(
    connection: Connection, salt: bytes, size: int, audiences: Audiences
) -> tuple[Sketch, dict[Symbol, DocumentId]]:
    """Cells under a salt, and whose symbols are whose (`LaneReader.salted_sketch`)."""
    secret = connection.scalar(SECRET)
    states = connection.execute(within(_STATES, audiences))
    return salted_over(states, secret or NO_SECRET, salt, size)


def salted_over(
    states: Iterable[Sequence[Any]], secret: bytes, salt: bytes, size: int
) -> tuple[Sketch, dict[Symbol, DocumentId]]:
    """The same over (document, digest) pairs."""
    key = SketchKey(secret, salt)
    found = Sketch(key, size)
    owners: dict[Symbol, DocumentId] = {}
    for one, digest in states:
        symbol = key.symbol(one, digest)
        found.add(symbol)
        owners[symbol] = DocumentId(one)
    return found, owners


def named(
    connection: Connection, symbols: Iterable[Symbol], audiences: Audiences
) -> dict[Symbol, DocumentId]:
    """Held documents by symbol; of two that share one, the lower id."""
    found: dict[Symbol, DocumentId] = {}
    query = within(_NAMED, audiences)
    for part in chunks(sorted(set(symbols))):
        rows = connection.execute(query, {"symbols": part}).all()
        found |= {Symbol(symbol): DocumentId(one) for symbol, one in sorted(rows, reverse=True)}
    return found


# Made anew ---------------------------------------------------------------------------------------


def renew(connection: Connection, secret: bytes) -> None:
    """Every symbol and all cells under a secret, in pages; nobody else writes meanwhile."""
    key = key_of(secret)
    found = Sketch(key, SKETCH_CELLS_KEPT)
    connection.execute(delete(sketch))
    connection.execute(update(tally).values(steps=b""))
    for rows in _pages(connection):
        symbols = [key.symbol(DocumentId(one), digest) for one, digest in rows]
        connection.execute(
            _MARK,
            [
                {"its_document": row.document, "its_symbol": symbol}
                for row, symbol in zip(rows, symbols, strict=True)
            ],
        )
        for symbol in symbols:
            found.add(symbol)
    start(connection, found)
    connection.execute(upsert(connection, setting), {"key": SETTING, "value": secret})


_MARK = (
    update(document)
    .where(document.c.document == bindparam("its_document"))
    .values(symbol=bindparam("its_symbol"))
)


def start(connection: Connection, found: Sketch, audience: Audience = NOBODY) -> None:
    """Cells of everything or of an audience, where no shard has any yet."""
    _save(connection, Place(audience, _SHARD), found)


def _pages(connection: Connection) -> Iterator[Sequence[Any]]:
    query = select(document.c.document, document.c.digest).order_by(document.c.document)
    after = b""
    while rows := connection.execute(query.where(document.c.document > after).limit(_PAGE)).all():
        yield rows
        after = rows[-1].document


def secret_of(settings: Mapping[str, bytes]) -> bytes:
    """The secret among settings."""
    return settings.get(SETTING, NO_SECRET)
