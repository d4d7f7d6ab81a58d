"""Reading one casualty: `show`, the chart with its contradictions first.

Every value stands with who said it and when; where statements disagree the safer reading is marked
and the others are listed under it. What is known but not held here is said, never left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.derived_lines import derived_lines
from node.cli.opening import AsJson, desk_of, find_document
from node.cli.output import is_bare, now, plain, say, say_json, when
from node.cli.shedding import away_lines

if TYPE_CHECKING:
    from rich.text import Text

_MARKS = {
    "safer": ("SAFER READING", "bold yellow"),
    "disputed": ("DISPUTED", "bold yellow"),
    "discrepant": ("DISCREPANT", "bold red"),
    "also": ("also said", "yellow"),
    "stopped?": ("STOPPED?", "bold yellow"),
    "not-in-force": ("not in force", "yellow"),
    "inactive": ("inactive", "dim"),
    "amended": ("before amendment", "dim"),
}
_SEVERITY = {"high": "bold red", "medium": "bold yellow", "low": "yellow"}
_SEVERITIES = tuple(_SEVERITY)

Line = tuple[str, str]
"""Text and style."""


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(show)


def show(
    context: typer.Context,
    document: Annotated[
        str, typer.Argument(metavar="PERSON|EPISODE", help="An id, its start, or a label.")
    ],
    as_json: AsJson = False,
) -> None:
    """The chart of one casualty: contradictions first, then everything by document."""
    with desk_of(context) as desk:
        chart = desk.chart(find_document(desk, document))
    if as_json:
        say_json(chart)
        return
    lines = list(chart_lines(chart, now()))
    if is_bare():
        for text, _ in lines:
            say(text)
    else:
        _paint(lines)


def _paint(lines: Sequence[Line]) -> None:
    from rich.console import Console
    from rich.text import Text

    painted: list[Text] = [Text(text, style) for text, style in lines]
    console = Console(markup=False, highlight=False, emoji=False)
    for one in painted:
        console.print(one, soft_wrap=True)


def chart_lines(chart: Mapping[str, Any], present: datetime) -> Iterator[Line]:
    """The chart as styled lines; no line holds a control character."""
    yield plain(chart.get("label") or "Unnamed casualty"), "bold"
    yield from _finding_lines(chart.get("findings") or ())
    yield from ((line, "") for line in derived_lines(chart.get("derived") or {}))
    for one in chart.get("documents") or ():
        yield "", ""
        yield from _document_lines(one, present)
    yield "", ""
    yield from _holding_lines(chart)


def _finding_lines(findings: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    waiting = [one for one in findings if not one.get("closed_by")]
    if not waiting:
        yield "Nothing to review.", ""
        return
    yield f"Review {len(waiting)}:", "bold"
    for one in sorted(waiting, key=_urgency):
        severity = plain(one.get("severity"))
        text = f"  {severity.upper()}: {plain(one.get('text'))} [{plain(one.get('id'))}]"
        yield text, _SEVERITY.get(severity, "")


def _urgency(found: Mapping[str, Any]) -> tuple[int, str]:
    severity = found.get("severity")
    rank = _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
    return rank, str(found.get("id"))


def _document_lines(document: Mapping[str, Any], present: datetime) -> Iterator[Line]:
    yield plain(document.get("document")), "bold"
    slots: Mapping[str, Any] = document.get("slots") or {}
    for name in sorted(slots, key=lambda slot: (not _is_disputed(slots[slot]), _place(slot))):
        yield f"  {_title(name)}", "underline"
        for reading in slots[name]:
            yield from _reading_lines(name, reading, present)
    yield from _absent_lines(str(document.get("document")), slots)
    for one in document.get("struck") or ():
        yield from _struck_lines(one)
    for one in document.get("unknown") or ():
        text = f"  {plain(one.get('slot'))} (from newer software): {plain(one.get('value'))}"
        yield text, "dim"
    for one in document.get("unreadable") or ():
        yield f"  cannot be read, kept as it is: {plain(one)}", "yellow"


def _absent_lines(document: str, slots: Mapping[str, Any]) -> Iterator[Line]:
    """What a reader must not take for granted: nobody asked about allergies is not "none known"."""
    from conflict.records import ALLERGY, BLOOD_TYPE

    for slot in (ALLERGY, BLOOD_TYPE):
        if document.startswith("person-") and slot.name not in slots:
            yield f"  {slot.plain}: {slot.absent}", "yellow"


def _struck_lines(one: Mapping[str, Any]) -> Iterator[Line]:
    void = one.get("void") or {}
    slot = str(one.get("slot"))
    said = f"{plain(void.get('by')) or 'unnamed'}: {plain(void.get('reason'))}"
    yield f"  entered in error ({said})", "dim"
    value = words(slot, one.get("value"))
    yield f"    {_title(slot)}: {value}  ({plain(one.get('by')) or 'unnamed'})", "dim strike"


def _is_disputed(readings: Sequence[Mapping[str, Any]]) -> bool:
    return any(one.get("state") in {"safer", "disputed", "discrepant", "also"} for one in readings)


def _place(slot: str) -> int:
    from conflict import records  # noqa: F401  fills the catalogue
    from conflict.slot import CATALOGUE

    names = list(CATALOGUE)
    return names.index(slot) if slot in names else len(names)


def _title(slot: str) -> str:
    from conflict.slot import CATALOGUE

    return CATALOGUE[slot].plain if slot in CATALOGUE else plain(slot)


def _reading_lines(slot: str, reading: Mapping[str, Any], present: datetime) -> Iterator[Line]:
    state = str(reading.get("state") or "stands")
    mark, style = _MARKS.get(state, ("", ""))
    said = [author(reading), when(reading.get("at"), present)]
    text = f"{mark + ': ' if mark else ''}{words(slot, reading.get('value'))}"
    indent = "      " if state == "also" else "    "
    yield f"{indent}{text}  ({', '.join(part for part in said if part)})", style
    yield from ((f"{indent}  {line}", "") for line in _cosigned_lines(reading, present))
    for problem in reading.get("problems") or ():
        yield f"{indent}  outside its form: {plain(problem)}", "yellow"


def author(entry: Mapping[str, Any]) -> str:
    """`SGT Ruiz, medic`, or `SGT Ruiz, entered by CPT Chen, provider`: who says so, and who wrote it."""
    parts = [plain(entry.get("by")) or "unnamed"]
    if entered := plain(entry.get("entered_by")):
        parts.append(f"entered by {entered}")
    if role := plain(entry.get("by_role")):
        parts.append(f"{role} entry" if role == "emergency" else role)
    return ", ".join(parts)


def _cosigned_lines(reading: Mapping[str, Any], present: datetime) -> Iterator[str]:
    for name, words in _COSIGNED.items():
        if one := reading.get(name):
            at = when(one.get("at"), present)
            yield f"{words} {plain(one.get('by')) or 'unnamed'}{f' at {at}' if at else ''}"


_COSIGNED = {
    "cosigned": "co-signed by",
    "changed_since_cosigned": "not co-signed: changed since co-signed by",
}


def words(slot: str, value: Any) -> str:
    """A value in plain words, with units where the slot knows them."""
    from conflict.slot import CATALOGUE

    declared = CATALOGUE.get(slot)
    return plain(value if declared is None else declared.words(value))


def _away(chart: Mapping[str, Any]) -> list[Any]:
    return list(chart.get("shed") or ())


def _holding_lines(chart: Mapping[str, Any]) -> Iterator[Line]:
    missing = chart.get("not_held") or ()
    if missing:
        yield "Known to belong here, but not held on this node:", "bold yellow"
        yield from ((f"  {plain(one)}", "yellow") for one in missing)
    yield from ((f"Not here any more: {line}", "yellow") for line in away_lines(_away(chart)))
    if chart.get("documents") or not _away(chart):
        yield "Saved here", ""
    for one in chart.get("held_by") or ():
        place = "garrison " if one.get("garrison") else ""
        name = plain(one.get("name") or one.get("node"))
        yield f"Also on {place}{name}: {_how_much(one)}", ""


def _how_much(one: Mapping[str, Any]) -> str:
    if one.get("all"):
        return "all of it"
    known, of = one.get("statements") or 0, one.get("of") or 0
    return f"at least {known} of {of} entries" if known < of else "part of it"
