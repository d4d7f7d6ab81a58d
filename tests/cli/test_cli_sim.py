"""`aidstation sim`: what it prints, how it ends, and the one line that plays a failure again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from node.cli.main import app
from node.sim.lab.checkers import CHECKERS
from node.sim.lab.library import find
from tests.sim.mutants.catalogue import MUTANTS

SPLIT = "three-way-split"


def run(*words: str) -> tuple[int, str, str]:
    """A command: exit code, stdout, stderr."""
    done = CliRunner().invoke(app, ["sim", *words])
    return done.exit_code, done.stdout, done.stderr


def test_list_names_scenarios_and_checkers() -> None:
    code, out, _ = run("list", "--json")
    found = json.loads(out)["result"]
    assert code == 0
    assert SPLIT in {one["name"] for one in found["scenarios"]}
    assert (
        len(found["checkers"]) == len(CHECKERS) == len({o["exit_code"] for o in found["checkers"]})
    )


def test_a_run_says_what_each_checker_found_and_writes_its_report(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    code, out, _ = run("run", SPLIT, "--seed", "3", "--report", str(file))
    assert code == 0
    assert all(f"ok     {one.name}" in out for one in CHECKERS)
    report = json.loads(file.read_bytes())
    assert report["passed"]
    assert report["replay"] == f"aidstation sim run {SPLIT} --seed 3"
    assert {one["kind"] for one in report["events"]} >= {"started", "connected", "written", "split"}
    assert report["messages"]


def test_a_failure_ends_with_its_own_exit_code_and_the_line_that_plays_it_again() -> None:
    with MUTANTS["last-writer-wins"].planted():
        code, out, err = run("run", SPLIT, "--seed", "1")
    assert code == 14
    assert "FAILED findings-everywhere" in out
    assert err.splitlines()[-1] == f"see it again: aidstation sim run {SPLIT} --seed 1"


def test_a_report_is_played_again_to_the_same_end(tmp_path: Path) -> None:
    file, again = tmp_path / "report.json", tmp_path / "again.json"
    run("run", SPLIT, "--seed", "5", "--report", str(file))
    code, _, _ = run("replay", str(file), "--report", str(again))
    assert code == 0
    assert again.read_bytes() == file.read_bytes()


def test_what_is_no_report_is_told(tmp_path: Path) -> None:
    from node.sim.lab.toml import BadScenario

    file = tmp_path / "report.json"
    file.write_text("{}")
    done = CliRunner().invoke(app, ["sim", "replay", str(file)])
    assert isinstance(done.exception, BadScenario)
    assert "is no report" in str(done.exception)


def test_an_interrupted_run_leaves_a_report_that_can_be_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from node.sim.lab.people import Write

    act = Write.act

    def stop(self: Write, world: object) -> None:
        if self.number == 7:
            raise KeyboardInterrupt
        act(self, world)  # type: ignore[arg-type]

    file = tmp_path / "report.json"
    monkeypatch.setattr(Write, "act", stop)
    code, _, err = run("run", SPLIT, "--seed", "2", "--report", str(file))
    assert code == 130
    assert f"aidstation sim replay {file}" in err
    assert not json.loads(file.read_bytes())["complete"]
    monkeypatch.undo()
    assert run("replay", str(file))[0] == 0


def test_many_runs_end_in_the_order_of_seeds() -> None:
    code, out, _ = run("run", SPLIT, "--runs", "4", "--json")
    found = json.loads(out)["result"]
    assert code == 0
    assert list(found["digests"]) == ["1", "2", "3", "4"]
    assert found["failed"] == []


def test_a_scenario_of_ones_own_is_named_by_its_path(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_bytes(find(SPLIT).read_bytes())
    code, out, _ = run("run", str(mine), "--json")
    assert code == 0
    assert json.loads(out)["result"]["replay"] == f"aidstation sim run {mine} --seed 1"


def test_shrink_writes_a_scenario_that_fails_in_the_same_way(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    with MUTANTS["last-writer-wins"].planted():
        code, out, err = run("shrink", SPLIT, "--seed", "1", "--out", str(file))
        assert code == 0
        assert "→ 2 steps" in out
        assert err.splitlines()[-1] == f"see it again: aidstation sim run {file}"
        assert run("run", str(file))[0] == 14
        assert run("replay", str(file))[0] == 14
    assert run("run", str(file))[0] == 0


def test_shrink_takes_a_report_and_speaks_json(tmp_path: Path) -> None:
    report, file = tmp_path / "report.html", tmp_path / "small.toml"
    with MUTANTS["last-writer-wins"].planted():
        run("run", SPLIT, "--seed", "1", "--report", str(report))
        code, out, _ = run("shrink", str(report), "--out", str(file), "--json")
    found = json.loads(out)["result"]
    assert code == 0
    assert found["checker"] == "findings-everywhere"
    assert [one["do"] for one in found["steps"]] == ["write", "write"]
    assert found["minimal"]


def test_what_does_not_fail_has_an_exit_code_of_its_own_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    code, _, err = run("shrink", SPLIT, "--seed", "1", "--out", str(file))
    assert code == 10
    assert "does not fail" in err
    assert not file.exists()


def test_shrink_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text("mine")
    done = CliRunner().invoke(app, ["sim", "shrink", SPLIT, "--out", str(file)])
    assert "exists already" in str(done.exception)
    assert file.read_text() == "mine"


def test_a_schedule_that_no_seed_makes_is_played_again_from_its_report(tmp_path: Path) -> None:
    full, part, again = (tmp_path / f"{name}.json" for name in ("full", "part", "again"))
    run("run", SPLIT, "--seed", "1", "--report", str(full))
    report = json.loads(full.read_bytes())
    report["schedule"] = [one for one in report["schedule"] if one["do"] == "write"]
    part.write_text(json.dumps(report))
    with MUTANTS["last-writer-wins"].planted():
        code, _, err = run("replay", str(part), "--report", str(again))
    assert code == 14
    assert err.splitlines()[-1] == f"see it again: aidstation sim replay {part}"
    assert json.loads(again.read_bytes())["replay"] == f"aidstation sim replay {part}"
