"""A device's way into a theatre: `enrol request`, `show`, `import`, `list`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli import approving, code_enrolling
from node.cli.handing_over import (
    hand_over,
    need_terminal,
    read_any,
    read_source,
    role_of,
    say_joined,
)
from node.cli.opening import AsJson, desk_of, home_of, key_of, settings_of
from node.cli.output import counted, plain, say, say_json, say_table, tell
from node.cli.signing_hand import Yes, confirm

if TYPE_CHECKING:
    from sync.trust.enrolment import Approval, Request

Source = Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for pasted text.")]
Scopes = Annotated[
    list[str] | None, typer.Option("--scope", help="A unit's or site's code; again for more.")
]
Out = Annotated[Path | None, typer.Option(help="Write a file instead of text on the terminal.")]
Qr = Annotated[bool, typer.Option("--qr", help="Show a QR code on the terminal.")]

enrol = typer.Typer(
    help="Who may be in the theatre, and how a device gets in.", no_args_is_help=True
)


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    enrol.command("request")(request)
    enrol.command("show")(show)
    enrol.command("import")(take)
    enrol.command("list")(devices)
    approving.add_to(enrol)
    code_enrolling.add_to(enrol)
    app.add_typer(enrol, name="enrol")


def request(
    context: typer.Context,
    *,
    scope: Scopes = None,
    role: Annotated[str, typer.Option(help="field or garrison; else as configured.")] = "",
    name: Annotated[str, typer.Option(help="Of the device; else as configured.")] = "",
    out: Out = None,
    qr: Qr = False,
    to: Annotated[str, typer.Option(help="host:port of `enrol open`: ask and join at once.")] = "",
    code: Annotated[str, typer.Option(help="The one-time code that it shows; else asked.")] = "",
    as_json: AsJson = False,
) -> None:
    """Ask to be let into a theatre, as a text, a file, a QR code or over the network.

    The check code beside it must be the one that the authority sees.
    """
    from node import requests
    from sync.trust.enrolment import request_bytes, request_code

    home, settings = home_of(context), settings_of(context)
    wanted = role_of(role or settings.node.role)
    own = key_of(context)
    made = requests.make(home, own, name or settings.node.name, wanted, tuple(scope or ()))
    check = request_code(made)
    if to:
        tell(f"Check code {check}: the authority sees it too.")
        code_enrolling.ask(context, made, to, code, as_json=as_json)
        return
    tell(f"Check code {check}: the authority must see the same.")
    hand_over(request_bytes(made), None, out, qr=qr, as_json=as_json, facts=_asked(made, check))
    tell("Next: bring the authority's answer here, `aidstation enrol import FILE`.")


def show(context: typer.Context, file: Source, as_json: AsJson = False) -> None:
    """Show what a request asks for, or what an approval grants, and its check code."""
    from sync.trust.enrolment import REQUEST_KIND, read_approval, read_request, request_code

    kind, data = read_any(file)
    if kind == REQUEST_KIND:
        asked = read_request(data)
        _say_facts(_asked(asked, request_code(asked)), as_json=as_json)
    else:
        _say_facts(_granted(context, read_approval(data)), as_json=as_json)


def _asked(asked: Request, check: str) -> dict[str, Any]:
    return {
        "node": asked.node.hex(),
        "name": asked.name,
        "role": asked.role.name.lower(),
        "scopes": list(asked.codes),
        "check_code": check,
    }


def _granted(context: typer.Context, approval: Approval) -> dict[str, Any]:
    """Also where it cannot be imported; the check code only where the request was made."""
    from node import requests
    from node.authority_lines import moment
    from sync.trust.certificate import check, root_public, theatre_id
    from sync.trust.enrolment import approval_code

    public = root_public(approval.root)
    grant = check(approval.certificate, public).grant
    asked = [one for one in requests.kept(home_of(context)) if one.digest == approval.request]
    return {
        "theatre": theatre_id(public).hex(),
        "node": grant.node.hex(),
        "role": grant.role.name.lower(),
        "scopes": None if grant.scopes is None else list(approval.codes),
        "until": moment(grant.expires_ms),
        "number": grant.number,
        "check_code": approval_code(asked[0], approval) if asked else "",
    }


def _say_facts(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(facts)
        return
    for name, value in facts.items():
        words = (
            ", ".join(value)
            if isinstance(value, list)
            else "everything"
            if value is None
            else value
        )
        say(f"{name.replace('_', ' ')}: {plain(words)}")


def take(context: typer.Context, file: Source, yes: Yes = False, as_json: AsJson = False) -> None:
    """Join the theatre with the authority's answer. Once more changes nothing."""
    from node import requests
    from sync.trust.enrolment import APPROVAL_KIND, approval_code, read_approval

    approval = read_approval(read_source(file, APPROVAL_KIND))
    own = key_of(context)
    with desk_of(context) as desk:
        found = requests.accepted(home_of(context), own, desk, approval)
        check = approval_code(found.request, approval)
        tell(f"Check code {check}.")
        if not yes:
            need_terminal(file)
            confirm("Does the authority show the same one beside this approval?")
        requests.join(desk, found)
    say_joined(found, check, as_json=as_json)


def devices(context: typer.Context, as_json: AsJson = False) -> None:
    """List the theatre's devices: role, scopes, number of the certificate, how long, standing."""
    with desk_of(context) as desk:
        here = desk.membership()
    if as_json:
        say_json(here)
        return
    if not here["theatre"]:
        say("This node is in no theatre yet: `aidstation enrol request`.")
        return
    from node.authority_lines import moment

    say_table(
        ("name", "node", "role", "scopes", "number", "until", "standing"),
        (
            (
                *(one["name"], one["node"][:8], one["role"]),
                "everything" if one["scopes"] is None else ", ".join(one["scopes"]),
                *(one["number"], moment(one["expires_ms"])),
                f"{one['standing']} {one['reason']}".strip(),
            )
            for one in here["devices"]
        ),
    )
    time = moment(here["now_ms"])
    log = counted(here["log"], "entry")
    say(f"Theatre {here['theatre']}, log of {log}, authority's time {time}")
    if here["forked"]:
        say(plain(here["forked"]))
        sys.stdout.flush()
