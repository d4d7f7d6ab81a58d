"""The authority's side of enrolment: `enrol approve`, `renew`, `grant`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.handing_over import hand_over, need_terminal, read_source, role_of
from node.cli.opening import AsJson
from node.cli.output import plain, say, say_json, tell
from node.cli.signing_hand import (
    LIFETIME,
    Expires,
    PassphraseFile,
    Yes,
    at_work,
    confirm,
    lifetime_ms,
    opened_key,
    publish,
)

if TYPE_CHECKING:
    from node.authority import Decision
    from sync.trust.enrolment import Approval, Request

Scopes = Annotated[
    list[str] | None, typer.Option("--scope", help="A unit's or site's code; again for more.")
]
Everything = Annotated[
    bool, typer.Option("--everything", help="It may hold every record, as a garrison does.")
]
Role = Annotated[str, typer.Option(help="field or garrison; else what it asks for.")]
Device = Annotated[str, typer.Argument(metavar="NODE", help="Its name, or the start of its id.")]


def add_to(enrol: typer.Typer) -> None:
    """Add these commands."""
    enrol.command()(approve)
    enrol.command()(renew)
    enrol.command()(grant)


def approve(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for pasted text.")],
    *,
    scope: Scopes = None,
    everything: Everything = False,
    role: Role = "",
    expires: Expires = LIFETIME,
    name: Annotated[str, typer.Option(help="Of the device; else as it asks.")] = "",
    out: Annotated[Path | None, typer.Option(help="Write a file, with the whole log.")] = None,
    qr: Annotated[bool, typer.Option("--qr", help="Show a QR code on the terminal.")] = False,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let a device into the theatre, on its request. Compare the check code with the device's first."""
    from node.authority import Decision, check_decision, refuse_namesake
    from sync.trust.enrolment import REQUEST_KIND, approval_code, read_request, request_code

    asked = read_request(read_source(file, REQUEST_KIND))
    decided = Decision(
        name or asked.name,
        role_of(role) if role else asked.role,
        chosen(scope, everything=everything, asked=asked),
        lifetime_ms(expires),
    )
    check_decision(decided)
    say_request(asked, decided, request_code(asked))
    if not yes:
        need_terminal(file)
        confirm("Does the device show the same check code?")
    key = opened_key(context, passphrase_file)
    with at_work(context, key, yes=yes) as (desk, working):
        refuse_namesake(working.theatre, asked.node, decided.name)
        approval = working.approve(asked, decided)
        publish(context, desk, working)
        log = _log(desk) if out else []
    check = approval_code(asked, approval)
    facts = {"node": asked.node.hex(), "name": decided.name, "check_code": check}
    tell(f"Approved. Check code {check}: the device must show the same when it imports this.")
    hand_over(_bytes(approval, log), _bytes(approval, []), out, qr=qr, as_json=as_json, facts=facts)


def _log(desk: Any) -> list[bytes]:
    from node import signing

    return signing.whole_log(desk)


def _bytes(approval: Approval, log: list[bytes]) -> bytes:
    from dataclasses import replace

    from sync.trust.enrolment import approval_bytes

    return approval_bytes(replace(approval, entries=tuple(log)))


def say_request(asked: Request, decided: Decision, check: str) -> None:
    """What is asked and what would be granted, on stderr."""
    from node.authority_lines import moment

    wants = plain(", ".join(asked.codes)) or "what the authority says"
    tell(f"{plain(asked.name)}, node {asked.node.hex()}")
    tell(f"asks for: {asked.role.name.lower()}, {wants}")
    gets = "everything" if decided.codes is None else plain(", ".join(decided.codes))
    from node.app import now_ms

    until = moment(now_ms() + decided.lifetime_ms)
    tell(f"gets:     {decided.role.name.lower()}, {gets}, as {plain(decided.name)}, until {until}")
    tell(f"Check code {check}")


def chosen(
    scope: list[str] | None, *, everything: bool, asked: Request | None
) -> tuple[str, ...] | None:
    """Scopes to grant; None: everything, which only `--everything` gives. Raises `BadRequest`."""
    from node.errors import BadRequest

    if everything and scope:
        raise BadRequest("--everything and --scope exclude one another. Nothing was changed")
    codes = tuple(
        dict.fromkeys(one.strip() for one in scope or (asked.codes if asked else ()) if one.strip())
    )
    if not everything and not codes:
        raise BadRequest(
            "Which records may it hold? Give --scope CODE, or --everything. Nothing was changed"
        )
    return None if everything else codes


def renew(
    context: typer.Context,
    node: Device,
    expires: Expires = LIFETIME,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give a device a new certificate for the same key; it travels in the log, also by stick."""

    def decided(before: Decision) -> Decision:
        return before._replace(lifetime_ms=lifetime_ms(expires))

    _again(context, node, decided, passphrase_file, yes=yes, as_json=as_json)


def grant(
    context: typer.Context,
    node: Device,
    scope: Scopes = None,
    everything: Everything = False,
    role: Annotated[str, typer.Option(help="field or garrison; else as it is.")] = "",
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Say anew which records a device may hold; what is not named is taken away."""
    codes = chosen(scope, everything=everything, asked=None)

    def decided(before: Decision) -> Decision:
        return before._replace(codes=codes, role=role_of(role) if role else before.role)

    _again(context, node, decided, passphrase_file, yes=yes, as_json=as_json)


def _again(
    context: typer.Context,
    node: str,
    decide: Any,
    passphrase_file: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    from node.authority import decided_before, named
    from node.membership_desk import described

    key = opened_key(context, passphrase_file)
    with at_work(context, key, yes=yes) as (desk, working):
        device = named(working.theatre, node)
        working.again(device, decide(decided_before(device)))
        publish(context, desk, working)
        after = named(working.theatre, device.node.hex())
        row = described(working.theatre, after)
    if as_json:
        say_json(row)
        return
    from node.authority_lines import moment

    scopes = "everything" if row["scopes"] is None else plain(", ".join(row["scopes"]))
    say(
        f"Entry {row['number']}: {plain(row['name'])} as {row['role']}, {scopes}, until "
        f"{moment(row['expires_ms'])}. It has that once the log reaches it."
    )
