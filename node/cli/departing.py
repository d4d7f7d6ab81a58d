"""`handover` and `close-out`: a device goes to another medic, or goes home and is emptied."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.opening import AsJson, By, desk_of, home_of, who
from node.cli.output import at_ms, counted, now, plain, say, say_json, tell
from node.errors import EXIT_DEGRADED, BadRequest
from node.quantities import seconds

if TYPE_CHECKING:
    from node.desk import Desk

ASK_AGAIN_S = 0.5
ASK_AGAIN_S_MAX = 15.0


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(handover)
    app.command("close-out")(close_out)


def handover(
    context: typer.Context,
    to: Annotated[str, typer.Option(metavar="NAME", help="Who takes the device.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Give this device to somebody else: ends all sessions, removes its PIN, and writes it down.

    Says what no garrison holds yet, and refuses for nothing.
    """
    from node.session_file import forget_session

    with desk_of(context) as desk:
        found = desk.hand_over(to, who(context, by))
    forget_session(home_of(context))
    if as_json:
        say_json(found)
        return
    say(f"Handed over by {plain(found['by'])} to {plain(found['to'])}: {found['statement']}")
    say("All sessions are ended, and this device has no PIN.")
    for line in _held(found["custody"]):
        say(line)
    tell("Whoever takes it signs in, and sets a passphrase of their own: `vault passphrase`.")


def _held(custody: Mapping[str, Any]) -> Iterator[str]:
    if custody["safe_to_wipe"]:
        yield "Everything on it is at a garrison."
        return
    yield "Nobody but this device is known to hold all of it:"
    for reason in custody["reasons"]:
        yield f"  {plain(reason['words'])}"


def close_out(
    context: typer.Context,
    zeroize: Annotated[
        bool, typer.Option("--zeroize", help="Once nothing is left: destroy this node.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the node's name.")] = False,
    wait: Annotated[
        str,
        typer.Option(metavar="TIME", help="Ask again for so long (10min), while anything is left."),
    ] = "0s",
    as_json: AsJson = False,
) -> None:
    """Before a device goes home: whose records no garrison has receipted, and what to do.

    Exits 3 while anything is left.
    """
    wait_s = seconds("wait", wait)
    with desk_of(context) as desk:
        found = _closing(desk, wait_s)
    following = _next_step(found)
    if as_json and not (zeroize and found["safe_to_wipe"]):
        say_json({**found, "next_step": following})
    elif not as_json:
        _say_left(found)
        say(f"Next: {following}")
    if not found["safe_to_wipe"]:
        if zeroize:
            tell("Nothing was destroyed.")
        raise typer.Exit(EXIT_DEGRADED)
    if zeroize:
        if as_json and not (yes or sys.stdin.isatty()):
            raise BadRequest("Nothing was destroyed: give --yes too")
        _destroy(context, yes=yes, as_json=as_json)


def _closing(desk: Desk, wait_s: float) -> Any:
    """What is left, asked again until nothing is or the time is over, ever more slowly: each answer that
    names a casualty is a row in the audit log, which has to go up too."""
    until, pause_s = time.monotonic() + wait_s, ASK_AGAIN_S
    while not (found := desk.close_out())["safe_to_wipe"]:
        left_s = until - time.monotonic()
        if left_s <= 0:
            break
        time.sleep(min(pause_s, left_s))
        pause_s = min(2 * pause_s, ASK_AGAIN_S_MAX)
    return found


def _destroy(context: typer.Context, *, yes: bool, as_json: bool) -> None:
    from node.cli import securing

    securing.zeroize(context, yes=yes, as_json=as_json)


def _say_left(found: Mapping[str, Any]) -> None:
    if found["safe_to_wipe"]:
        names = ", ".join(plain(one["name"] or one["node"][:8]) for one in found["garrisons"])
        say(f"Nothing is left: all of it is at garrison ({names}), audit log and attachments too.")
        return
    present = now()
    for one in found["casualties"]:
        since = at_ms(one["since_ms"], present) or "unknown"
        changes = counted(one["changes"], "change")
        documents = counted(len(one["documents"]), "document")
        say(f"{plain(one['label']) or 'unnamed'}: {changes} in {documents}, since {since}")
    if found["more"]:
        say(f"and {counted(found['more'], 'document')} more")
    for reason in found["reasons"]:
        say(f"  {plain(reason['words'])}")


def _next_step(found: Mapping[str, Any]) -> str:
    """What to do about what is left, the first thing first."""
    if found["safe_to_wipe"]:
        return "`aidstation close-out --zeroize` destroys this node; then it may go home."
    codes = {one["code"] for one in found["reasons"]}
    if "garrison" in codes:
        return (
            "`aidstation backup FILE`, then `aidstation restore FILE` on the machine that follows."
        )
    if "no-garrison" in codes:
        return "have this node enrolled (`aidstation enrol request`) and linked to a garrison."
    if codes & {"waiting", "refused", "set-aside"} and not found["casualties"]:
        return "`aidstation set-aside retry`; `aidstation doctor` says why it waits."
    name = next((plain(one["name"]) for one in found["garrisons"] if one["name"]), "GARRISON")
    return (
        f"`aidstation sync {name}`; without a link `aidstation bundle export --to {name} FILE`, and "
        "import here what they answer with. Then this command again."
    )
