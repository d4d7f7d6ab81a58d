"""Verbs as `[[at]]` tables of a scenario: read strictly, and written so that they read back the same."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from node.errors import BadRequest
from node.quantities import bits_per_second, seconds
from node.sim.lab.people import Write
from node.sim.lab.schedule import Step
from node.sim.lab.toml import Table, nearest
from node.sim.lab.verbs import VERBS, fields_of
from node.sim.link_shape import LinkShape

LOSS_PERCENT_MAX = 90
"""As `LinkShape` has it."""
PIECES_MAX = 2_000_000
"""What people write has numbers below this."""


def period(name: str, text: str) -> float:
    """`600ms`, `10min`, `36h`, `7d` in seconds. Raises `BadRequest`."""
    if text.endswith("d") and text[:-1].replace(".", "", 1).isdigit():
        return float(text[:-1]) * 86_400
    try:
        return seconds(name, text)
    except BadRequest as fault:
        raise BadRequest(
            f"{name}: {text!r} was given; write a time as 90s, 10min, 36h or 7d"
        ) from fault


def known_node(table: Table, key: str, name: str, nodes: Mapping[str, object]) -> str:
    """A node of the scenario. Raises `BadScenario`."""
    if name not in nodes:
        raise table.bad(key, f"names no node {name!r}{nearest(name, nodes)}")
    return name


# Reading ------------------------------------------------------------------------------------------


def step_of(
    table: Table, nodes: Mapping[str, object], until_s: float, *, writes: bool = False
) -> Step:
    """A step. `writes`: pieces of the seed may be written by number, too. Raises `BadScenario`."""
    known = {**VERBS, Write.word: Write} if writes else VERBS
    for key in ("time", "do"):
        if key not in table.values:
            raise table.bad(key, "is missing")
    word = table.text_of("do")
    if word == Write.word and not writes:
        raise table.bad("do", "is write, which goes with `exact = true` only")
    if word not in known:
        raise table.bad("do", f"has no verb {word!r}{nearest(word, known)}")
    kind = known[word]
    table.only(("time", "do", *fields_of(kind)))
    at_s = table.quantity_of("time", period, 0.0)
    if at_s > until_s:
        raise table.bad("time", f"is after the healing, which ends at {until_s:,.0f} s")
    given = {key: _argument(table, key, nodes) for key in table.values if key not in {"time", "do"}}
    missing = [
        name
        for name, one in inspect.signature(kind).parameters.items()
        if one.default is inspect.Parameter.empty and name not in given
    ]
    if missing:
        raise table.bad("do", f"{word} also needs {', '.join(missing)}")
    return Step(at_s, kind(**given))


def _argument(table: Table, key: str, nodes: Mapping[str, object]) -> Any:
    match key:
        case "nodes":
            return tuple(known_node(table, key, one, nodes) for one in table.texts_of(key))
        case "seconds":
            either = table.values["do"] in {"clock-jump", "clock-drift"}
            return table.quantity_of(key, _shift if either else period, 0.0)
        case "rate":
            return _in_limits(table, key, table.quantity_of(key, bits_per_second, 0.0))
        case "percent":
            most = LOSS_PERCENT_MAX if table.values["do"] == "loss" else 100
            return table.number_of(key, 0, 0, most)
        case "number":
            return table.number_of(key, 0, 0, PIECES_MAX)
        case "oneway" | "noticed":
            return table.flag_of(key, default=False)
        case _:
            return known_node(table, key, table.text_of(key), nodes)


def _in_limits(table: Table, key: str, rate: float) -> float:
    try:
        LinkShape(rate_bits_s=rate)
    except BadRequest as fault:
        raise table.bad(key, str(fault).partition(": ")[2]) from fault
    return rate


def _shift(name: str, text: str) -> float:
    """A time that may be negative."""
    return -period(name, text[1:]) if text.startswith("-") else period(name, text)


# Writing ------------------------------------------------------------------------------------------


def values_of(step: Step) -> dict[str, Any]:
    """The table of a step; what is as by default is left out."""
    found: dict[str, Any] = {"time": f"{_plain(step.at_s)}s", "do": step.verb.word}
    for one in fields(step.verb):  # type: ignore[arg-type]  # every verb is a dataclass
        value = getattr(step.verb, one.name)
        if one.default is MISSING or value != one.default:
            found[one.name] = _form(one.name, value)
    return found


def _form(key: str, value: Any) -> Any:
    match key:
        case "nodes":
            return list(value)
        case "seconds":
            return f"{_plain(value)}s"
        case "rate":
            return _plain(value)
        case _:
            return value


def _plain(number: float) -> str:
    """Decimals as `node.quantities` reads them, without an exponent."""
    return f"{number:.9f}".rstrip("0").rstrip(".")
