"""`make bench`: every figure of one run, as a table, then as one JSON object.

`ARGS="--charts 1000"` for a short run; `--json` prints only the JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import cold_sync
import local_save


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charts", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each size, for the spread")
    chosen = parser.parse_args()
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    results = {
        "machine": machine,
        "cold_sync": [
            cold_sync.measure(charts) for charts in chosen.charts for _ in range(chosen.repeat)
        ],
        "local_save": [local_save.measure(max(chosen.charts)) for _ in range(chosen.repeat)],
    }
    if not chosen.json:
        for name in ("cold_sync", "local_save"):
            _table(name, results[name])
    print(json.dumps(results))


def _table(name: str, rows: list[dict[str, object]]) -> None:
    print(f"\n{name}", file=sys.stderr)
    for key in rows[0]:
        values = "  ".join(f"{row[key]!s:>12}" for row in rows)
        print(f"  {key:<22}{values}", file=sys.stderr)


if __name__ == "__main__":
    main()
