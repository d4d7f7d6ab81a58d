"""`review`: what waits for a person, both sides of it, and the decision.

Resolving is a named person's statement. It names the finding as it was shown: if something arrived
meanwhile, the finding is another one and must be looked at again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.charts import author
from node.cli.opening import AsJson, By, desk_of, find_document, who
from node.cli.output import at_ms, now, plain, say, say_json, when
from node.errors import EXIT_REVIEW_PENDING, BadRequest

if TYPE_CHECKING:
    from datetime import datetime

    from node.desk import Desk

Finding = Annotated[str, typer.Argument(help="Its id, or the first four letters or more.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(
        help="Contradictions, hazards and possible duplicates that wait for a person."
    )
    group.command("list")(list_findings)
    group.command("show")(show_finding)
    group.command("resolve")(resolve_finding)
    app.add_typer(group, name="review")


def list_findings(
    context: typer.Context,
    document: Annotated[
        str | None, typer.Argument(metavar="[PERSON|EPISODE]", help="Of one chart only.")
    ] = None,
    severity: Annotated[str | None, typer.Option(help="Only high, medium or low.")] = None,
    as_json: AsJson = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 4 when a finding is open.")
    ] = False,
) -> None:
    """What waits for a person, most urgent first."""
    from conflict.finding import SEVERITIES
    from conflict.identity import document_text

    if severity and severity not in SEVERITIES:
        raise BadRequest(f"--severity takes {', '.join(SEVERITIES)}")
    with desk_of(context) as desk:
        found = desk.findings()
        if document:
            chosen = document_text(find_document(desk, document))
            found = [one for one in found if chosen in one["documents"]]
    if severity:
        found = [one for one in found if one["severity"] == severity]
    if as_json:
        say_json(found)
    else:
        for one in found:
            say(f"{plain(one['id'])}  {plain(one['severity']).upper()}  {plain(one['text'])}")
        say(f"Review {len(found)}" if found else "Nothing to review.")
    if exit_code and found:
        raise typer.Exit(EXIT_REVIEW_PENDING)


def show_finding(context: typer.Context, finding: Finding, as_json: AsJson = False) -> None:
    """One finding: who wrote what, when and where, what is shown now, and what would close it."""
    with desk_of(context) as desk:
        found = desk.finding(finding)
    if as_json:
        say_json(found)
        return
    for line in finding_lines(found, now()):
        say(line)


def finding_lines(found: Mapping[str, Any], present: datetime) -> Iterator[str]:
    """A finding as text; entries are numbered from 1 for `--choose` and `--void`."""
    yield f"{plain(found['severity']).upper()} {plain(found['kind'])} {plain(found['id'])}"
    yield plain(found["text"])
    for number, one in enumerate(found["entries"], 1):
        mark = {"safer": "  ← shown, the safer reading", "stands": "  ← shown"}.get(
            one["state"], ""
        )
        yield f"  {number}. {plain(one['plain'])}: {plain(one['words'])}{mark}"
        said = when(one["at"], present) or "no time given"
        yield f"     {author(one)}, {said}; recorded {at_ms(one['recorded_ms'], present)}"
        yield f"     {plain(one['document'])}"
    for missing in found["not_held"]:
        yield f"  known to belong to this chart, not held here: {plain(missing)}"
    for closed in found["closed_by"]:
        yield f"  closed by {plain(closed)}"
    yield f"To close it: {plain(found['closing']['words'])}"


def resolve_finding(  # noqa: PLR0917  Typer calls it by name; each option is a parameter
    context: typer.Context,
    finding: Finding,
    decision: Annotated[str, typer.Argument(help="What was decided, in words.")] = "",
    choose: Annotated[int | None, typer.Option(help="The entry that holds, by its number.")] = None,
    value: Annotated[str | None, typer.Option(help="Another value that holds, as JSON.")] = None,
    void: Annotated[list[int] | None, typer.Option(help="Entries that were in error.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Write what it proposes.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Decide, as a named person: writes a resolution, and what the decision needs."""
    from conflict.clinical_time import utc_text
    from node.desk import Resolve

    with desk_of(context) as desk:
        found = desk.finding(finding)
        how = Resolve(
            finding=found["id"],
            by=who(context, by),
            decision=decision,
            choose="" if choose is None else _name(found, choose),
            value=_json(value),
            void=tuple(_name(found, number) for number in void or ()),
            record=record,
            at=utc_text(now()),
        )
        _say_resolved(desk, how, as_json=as_json)


def _say_resolved(desk: Desk, how: Any, *, as_json: bool) -> None:
    answer = desk.resolve(how)
    if as_json:
        say_json(answer)
        return
    say("Saved here.")
    if answer["open"]:
        say("The finding is still open: what was written does not replace all of it. Look again.")


def _name(found: Mapping[str, Any], number: int) -> str:
    entries = found["entries"]
    if not 1 <= number <= len(entries):
        raise BadRequest(f"this finding has entries 1 to {len(entries)}; {number} given")
    return str(entries[number - 1]["name"])


def _json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise BadRequest("--value is not JSON; put it in single quotes for the shell") from fault
