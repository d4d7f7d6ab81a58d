"""What a sketch costs: microseconds to keep it, milliseconds to decode it, cells and bytes it takes.

Run with `python -m tests.bench.sketching`. Processor time, least of several rounds; cells are what
`decode` really needed, the fewest found by halving, over random sets. A store is measured with all that
sync asks of it and without (no symbols, cells and indexes), in turns. Goals: insert with its hashes
8 µs at 1,024 cells, 1,000 differences decoded in 15 ms, a cold ingest slowed by 5 % at most.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from conflict.identity import DocumentId, Lane
from conflict.lane import LaneRun
from storage import SqlStore, sketches
from storage.database import writing
from sync.sketch import (
    CELL_BYTES,
    SYMBOL_BYTES,
    Sketch,
    SketchKey,
    Symbol,
    cells_for,
    cells_of,
    decode,
)
from tests.contracts import store_samples
from tests.contracts.store_samples import NOW_MS, sample_lane

SEED = 7
ROUNDS = 9
CELLS = 1_024
DOCUMENTS = 100_000
STORED, SAVES, CHANGES, AT_ONCE = 2_000, 300, 11, 50
SETS = {1: 50, 10: 800, 100: 100, 1_000: 20}
KEY = SketchKey(bytes(range(16)))


def pairs(rng: random.Random, count: int) -> list[tuple[DocumentId, bytes]]:
    """(document, state digest) pairs."""
    return [(DocumentId(rng.randbytes(16)), rng.randbytes(16)) for _ in range(count)]


def least_s(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Seconds of processor time of one call, least of the rounds."""
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


def difference(symbols: Sequence[Symbol], size: int) -> Sketch:
    """Every second symbol is ours, the others theirs: what is left of two sets of any size."""
    found = Sketch(KEY, size)
    for symbol in symbols[::2]:
        found.add(symbol)
    for symbol in symbols[1::2]:
        found.remove(symbol)
    return found


def keeping() -> dict[str, float]:
    """Insert, hashes included; the cells that follow, on demand."""
    held = pairs(random.Random(SEED), 2_000)
    found = Sketch(KEY, CELLS)

    def insert() -> None:
        for document, digest in held:
            found.add(KEY.symbol(document, digest))

    symbols = [KEY.symbol(*pair) for pair in held]
    more = least_s(lambda: cells_of(KEY, symbols, CELLS, 4 * CELLS))
    return {
        "insert_us": round(least_s(insert) / len(held) * 1e6, 2),
        "cells_on_demand_us": round(more / len(held) * 1e6, 2),
    }


def decoding(count: int) -> float:
    """Milliseconds to decode so many differences."""
    rng = random.Random(SEED + 1)
    symbols = [KEY.symbol(*pair) for pair in pairs(rng, count)]
    found = difference(symbols, 2 * cells_for(count))
    first = needed(found)
    exact = Sketch.from_bytes(KEY, found.to_bytes(0, first))
    return round(least_s(lambda: decode(exact)) * 1e3, 2)


def needed(found: Sketch) -> int:
    """The fewest first cells that decode."""

    def decodes(size: int) -> bool:
        return decode(Sketch.from_bytes(KEY, found.to_bytes(0, size))).complete

    sizes = range(1, len(found) + 1)
    return sizes[bisect_left(sizes, x=True, key=decodes)] if decodes(len(found)) else len(found)


def cells(count: int, sets: int) -> dict[str, float]:
    """Cells for each difference, mean and p95 over random sets."""
    rng = random.Random(SEED + 2)
    size = 3 * cells_for(count) + 60
    counts = []
    for _ in range(sets):
        symbols = [KEY.symbol(*pair) for pair in pairs(rng, count)]
        counts.append(needed(difference(symbols, size)))
    counts.sort()
    return {
        f"cells_each_{count}_mean": round(statistics.mean(counts) / count, 3),
        f"cells_each_{count}_p95": round(counts[int(sets * 0.95)] / count, 3),
    }


def one_real_pair(changed: int) -> dict[str, object]:
    """Two whole nodes, some documents changed on one of them: do the p95 cells tell them apart?"""
    held = pairs(random.Random(SEED + 3), DOCUMENTS)
    size = cells_for(2 * changed)
    mine, its = Sketch(KEY, size), Sketch(KEY, size)
    for number, (document, digest) in enumerate(held):
        symbol = KEY.symbol(document, digest)
        mine.add(symbol)
        its.add(KEY.symbol(document, bytes(16)) if number < changed else symbol)
    found = decode(mine.subtract(its))
    complete = found.complete and len(found.ours) == len(found.theirs) == changed
    return {"documents": DOCUMENTS, "changed": changed, "cells": size, "decoded": complete}


def storing() -> dict[str, float]:
    """Holding new charts, then one more change in each, as an ingest and as local saves do."""
    lane = sample_lane(1, store_samples.document(1), CHANGES + 1)
    charts = [Lane(store_samples.document(number), lane.lane.actor) for number in range(STORED)]
    first = [replace(lane.cut(1, CHANGES), lane=one) for one in charts]
    more = [[replace(lane.cut(CHANGES + 1, CHANGES + 1), lane=one)] for one in charts[:SAVES]]
    ingest = [first[at : at + AT_ONCE] for at in range(0, STORED, AT_ONCE)]
    least: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, changed in (("with", nullcontext), ("without", _without_sketch)):
            with changed(), tempfile.TemporaryDirectory() as folder:
                store = SqlStore.open(Path(folder) / "bench.db", entropy=bytes(16))
                if name == "without":
                    _drop_indexes(store)
                spent = {
                    f"store_chart_us_{name}": _held_s(store, ingest) / STORED,
                    f"store_save_us_{name}": _held_s(store, more) / SAVES,
                }
                store.close()
            for figure, seconds in spent.items():
                least[figure] = min(least.get(figure, seconds), seconds)
    return {figure: round(seconds * 1e6, 1) for figure, seconds in sorted(least.items())}


def _held_s(store: SqlStore, transactions: Sequence[Sequence[LaneRun]]) -> float:
    began = time.process_time()
    for runs in transactions:
        with store.write() as transaction:
            transaction.hold(runs, None, NOW_MS)
    return time.process_time() - began


@contextmanager
def _without_sketch() -> Iterator[None]:
    room: Any = sketches
    kept = room.step, room.pack_steps
    room.step = lambda *_: sketches.Step(None, Symbol(0))
    room.pack_steps = lambda _: b""
    try:
        yield
    finally:
        room.step, room.pack_steps = kept


def _drop_indexes(store: SqlStore) -> None:
    with writing(store.engine) as connection:
        for name in ("document_symbol", "run_arrival"):
            connection.exec_driver_sql(f"DROP INDEX {name}")


def measure() -> dict[str, Any]:
    """All figures."""
    figures: dict[str, Any] = {**keeping(), **storing()}
    figures |= {f"decode_{count}_ms": decoding(count) for count in (10, 100, 1_000)}
    for count, sets in SETS.items():
        figures |= cells(count, sets)
    for name in ("mean", "p95"):
        each = figures[f"cells_each_10_{name}"]
        figures[f"bytes_10_of_100000_{name}"] = round(10 * each * CELL_BYTES)
    figures["bytes_handed_back_each"] = SYMBOL_BYTES
    figures |= one_real_pair(10)
    return figures


def main() -> None:
    """Print: a table to stderr, JSON to stdout."""
    figures = measure()
    for name, value in figures.items():
        print(f"  {name:<26}{value!s:>10}", file=sys.stderr)
    print(json.dumps({"sketching": figures}))


if __name__ == "__main__":
    main()
