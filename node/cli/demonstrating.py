"""`demo`: the whole story on this machine, with invented casualties, in folders of its own.

Steps are told on stderr as they happen, one line each with what every node holds; the figures are
the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.opening import AsJson
from node.cli.output import plain, say, say_json, tell
from node.errors import EXIT_FAILURE

if TYPE_CHECKING:
    from node.demo import Outcome
    from node.desk import Save


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(demo)


def demo(
    seed: Annotated[int, typer.Option(help="The same seed tells the same story.")] = 1,
    casualties: Annotated[int, typer.Option(help="How many are invented.", min=1)] = 12,
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
    outcome = story.tell(
        seed=seed, count=casualties, imported=saves, blobs=blobs, view=_Teller(), keep=keep
    )
    if as_json:
        say_json(outcome.body())
    else:
        _say_outcome(outcome)
    if not outcome.converged or outcome.lost:
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
    for one in outcome.told:
        say(f"{plain(one.kind)}, shown on {one.nodes} nodes: {plain(one.text)}")
    say()
    for name, value in outcome.body().items():
        say(f"{name.replace('_', ' ')}: {value}")
