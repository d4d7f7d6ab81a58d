"""`backup` and `restore`: a whole node as one sealed file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.asking import KeyFile, PassphraseFile, new_passphrase, secrets_of
from node.cli.opening import AsJson, desk_of, home_of, settings_of
from node.cli.output import at_ms, now, plain, say, say_json, tell
from node.errors import BadRequest, Locked, NodeError

if TYPE_CHECKING:
    from conflict.signature import SigningKey
    from conflict.statement import Json
    from node.backup.envelope import Header, Manifest
    from node.backup.making import Made, Source, Ways
    from node.backup.restoring import Restored
    from node.config import Settings
    from node.home import Home
    from node.unlocking import Opened, Secrets
    from node.vault import DataKey, Slot

_ONE_NODE = (
    "The device it was made on must not run any more, ever: `aidstation zeroize` there. Two copies of "
    "one node lose nothing, and are noticed and said by all who meet them."
)


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="New file, on another disk than this node's.")],
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Write this node, running or not, into one sealed file, and read it back.

    It opens by what opens this home; a plain home needs a passphrase or key file for it.
    """
    from node.app import now_ms
    from node.backup.making import make
    from node.home import read_key
    from node.unlocking import changing, unlock

    home, settings = home_of(context), settings_of(context)
    with changing(home):
        opened = unlock(home, secrets_of(context, passphrase_file, key_file))
        if opened and (opened.vault.next or opened.vault.encrypting):
            raise BadRequest("A change of keys was interrupted: `aidstation db check`, then again")
        passphrase = passphrase_file or context.find_root().params.get("passphrase_file")
        ways = _ways(home, opened, passphrase, key_file)
        key = read_key(home, opened and opened.data)
        source = _source(home, settings, opened, key)
        with _progress() as on_progress:
            made = make(source, ways, file.absolute(), now_ms(), on_progress)
    _note(context, made)
    _say_made(made, as_json=as_json)


def _source(home: Home, settings: Settings, opened: Opened | None, key: SigningKey) -> Source:
    from node.app import embedded
    from node.backup.making import Source
    from node.unlocking import key_files

    beside = key_files(home, opened.vault) if opened else []
    return Source(
        home=home,
        name=settings.node.name,
        role=settings.node.role,
        key=key,
        data=opened and opened.data,
        store=embedded(home, settings),
        beside=tuple(path for path in beside if path.parent == home.root),
    )


def _ways(
    home: Home, opened: Opened | None, passphrase_file: Path | None, key_file: Path | None
) -> Ways:
    """What is to open the backup: the home's ways in, without key files that are lost with it."""
    from node import unlocking
    from node.backup.making import Ways
    from node.vault import ESCROW, PASSPHRASE, Vault

    if opened is None:
        if key_file and key_file.absolute().is_relative_to(home.root):
            raise BadRequest("A key file in the home would be lost with it. Nothing was written")
        ways = [unlocking.by_key_file(home, key_file)] if key_file else []
        if passphrase_file or not ways:
            ways.append(_by_passphrase(passphrase_file))
        return Ways(*unlocking.fresh_vault(ways))
    slots = tuple(slot for slot in opened.vault.slots if not _is_inside(home, slot))
    if not opened.vault.has(PASSPHRASE) and (
        passphrase_file or all(slot.kind == ESCROW for slot in slots)
    ):
        slots += (_by_passphrase(passphrase_file)(opened.data),)
    return Ways(Vault(slots), opened.data)


def _is_inside(home: Home, slot: Slot) -> bool:
    return "path" in slot.facts and (home.root / slot.facts["path"]).is_relative_to(home.root)


def _by_passphrase(file: Path | None) -> Callable[[DataKey], Slot]:
    from node.unlocking import by_passphrase, iterations_here

    if not file and not sys.stdin.isatty():
        raise BadRequest(
            "Nothing outside of this home would open the backup: give --passphrase-file. Nothing was "
            "written"
        )
    return by_passphrase(new_passphrase(file), iterations_here())


def _note(context: typer.Context, made: Made) -> None:
    try:
        with desk_of(context) as desk:
            desk.backed_up(made.size)
    except NodeError as fault:
        tell(f"The backup is whole; that it was made could not be noted ({fault.code}).")


def _say_made(made: Made, *, as_json: bool) -> None:
    if as_json:
        say_json({"path": str(made.path), "bytes": made.size, **_facts(made.manifest)})
        return
    say(f"Written and read back: {plain(made.path)}, {made.size / 1000:,.0f} kB")
    _say_parts(made.manifest)


def _facts(manifest: Manifest) -> dict[str, Json]:
    return {
        "node": manifest.node,
        "name": manifest.name,
        "role": manifest.role,
        "software": manifest.software,
        "made_ms": manifest.made_ms,
        "server": manifest.server,
        "rows": dict(manifest.rows),
        "files": [name for name, _ in manifest.files],
    }


def _say_parts(manifest: Manifest) -> None:
    from node.backup.restoring import parts

    say(f"In it: {plain(', '.join(parts(manifest)))}.")
    if manifest.server:
        tell("Back up the database with its own tools (pg_dump), together with this file.")


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `aidstation backup` wrote.")],
    look: Annotated[bool, typer.Option("--look", help="Only say what is in it.")] = False,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make an empty home the node that a backup holds. Nothing is in place before all is checked.

    The device that the backup was made on must not run any more.
    """
    from node.backup import restoring

    home = home_of(context)
    given = secrets_of(context, passphrase_file, key_file)
    opens = _opening(home, given)
    manifest = restoring.look(file, opens)
    if not as_json:
        _say_inside(manifest)
    if look:
        if as_json:
            say_json(_facts(manifest))
        return
    with _progress() as on_progress:
        size = file.stat().st_size
        restored = restoring.restore(
            home, file, opens, lambda done: on_progress("restoring", done, size)
        )
    _begin(home, restored)
    if as_json:
        say_json({"home": str(home.root), "encrypted": bool(restored.data), **_facts(manifest)})
        return
    say(f"Restored into {plain(home.root)}. Next: `aidstation run`; peers bring what came later.")
    tell(_ONE_NODE)
    if restored.data is None:
        tell("NOT ENCRYPTED, as it was: whoever has this disk has every record (`vault encrypt`).")


def _say_inside(manifest: Manifest) -> None:
    made = at_ms(manifest.made_ms, now())
    say(f"Backup of {plain(manifest.name)} ({plain(manifest.role)}), node {plain(manifest.node)}")
    say(f"Made {made} by version {plain(manifest.software)}")
    _say_parts(manifest)


def _opening(home: Home, given: Secrets) -> Callable[[Header], DataKey]:
    from node.unlocking import open_vault

    def opens(header: Header) -> DataKey:
        try:
            return open_vault(home, header.opens_with(), given)
        except Locked as fault:
            raise Locked(
                "This backup opens by passphrase or key file, and none that fits was given. Nothing was "
                "changed"
            ) from fault

    return opens


def _begin(home: Home, restored: Restored) -> None:
    """The first start: a new epoch, and the row that says why."""
    from node.app import engine_with
    from node.config import load
    from sync.audit import Action

    made = restored.manifest.made_ms
    try:
        with engine_with(home, load(home).settings, restored.data) as engine:
            engine.audit.note(Action.RESTORE, purpose=f"backup of {made} ms")
    except Exception as fault:  # noqa: BLE001  it is in place all the same; the next start says why
        tell(f"It is in place, and could not be opened yet: {type(fault).__name__}.")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _word, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn

    columns = ("{task.description}", BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        yield lambda word, done, total: bar.update(
            task, description=word, completed=done, total=total
        )
