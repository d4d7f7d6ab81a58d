"""Who sits here: `sign-in`, `sign-out`, `who`, `pin`, `account`, `break-glass`.

Sessions are the running node's; the command line keeps only the id of one. Secrets are asked for, or
read from standard input, a line each; they are no arguments, which other users of the machine can see.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.opening import AsJson, By, desk_of, home_of, who
from node.cli.output import plain, say, say_json, say_table, tell
from node.errors import BadRequest, NotRunning

if TYPE_CHECKING:
    from node.remote_people import RemotePeople

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]
Role = Annotated[str, typer.Option(help="records, medic, provider or admin.")]

account = typer.Typer(help="People who may sign in on the unit's nodes.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("sign-in")(sign_in)
    app.command("sign-out")(sign_out)
    app.command("who")(say_who)
    app.command()(pin)
    app.command("break-glass")(break_glass)
    account.command("add")(add)
    account.command("list")(list_accounts)
    account.command("role")(role)
    account.command("disable")(disable)
    account.command("passphrase")(passphrase)
    app.add_typer(account, name="account")


def sign_in(
    context: typer.Context,
    name: Name,
    by_pin: Annotated[
        bool, typer.Option("--pin", help="By PIN: opens again what idleness closed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign in at the running node; the commands that follow are this person's."""
    from node.session_file import OpenSession, keep_session

    people = _people(context)  # first: nobody types a passphrase for a node that does not run
    secret = _secret("PIN" if by_pin else "Passphrase")
    found = people.sign_in(name, **({"pin": secret} if by_pin else {"passphrase": secret}))
    session = OpenSession(found["account"], found["name"], found["token"])
    keep_session(home_of(context), session)
    if as_json:
        say_json({"account": found["account"], "name": found["name"], "role": found["role"]})
    else:
        say(f"Signed in: {plain(found['name'])}, {plain(found['role'])}")


def sign_out(context: typer.Context, as_json: AsJson = False) -> None:
    """End the session; the PIN goes with it."""
    from node.session_file import forget_session

    try:
        _people(context).sign_out()
    finally:
        forget_session(home_of(context))
    if as_json:
        say_json({})
    else:
        say("Signed out.")


def say_who(context: typer.Context, as_json: AsJson = False) -> None:
    """Who is signed in at the command line, in which role, and what that allows."""
    found = _people(context).who()
    if as_json:
        say_json(found)
        return
    if found["role"] == "setup":
        say("Nobody has an account here: who owns this home may do everything.")
        return
    who_it_is = f"{plain(found['person'])}, {plain(found['role'])}"
    say(who_it_is if found["account"] else f"Nobody is signed in ({who_it_is})")
    say(f"May: {', '.join(map(plain, found['may']))}")
    if found["purpose"]:
        say(f"The glass is broken: {plain(found['purpose'])}")


def pin(context: typer.Context, as_json: AsJson = False) -> None:
    """Set the PIN that opens this session again after it was idle; three wrong ones and it is gone."""
    _people(context).set_session_pin(_new_secret("PIN"))
    if as_json:
        say_json({})
    else:
        say("Set, until the session's passphrase is asked for again.")


def break_glass(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="Why; it is reviewed.")],
    lasting: Annotated[str, typer.Option("--for", help="How long: 30min, 1h; at most 12h.")] = "1h",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Read and record whatever your role is, for a reason and a time. Everybody may; it is reviewed."""
    from node import quantities

    with desk_of(context) as desk:
        found = desk.break_glass(reason, quantities.seconds("for", lasting), who(context, by))
    if as_json:
        say_json(found)
    else:
        say(f"Until {plain(found['until'])} everything here can be read. It will be reviewed.")


def add(
    context: typer.Context,
    name: Name,
    role: Role,
    called: Annotated[str, typer.Option("--name", help="As it stands beside entries.")] = "",
    scope: Annotated[
        str, typer.Option(help="The unit; needed on a garrison, else this node's own.")
    ] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Make an account. The first one of a node is an admin's."""
    change = {"name": called, "role": role, "scope": scope}
    _change(context, name, change | {"passphrase": _new_secret("Passphrase")}, by, as_json=as_json)


def role(
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Argument(help="records, medic, provider or admin.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Give an account another role."""
    _change(context, name, {"role": role}, by, as_json=as_json)


def disable(
    context: typer.Context,
    name: Name,
    enable: Annotated[bool, typer.Option("--enable", help="Make it active again.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Nobody signs in with this account any more; what its person wrote stays."""
    _change(context, name, {"active": enable}, by, as_json=as_json)


def passphrase(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Else your own.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Change your own passphrase, or as an admin set somebody's."""
    if name:
        _change(context, name, {"passphrase": _new_secret("Passphrase")}, by, as_json=as_json)
        return
    old, new = _secret("Passphrase until now"), _new_secret("Passphrase")
    with desk_of(context) as desk:
        found = desk.set_passphrase(old, new)
    tell("Sign in again.")
    _say_changed(found, as_json=as_json)


def list_accounts(context: typer.Context, as_json: AsJson = False) -> None:
    """Accounts that count on this node: written by a garrison, or here."""
    with desk_of(context) as desk:
        found = desk.accounts()
    if as_json:
        say_json(found)
        return
    say_table(
        ("account", "name", "role", "active", "unit"),
        ((one["account"], one["name"], one["role"], _active(one), one["unit"]) for one in found),
    )


def _active(one: Any) -> str:
    return f"{'yes' if one['active'] else 'no'}{', devices differ' if one['differs'] else ''}"


def _change(
    context: typer.Context, name: str, fields: dict[str, Any], by: str | None, *, as_json: bool
) -> None:
    from node.desk import AccountChange

    with desk_of(context) as desk:
        _say_changed(
            desk.set_account(AccountChange(name, by=who(context, by), **fields)), as_json=as_json
        )


def _say_changed(found: Any, *, as_json: bool) -> None:
    if as_json:
        say_json(found)
    else:
        say(
            f"Saved here: {plain(found['account'])} in {plain(found.get('scope') or found['unit'])}"
        )


def _people(context: typer.Context) -> RemotePeople:
    from node.home import read_running, read_token
    from node.remote_people import RemotePeople
    from node.session_file import read_session
    from node.unlocking import refuse_waiting

    home = home_of(context)
    running = read_running(home)
    if running is None:
        refuse_waiting(home)
        raise NotRunning("No node runs here, and sessions are a running node's: `aidstation run`")
    return RemotePeople(running.api, read_token(running), read_session(home).token)


def _secret(what: str) -> str:
    """A secret, not shown; from a pipe its next line."""
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass(f"{what}: ")
    line = sys.stdin.readline()
    if not line:
        raise BadRequest(f"{what}: expected on standard input, a line each")
    return line.rstrip("\r\n")


def _new_secret(what: str) -> str:
    """One that is to be remembered: twice on a terminal."""
    given = _secret(f"New {what.lower() if what != 'PIN' else what}")
    if sys.stdin.isatty() and _secret("Once more") != given:
        raise BadRequest("The two differ. Nothing was changed")
    return given
