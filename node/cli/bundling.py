"""Records on a stick: `bundle export`, `import`, `inspect`, and `carry` for what is sealed to others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.opening import AsJson, desk_of, find_document, home_of
from node.cli.output import at_ms, now, plain, say, say_json, tell
from node.errors import EXIT_DEGRADED

Bundle = Annotated[Path, typer.Argument(help="The bundle, or the .part that a pulled stick kept.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(help="Exchange records on a stick, sealed.", rich_markup_mode=None)
    for name, command in (
        ("export", bundle_export),
        ("import", bundle_import),
        ("inspect", bundle_inspect),
        ("carry", bundle_carry),
        ("carried", bundle_carried),
    ):
        group.command(name)(command)
    group.callback()(_group)
    app.add_typer(group, name="bundle")


def _group() -> None:
    """Exchange records on a stick, sealed."""


def bundle_export(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="New file.")],
    to_scope: Annotated[
        list[str] | None, typer.Option(help="To every device that may hold this scope.")
    ] = None,
    to: Annotated[
        list[str] | None, typer.Option(help="To this device: its name or the start of its id.")
    ] = None,
    casualty: Annotated[str, typer.Option(help="Only this casualty: id or label.")] = "",
    since: Annotated[
        str, typer.Option(help="Leave out what this device has: its name, or a bundle of it.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Seal records to devices of the theatre; what is urgent comes first in the file.

    Nobody else can read it, nor see for whom it is; this node neither.
    """
    from node.desk import BundleOrder

    with desk_of(context) as desk, _progress("sealing") as on_progress:
        document = find_document(desk, casualty) if casualty else None
        order = BundleOrder(tuple(to_scope or ()), tuple(to or ()), document, since)
        found = desk.bundle_export(order, str(out), on_progress)
    if as_json:
        say_json(found)
    else:
        _say_written(found)


def _say_written(found: Mapping[str, Any]) -> None:
    names = ", ".join(plain(one["name"] or one["node"][:8]) for one in found["recipients"])
    say(f"Written: {plain(found['path'])}, {_size(found['bytes'])}, {found['changes']} changes")
    say(f"Sealed to: {names}")


def bundle_import(
    context: typer.Context,
    file: Bundle,
    answer: Annotated[
        Path | None, typer.Option(help="Write a bundle for its sender: what it lacks.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take a bundle; the same one again changes nothing. Exits 3 when not all of it came."""
    size = file.stat().st_size if file.is_file() else None
    with desk_of(context) as desk, _progress("taking", size) as on_progress:
        found = desk.bundle_import(str(file), str(answer) if answer else "", on_progress)
    if as_json:
        say_json(found)
    else:
        _say_taken(found)
    if not found["whole"] or found["set_aside"]:
        raise typer.Exit(EXIT_DEGRADED)


def _say_taken(found: Mapping[str, Any]) -> None:
    _say_from(found)
    urgent = f", {found['urgent_changes']} of them urgent" if found["urgent_changes"] else ""
    say(f"New here: {found['documents']} documents, {found['statements']} statements")
    say(f"Taken: {found['changes']} changes{urgent}, {found['attachments']} attachments")
    if found["set_aside"]:
        say(f"Set aside: {found['set_aside']} (`aidstation doctor` says why)")
    missing = found["attachments_missing"]
    if found["equal"]:
        say("Both hold the same records now.")
    elif found["equal"] is False:
        say("Not the same yet: the other has less, or more came meanwhile. Answer with --answer.")
    if missing or found["gaps"]:
        say(f"Still missing: {missing} attachments, {found['gaps']} beginnings of records")
    _say_stopped(found)
    if "answer" in found:
        _say_written(found["answer"])


def _say_from(found: Mapping[str, Any]) -> None:
    name = plain(found["name"] or found["node"][:8])
    what = "all" if found["scopes"] is None else f"{len(found['scopes'])} scopes"
    part = "" if found["complete"] else ", one casualty"
    say(f"From: {name} ({found['node'][:8]}), {at_ms(found['made_ms'], now())}, of {what}{part}")
    if found["standing"] == "revoked":
        tell(f"{name} was revoked: what it wrote is held and shown only as the authority decides.")
    elif found["standing"] == "expired":
        tell(f"{name}'s certificate has expired: have it enrolled again.")


def _say_stopped(found: Mapping[str, Any]) -> None:
    if found["stopped"]:
        tell(f"Broken off: {plain(found['stopped']['message'])} ({found['stopped']['code']})")
        tell("What came before is kept. Import another copy, or have it exported again.")


def bundle_inspect(context: typer.Context, file: Bundle, as_json: AsJson = False) -> None:
    """Say what a carrier sees of a bundle, and what is in it if it is for this node."""
    from node.bundles.keeping import looked_at
    from node.faults import translate
    from sync.trust.errors import TrustError

    seen = looked_at(file)
    inside, closed = None, ""
    if home_of(context).key.exists():
        try:
            with desk_of(context) as desk:
                inside = desk.bundle_inspect(str(file))
        except Exception as fault:
            told = translate(fault)
            if not (isinstance(fault, TrustError) or told.code == "bundle-not-for-this-node"):
                raise
            closed = told.message
    if as_json:
        say_json({**seen.body(), "inside": inside, "closed": closed})
        return
    say(f"Bundle {seen.id}: {_size(seen.size)}, {len(seen.key_ids)} places for recipients")
    if inside is None:
        say(closed or "There is no node here to open it with.")
        return
    _say_from(inside)
    say(f"Holds: {inside['runs']} runs, {inside['changes']} changes")
    _say_stopped(inside)


def bundle_carry(context: typer.Context, file: Bundle, as_json: AsJson = False) -> None:
    """Keep a copy of a bundle for others, as it is: this node need not be able to read it."""
    from node.bundles.keeping import carried

    with _progress("copying", file.stat().st_size if file.is_file() else None) as on_progress:
        kept = carried(home_of(context).root).add(file, on_progress)
    if as_json:
        say_json(kept.body())
    else:
        say(
            f"Carried: {kept.id}, {_size(kept.size)}. Hand it on: `aidstation bundle carried --out`"
        )


def bundle_carried(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="Copy them into this folder.")] = None,
    drop: Annotated[str, typer.Option(metavar="ID", help="Remove one of them.")] = "",
    as_json: AsJson = False,
) -> None:
    """List what this node carries for others; hand it on, or remove it."""
    from node.bundles.keeping import carried

    folder = carried(home_of(context).root)
    kept = [folder.drop(drop)] if drop else folder.kept()
    with _progress("copying") as on_progress:
        written = [one.hand_on(out, on_progress) for one in kept] if out and not drop else []
    if as_json:
        say_json(
            {"carried": [one.body() for one in kept], "written": [str(one) for one in written]}
        )
        return
    for one in kept:
        say(f"{'Removed: ' if drop else ''}{one.id}  {_size(one.size)}")
    for path in written:
        say(f"Written: {plain(path)}")
    if not kept:
        say("Nothing is carried.")


def _size(size: int) -> str:
    return f"{size:,} B" if size < 10_000 else f"{size / 1000:,.0f} kB"


@contextmanager
def _progress(word: str, total: int | None = None) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = (word, BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(word, total=total)
        yield lambda done: bar.update(task, completed=done)
