"""The report of a run as JSON: the same bytes for the same code, scenario and seed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from node.sim.lab.people import Write
from node.sim.lab.run import Result, schedule_of
from node.sim.lab.scenario import Scenario
from node.sim.lab.schedule import Step, ordered
from node.sim.lab.toml import BadScenario
from node.sim.lab.verbs import VERBS
from node.version import VERSION

FORMAT = 1
BLOCK = b'<script type="application/json" id="run">'
"""What stands before the JSON of a page (`page.py`)."""


def replay_command(scenario: Path | str, seed: int) -> str:
    """The one line that plays it again."""
    return f"aidstation sim run {shlex.quote(str(scenario))} --seed {seed}"


def body(
    result: Result, scenario: Path | str, again: str = "", *, events: bool = True
) -> dict[str, Any]:
    """JSON form. `again`: the command that plays it again, if it is not the seed's own run. `events`: with
    all that happened, and each frame."""
    found: dict[str, Any] = {
        "format": FORMAT,
        "software": VERSION,
        "scenario": result.scenario,
        "seed": result.seed,
        "replay_scenario": str(scenario),
        "replay": again or replay_command(scenario, result.seed),
        "complete": result.complete,
        "passed": result.complete and not result.failed,
        "virtual_s": result.virtual_s,
        "equal_s": result.equal_s,
        "verdicts": [
            {
                "checker": one.name,
                "exit_code": one.code,
                "holds": not one.violations,
                "violations": [each._asdict() for each in one.violations],
                "more": one.more,
            }
            for one in result.verdicts
        ],
        "figures": result.figures,
        "curve": result.curve,
        "schedule": [one.body() for one in result.schedule],
        "steps_done": result.steps_done,
        "digest": result.trace.digest,
    }
    if events:
        found["events"] = [one._asdict() for one in result.trace.events]
        found["messages"] = [[*one] for one in result.trace.messages]
        found["nodes"] = list(result.nodes)
        found["faults_s"] = result.faults_s
        found["watched"] = result.watch.body()
        found["bin_s"] = result.trace.bin_s
        found["bins"] = [[at, str(fate), n] for (at, fate), n in sorted(result.trace.bins.items())]
        found["records_left_out"] = result.trace.dropped_records
    return found


def to_bytes(found: dict[str, Any]) -> bytes:
    """One JSON object, indented, with a line break at its end."""
    return orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


class Kept(NamedTuple):
    """What a report says of how to play it again."""

    scenario: str
    seed: int
    schedule: list[Step]


def read(path: Path) -> Kept:
    """A report that was written before. Raises `BadScenario`."""
    try:
        found = orjson.loads(_json_of(path.read_bytes()))
        steps = [_step(one) for one in found["schedule"]]
        return Kept(found["replay_scenario"], found["seed"], steps)
    except OSError as fault:
        raise BadScenario(f"{path} cannot be read: {fault.strerror}") from fault
    except (orjson.JSONDecodeError, KeyError, TypeError) as fault:
        raise BadScenario(f"{path} is no report of this software") from fault


def again_command(kept: Kept, scenario: Scenario, file: Path, named: str = "") -> str:
    """The one line that plays a report again: as its seed if that says it all, else from the file itself.

    `named`: another scenario that was asked for."""
    if ordered(kept.schedule) == schedule_of(scenario, kept.seed):
        return replay_command(named or kept.scenario, kept.seed)
    also = f" --scenario {shlex.quote(named)}" if named else ""
    return f"aidstation sim replay {shlex.quote(str(file))}{also}"


def _json_of(raw: bytes) -> bytes:
    """Of a page the block that is in it; of JSON all."""
    return raw.partition(BLOCK)[2].partition(b"</script>")[0] if BLOCK in raw else raw


def _step(found: dict[str, Any]) -> Step:
    given = {key: value for key, value in found.items() if key not in {"time", "do"}}
    if "nodes" in given:
        given["nodes"] = tuple(given["nodes"])
    kind = Write if found["do"] == Write.word else VERBS[found["do"]]
    return Step(found["time"], kind(**given))
