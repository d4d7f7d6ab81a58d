"""Enrolment over the network with a one-time code: `enrol open` here, `enrol request --to` there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.approving import Everything, Scopes, chosen, say_request
from node.cli.handing_over import role_of, say_joined
from node.cli.opening import AsJson, desk_of, home_of, settings_of
from node.cli.output import plain, say, say_json, tell
from node.cli.signing_hand import (
    LIFETIME,
    Expires,
    PassphraseFile,
    at_work,
    lifetime_ms,
    opened_key,
    publish,
)
from node.errors import EXIT_DEGRADED

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.authority import Decision
    from node.authority_key import AuthorityKey
    from node.settings import Listen
    from sync.trust.enrolment import Request

PORT = 8472
_USES_MAX = 100
_OPEN_S_MAX = 24 * 3600


def add_to(enrol: typer.Typer) -> None:
    """Add these commands."""
    enrol.command("open")(open_enrolment)


def open_enrolment(
    context: typer.Context,
    *,
    scope: Scopes = None,
    everything: Everything = False,
    role: Annotated[str, typer.Option(help="field or garrison.")] = "field",
    expires: Expires = LIFETIME,
    uses: Annotated[int, typer.Option(help="How many devices.", min=1, max=_USES_MAX)] = 1,
    open_for: Annotated[str, typer.Option("--for", help="How long: 15min, 2h.")] = "15min",
    listen: Annotated[str, typer.Option(help="host:port; else sync's host and 8472.")] = "",
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Let whoever knows a one-time code in, on these terms. Ends when it is used or its time is up.

    Exits 3 when nobody joined.
    """
    from node import quantities
    from node.authority import Decision

    terms = Decision(
        "", role_of(role), chosen(scope, everything=everything, asked=None), lifetime_ms(expires)
    )
    for_s = min(quantities.seconds("for", open_for), _OPEN_S_MAX)
    key = opened_key(context, passphrase_file)
    with at_work(context, key, yes=False):
        pass  # key and log fit one another, and the clock is right, before anybody is given a code
    offer = _Offered(_decider(context, key, terms), uses, for_s)
    names, tries = offer.serve(_listen(context, listen), open_for)
    if as_json:
        say_json({"joined": names, "wrong_codes": tries})
    else:
        say(f"Joined: {', '.join(map(plain, names)) or 'nobody'}. Wrong codes: {tries}.")
    if not names:
        raise typer.Exit(EXIT_DEGRADED)


class _Offered:
    """A code that was given out, until it is used or its time is up."""

    def __init__(self, decide: Callable[[Request], bytes], uses: int, for_s: float) -> None:
        self._decide, self._uses, self._for_s = decide, uses, for_s
        self._names: list[str] = []

    def serve(self, where: Listen, open_for: str) -> tuple[list[str], int]:
        """Names of those who joined, and how many wrong codes there were. Raises `PortBusy`."""
        import asyncio
        import secrets

        from node.code_enrolment import Offer
        from node.errors import PortBusy
        from sync.trust.code_channel import CODE_BYTES, new_code, read_code

        code = new_code(secrets.token_bytes(CODE_BYTES))

        async def listen() -> int:
            offer = Offer(read_code(code), self._uses, self._decide, self._told)
            ready = partial(_say_open, code, open_for)
            return (await offer.listen(where, self._for_s, ready)).tries

        try:
            return self._names, asyncio.run(listen())
        except OSError as fault:
            raise PortBusy(f"cannot listen on {where} for devices: {fault.strerror}") from fault

    def _told(self, request: Request) -> None:
        self._names.append(request.name)
        tell(f"Joined: {plain(request.name)}, node {request.node.hex()}")


def _listen(context: typer.Context, text: str) -> Listen:
    from node.errors import BadRequest
    from node.settings import parse_listen

    if not text:
        return settings_of(context).sync.address._replace(port=PORT)
    try:
        return parse_listen(text)
    except ValueError as fault:
        raise BadRequest(f"--listen: {fault}") from fault


def _say_open(code: str, open_for: str, at: Listen) -> None:
    tell(f"Code {code}")
    tell(f"Listening on {at} for {open_for}. On the device:")
    tell(f"aidstation enrol request --to {at} --code {code}")


def _decider(
    context: typer.Context, key: AuthorityKey, terms: Decision
) -> Callable[[Request], bytes]:
    def decide(request: Request) -> bytes:
        from dataclasses import replace

        from node import signing
        from node.authority import refuse_namesake
        from sync import limits
        from sync.trust.enrolment import approval_bytes, approval_code, request_code

        decided = terms._replace(name=request.name)
        say_request(request, decided, request_code(request))
        with at_work(context, key, yes=True) as (desk, working):
            refuse_namesake(working.theatre, request.node, request.name)
            approval = working.approve(request, decided)
            publish(context, desk, working)
            whole = approval_bytes(replace(approval, entries=tuple(signing.whole_log(desk))))
        tell(f"Approved. Check code {approval_code(request, approval)}")
        fits = len(whole) < limits.ENROL_FRAME_BYTES_MAX
        return whole if fits else approval_bytes(approval)

    return decide


def ask(context: typer.Context, made: Request, to: str, code: str, *, as_json: bool) -> None:
    """Ask at `to`, and join with the answer. Raises `Unreachable`, `BadEnrolment`, `BadRequest`."""
    from node import requests
    from node.code_enrolment import asked
    from node.errors import BadRequest
    from node.home import read_key
    from node.settings import parse_listen
    from sync.trust.code_channel import read_code
    from sync.trust.enrolment import approval_code, read_approval, request_bytes

    try:
        address = parse_listen(to)
    except ValueError as fault:
        raise BadRequest(f"--to: {fault}") from fault
    home = home_of(context)
    with asked(read_code(code), address, request_bytes(made)) as answer, desk_of(context) as desk:
        approval = read_approval(answer)
        found = requests.accepted(home, read_key(home), desk, approval)
        check = approval_code(found.request, approval)
        requests.join(desk, found)
    tell(f"Check code {check}: the authority shows the same.")
    say_joined(found, check, as_json=as_json)
