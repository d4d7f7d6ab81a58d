"""`demo`: the whole story on this machine, with invented casualties, in folders of its own.

Told on stderr as it happens: a live table on a terminal, else a line whenever something changed. The
figures are the result.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.opening import AsJson
from node.cli.output import plain, say, say_figures, tell
from node.errors import EXIT_FAILURE

if TYPE_CHECKING:
    from rich.table import Table

    from node.demo import Outcome
    from node.demo.story import View
    from node.desk import Save


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(demo)


def demo(
    seed: Annotated[int, typer.Option(help="The same seed tells the same story.")] = 1,
    casualties: Annotated[int, typer.Option(help="How many are invented.", min=1)] = 24,
    input_: Annotated[
        list[Path] | None, typer.Option("--input", help="FHIR files or folders to import too.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Keep the nodes' homes in this folder afterwards.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show nodes that are cut off, record, contradict each other and become equal again."""
    from node import demo as story

    saves, blobs = _imported(input_ or ())
    with _viewer(bare=as_json) as view:
        outcome = story.tell(
            seed=seed, count=casualties, imported=saves, blobs=blobs, view=view, keep=keep
        )
    if as_json:
        say_figures(outcome.body())
    else:
        _say_outcome(outcome)
    if not outcome.good:
        raise typer.Exit(EXIT_FAILURE)


def _imported(paths: Sequence[Path]) -> tuple[list[Save], list[bytes]]:
    from node.desk import Save
    from node.fhir import import_paths

    saves: list[Save] = []
    blobs: dict[bytes, None] = {}
    for batch in import_paths(paths) if paths else ():
        for one in batch.imported:
            saves.append(Save(one.document, one.drafts))
            blobs.update(dict.fromkeys(one.blobs))
    return saves, list(blobs)


@contextmanager
def _viewer(*, bare: bool) -> Iterator[View]:
    """A live table where the screen can hold one still, else lines."""
    if bare or not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        yield _Teller()
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False) as live:
        yield lambda step, statuses: live.update(_table(step, statuses), refresh=True)


def _table(step: str, statuses: Sequence[Mapping[str, Any]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=plain(step), box=box.SIMPLE, title_justify="left")
    for head in ("node", "documents", "statements", "digest", "to open", "review", "links"):
        table.add_column(head, justify="left" if head in {"node", "digest", "links"} else "right")
    digests = {one.get("digest") for one in statuses}
    for one in statuses:
        table.add_row(*_row(one, equal=len(digests) == 1))
    return table


def _row(status: Mapping[str, Any], *, equal: bool) -> list[str]:
    if status.get("down"):
        return [plain(status["name"]), "", "", "[red]down", "", "", ""]
    mark = "[green]= " if equal else ""
    links = [f"{peer['name']} {peer['phase']}" for peer in status["peers"] if peer["name"]]
    return [
        plain(status["name"]),
        str(status["documents"]),
        str(status["statements"]),
        mark + plain(status["digest"])[:8],
        str(status["waiting"]),
        str(status["findings"]),
        plain(", ".join(links)),
    ]


class _Teller:
    """Tells a step once, and again whenever what the nodes hold has changed."""

    def __init__(self) -> None:
        self._step = ""
        self._line = ""

    def __call__(self, step: str, statuses: Sequence[Mapping[str, Any]]) -> None:
        if step != self._step:
            self._step = step
            tell(f"\n{plain(step)}")
        line = "   ".join(_held(one) for one in statuses)
        if line != self._line:
            self._line = line
            tell(f"  {line}")


def _held(status: Mapping[str, Any]) -> str:
    if status.get("down"):
        return f"{plain(status['name'])} is down"
    words = f"{plain(status['name'])} {status['statements']} [{plain(status['digest'])[:6]}]"
    return f"{words} review {status['findings']}" if status.get("findings") else words


def _say_outcome(outcome: Outcome) -> None:
    say("What became of each contradiction (a finding stays open until a person closes it):")
    for one in outcome.told:
        say(f"  on {one.nodes} nodes  {plain(one.text)}")
    say()
    for name, value in outcome.body().items():
        say(f"{name.replace('_', ' ')}: {value}")
