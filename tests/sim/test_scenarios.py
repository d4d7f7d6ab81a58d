"""Scenario files: those that come with the software load; a wrong one is told where, and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.sim.lab.handbook import tables_text
from node.sim.lab.library import find, shipped
from node.sim.lab.scenario import Scenario, load
from node.sim.lab.toml import BadScenario

ROOT = Path(__file__).parents[2]
GOOD = """
about = "Two nodes."
[time]
faults = "2min"
[nodes]
a = {}
b = { role = "garrison" }
[work]
statements = 4
[[at]]
time = "1min"
do = "cut"
one = "a"
other = "b"
"""


def loaded(folder: Path, text: str) -> Scenario:
    """A file with this text, read."""
    path = folder / "mine.toml"
    path.write_text(text)
    return load(path)


@pytest.mark.parametrize("path", list(shipped()), ids=lambda path: path.stem)
def test_what_comes_with_the_software_loads_and_says_what_it_shows(path: Path) -> None:
    scenario = load(path)
    assert scenario.about.endswith(".")
    assert scenario.work.statements or scenario.work.casualties


def test_the_scenarios_that_were_promised_are_there() -> None:
    promised = {
        *("three-way-split", "satcom-week", "casualty-through-roles-of-care", "lost-laptop"),
        *("courier-only", "flapping-lan", "clone-and-restore", "version-skew"),
        *("silent-insertion", "mass-casualty"),
    }
    assert promised <= {path.stem for path in shipped()}


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("faults", "fualts", r"mine.toml:4: time.fualts is not known here; did you mean faults\?"),
        ("statements", "statments", r":9: work.statments .* did you mean statements\?"),
        ('"cut"', '"cutt"', r":12: at.do has no verb 'cutt'; did you mean cut\?"),
        ('one = "a"', 'one = "c"', r":13: at.one names no node 'c'; there are a, b"),
        ('one = "a"', 'on = "a"', r":13: at.on is not known here; did you mean one\?"),
        ('one = "a"\n', "", r":12: at.do cut also needs one"),
        ('"garrison"', '"garison"', r":7: nodes.b.role is 'garison'; there are field, garrison"),
        ('"2min"', '"2 min"', r":4: time.faults .*write a time as 90s, 10min, 36h or 7d"),
        ('"1min"', '"9h"', r":11: at.time is after the healing, which ends at 1,020 s"),
        ("= 4", "= 4.5", r":9: work.statements is a whole number"),
        ("= 4", "= -4", r":9: work.statements is -4; the limits are 0 to 1,000,000"),
        ("b = ", "# b = ", r":5: nodes are 1; 2 to 200 can be"),
        ("[work]", "[work", r"mine.toml:8: is not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, wrong: str, right: str, told: str) -> None:
    loaded(tmp_path, GOOD)
    assert wrong in GOOD
    with pytest.raises(BadScenario, match=told):
        loaded(tmp_path, GOOD.replace(wrong, right, 1))


def test_a_name_that_is_nearly_one_is_suggested() -> None:
    with pytest.raises(BadScenario, match="did you mean three-way-split"):
        find("thre-way-split")


def test_the_handbook_lists_every_verb_and_checker() -> None:
    text = (ROOT / "deploy" / "scenarios" / "README.md").read_text()
    assert f"-->\n{tables_text()}<!-- end -->" in text
