"""What a chart says beyond what was written: clocks, totals, readiness, computed when it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from node.cli.output import age, plain

_NAMES = frozenset({"statement", "statements", "written", "among"})
"""Fields that name statements: for programs, not for people."""

_FOR_PROGRAMS = frozenset({"active_record"})


def derived_lines(derived: Mapping[str, Any]) -> Iterator[str]:
    """A line or more for each derived value that says something."""
    for name, value in derived.items():
        if name in _FOR_PROGRAMS:
            continue
        special = _SPECIAL.get(name)
        if special:
            yield from special(value)
        elif text := _words(value):
            yield f"{name.replace('_', ' ').capitalize()}: {text}"


def _tourniquets(clocks: Any) -> Iterator[str]:
    for one in clocks:
        least, most = one.get("minutes_least"), one.get("minutes")
        since = "no time known"
        if isinstance(most, int):
            since = _span(most) if least in {most, None} else f"{_span(least)} to {_span(most)}"
        limb = str(one.get("limb") or "unknown place").replace("-", " ")
        yield f"Tourniquet {plain(limb)}: {plain(one.get('state'))}, {since} ({plain(one.get('band'))})"


def _dose_totals(totals: Any) -> Iterator[str]:
    for drug in totals:
        for one in drug.get("totals") or ():
            day, everything = (_range(one.get(name)) for name in ("day", "all"))
            unit = plain(one.get("unit"))
            yield f"{plain(drug.get('drug'))}: {day} {unit} in 24 h, {everything} {unit} in all"
        for one in drug.get("not_added") or ():
            yield f"{plain(drug.get('drug'))}: not added up: {_words(one)}"


def _last_vitals(last: Any) -> Iterator[str]:
    minutes = last.get("minutes")
    if isinstance(minutes, int):
        yield f"Vital signs last taken {age(minutes * 60)} ago"


_SPECIAL = {
    "tourniquets": _tourniquets,
    "dose_totals": _dose_totals,
    "last_vitals": _last_vitals,
}


def _range(bounds: Any) -> str:
    least, most = (plain(one) for one in bounds)
    return least if least == most else f"{least} to {most}"


def _span(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        parts = (
            f"{plain(name).replace('_', ' ')} {text}"
            for name, inner in value.items()
            if name not in _NAMES and (text := _words(inner))
        )
        return ", ".join(parts)
    if isinstance(value, list):
        return "; ".join(text for inner in value if (text := _words(inner)))
    if value is None or isinstance(value, bool):
        return "" if value is None else ("yes" if value else "no")
    return plain(value)
