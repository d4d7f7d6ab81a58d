"""The page of a run: one file, the same bytes in any process, played again, small for a hundred nodes."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from node.errors import BadRequest
from node.sim.lab.library import find
from node.sim.lab.page import clock, page
from node.sim.lab.report import body, read
from node.sim.lab.run import Result, play
from node.sim.lab.scenario import load

ROOT = Path(__file__).parents[2]
PAGE_BYTES_MAX = 1_500_000
_INTERRUPTED = """
import os, signal, sys
from contextlib import contextmanager
from node.cli import simulating
from node.cli.main import main
@contextmanager
def bar(_word):
    yield lambda share: os.kill(os.getpid(), signal.SIGINT) if share > 0.3 else None
simulating.progress_bar = bar
sys.argv = ["aidstation", "sim", "run", "three-way-split", "--report", sys.argv[1]]
main()
"""


def process(*words: str, hash_seed: str = "0") -> subprocess.CompletedProcess[bytes]:
    """A Python process of its own."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )


def drawn(result: Result) -> str:
    """Its page."""
    return page(body(result, result.scenario)).decode()


class _Outside(HTMLParser):
    """What a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.found += [key for key in named if key in {"src", "href", "xlink:href"}]
        if tag in {"link", "img", "iframe"} or (
            tag == "script" and named.get("type") != "application/json"
        ):
            self.found.append(tag)


def test_two_processes_with_other_hash_seeds_write_the_same_page(tmp_path: Path) -> None:
    words = ("-c", "from node.cli.main import main; main()", "sim", "run", "three-way-split")
    pages = []
    for hash_seed in ("1", "4242"):
        file = tmp_path / f"{hash_seed}.html"
        done = process(*words, "--report", str(file), hash_seed=hash_seed)
        assert done.returncode == 0, done.stderr
        pages.append(file.read_bytes())
    assert pages[0] == pages[1]


def test_a_page_needs_nothing_else_and_runs_no_script() -> None:
    parser = _Outside()
    text = drawn(play(load(find("three-way-split")), 1))
    parser.feed(text)
    assert parser.found == []
    assert text.count("<svg") == text.count("<title id=") + text.count('aria-hidden="true"')


def test_a_page_is_played_again_as_its_json_is(tmp_path: Path) -> None:
    result = play(load(find("three-way-split")), 3)
    file = tmp_path / "run.html"
    file.write_text(drawn(result))
    kept = read(file)
    assert (kept.scenario, kept.seed) == ("three-way-split", 3)
    assert tuple(kept.schedule) == result.schedule


def test_sigint_leaves_a_page_that_says_it_is_partial_and_can_be_played(tmp_path: Path) -> None:
    file = tmp_path / "run.html"
    done = process("-c", _INTERRUPTED, str(file))
    assert done.returncode == 130, done.stderr
    assert "Partial: interrupted after" in file.read_text()
    assert not play(load(find("three-way-split")), 1, read(file).schedule).failed


def test_a_report_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    from node.cli.simulating import run

    file = tmp_path / "run.html"
    file.write_text("mine")
    with pytest.raises(BadRequest, match="exists already"):
        run("three-way-split", report=file)
    assert file.read_text() == "mine"


def test_a_hundred_nodes_for_a_week_stay_small() -> None:
    """From figures as a run gives them, at the most that a page must bear."""
    nodes = [f"n{number:03}" for number in range(100)]
    found = body(play(load(find("three-way-split")), 1), "three-way-split")
    found["nodes"], found["virtual_s"], found["faults_s"] = nodes, 604_800.0, 600_000.0
    found["events"] = [
        {"at_s": 604.8 * at, "node": name, "kind": "written", "detail": ""}
        for at in range(1000)
        for name in nodes
    ]
    found["watched"]["states"] = [(0.0, name, "running") for name in nodes]
    found["watched"]["cuts"] = [(6048.0 * at, name, at % 2) for at in range(100) for name in nodes]
    found["figures"]["bytes"] = {f"{a} → {b}": 1000 for a in nodes for b in nodes if a != b}
    found["bin_s"], found["bins"] = 1260.0, [[at, "delivered", 9] for at in range(480)]
    text = page(found)
    assert len(text) < PAGE_BYTES_MAX


def test_what_a_scenario_is_called_cannot_change_the_page() -> None:
    found = body(play(load(find("three-way-split")), 1), "</script><b>x")
    found["scenario"] = "</script><b>x"
    text = page(found).decode()
    assert "<b>x" not in text
    assert text.count("</script>") == 1


def test_times_are_written_as_people_read_them() -> None:
    assert [clock(at) for at in (5, 65, 3_725, 273_900)] == ["0:05", "1:05", "1:02:05", "3d 04:05"]
