"""`make bench`: every figure of one run, as a table, then as one JSON object.

`ARGS="--charts 1000"` for a short run; `ARGS="--only folding matching"` for some of it; `--json`
prints only the JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import at_rest
import cold_sync
import folding
import ingest
import local_save
import matching
import signatures

from tests.bench import becoming_equal, payload, sketching, stick, thin_link, tls_handshake
from tests.bench.figures import print_rows
from tests.bench.lone_statement import lone_rows
from tests.bench.peers import comparison
from tests.bench.peers.table import table as peers_table

SEEDS = (1, 2, 3)
Rows = list[dict[str, Any]]


def main() -> None:
    """Run and print."""
    benches: dict[str, Callable[[argparse.Namespace], Rows]] = {
        "folding": _folding,
        "matching": _matching,
        "sketching": _sketching,
        "payload": _payload,
        "becoming_equal": _becoming_equal,
        "thin_link": _thin_link,
        "tls": _tls,
        "ingest": _ingest,
        "signatures": _signatures,
        "cold_sync": _cold_sync,
        "bundle": _bundle,
        "local_save": _local_save,
        "at_rest": _at_rest,
        "peers": _peers,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charts", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--only", nargs="+", choices=benches, default=list(benches))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each size, for the spread")
    chosen = parser.parse_args()
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    results: dict[str, Any] = {"machine": machine}
    for name in chosen.only:
        results[name] = benches[name](chosen)
        if not chosen.json:
            _table(name, results[name])
    print(json.dumps(results))


def _folding(chosen: argparse.Namespace) -> Rows:
    return [folding.measure(size) for size in (300, 2_000) for _ in range(chosen.repeat)]


def _matching(_chosen: argparse.Namespace) -> Rows:
    return [matching.matching_figures(seed) for seed in SEEDS]


def _ingest(chosen: argparse.Namespace) -> Rows:
    keys = (os.urandom(32), None)
    sizes = [charts for charts in chosen.charts for _ in range(chosen.repeat)]
    return [ingest.measure(charts, key=key) for charts in sizes for key in keys]


def _signatures(chosen: argparse.Namespace) -> Rows:
    return signatures.measure(min(chosen.charts), max(chosen.repeat, signatures.TIMES))


def _sketching(_chosen: argparse.Namespace) -> Rows:
    return [sketching.measure()]


def _payload(chosen: argparse.Namespace) -> Rows:
    return payload.measure(max(chosen.charts)) + lone_rows()


def _thin_link(_chosen: argparse.Namespace) -> Rows:
    return [thin_link.measure()]


def _tls(_chosen: argparse.Namespace) -> Rows:
    return tls_handshake.measure()


def _peers(chosen: argparse.Namespace) -> Rows:
    return [comparison.measure(charts, repeat=max(chosen.repeat, 3)) for charts in chosen.charts]


def _becoming_equal(chosen: argparse.Namespace) -> Rows:
    charts = max(chosen.charts)
    return becoming_equal.measure(10 * charts, nodes=charts)


def _cold_sync(chosen: argparse.Namespace) -> Rows:
    return [cold_sync.measure(charts) for charts in chosen.charts for _ in range(chosen.repeat)]


def _bundle(chosen: argparse.Namespace) -> Rows:
    return [stick.measure(charts) for charts in chosen.charts for _ in range(chosen.repeat)]


def _local_save(chosen: argparse.Namespace) -> Rows:
    busy = [local_save.measure(max(chosen.charts)) for _ in range(chosen.repeat)]
    return [*busy, *(turn for _ in range(chosen.repeat) for turn in local_save.in_turns())]


def _at_rest(chosen: argparse.Namespace) -> Rows:
    return at_rest.measure(min(chosen.charts))


def _table(name: str, rows: Rows) -> None:
    print(f"\n{name}", file=sys.stderr)
    if name == "peers":
        print(peers_table(rows), file=sys.stderr)
        return
    measured = [row for row in rows if "goal" not in row]
    for key in dict.fromkeys(key for row in measured for key in row):
        values = "  ".join(f"{row.get(key, '')!s:>12}" for row in measured)
        print(f"  {key:<22}{values}", file=sys.stderr)
    print_rows([row for row in rows if "goal" in row])


if __name__ == "__main__":
    main()
