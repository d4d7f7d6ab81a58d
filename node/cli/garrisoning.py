"""The theatre's authority: founding it, its key in escrow, its log. `garrison`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.opening import AsJson, desk_of, home_of, key_of, settings_of
from node.cli.output import counted, plain, say, say_json, say_table, tell
from node.cli.signing_hand import PassphraseFile, Yes, at_work, opened_key, passphrase_of, publish

NewPassphraseFile = Annotated[
    Path | None, typer.Option(help="File with the new passphrase in its first line; else asked.")
]
garrison = typer.Typer(help="The theatre's authority: its key and its log.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    garrison.command("init")(found)
    garrison.command("export-key")(export_key)
    garrison.command("import-key")(import_key)
    garrison.command("passphrase")(change_passphrase)
    garrison.command()(stamp)
    garrison.command("log")(show_log)
    app.add_typer(garrison, name="garrison")


def found(
    context: typer.Context,
    theatre_name: Annotated[str, typer.Option(help="What people here call the theatre.")] = "",
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Found a theatre: make its authority's key, enrol this node as its first garrison.

    An interrupted one is completed by running it again.
    """
    from node import founding
    from node.app import now_ms
    from node.errors import NoAuthority

    home, settings = home_of(context), settings_of(context)
    founding.check_role(settings)
    with desk_of(context) as desk:
        founding.check_free(desk)
        try:
            key = opened_key(context, passphrase_file)
            tell("There is a key of an interrupted `garrison init` here: going on with it.")
        except NoAuthority:
            passphrase = passphrase_of(passphrase_file, new=True)
            key = founding.make_key(home, theatre_name or settings.node.name, passphrase, now_ms())
        founding.join(home, key_of(context), desk, key, settings.node.name, now_ms())
        here = desk.membership()
    if as_json:
        say_json({"theatre": here["theatre"], "node": here["node"], "key": str(home.authority_key)})
        return
    say(f"theatre {here['theatre']}")
    tell(f"\nThis node is its first garrison. The authority's key: {home.authority_key}")
    tell("Next: `aidstation garrison export-key FILE` onto a stick that goes into a safe.")
    tell("Then, on each device: `aidstation enrol request`.")


def export_key(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A new file, best on a stick for a safe.")],
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Copy the authority's key for escrow, under the same passphrase, and prove that it opens."""
    from node import authority_key
    from node.errors import BadRequest

    closed = authority_key.read(home_of(context))
    if file.exists():
        raise BadRequest(f"{file} exists already: name another file. Nothing was written")
    passphrase = passphrase_of(passphrase_file)
    closed.open(passphrase)
    with desk_of(context) as desk:
        desk.key_handled("exported")
    authority_key.keep(file, closed)
    authority_key.decode(file.read_bytes()).open(passphrase)
    if as_json:
        say_json({"file": str(file), "verified": True})
    else:
        say(f"Written and opened again: {plain(file)}")
        tell("Keep file and passphrase apart. Who has both can let anybody into the theatre.")


def import_key(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="As `garrison export-key` wrote it.")],
    log: Annotated[
        Path | None,
        typer.Option(help="The newest log, from `garrison log --out`, where this node has none."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make this machine the authority's. One at a time: take the key off the machine before it.

    A node that is in no theatre yet enrols itself, on top of the log that is given.
    """
    from node import authority_key, founding
    from node.app import now_ms

    home, settings = home_of(context), settings_of(context)
    closed = authority_key.decode(_read(file))
    key = closed.open(passphrase_of(passphrase_file))
    with desk_of(context) as desk:
        entries = founding.log_for(desk, key, _read(log) if log else None)
        desk.key_handled("imported")
        authority_key.keep(home.authority_key, closed)
        if entries:
            founding.join(
                home,
                key_of(context),
                desk,
                key,
                settings.node.name,
                now_ms(),
                entries,
                settings.node.role,
            )
        here = desk.membership()
    if as_json:
        say_json({"theatre": here["theatre"], "log": here["log"], "key": str(home.authority_key)})
    else:
        say(f"theatre {here['theatre']}, log of {counted(here['log'], 'entry')}")
        tell(
            "Take the key off the machine that had it: two that sign fork the log, and no node takes"
        )
        tell("either's entries then. deploy/runbooks/authority.md")


def _read(file: Path) -> bytes:
    from node.errors import BadRequest

    try:
        return file.read_bytes()
    except OSError as fault:
        raise BadRequest(f"{file} cannot be read: {fault.strerror}. Nothing was changed") from fault


def change_passphrase(
    context: typer.Context,
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: NewPassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Put the authority's key under another passphrase. Copies in escrow keep theirs."""
    from node import authority_key

    key = opened_key(context, passphrase_file)
    new = passphrase_of(new_passphrase_file, "New passphrase", new=True)
    closed = authority_key.close(key, new)
    closed.open(new)
    with desk_of(context) as desk:
        desk.key_handled("under a new passphrase")
    authority_key.replace(home_of(context), closed)
    if as_json:
        say_json({"changed": True})
    else:
        say("Changed. Write a new escrow copy: `aidstation garrison export-key FILE`.")


def stamp(
    context: typer.Context,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Sign what time it is, so that every node can judge which certificates have expired."""
    key = opened_key(context, passphrase_file)
    with at_work(context, key, yes=yes) as (desk, working):
        working.stamp()
        publish(context, desk, working)
        head = working.theatre.head
    if as_json:
        say_json({"number": head.number, "at_ms": head.at_ms})
    else:
        say(f"Entry {head.number} of the log says {_time(head.at_ms)}.")


def show_log(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(help="Write the entries to this file, for another authority.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the authority's log, each entry checked once more. Works on every device."""
    from node import authority_key, founding, signing
    from node.authority_lines import line, lines_json
    from node.errors import NotEnrolled
    from sync.trust.certificate import root_public
    from sync.trust.theatre import Theatre

    with desk_of(context) as desk:
        root = bytes.fromhex(desk.membership()["root"])
        if not root:
            raise NotEnrolled("This node is in no theatre, so it has no log of one")
        entries = signing.whole_log(desk)
    theatre = Theatre(root_public(root))
    checked = founding.checked(theatre, entries)
    if out:
        authority_key.write_file(out, founding.log_bytes(entries))
    if as_json:
        say_json({"theatre": theatre.id.hex(), "entries": lines_json(theatre, checked)})
        return
    say_table(("entry", "time", "what"), (line(theatre, one) for one in checked))
    say(f"Theatre {theatre.id.hex()}: {counted(len(checked), 'entry')}, signed by its authority.")
    if out:
        tell(f"Written to {out}.")


def _time(at_ms: int) -> str:
    from node.authority_lines import moment

    return moment(at_ms)
