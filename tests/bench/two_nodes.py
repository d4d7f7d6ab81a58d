"""Idle checks and ten changed charts on each side between two real `aidstation run` processes.

Bytes and connections are counted by a proxy in front of the source, above TCP (HTTP upgrade and
WebSocket heads are in them, TLS is not there yet); with 50 ms of round trip it delays as well, one
round trip more to open a connection. Seconds are wall time, the API call that asks for it included.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from conflict.statement import Draft
from node.desk import Save
from node.sim import bench_charts
from node.sim.bench_charts import Chart
from tests.bench.figures import Row, row
from tests.bench.peers.aidstation_nodes import SINK, SOURCE, AidstationNodes
from tests.bench.peers.counted_link import CountedLink, Traffic
from tests.bench.peers.pairs import Pair
from tests.bench.peers.workload import Edits, Workload
from tests.bench.watching import watched

SEED = 1
CHANGED = 10
TIMES = 5
ROUND_TRIP_S = 0.05
KEPT, COLD, MET = "idle, kept connection", "idle, from a new connection", "10+10 changed"
HELD = "seconds until both hold it"
POLL_S = 0.002
_TALLY = "SELECT documents, digest FROM tally"
Measured = dict[str, list[tuple[float, Traffic]]]


@dataclass(frozen=True, slots=True)
class Change(Workload):
    """Charts of one save each, and what the two sides write into some of them."""

    written: Edits

    @property
    def edits(self) -> Edits:
        """See `Workload`."""
        return self.written


def two_nodes_rows(charts: int, times: int = TIMES) -> list[Row]:
    """No rows for no charts."""
    if not charts:
        return []
    held = list(bench_charts(SEED, charts))
    begun = tuple[Chart, ...]((document, saves[:1]) for document, saves in held)
    found: Measured = defaultdict(list)
    held_s: list[float] = []
    with (
        tempfile.TemporaryDirectory(prefix="aidstation-bench-") as root,
        CountedLink(round_trip_s=0.0) as link,
    ):
        prepared, folder = Path(root) / "prepared", Path(root) / "run"
        prepared.mkdir()
        folder.mkdir()
        system = AidstationNodes()
        system.prepare(prepared, Workload(begun))
        with system.pair(prepared, folder, link) as pair:
            pair.receive()
            link.settled()
            link.round_trip_s = ROUND_TRIP_S
            for number in range(times):
                _idle(pair, link, found)
                pair.change(Change(begun, _edits(held, number)))
                with _same(folder) as came:
                    found[MET].append(_timed(pair, link, pair.meet))
                held_s.append(came[0])
    return _rows(charts, found, held_s)


def _edits(held: list[Chart], number: int) -> Edits:
    """Other charts each time, spread over all."""
    chosen = held[number :: len(held) // (2 * CHANGED)][: 2 * CHANGED]
    saves = tuple(Save(document, _event(saves, number)) for document, saves in chosen)
    return Edits(source=saves[::2], sink=saves[1::2])


def _event(saves: tuple[tuple[Draft, ...], ...], number: int) -> tuple[Draft, ...]:
    return saves[1 + number % (len(saves) - 1)]


def _idle(pair: Pair, link: CountedLink, found: Measured) -> None:
    found[KEPT].append(_timed(pair, link, pair.check))
    pair.part()
    found[COLD].append(_timed(pair, link, pair.meet))
    pair.part()


@contextmanager
def _same(folder: Path) -> Iterator[list[float]]:
    """Seconds from here until both databases say the same, once the block has ended."""
    came: list[float] = []
    with ExitStack() as stack:
        stores = [stack.enter_context(closing(_tally(folder / name))) for name in (SOURCE, SINK)]
        began = time.perf_counter()

        def look() -> None:
            if came:
                return
            source, sink = (one.execute(_TALLY).fetchall() for one in stores)
            if source == sink:
                came.append(time.perf_counter() - began)

        with watched(look, POLL_S):
            yield came
        look()


def _tally(home: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{home / 'store.db'}?mode=ro", uri=True, check_same_thread=False)


def _timed(pair: Pair, link: CountedLink, step: Callable[[], None]) -> tuple[float, Traffic]:
    link.forget()
    began = time.perf_counter()
    step()
    seconds = time.perf_counter() - began
    source, sink = pair.digests()
    assert source == sink
    return seconds, link.settled()


def _rows(charts: int, found: Measured, held_s: list[float]) -> list[Row]:
    goals = {KEPT: (1_000, 1, 0.15), COLD: (4_000, 4, 0.15), MET: (6_000, None, 0.25)}
    rows: list[Row] = []
    for name, (size, trips, seconds) in goals.items():
        work = f"two nodes, {charts:,} charts, {name}"
        passed = [traffic for _, traffic in found[name]]
        sizes = [one.bytes_out + one.bytes_back for one in passed]
        turns = [one.round_trips for one in passed]
        took = [one for one, _ in found[name]]
        rows += [
            row(work, "bytes both ways", sizes, goal=size),
            row(work, "times the caller spoke after the called (TCP not in)", turns, goal=trips),
            row(work, f"seconds at {ROUND_TRIP_S * 1e3:.0f} ms", took, goal=seconds),
        ]
    return [*rows, row(f"two nodes, {charts:,} charts, {MET}", HELD, held_s)]
