"""A run as one self-contained HTML page, drawn from its JSON report alone: no script, no other file.

Times become places on a drawing of `WIDTH` units, so that a week of a hundred nodes is no larger than what
can be told apart on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from node.sim.lab.report import BLOCK

WIDTH = 1000
LANES_HIGH = 1000
LINKS_SHOWN = 40
MARK_WIDTH = 2
"""What was written closer together is one mark."""
EVENTS_SHOWN = 300
QUIET = {"connected", "written", "not-written", "started"}
FATES = ("delivered", "held", "reordered", "duplicated", "dropped")


class Bar(NamedTuple):
    """A stretch of a lane: place and length, its class, and what it says."""

    x: float
    width: float
    kind: str
    said: str


class Lane(NamedTuple):
    """A node's swim lane. `cuts`, `marks`: an SVG path for each kind, as there may be thousands."""

    name: str
    y: float
    bars: list[Bar]
    cuts: list[tuple[str, str]]
    marks: list[tuple[str, str]]


class Column(NamedTuple):
    """Frames of a stretch of time: parts from the bottom up, (y, height, fate)."""

    x: float
    width: float
    parts: list[tuple[float, float, str]]
    said: str


def page(found: dict[str, Any]) -> bytes:
    """`found`: the JSON report with its events (`report.body`)."""
    loader = PackageLoader("node.sim.lab", "pages")
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["clock"] = clock
    text = made.get_template("run.html").render(
        run=found, width=WIDTH, block=_block(found), **_drawn(found)
    )
    return text.encode()


def _drawn(found: dict[str, Any]) -> dict[str, Any]:
    end_s = max(found["virtual_s"], 1.0)
    count = len(found["nodes"])
    lane_height = round(max(10.0, min(30.0, LANES_HIGH / count)), 2)
    watched = found["watched"]
    columns, frames_top = _columns(found, end_s)
    equal = [(at, 100 * same / pairs if pairs else 100.0) for at, same, pairs in watched["equal"]]
    review_top = max((n for _, n in watched["review"]), default=0)
    sizes = sorted(found["figures"]["bytes"].items(), key=lambda one: (-one[1], one[0]))
    acts = [one for one in found["events"] if one["kind"] not in QUIET and not one["node"]]
    return {
        "ticks": [(round(WIDTH * n / 6, 1), clock(end_s * n / 6)) for n in range(7)],
        "lanes": _lanes(found, end_s, lane_height),
        "lane_height": lane_height,
        "healing_x": _x(min(found["faults_s"], end_s), end_s),
        "acts": [(_x(one["at_s"], end_s), one) for one in acts[:EVENTS_SHOWN]],
        "acts_more": max(0, len(acts) - EVENTS_SHOWN),
        "columns": columns,
        "frames_top": frames_top,
        "fates": [one for one in FATES if one in found["figures"]["frames"]],
        "equal_line": _stairs(equal, end_s, 100.0),
        "review_line": _stairs(watched["review"], end_s, float(max(review_top, 1))),
        "review_top": review_top,
        "links": sizes[:LINKS_SHOWN],
        "links_top": sizes[0][1] if sizes else 1,
        "links_more": sizes[LINKS_SHOWN:],
        "bytes_sum": sum(size for _, size in sizes),
    }


def clock(at_s: float) -> str:
    """`3d 04:05`, `2:03:04` or `4:05` for seconds of a run."""
    days, rest = divmod(round(at_s), 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if days:
        return f"{days}d {hours:02}:{minutes:02}"
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def _x(at_s: float, end_s: float) -> float:
    return round(WIDTH * at_s / end_s, 1)


# Lanes --------------------------------------------------------------------------------------------


def _lanes(found: dict[str, Any], end_s: float, height: float) -> list[Lane]:
    watched, peers = found["watched"], max(1, len(found["nodes"]) - 1)
    states: dict[str, list[tuple[float, Any]]] = defaultdict(list)
    cuts: dict[str, list[tuple[float, Any]]] = defaultdict(list)
    marks: dict[str, dict[tuple[int, str], None]] = defaultdict(dict)
    for at, name, state in watched["states"]:
        states[name].append((at, state))
    for at, name, count in watched["cuts"]:
        cuts[name].append((at, count))
    for one in found["events"]:
        if one["kind"] in {"written", "not-written"}:
            x = round(_x(one["at_s"], end_s)) // MARK_WIDTH * MARK_WIDTH
            marks[one["node"]][x, one["kind"]] = None
    lanes = []
    for at, name in enumerate(found["nodes"]):
        bars = [Bar(x, wide, word, said) for x, wide, word, said in _spans(states[name], end_s)]
        apart = [
            ("all" if n >= peers else "some", f"M{x:g} {round(height * 0.85, 1):g}h{wide:g}")
            for x, wide, n, _ in _spans(cuts[name], end_s)
            if n
        ]
        top, long = round(height * 0.2, 1), round(height * 0.42, 1)
        drawn = [(kind, f"M{x} {top:g}v{long:g}") for x, kind in marks[name]]
        lanes.append(Lane(name, round(at * height, 2), bars, _paths(apart), _paths(drawn)))
    return lanes


def _paths(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """One path for each kind."""
    found: dict[str, str] = defaultdict(str)
    for kind, path in parts:
        found[kind] += path
    return sorted(found.items())


def _spans(
    changes: Sequence[tuple[float, Any]], end_s: float
) -> Iterator[tuple[float, float, Any, str]]:
    """Place, length, what holds, and when, of each stretch between changes."""
    ends = [at for at, _ in changes[1:]] + [end_s]
    for (at, what), end in zip(changes, ends, strict=False):
        x = _x(at, end_s)
        if end > at:
            yield x, max(0.8, round(_x(end, end_s) - x, 1)), what, f"{clock(at)} to {clock(end)}"


# Curves -------------------------------------------------------------------------------------------


def _columns(found: dict[str, Any], end_s: float) -> tuple[list[Column], int]:
    bins: dict[int, dict[str, int]] = defaultdict(dict)
    for at, fate, count in found["bins"]:
        bins[at][fate] = count
    top = max((sum(one.values()) for one in bins.values()), default=1)
    wide = max(0.8, round(WIDTH * found["bin_s"] / end_s - 0.3, 2))
    columns = []
    for at, counts in sorted(bins.items()):
        y, parts = 100.0, []
        for fate in FATES:
            if counts.get(fate):
                high = round(max(1.0, 100 * counts[fate] / top), 1)
                y = round(y - high, 1)
                parts.append((y, high, fate))
        said = ", ".join(f"{counts[fate]:,} {fate}" for fate in FATES if counts.get(fate))
        start_s = at * found["bin_s"]
        columns.append(Column(_x(start_s, end_s), wide, parts, f"{clock(start_s)}: {said}"))
    return columns, top


def _stairs(points: Sequence[tuple[float, float]], end_s: float, top: float) -> str:
    """An SVG path that keeps a value until the next; one step for each place, 100 units high."""
    path, last = "", None
    for at, value in points:
        x, y = _x(at, end_s), round(100 - 100 * value / top, 1)
        path += f"M{x} {y}" if last is None else f"H{x}V{y}"
        last = y
    return f"{path}H{WIDTH}" if path else ""


def _block(found: dict[str, Any]) -> Markup:
    """What `sim replay` reads, and what was found; without what is drawn above it."""
    drawn = {"events", "messages", "watched", "bins", "curve"}
    text = orjson.dumps({key: one for key, one in found.items() if key not in drawn}).decode()
    safe = text.replace("<", "\\u003c").replace("&", "\\u0026").replace(">", "\\u003e")
    return Markup(BLOCK.decode() + safe + "</script>")  # noqa: S704  nothing in it ends the block
