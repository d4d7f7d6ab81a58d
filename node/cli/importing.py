"""Bringing in outside records: `import fhir`. Nothing in a file is dropped or stops the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.opening import AsJson, desk_of
from node.cli.output import plain, say, say_json, say_table, tell
from node.errors import EXIT_DEGRADED

if TYPE_CHECKING:
    from node.desk import Desk
    from node.fhir import Batch, ImportReport, Progress

SAVES_AT_ONCE = 200
BLOB_BYTES_AT_ONCE = 8 << 20


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(help="Bring in records of other systems.", rich_markup_mode=None)
    group.command("fhir")(import_fhir)
    group.callback()(_group)
    app.add_typer(group, name="import")


def _group() -> None:
    """Bring in records of other systems."""


def import_fhir(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="FHIR R4 files (JSON, NDJSON) or folders.")],
    system: Annotated[str | None, typer.Option(help="Names the source of these records.")] = None,
    as_json: AsJson = False,
) -> None:
    """Import FHIR R4. The same files again show nothing twice. Exits 3 if some were refused."""
    from node.fhir import import_paths

    with desk_of(context) as desk, _progress() as on_progress:
        batches = import_paths(paths, system=system, on_progress=on_progress)
        report = _save_all(desk, batches)
    if as_json:
        say_json(_body(report))
    else:
        _say_report(report)
    if report.refusals:
        raise typer.Exit(EXIT_DEGRADED)


def _save_all(desk: Desk, batches: Iterable[Batch]) -> ImportReport:
    """Save as the files are read, so that memory holds one piece at a time."""
    from node.desk import Save
    from node.fhir import ImportReport

    report = ImportReport()
    saves: list[Save] = []
    blobs: dict[bytes, None] = {}
    for batch in batches:
        report = report.plus(batch.report)
        for one in batch.imported:
            saves.append(Save(one.document, one.drafts))
            blobs.update(dict.fromkeys(one.blobs))
        if len(saves) >= SAVES_AT_ONCE or sum(map(len, blobs)) >= BLOB_BYTES_AT_ONCE:
            desk.import_saves(saves, tuple(blobs))
            saves, blobs = [], {}
    if saves or blobs:
        desk.import_saves(saves, tuple(blobs))
    return report


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None] | None]:
    """A bar on stderr, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = ("importing", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("import")
        yield lambda done: bar.update(task, completed=done.bytes_done, total=done.bytes_total)


def _body(report: ImportReport) -> dict[str, object]:
    return {
        "types": {name: _counts(report, name) for name in report.types},
        "total": _counts(report, None),
        "refusals": [one._asdict() for one in report.refusals],
        "files": report.files,
        "passed_over": report.passed_over,
        "weak_ids": report.weak_ids,
        "statements": report.statements,
        "blobs": report.blobs,
    }


def _counts(report: ImportReport, name: str | None) -> dict[str, int]:
    tally = report.total if name is None else report.types[name]
    return {
        "read": tally.read,
        "mapped": tally.mapped,
        "also_kept": tally.also_kept,
        "verbatim": tally.verbatim,
        "refused": tally.refused,
    }


def _say_report(report: ImportReport) -> None:
    rows = [(name, *_counts(report, name).values()) for name in sorted(report.types)]
    heads = ("type", "read", "mapped", "also kept whole", "kept verbatim", "refused")
    say_table(heads, [*rows, ("total", *_counts(report, None).values())])
    say(f"{report.files} files, {report.statements} statements, {report.blobs} attachments")
    if report.passed_over:
        tell(f"{report.passed_over} files in folders have no FHIR name and were passed over.")
    if report.weak_ids:
        tell(f"{report.weak_ids} ids are unique only at their source: name it with --system.")
    for one in report.refusals:
        tell(f"refused: {plain(one.file)} {plain(one.position)}: {plain(one.reason)} ({one.code})")
