"""The comparison as text: a block for each size and round trip, a line for each figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.bench.peers.comparison import OURS, PHASES, Row

FIGURES = {"seconds": "s", "bytes": "bytes", "round_trips": "round trips", "sink_mb": "sink MB"}
WIDTH = 30


def table(results: Sequence[dict[str, Any]]) -> str:
    """What `measure` told of each size, for reading. `(× n)`: ours is n times that."""
    return "\n".join(line for result in results for line in _size(result))


def _size(result: dict[str, Any]) -> Iterator[str]:
    rows: list[Row] = result["rows"]
    for delay_ms in dict.fromkeys(row["round_trip_ms"] for row in rows):
        these = [row for row in rows if row["round_trip_ms"] == delay_ms]
        names = list(dict.fromkeys(row["system"] for row in these))
        yield f"\n{result['charts']:,} charts, round trip {delay_ms} ms"
        yield f"  {'':<20}" + "".join(f"{name:>{WIDTH}}" for name in names)
        for phase in PHASES:
            by_name = {row["system"]: row for row in these if row["phase"] == phase}
            for figure, unit in FIGURES.items():
                cells = [_cell(by_name.get(name), figure) for name in names]
                if any(cells):
                    yield f"  {phase + ', ' + unit:<20}" + "".join(f"{c:>{WIDTH}}" for c in cells)
    for name, why in result["left_out"].items():
        yield f"  {name}, {result['charts']:,} charts: left out, {why}"


def _cell(row: Row | None, figure: str) -> str:
    if row is None or row[figure] is None:
        return ""
    value = row[figure]
    text = f"{value:,.2f}" if isinstance(value, float) and value < 100 else f"{value:,.0f}"
    if figure == "seconds":
        text = f"{value:.3f} ({row['seconds_least']:.2f}–{row['seconds_most']:.2f})"
    ratio = row[f"ours_{figure}"]
    return text if row["system"] == OURS or ratio is None else f"{text} (× {ratio:.2g})"
