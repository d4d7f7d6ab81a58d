"""Who is who: a casualty without a name, candidates for the same person, links, wrong casualty."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.opening import AsJson, By, desk_of, find_document, who
from node.cli.output import now, plain, say, say_json

if TYPE_CHECKING:
    from node.desk import Desk, Relation

One = Annotated[str, typer.Argument(metavar="RECORD", help="An id, its start, or a label.")]
Other = Annotated[str, typer.Argument(metavar="OTHER", help="The other record.")]
Reason = Annotated[str, typer.Option(help="Why; shown beside it.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(casualty)
    app.command()(candidates)
    app.command("same")(link)
    app.command("not-same")(unlink)
    app.command()(move)


def casualty(
    context: typer.Context,
    wristband: Annotated[str, typer.Option(help="Number on the wristband or tag.")] = "",
    another: Annotated[
        bool, typer.Option("--another", help="Somebody else than who wore this number before.")
    ] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Begin the record of a casualty, known or not, under a trauma identity of this node's own."""
    with desk_of(context) as desk:
        made = desk.new_casualty(who(context, by), wristband, another=another)
    if as_json:
        say_json(made)
        return
    if made["existing"]:
        say(
            "This wristband has a record here already (somebody else's? --another begins a new one):"
        )
    say(plain(made["trauma_identity"]))
    say(plain(made["person"]))
    say(plain(made["episode"]))


def candidates(
    context: typer.Context,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="An id, its start, or a label.")],
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """Records that may be this person's too, with the evidence. Nothing is joined: see `same`."""
    with desk_of(context) as desk:
        found = desk.candidates(find_document(desk, person), limit)
    if as_json:
        say_json(found)
        return
    for one in found:
        say(f"{plain(one['band'])}  {plain(one['label']) or 'no name'}  {plain(one['document'])}")
        say(f"  {plain(one['words'])}")
    if not found:
        say("No other record held here looks like this person's.")


def link(
    context: typer.Context,
    record: One,
    other: Other,
    reason: Reason = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say that two records are one person's (or one episode's): one chart, undone by `not-same`."""
    _relate(context, record, other, reason, by, lambda desk: desk.link, as_json=as_json)


def unlink(
    context: typer.Context,
    record: One,
    other: Other,
    reason: Reason = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say that two records do not belong together after all: both are as they were."""
    _relate(context, record, other, reason, by, lambda desk: desk.unlink, as_json=as_json)


def _relate(
    context: typer.Context,
    record: str,
    other: str,
    reason: str,
    by: str | None,
    act: Callable[[Desk], Callable[[Relation], Any]],
    *,
    as_json: bool,
) -> None:
    from conflict.clinical_time import utc_text
    from node.desk import Relation

    with desk_of(context) as desk:
        one, two = find_document(desk, record), find_document(desk, other)
        answer = act(desk)(Relation(one, two, who(context, by), reason, utc_text(now())))
    _say_written(answer, as_json=as_json)


def move(
    context: typer.Context,
    record: One,
    statements: Annotated[
        list[str], typer.Argument(help="Statements that are not this casualty's.")
    ],
    to: Annotated[str, typer.Option(help="The record they belong in.")],
    reason: Reason = "wrong casualty",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Wrong casualty: mark statements here as entered in error and copy them to the right record."""
    from conflict.clinical_time import utc_text
    from node.desk import Move

    with desk_of(context) as desk:
        source, target = find_document(desk, record), find_document(desk, to)
        at = utc_text(now())
        answer = desk.move(Move(source, tuple(statements), target, who(context, by), reason, at))
    _say_written(answer, as_json=as_json)


def _say_written(answer: Any, *, as_json: bool) -> None:
    if as_json:
        say_json(answer)
        return
    for document in answer["statements"]:
        say(f"Saved here: {plain(document)}")
