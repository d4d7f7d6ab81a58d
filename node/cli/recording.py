"""Writing into the record: `record`, one statement at a time.

A correction names what its author was shown: for slots that hold one value, an author's own entry is
replaced; what others wrote, perhaps a second ago, only with `--replace` or by its id. Fields are
typed by the slot's own shape.
"""

from __future__ import annotations

import difflib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.opening import AsJson, By, desk_of, find_document, who
from node.cli.output import now, say, say_json, tell
from node.errors import BadRequest, NotPermitted

if TYPE_CHECKING:
    from conflict.identity import DocumentId
    from conflict.shape import Field
    from conflict.slot import Slot
    from conflict.statement import Draft
    from node.desk import Desk

_ONE_VALUE = frozenset({"single", "ranked"})
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(record)


def record(  # noqa: PLR0917  Typer calls it by name; each option is a parameter
    context: typer.Context,
    slot: Annotated[str, typer.Argument(help="Where it belongs: vitals, triage, allergy, …")],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DOCUMENT] [FIELD=VALUE…]", help="An id or a label, then fields."),
    ] = None,
    value: Annotated[str | None, typer.Option(help="The whole value as JSON.")] = None,
    at: Annotated[str | None, typer.Option(help="When it happened; else now.")] = None,
    by: By = None,
    new: Annotated[
        str | None, typer.Option(help="In a new document: person, episode, unit or theatre.")
    ] = None,
    called: Annotated[
        str, typer.Option(help="What everybody calls the new unit or theatre by: its code.")
    ] = "",
    void: Annotated[str | None, typer.Option(help="Entered in error: the reason.")] = None,
    supersedes: Annotated[list[str] | None, typer.Option(help="Statements it replaces.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace what is shown, others' entries included.")
    ] = False,
    beside: Annotated[
        bool, typer.Option("--beside", help="Replace nothing, stand beside what is shown.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Record one statement; it is durable when its id is printed."""
    name, fields = _split(words or [])
    if (name is None) == (new is None):
        raise BadRequest("Name one document, or give --new with the kind of a new one")
    if void and not supersedes:
        raise BadRequest("--void needs --supersedes with the statements that were in error")
    declared = slot_named(slot)
    given = None if void else _value(declared, value, fields)
    with desk_of(context) as desk:
        document = _new_document(new, called) if new else find_document(desk, name or "")
        _check_kind(declared, document)
        author = who(context, by)
        shown = [] if beside or supersedes else _shown(desk, document, declared, given, "")
        own = shown if replace else _shown(desk, document, declared, given, author) if shown else []
        draft = _draft(slot, given, at, author, void, supersedes or own)
        _say_saved(desk, document, draft, as_json=as_json)
        if left := len(set(shown) - set(own)):
            tell(f"It stands beside {left} by others: `aidstation show`, then --replace or review.")


def _split(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Document and fields: only fields have a `=`."""
    names = [word for word in words if "=" not in word]
    if len(names) > 1:
        raise BadRequest(f"{len(names)} documents given, or a field without '='")
    return (names[0] if names else None), [word for word in words if "=" in word]


def slot_named(name: str) -> Slot:
    """A slot of the catalogue. Raises `BadRequest` naming the nearest."""
    from conflict import records
    from conflict.slot import CATALOGUE

    if name not in CATALOGUE:
        near = difflib.get_close_matches(name, CATALOGUE, 1)
        hint = f"did you mean {near[0]}" if near else f"slots are {', '.join(records.__all__)}"
        raise BadRequest(f"'{name[:40]}' is no slot: {hint.lower()}")
    return CATALOGUE[name]


def _check_kind(slot: Slot, document: DocumentId) -> None:
    from conflict.identity import document_kind

    kind = document_kind(document)
    if kind not in slot.kinds:
        fits = " or ".join(one.name.lower() for one in slot.kinds)
        raise BadRequest(f"{slot.name} belongs in a document of kind {fits}, not in this one")


def _value(slot: Slot, text: str | None, fields: Sequence[str]) -> Any:
    if (text is None) == (not fields):
        raise BadRequest("Give the value once: as --value JSON, or as field=value")
    if text is None:
        return parse_fields(slot, fields)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise BadRequest("--value is not JSON; put it in single quotes for the shell") from fault


def parse_fields(slot: Slot, fields: Iterable[str]) -> dict[str, Any]:
    """`pulse=88 pulse_site=radial` as a value, each field typed by the slot's shape."""
    shapes: Mapping[str, Field] = slot.shape.fields
    found: dict[str, Any] = {}
    for word in fields:
        name, _, text = word.partition("=")
        if name not in shapes:
            near = difflib.get_close_matches(name, shapes, 1)
            hint = f"did you mean {near[0]}" if near else f"fields are {', '.join(shapes)}"
            raise BadRequest(f"{slot.name} has no field '{name[:40]}': {hint}")
        found[name] = _typed(shapes[name], name, text)
    return found


def _typed(shape: Field, name: str, text: str) -> Any:
    from conflict.shape import Anything, Flag, Group, Many, Whole

    if isinstance(shape, Many):
        return [_typed(shape.item, name, part.strip()) for part in text.split(",")]
    if isinstance(shape, Group | Anything):
        raise BadRequest(f"{name} has fields of its own: give the whole value with --value JSON")
    if isinstance(shape, Whole):
        try:
            return int(text)
        except ValueError as fault:
            raise BadRequest(f"{name}: a whole number expected") from fault
    if isinstance(shape, Flag):
        if text.lower() not in _TRUE | _FALSE:
            raise BadRequest(f"{name}: true or false expected")
        return text.lower() in _TRUE
    return text


def _new_document(kind: str, called: str) -> DocumentId:
    """A document of a kind. Two nodes that begin one unit, by its code, write in one document."""
    from conflict.identity import ID_BYTES, DocumentKind, document_from_source, new_document

    if kind.upper() not in DocumentKind.__members__:
        raise BadRequest(f"--new takes {', '.join(DocumentKind.__members__).lower()}")
    chosen = DocumentKind[kind.upper()]
    named = chosen in {DocumentKind.UNIT, DocumentKind.THEATRE}
    if named != bool(called.strip()):
        raise BadRequest("--called goes with --new unit and --new theatre, and they need it")
    if named:
        return document_from_source(chosen, "code", called.strip().upper())
    return new_document(chosen, secrets.token_bytes(ID_BYTES - 1))


def _shown(desk: Desk, document: DocumentId, slot: Slot, value: Any, by: str) -> list[str]:
    """What a new value would replace: all that is shown, or what one person wrote of it."""
    if slot.policy.family not in _ONE_VALUE:
        return []
    try:
        return desk.shown(document, slot.name, value, by)
    except NotPermitted:
        return []  # who may not read only adds: an emergency entry stands beside what is there


def _draft(
    slot: str, value: Any, at: str | None, by: str, void: str | None, replaced: Iterable[str]
) -> Draft:
    from conflict.clinical_time import instants, utc_text
    from conflict.identity import StatementId
    from conflict.statement import Draft

    if at:
        instants(at)
    return Draft(
        slot=slot,
        value=value,
        at=at or utc_text(now()),
        by=by,
        void=void,
        supersedes=tuple(StatementId(one) for one in replaced),
    )


def _say_saved(desk: Desk, document: DocumentId, draft: Draft, *, as_json: bool) -> None:
    from conflict.identity import document_text
    from node.desk import Save

    ids = desk.save([Save(document, (draft,))])[0]
    if as_json:
        replaced = list(draft.supersedes)
        say_json({"document": document_text(document), "statements": ids, "supersedes": replaced})
        return
    say(document_text(document))
    for one in ids:
        say(one)
