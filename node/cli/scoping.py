"""Scopes: which units are known here, how a record joins or leaves one, and who asked for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.opening import AsJson, By, desk_of, find_document, who
from node.cli.output import at_ms, now, plain, say, say_json, say_table

if TYPE_CHECKING:
    from conflict.identity import DocumentId
    from node.desk import Desk, Save

Records = Annotated[
    list[str], typer.Argument(metavar="RECORD...", help="Ids, their starts, or labels.")
]
Scope = Annotated[str, typer.Option("--scope", help="Its code, as in `aidstation scope list`.")]

scope = typer.Typer(help="Which units may hold which records.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    scope.command("list")(list_scopes)
    scope.command()(join)
    scope.command()(leave)
    scope.command()(asked)
    app.add_typer(scope, name="scope")


def list_scopes(context: typer.Context, as_json: AsJson = False) -> None:
    """Scopes whose unit document is held here: code, records that belong, whether granted."""

    with desk_of(context) as desk:
        granted = desk.status()["membership"]["scopes"]
        units = [one["document"] for one in desk.list_documents("unit", limit=1000)]
        rows = [_described(desk, unit) for unit in units]
    for row in rows:
        row["granted"] = granted is None or row["document"] in granted
    if as_json:
        say_json({"scopes": rows, "everything": granted is None})
        return
    say_table(
        ("scope", "records", "granted", "document"),
        ((one["code"], one["records"], _yes(one["granted"]), one["document"]) for one in rows),
    )
    if granted is None:
        say("This node may hold everything: it is in no theatre, or its certificate says so.")


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def _described(desk: Desk, unit: str) -> dict[str, Any]:
    from conflict.identity import parse_document

    (found,) = (
        one for one in desk.chart(parse_document(unit))["documents"] if one["document"] == unit
    )
    slots = found["slots"]
    names = [reading["value"].get("code", "") for reading in slots.get("scope", ())]
    inside = [
        reading
        for reading in slots.get("member_document", ())
        if reading["value"].get("status") == "belongs"
    ]
    return {"document": unit, "code": " / ".join(filter(None, names)), "records": len(inside)}


def join(
    context: typer.Context, records: Records, code: Scope, by: By = None, as_json: AsJson = False
) -> None:
    """Say that casualties belong to a scope: who is granted it gets all of their records.

    Said on a garrison it also settles what `scope asked` lists of them.
    """
    from dataclasses import replace

    from conflict.clinical_time import utc_text
    from conflict.membership import joining, naming
    from conflict.scope import scope_id
    from node.desk import Save

    unit, at, person = scope_id(code), utc_text(now()), who(context, by)
    with desk_of(context) as desk:
        documents = _charts(desk, records)
        drafts = [replace(joining(one), by=person, at=at) for one in documents]
        if not desk.statements(unit):
            drafts.insert(0, replace(naming(code.strip()), by=person, at=at))
        _write(desk, Save(unit, tuple(drafts)), as_json=as_json)


def leave(
    context: typer.Context,
    records: Records,
    code: Scope,
    to: Annotated[str, typer.Option(help="Where they went; shown beside it.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say that casualties left a scope: its units get nothing new of them; what they wrote counts."""
    from conflict.clinical_time import utc_text
    from conflict.identity import StatementId, document_text
    from conflict.membership import leaving
    from conflict.scope import scope_id
    from node.desk import Save
    from node.errors import NotFound

    unit, at, person = scope_id(code), utc_text(now()), who(context, by)
    with desk_of(context) as desk:
        drafts = []
        for one in _charts(desk, records):
            shown = desk.shown(unit, "member_document", {"document": document_text(one)})
            if shown:
                seen = tuple(map(StatementId, shown))
                drafts.append(leaving(one, seen, to=to, by=person, at=at))
        if not drafts:
            raise NotFound(f"None of these is known to belong to {code}")
        _write(desk, Save(unit, tuple(drafts)), as_json=as_json)


def asked(context: typer.Context, as_json: AsJson = False) -> None:
    """What units were given of others' records on their own word, the newest first.

    Mostly care, as of a medic who read a wristband; or an insider's look. On a garrison it is about all
    units. A record that is found to be in order is joined there (`scope join RECORD --scope UNIT`): then
    the unit has it on a garrison's word, and it is listed no more. If it is not, `scope leave` ends what
    the unit is sent, and `revoke` the device. A unit that wrote in a record first, as that came to this
    node, is not listed for it.
    """
    with desk_of(context) as desk:
        found = desk.asked()
    if as_json:
        say_json(found)
        return
    if not found["asked"]:
        say("No unit was given a record of others on its own word.")
        return
    present = now()
    heads = ("when", "unit", "device", "by", "units that have it", "others who wrote", "record")
    say_table((*heads, "label"), (_cells(one, present) for one in found["asked"]))
    if found["more"]:
        say(f"and {found['more']} older ones")


def _cells(one: dict[str, Any], present: Any) -> tuple[str, ...]:
    def called(device: dict[str, str]) -> str:
        return " ".join(filter(None, (device["name"], device["node"][:8]))) or "not known"

    return (
        at_ms(one["recorded_ms"], present),
        one["unit"],
        called(one),
        one["by"] or "unnamed",
        ", ".join(one["units"]) or "none",
        ", ".join(map(called, one["wrote"])),
        one["document"],
        one["label"],
    )


def _charts(desk: Desk, records: list[str]) -> list[DocumentId]:
    """Every held document of these casualties."""
    from conflict.identity import parse_document

    charts = (desk.chart(find_document(desk, one)) for one in records)
    named = (one["document"] for chart in charts for one in chart["documents"])
    return [parse_document(one) for one in dict.fromkeys(named)]


def _write(desk: Desk, save: Save, *, as_json: bool) -> None:
    from conflict.identity import document_text

    (statements,) = desk.save([save])
    if as_json:
        say_json({"document": document_text(save.document), "statements": statements})
    else:
        say(f"Saved here: {plain(document_text(save.document))}")
