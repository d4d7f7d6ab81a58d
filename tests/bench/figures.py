"""Rows of figures with their goals: mean and 95th percentile of what was measured several times."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from math import ceil
from typing import Any

Row = dict[str, Any]


def row(
    work: str, figure: str, values: Sequence[float], *, goal: float | None = None, **more: object
) -> Row:
    """`met`: the p95 is no more than the goal, where there is one; `more` goes into the row."""
    ordered = sorted(values)
    p95 = ordered[ceil(len(ordered) * 0.95) - 1]
    return {
        "work": work,
        "figure": figure,
        "goal": goal,
        "mean": round(statistics.mean(ordered), 3),
        "p95": round(p95, 3),
        "most": round(ordered[-1], 3),
        "times": len(ordered),
        "met": None if goal is None else p95 <= goal,
        **more,
    }


def print_rows(rows: Sequence[Row]) -> None:
    """A line each, to stderr."""
    work = ""
    for one in rows:
        if one["work"] != work:
            work = one["work"]
            head = f"{'goal':>10}{'mean':>10}{'p95':>10}{'times':>7}"
            print(f"\n  {work:<66}{head}", file=sys.stderr)
        goal = "" if one["goal"] is None else f"≤ {one['goal']:,g}"
        miss = "  missed" if one["met"] is False else ""
        values = f"{goal:>10}{one['mean']:>10,.4g}{one['p95']:>10,.4g}{one['times']:>7}"
        print(f"    {one['figure']:<64}{values}{miss}", file=sys.stderr)
