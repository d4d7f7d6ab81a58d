"""`python -m tests.bench.peers`: what a user would pick instead, beside our node, in one run.

`--charts 1000` for one size; `--only PouchDB` for some systems; `--json` prints only the JSON.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys

from tests.bench.peers.comparison import REPEAT, ROUND_TRIPS_S, measure
from tests.bench.peers.pairs import systems
from tests.bench.peers.table import table


def main() -> None:
    """Run and print."""
    names = [system.name for system in systems()]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charts", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--repeat", type=int, default=REPEAT)
    parser.add_argument(
        "--delay-ms", type=float, nargs="+", default=[s * 1e3 for s in ROUND_TRIPS_S]
    )
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    delays_s = [ms / 1e3 for ms in chosen.delay_ms]
    results = [
        measure(charts, repeat=chosen.repeat, only=chosen.only, delays_s=delays_s)
        for charts in chosen.charts
    ]
    if not chosen.json:
        print(table(results), file=sys.stderr)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
