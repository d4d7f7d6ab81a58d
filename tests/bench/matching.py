"""Precision and recall of suggested duplicates among generated people, and the time of one query.

Run with `python -m tests.bench.matching`. Parameters of the matcher were chosen on seeds 100 to 109
only; the figures to quote are those of seeds 1 to 10, the default. Times are wall time on whatever this
machine was doing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from conflict.matching import SUGGESTED, Profile, blocks, candidates
from node.sim.duplicates import Record, population

PEOPLE = 1_000
PERSONS_HELD = 10_000
QUERIES = 50
SEEDS = range(1, 11)
SPREAD = (
    "precision",
    "recall",
    "recall_no_dod_id",
    "recall_identified",
    "recall_when_asked",
    "true_pairs",
)

Pair = tuple[int, int]


def matching_figures(seed: int, people: int = PEOPLE) -> dict[str, Any]:
    """Figures of one seed: every record asked about against all others, each pair counted once."""
    records = population(seed, people)
    known = {record.number: record for record in records}
    true = set(_true_pairs(records))
    shown = _shown(records)
    suggested = {pair for pair, band in shown.items() if band == SUGGESTED}
    bare = {pair for pair in true if _bare(*(known[number] for number in pair))}
    named = {pair for pair in true if all(known[number].profile.names for number in pair)}
    return {
        "seed": seed,
        "records": len(records),
        "true_pairs": len(true),
        "suggested": len(suggested),
        "precision": _share(len(suggested & true), len(suggested)),
        "recall": _share(len(suggested & true), len(true)),
        "recall_no_dod_id": _share(len(suggested & bare), len(bare)),
        "recall_identified": _share(len(suggested & named), len(named)),
        "recall_when_asked": _share(len(shown.keys() & true), len(true)),
        "shown_when_asked": len(shown),
        "wrong_lookalike": sum(bool(known[later].lookalike) for _, later in suggested - true),
        "wrong_stranger": sum(not known[later].lookalike for _, later in suggested - true),
        "missed_unidentified": len(true - suggested - named),
        "missed_other": len(named - suggested),
    }


def query_figures(seed: int) -> dict[str, Any]:
    """Milliseconds of one query against `PERSONS_HELD` persons, caches cold and warm."""
    others = [(one.number, one.profile) for one in population(seed, PERSONS_HELD, second_percent=0)]
    asked = [one.profile for one in population(seed + 1_000, QUERIES * 4) if one.place == "card"]
    times = [_query_ms(one, others) for one in asked[:QUERIES]]
    warm = sorted(times[1:])
    return {
        "persons": len(others),
        "queries": len(times),
        "first_ms": round(times[0], 1),
        "median_ms": round(statistics.median(warm), 1),
        "max_ms": round(warm[-1], 1),
    }


def _true_pairs(records: Iterable[Record]) -> Iterable[Pair]:
    people: dict[int, list[int]] = {}
    for record in records:
        people.setdefault(record.person, []).append(record.number)
    for numbers in people.values():
        yield from combinations(numbers, 2)


def _shown(records: Sequence[Record]) -> dict[Pair, str]:
    """Band of every pair that is shown; scores are symmetric, so each is asked about from one side."""
    index: dict[str, list[Record]] = {}
    shown: dict[Pair, str] = {}
    for record in records:
        keys = blocks(record.profile)
        near = {one.number: one.profile for key in keys for one in index.get(key, ())}
        for number, match in candidates(record.profile, near.items(), most=len(near)):
            shown[number, record.number] = match.band
        for key in keys:
            index.setdefault(key, []).append(record)
    return shown


def _bare(one: Record, other: Record) -> bool:
    return not (one.profile.dod_ids and other.profile.dod_ids)


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0


def _query_ms(asked: Profile, others: list[tuple[int, Profile]]) -> float:
    began = time.perf_counter()
    candidates(asked, others)
    return (time.perf_counter() - began) * 1e3


def main() -> None:
    """Run and print: a table to stderr, JSON to stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--people", type=int, default=PEOPLE)
    chosen = parser.parse_args()
    rows = [matching_figures(seed, chosen.people) for seed in chosen.seeds]
    print(f"\nmatching, {chosen.people} people, seeds {chosen.seeds}", file=sys.stderr)
    print(f"  {'':<20}{'min':>10}{'median':>10}{'max':>10}", file=sys.stderr)
    for name in SPREAD:
        values = sorted(row[name] for row in rows)
        spread = (values[0], statistics.median(values), values[-1])
        print(f"  {name:<20}" + "".join(f"{value:>10.4g}" for value in spread), file=sys.stderr)
    query = query_figures(chosen.seeds[0])
    print(f"  query: {query}", file=sys.stderr)
    print(json.dumps({"matching": rows, "matching_query": query}))


if __name__ == "__main__":
    main()
