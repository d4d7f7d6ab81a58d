"""`sim`: the partition lab. Theatres in memory are cut apart, crashed and healed, and judged.

Exit codes 11 and up name the checker that found something; `sim list` shows them.
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.opening import AsJson
from node.cli.output import plain, say, say_json, say_table, tell
from node.cli.progress_bar import progress_bar
from node.errors import BadRequest

if TYPE_CHECKING:
    from node.sim.lab.many import Outcome
    from node.sim.lab.run import Result, Verdict
    from node.sim.lab.scenario import Scenario
    from node.sim.lab.schedule import Step

EXIT_INTERRUPTED = 130
VIOLATIONS_SAID = 5

Report = Annotated[
    Path | None,
    typer.Option(help="A new file for all that happened: .html is a page, else JSON."),
]
Seed = Annotated[
    int | None, typer.Option(help="The same seed is the same run; default: the scenario's, or 1.")
]
Named = Annotated[str, typer.Argument(help="A name of `sim list`, or a .toml file.")]

app = typer.Typer(help="The partition lab: simulated theatres, faults, and referees.")


def add_to(top: typer.Typer) -> None:
    """Add these commands."""
    from node.cli import shrinking

    shrinking.add_to(app)
    top.add_typer(app, name="sim")


@app.command("list")
def list_scenarios(*, as_json: AsJson = False) -> None:
    """Scenarios that come with the software, and the checkers with their exit codes."""
    from node.sim.lab.checkers import CHECKERS
    from node.sim.lab.library import shipped
    from node.sim.lab.scenario import load

    found = [load(path) for path in shipped()]
    if as_json:
        scenarios = [{"name": one.name, "about": one.about} for one in found]
        checkers = [{"name": one.name, "exit_code": one.code} for one in CHECKERS]
        say_json({"scenarios": scenarios, "checkers": checkers})
        return
    say_table(("scenario", "nodes", "about"), [(o.name, len(o.nodes), o.about) for o in found])
    say()
    say_table(("exit", "checker"), sorted((one.code, one.name) for one in CHECKERS))


@app.command()
def run(
    scenario: Named,
    *,
    seed: Seed = None,
    runs: Annotated[int, typer.Option(help="So many seeds, from --seed on.", min=1)] = 1,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Play a scenario; with --runs, many seeds on all processors. A failure says how to see it again."""
    from node.sim.lab.library import find
    from node.sim.lab.report import replay_command
    from node.sim.lab.scenario import load

    path = find(scenario)
    loaded = load(path)
    first = loaded.seed if seed is None else seed
    if runs > 1:
        _run_many(scenario, path, range(first, first + runs), as_json=as_json)
    else:
        again = replay_command(scenario, first)
        _run_one(scenario, loaded, first, report, again=again, as_json=as_json)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="What `sim run --report` or `sim shrink` wrote.")],
    *,
    scenario: Annotated[str, typer.Option(help="The scenario, if its file is elsewhere now.")] = "",
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Play the schedule of a report again, also of one that was interrupted."""
    from node.sim.lab.library import SUFFIX, find
    from node.sim.lab.report import again_command, read
    from node.sim.lab.scenario import load

    if file.suffix == SUFFIX:
        run(str(file), report=report, as_json=as_json)
        return
    kept = read(file)
    name = scenario or kept.scenario
    loaded = load(find(name))
    again = again_command(kept, loaded, file, scenario)
    _run_one(name, loaded, kept.seed, report, kept.schedule, again=again, as_json=as_json)


# One run ------------------------------------------------------------------------------------------


def _run_one(
    name: str,
    scenario: Scenario,
    seed: int,
    report: Path | None,
    schedule: list[Step] | None = None,
    *,
    again: str,
    as_json: bool,
) -> None:
    from node.sim.lab.many import quiet
    from node.sim.lab.report import body
    from node.sim.lab.run import play

    if report is not None and report.exists():
        raise BadRequest(f"{report} exists already: name another file. Nothing was played")
    quiet()
    with progress_bar(scenario.name) as moved:
        result = play(scenario, seed, schedule, progress=moved)
    if report is not None:
        _write_report(report, body(result, name, again))
    if as_json:
        say_json(body(result, name, again, events=False))
    else:
        _say_result(result)
    if report is not None and not result.complete:
        again = f"aidstation sim replay {quote(str(report))}"
    if not result.complete:
        tell(
            f"interrupted after {result.steps_done} of {len(result.schedule)} steps. Again: {again}"
        )
        raise typer.Exit(EXIT_INTERRUPTED)
    if result.failed:
        tell(f"see it again: {again}")
        raise typer.Exit(result.exit_code)


def _write_report(file: Path, found: dict[str, Any]) -> None:
    """A new file."""
    from node.sim.lab.report import to_bytes

    if file.suffix.lower() in {".html", ".htm"}:
        from node.sim.lab.page import page

        raw = page(found)
    else:
        raw = to_bytes(found)
    try:
        with file.open("xb") as out:
            out.write(raw)
    except OSError as fault:
        raise BadRequest(f"{file} cannot be written: {fault.strerror}") from fault


def _say_result(result: Result) -> None:
    say(f"scenario: {plain(result.scenario)}   seed: {result.seed}")
    equal = "never" if result.equal_s is None else f"{result.equal_s:,.0f} s after healing began"
    say(f"virtual time: {result.virtual_s:,.0f} s   equal: {equal}   digest: {result.trace.digest}")
    written, pieces = result.figures["written"], result.figures["pieces"]
    say(
        f"saves: {written:,} of {pieces:,} acknowledged   to review: {result.figures['to_review']:,}"
    )
    for verdict in result.verdicts:
        say_verdict(verdict)


def say_verdict(verdict: Verdict) -> None:
    """Whether it holds, and the first things that are wrong."""
    mark = "FAILED" if verdict.violations else "ok    "
    say(f"  {mark} {verdict.name}")
    for one in verdict.violations[:VIOLATIONS_SAID]:
        where = f"{one.node}: " if one.node else ""
        say(f"         at {one.at_s:,.1f} s, {plain(where + one.detail)}")
    more = len(verdict.violations) - VIOLATIONS_SAID + verdict.more
    if more > 0:
        say(f"         and {more:,} more")


# Many runs ----------------------------------------------------------------------------------------


def _run_many(name: str, path: Path, seeds: range, *, as_json: bool) -> None:
    from node.sim.lab.many import outcomes
    from node.sim.lab.report import replay_command

    found: list[Outcome] = []
    interrupted = False
    with progress_bar(path.stem) as moved:
        ended = 0

        def one_more() -> None:
            nonlocal ended
            ended += 1
            moved(ended / len(seeds))

        try:
            found.extend(outcomes(path, seeds, done=one_more))
        except KeyboardInterrupt:
            interrupted = True
    failed = [one for one in found if one.failed]
    if as_json:
        say_json(_many_body(name, found, failed, complete=not interrupted))
    else:
        _say_many(found, failed)
    if failed:
        tell(f"see it again: {replay_command(name, failed[0].seed)}")
        raise typer.Exit(failed[0].exit_code)
    if interrupted:
        tell(f"interrupted after {len(found)} of {len(seeds)} runs, all of them sound")
        raise typer.Exit(EXIT_INTERRUPTED)


def _many_body(
    name: str, found: list[Outcome], failed: list[Outcome], *, complete: bool
) -> dict[str, Any]:
    from node.sim.lab.report import replay_command

    return {
        "scenario": name,
        "complete": complete,
        "runs": len(found),
        "failed": [
            {
                "seed": one.seed,
                "checkers": [each.name for each in one.failed],
                "exit_code": one.exit_code,
                "replay": replay_command(name, one.seed),
            }
            for one in failed
        ],
        "virtual_node_hours": round(sum(one.virtual_s * one.nodes for one in found) / 3600, 3),
        "digests": {str(one.seed): one.digest for one in found},
    }


def _say_many(found: list[Outcome], failed: list[Outcome]) -> None:
    hours = sum(one.virtual_s * one.nodes for one in found) / 3600
    say(f"runs: {len(found):,}   failed: {len(failed):,}   virtual node-hours: {hours:,.1f}")
    late = [one.equal_s for one in found if one.equal_s is not None]
    if late:
        say(f"equal after healing: {min(late):,.0f} to {max(late):,.0f} s")
    for one in failed:
        names = ", ".join(each.name for each in one.failed)
        say(f"  seed {one.seed}: {names}: {plain(one.failed[0].violations[0].detail)}")
