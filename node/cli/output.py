"""What commands print: results on stdout, everything else on stderr, no control characters.

Text in a record may come from any peer, so it never reaches a terminal with escape sequences or
direction marks in it. Times are Zulu with their age beside them.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from node.faults import Fault

API_VERSION = 1
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_AGES = ((86_400, "d"), (3_600, "h"), (60, "min"))


def say(text: str = "") -> None:
    """One line of the result."""
    sys.stdout.write(text + "\n")


def tell(text: str) -> None:
    """One line about the work, beside the result."""
    sys.stderr.write(text + "\n")


def say_json(result: Any) -> None:
    """The whole result as one object; indented for people on a terminal."""
    _write_json({"api": API_VERSION, "result": result})


def say_figures(figures: Mapping[str, Any]) -> None:
    """Figures as one bare object, for programs that compare runs."""
    _write_json(figures)


def say_json_error(fault: Fault) -> None:
    """The error as one object, in place of the result."""
    _write_json({"api": API_VERSION, "error": fault.body()})


def _write_json(body: Mapping[str, Any]) -> None:
    indent = 2 if sys.stdout.isatty() else None
    say(json.dumps(body, ensure_ascii=False, indent=indent))


def plain(value: Any) -> str:
    """Text without control, format and direction characters; line breaks become spaces."""
    text = "" if value is None else str(value)
    return "".join(_visible(letter) for letter in text)


def _visible(letter: str) -> str:
    if letter in "\n\t":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(letter) in _HIDDEN else letter


def say_table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as wide as their content, so that nothing is cut; heads in capitals."""
    lines = [[head.upper() for head in heads], *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        say("  ".join(cells).rstrip())


def counted(number: int, name: str) -> str:
    """`1 entry`, `2 entries`."""
    plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    return f"{number:,} {name if number == 1 else plural}"


def is_bare() -> bool:
    """Whether colours and moving lines are unwelcome on stdout."""
    return not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR"))


def now() -> datetime:
    """The present, aware."""
    return datetime.now(UTC)


def when(at: str | None, present: datetime) -> str:
    """`14:02Z, 38 min` for a clinical time that means one instant; else the text as given."""
    from conflict.clinical_time import instants
    from conflict.errors import BadTime

    if not at:
        return ""
    try:
        start = instants(at).earliest
    except BadTime:
        return plain(at)
    zone = at.partition("T")[2]
    if not zone or zone.endswith("L") or not (zone.endswith("Z") or "+" in zone or "-" in zone):
        return plain(at)  # a day or a local time: no one instant, so no age
    form = "%H:%MZ" if abs((present - start).total_seconds()) < 86_400 else "%Y-%m-%d %H:%MZ"
    return f"{start.strftime(form)}, {age((present - start).total_seconds())}"


def age(seconds: float) -> str:
    """`38 min`, `2 h`, `3 d`; `in 5 min` for what lies ahead."""
    size = abs(seconds)
    for unit_s, unit in _AGES:
        if size >= unit_s:
            text = f"{int(size // unit_s)} {unit}"
            return text if seconds >= 0 else f"in {text}"
    return "now"


def at_ms(stamp_ms: Any, present: datetime) -> str:
    """A moment in milliseconds since 1970 as `14:02Z, 38 min`; text of another form as it is."""
    if not isinstance(stamp_ms, int):
        return when(stamp_ms, present) if isinstance(stamp_ms, str) else ""
    try:
        moment = datetime.fromtimestamp(stamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"no date ({stamp_ms} ms)"  # a peer's clock may say anything
    return when(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), present)
