"""What is installed from a wheel has the scenarios, with no checkout anywhere near."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from node.sim.lab.library import shipped

ROOT = Path(__file__).parents[2]
_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import node
assert node.__file__.startswith(sys.argv[1]), node.__file__
from node.cli.main import main
sys.argv = ["aidstation", "sim", *sys.argv[2:]]
main()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the wheel has."""
    made = tmp_path_factory.mktemp("wheel")
    words = ("-m", "hatchling", "build", "-t", "wheel", "-d", str(made))
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(made.glob("*.whl"))) as packed:
        packed.extractall(made / "site")
    return made / "site"


def sim(wheel: Path, *words: str) -> str:
    """What a command of it says, in another folder."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", _PROGRAM, str(wheel), *words],
        cwd=wheel.parent,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_it_lists_the_same_scenarios(wheel: Path) -> None:
    found = json.loads(sim(wheel, "list", "--json"))["result"]["scenarios"]
    assert [one["name"] for one in found] == [path.stem for path in shipped()]


def test_it_plays_one_and_draws_its_page(wheel: Path) -> None:
    page = wheel.parent / "run.html"
    assert "ok     nothing-acknowledged-lost" in sim(
        wheel, "run", "three-way-split", "--report", str(page)
    )
    assert page.read_bytes().startswith(b"<!doctype html>")
