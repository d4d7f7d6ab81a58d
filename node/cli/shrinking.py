"""`sim shrink`: of a schedule that fails the smallest that fails in the same way, as a scenario file."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from node.cli.opening import AsJson
from node.cli.output import plain, say, say_json, tell
from node.cli.progress_bar import progress_bar
from node.cli.simulating import EXIT_INTERRUPTED, Seed, say_verdict
from node.errors import BadRequest

if TYPE_CHECKING:
    from node.sim.lab.scenario import Scenario
    from node.sim.lab.schedule import Step
    from node.sim.lab.shrink import Shrunk

EXIT_SOUND = 10
"""What was to be made smaller does not fail."""
REPORTS = {".json", ".html", ".htm"}


class _Subject(NamedTuple):
    """`path`: of the scenario, which was asked for by `name`."""

    name: str
    path: Path
    scenario: Scenario
    seed: int
    schedule: list[Step]


def add_to(sim: typer.Typer) -> None:
    """Add this command."""
    sim.command()(shrink)


def shrink(
    what: Annotated[
        str, typer.Argument(help="A name of `sim list`, a .toml file, or a report of a run.")
    ],
    *,
    seed: Seed = None,
    out: Annotated[
        Path | None, typer.Option(help="A new .toml file; default: SCENARIO-SEED.toml, here.")
    ] = None,
    tries: Annotated[int, typer.Option(help="So many runs at most.", min=1)] = 1_000,
    as_json: AsJson = False,
) -> None:
    """Leave steps out of a run that fails until each one left is needed. Ctrl-C keeps the smallest so far.

    Exit code 10: that run does not fail.
    """
    subject = _subject(what, seed)
    file = out or Path(f"{subject.path.stem}-{subject.seed}.toml")
    if file.suffix != ".toml":
        raise BadRequest(f"{file} is no name of a scenario: it ends with .toml")
    if file.exists():
        raise BadRequest(f"{file} exists already: name another file with --out. Nothing was played")
    found = _shrunk(subject, tries)
    _write(file, subject, found)
    again = f"aidstation sim run {quote(str(file))}"
    if as_json:
        say_json(_body(subject, found, file, again))
    else:
        _say(found)
    tell(f"see it again: {again}")
    if found.interrupted:
        tell("interrupted: this is the smallest so far")
        raise typer.Exit(EXIT_INTERRUPTED)


def _subject(what: str, seed: int | None) -> _Subject:
    """What is to be made smaller. Raises `BadRequest`."""
    from node.sim.lab.library import find
    from node.sim.lab.report import read
    from node.sim.lab.run import schedule_of
    from node.sim.lab.scenario import load

    if Path(what).suffix.lower() not in REPORTS:
        scenario = load(find(what))
        number = scenario.seed if seed is None else seed
        return _Subject(what, find(what), scenario, number, schedule_of(scenario, number))
    kept = read(Path(what))
    if seed not in {None, kept.seed}:
        raise BadRequest(f"{what} is of seed {kept.seed}; --seed {seed} is another run")
    path = find(kept.scenario)
    return _Subject(kept.scenario, path, load(path), kept.seed, kept.schedule)


def _shrunk(subject: _Subject, tries: int) -> Shrunk:
    from node.sim.lab.many import quiet
    from node.sim.lab.shrink import Shrunk, shrink

    quiet()
    with progress_bar(f"{len(subject.schedule)} steps") as moved:

        def told(made: int, left: int) -> None:
            moved(made / tries, f"{len(subject.schedule)} → {left} steps")

        try:
            found = shrink(subject.scenario, subject.seed, subject.schedule, tries=tries, told=told)
        except KeyboardInterrupt:
            tell("interrupted before anything was known; nothing was written")
            raise typer.Exit(EXIT_INTERRUPTED) from None
    if isinstance(found, Shrunk):
        return found
    tell(
        f"{plain(subject.name)}, seed {subject.seed}, does not fail: every checker holds. "
        "There is nothing to shrink; nothing was written"
    )
    raise typer.Exit(EXIT_SOUND)


def _write(file: Path, subject: _Subject, found: Shrunk) -> None:
    from node.sim.lab.scenario_text import exact_text

    about = f"{subject.path.stem}, seed {subject.seed}, shrunk: fails by {found.verdict.name}."
    text = exact_text(subject.path, subject.seed, found.steps, about)
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as fault:
        raise BadRequest(f"{file} cannot be written: {fault.strerror}") from fault


def _body(subject: _Subject, found: Shrunk, file: Path, again: str) -> dict[str, Any]:
    return {
        "scenario": subject.name,
        "seed": subject.seed,
        "checker": found.verdict.name,
        "exit_code": found.verdict.code,
        "steps_before": found.before,
        "steps": [one.body() for one in found.steps],
        "tries": found.tries,
        "minimal": found.minimal,
        "complete": not found.interrupted,
        "file": str(file),
        "replay": again,
    }


def _say(found: Shrunk) -> None:
    end = "none of them can be left out" if found.minimal else "perhaps more can be left out"
    say(f"{found.before:,} → {len(found.steps):,} steps in {found.tries:,} runs; {end}")
    for one in found.steps:
        said = ", ".join(
            f"{key} {value}" for key, value in one.body().items() if key not in {"time", "do"}
        )
        say(f"  {one.at_s:>12,.3f} s  {one.verb.word:<12} {plain(said)}".rstrip())
    say_verdict(found.verdict)
