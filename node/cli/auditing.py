"""Who did what: `audit list`, `audit verify`, `audit export`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from node.cli.opening import AsJson, desk_of
from node.cli.output import at_ms, counted, now, plain, say, say_json, say_table
from node.errors import EXIT_INTEGRITY, BadRequest

if TYPE_CHECKING:
    from node.desk import Desk

PAGE_ROWS = 1000

audit = typer.Typer(help="Who did what to which record.", no_args_is_help=True)

Since = Annotated[
    str, typer.Option(help="Only entries from this time on: 2026-11-23T06:00Z, 30min, 12h, 3d.")
]
Device = Annotated[str, typer.Option(help="A device's id, its start, or its name. None: this one.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    audit.command("list")(list_rows)
    audit.command()(verify)
    audit.command()(export)
    app.add_typer(audit, name="audit")


def list_rows(
    context: typer.Context,
    last: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 20,
    since: Since = "",
    device: Device = "",
    as_json: AsJson = False,
) -> None:
    """The last entries of this device's audit log, or of one that sent its log here."""
    since_ms = _since_ms(since)
    with desk_of(context) as desk:
        found = [one for one in _logs(desk, device) if device or one["own"]]
        log = max(found, key=lambda one: (one["branch"], one["last"]), default=None)
        after = max(log["first"] - 1, log["last"] - last) if log else 0
        rows = list(_rows(desk, log, after))[-last:] if log else []
    rows = [one for one in rows if not one["readable"] or one["at_ms"] >= since_ms]
    if as_json:
        say_json({"log": log, "rows": rows})
        return
    present = now()
    say_table(
        ("number", "when", "who", "role", "what", "of", "why", "outcome"),
        ((row["number"], *_cells(row, present)) for row in rows),
    )


def _cells(row: Mapping[str, Any], present: Any) -> tuple[str, ...]:
    if not row["readable"]:
        return ("", "", "", "unreadable: see `aidstation audit verify`", "", "", "")
    of = row["document"] or row["node"] or ""
    texts = (row["person"], row["role"], row["action"], of, row["purpose"], row["outcome"])
    return (at_ms(row["at_ms"], present), *map(plain, texts))


def verify(context: typer.Context, as_json: AsJson = False) -> None:
    """Hold this device's audit log, and all that devices sent here, to their hashes and signatures.

    Exits 6 when an entry was changed, is missing or was rolled back, and says where.
    """
    with desk_of(context) as desk:
        found = desk.audit_verify()
    if as_json:
        say_json(found)
    else:
        entries, logs = counted(found["entries"], "entry"), counted(found["logs"], "log")
        say(f"{entries} in {logs}")
        for one in found["broken"]:
            name = "this device" if one["own"] else plain(one["name"] or one["device"])
            branch = f", branch {one['branch']}" if one["branch"] else ""
            say(f"  {name}{branch}: {plain(one['words'])} ({one['code']})")
        for one in found["keyless"]:
            say(f"  {one}: its key is not known here, so its signatures were not checked")
        if found["unwritten"]:
            say("  Rows wait in memory: they cannot be written (see `aidstation doctor`).")
        if not found["broken"]:
            say("Nothing was changed, nothing is missing.")
    if found["broken"]:
        raise typer.Exit(EXIT_INTEGRITY)


def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The file to write; it is replaced when all is in it.")],
    since: Since = "",
    device: Device = "",
    as_json: AsJson = False,
) -> None:
    """Audit entries as FHIR R4 AuditEvent, one JSON object a line; all logs held, or one device's."""
    from node.fhir.audit_events import event_line

    since_ms = _since_ms(since)
    count = 0
    with desk_of(context) as desk, _replaced(out) as file:
        for log in _logs(desk, device):
            for row in _rows(desk, log, log["first"] - 1, export=True):
                if row["readable"] and row["at_ms"] >= since_ms:
                    file.write(event_line(row, log["branch"], log["name"]))
                    count += 1
    if as_json:
        say_json({"entries": count, "file": str(out)})
    else:
        say(f"{counted(count, 'entry')} written to {out}")


def _logs(desk: Desk, device: str) -> list[Any]:
    """Logs held, of the devices that are called so."""
    from node.errors import NotFound

    found = [
        one
        for one in desk.audit_logs()
        if not device or device == one["name"] or one["device"].startswith(device)
    ]
    if device and not found:
        raise NotFound("No audit log of such a device is held here")
    return found


def _rows(desk: Desk, log: Mapping[str, Any], after: int, *, export: bool = False) -> Iterator[Any]:
    while after < log["last"]:
        rows = desk.audit_rows(log["device"], log["branch"], after, PAGE_ROWS, export=export)
        page = rows[: log["last"] - after]
        if not page:
            return
        yield from page
        after += len(page)


def _since_ms(text: str) -> int:
    """The earliest moment that the text can mean: a time, or an age. Raises `BadRequest`."""
    from conflict.clinical_time import instants
    from conflict.errors import BadTime
    from node import quantities

    if not text:
        return 0
    try:
        return int(instants(text.strip().replace(" ", "T")).earliest.timestamp() * 1000)
    except BadTime:
        for read in (quantities.age, quantities.seconds):
            with suppress(BadRequest):
                return int((now().timestamp() - read("since", text)) * 1000)
    raise BadRequest(
        f"--since: '{text[:40]}' is neither a time, as 2026-11-23T06:00Z or 2026-11-23, nor how long "
        "ago, as 30min, 12h or 3d"
    )


@contextmanager
def _replaced(out: Path) -> Iterator[BinaryIO]:
    """A file beside it, mode 0600, that takes its place when the block ends well."""
    handle, name = tempfile.mkstemp(dir=out.absolute().parent, prefix=f".{out.name}.")
    try:
        with open(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, out)
    finally:
        Path(name).unlink(missing_ok=True)
