"""Every kind of fault in a scenario is told with file, line and key; what cannot be done, with why."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.sim.lab.scenario import load
from node.sim.lab.toml import BadScenario, line_of

GOOD = """about = "Three nodes."
[time]
faults = "10min"
healing = "5min"
[nodes]
a = {}
b = { role = "garrison" }
c = { scopes = ["BAS-1"] }
[[links]]
between = ["a", "b"]
profile = "satcom-9600"
[work]
statements = 9
records = 1
[[at]]
time = "1min"
do = "split"
[[at]]
time = "2min"
do = "cut"
one = "a"
other = "b"
[chaos]
times = 2
verbs = ["mend", "crash"]
"""
CUT = 'do = "cut"\none = "a"\nother = "b"\n'
C = 'c = { scopes = ["BAS-1"] }'
Fault = tuple[str, str, str]

WRONG_VALUES: list[Fault] = [
    ('"Three nodes."', "3", "1: about is a text in quotes"),
    ("[time]", 'signatures = "fake"\n[time]', "2: signatures is 'fake'; there are real, stub"),
    ("[time]", 'store = "disk"\n[time]', "2: store is 'disk'; there are memory, sqlite"),
    ("[time]", "seed = -1\n[time]", "2: seed is -1"),
    ("[time]", 'exact = "yes"\n[time]', "2: exact is true or false"),
    ("[time]", "[tiem]", "2: tiem is not known here; did you mean time?"),
    ('"10min"', "600", "3: time.faults is a text with a unit, in quotes"),
    ('"10min"', '"-10min"', "3: time.faults '-10min' was given"),
    ("a = {}", "a = 3", "6: nodes.a is a table"),
    ("a = {}", 'a = { rol = "field" }', "6: nodes.a.rol is not known here; did you mean role?"),
    ("a = {}", 'a = { late = "no" }', "6: nodes.a.late is true or false"),
    (C, 'c = { scopes = "BAS-1" }', "8: nodes.c.scopes is a list of texts"),
    (C, "c = { scopes = [1] }", "8: nodes.c.scopes is a list of texts"),
    (C, "c = { scopes = [] }", "8: nodes.c.scopes is empty"),
    (C, 'c.role = "feild"', "8: nodes.c.role is 'feild'"),
    (C, '[nodes.c]\nrole = "feild"', "9: nodes.c.role is 'feild'"),
    (C, 'c = { lacks = ["vitals.spo3"] }', "did you mean vitals.spo2?"),
    (C, 'c = { adds = ["vitals"] }', "8: nodes.c.adds names 'vitals', which all know already"),
    (C, 'c = { adds = ["vitalz.x"] }', "a field of no slot 'vitalz'; did you mean vitals?"),
    ("[[links]]", "[links]", "9: links is an array of tables: write [[links]]"),
    ('["a", "b"]', '["a", "d"]', "10: links.between names no node 'd'; there are a, b, c"),
    ('["a", "b"]', '["a"]', "10: links.between names two nodes"),
    ('between = ["a", "b"]\n', "", "9: links.between or from is given"),
    ('"satcom-9600"', '"satcom-960"', "11: links.profile is 'satcom-960'; did you mean satcom"),
    ("profile =", 'rate = "fast"\nprofile =', "11: links.rate 'fast' was given"),
    ("profile =", 'rate = "1"\nprofile =', "11: links.rate 1 bit/s was given; the limits are 100"),
    ("profile =", 'loss = "99%"\nprofile =', "11: links.loss 99 % was given; the limits are 0"),
    ("profile =", 'kind = "mute"\nprofile =', "11: links.kind is 'mute'; there are lan"),
    ("profile =", 'daily = "5"\nprofile =', "11: links.daily '5' was given; write a size"),
    ("statements = 9", "statments = 9", "13: work.statments is not known here; did you mean st"),
    ("statements = 9", "statements = true", "13: work.statements is a whole number"),
    ("records = 1", "records = 0", "14: work.records is 0; the limits are 1 to 100,000"),
    ("records = 1", 'route = ["d"]', "14: work.route names no node 'd'"),
    ('do = "split"', 'do = "spilt"', "17: at.do has no verb 'spilt'; did you mean split?"),
    ('do = "split"\n', "", "15: at.do is missing"),
    ('time = "2min"\n', "", "18: at.time is missing"),
    ('time = "2min"', "time = 120", "19: at.time is a text with a unit, in quotes"),
    ('one = "a"', 'ine = "a"', "21: at.ine is not known here; did you mean one?"),
    ('one = "a"\n', "", "20: at.do cut also needs one"),
    ('other = "b"', 'other = "d"', "22: at.other names no node 'd'; there are a, b, c"),
    (CUT, f"{CUT}oneway = 1\n", "23: at.oneway is true or false"),
    (CUT, 'do = "loss"\none = "a"\nother = "b"\npercent = 99\n', "23: at.percent is 99; the lim"),
    (CUT, 'do = "rate"\none = "a"\nother = "b"\nrate = "0"\n', "23: at.rate 0 bit/s was given"),
    (CUT, 'do = "stall"\none = "a"\nother = "b"\nseconds = "-5s"\n', "23: at.seconds '-5s' was"),
    ("times = 2", "times = -2", "24: chaos.times is -2; the limits are 0 to 100,000"),
    ('"crash"]', '"crahs"]', "25: chaos.verbs has no verb 'crahs'; did you mean crash?"),
    ("[chaos]", "[chaos", "23: is not TOML"),
]
IMPOSSIBLE: list[Fault] = [
    ('"10min"', '"5s"', "3: time.faults is 5 s; it must be longer than 5 s"),
    ('"5min"', '"0s"', "4: time.healing is 0 s; it must be longer than 5 s"),
    ('"2min"', '"9h"', "19: at.time is after the healing, which ends at 900 s"),
    ("a = {}", "a = { late = true }", "6: nodes.a.late is said, and no `enrol` brings a"),
    (C, 'c = { copy_of = "a" }', "8: nodes.c.copy_of is said, and no `clone` brings c"),
    (C, 'c = { copy_of = "d" }', "8: nodes.c.copy_of names no node 'd' before it; there are a, b"),
    ("profile =", 'from = "a"\nprofile =', "10: links.between or from is given"),
    ('"satcom-9600"', '"lan"\ndaily = "5MB"', "12: links.daily means nothing on a lan link"),
    ('"satcom-9600"', '"lan"\nstall = "5s"', "9: links.every 0 s was given; it must be longer"),
    ("records = 1", "records = 1\npairs = 5", "15: work.pairs take 10 statements, two each for"),
    ("= 9", "= 90\npairs = 8", "14: work.pairs are 8; there are 7 for each of the 1 records"),
    ("= 9", "= 9\ncorrections = 9", "14: work.corrections have nothing to correct"),
    ("times = 2\n", "", "24: chaos.verbs is given without times"),
    ('verbs = ["mend", "crash"]\n', "", "24: chaos.times is given without verbs"),
    ('other = "b"', 'other = "a"', "22: at.other is 'a' as `one` is: cut takes two nodes"),
    (CUT, 'do = "partition"\nnodes = []\n', "21: at.nodes names nobody"),
    (CUT, 'do = "partition"\nnodes = ["a", "b", "c"]\n', "21: at.nodes names all nodes"),
    (CUT, 'do = "clone"\nnode = "a"\nother = "c"\n', "22: at.other is no copy: nodes.c needs"),
    (CUT, 'do = "restore"\nnode = "a"\n', "20: at.do is restore at 120 s, and there is no backup"),
    (CUT, 'do = "wake"\nnode = "a"\n', "20: at.do is wake at 120 s, and there is no sleep before"),
    (CUT, 'do = "release"\none = "a"\nother = "b"\n', "20: at.do is release at 120 s, and there"),
    (CUT, 'do = "update"\nnode = "a"\n', "21: at.node is 'a', and nobody has newer software"),
    (CUT, 'do = "shed"\nnode = "b"\n', "21: at.node is 'b', a garrison, which lets nothing go"),
    (CUT, 'do = "write"\nnode = "a"\nnumber = 0\n', "20: at.do is write, which goes with `exact"),
    ('do = "split"', 'do = "lose"\nnode = "a"', "22: at.one is 'a', which is lost by then"),
    ("[time]", "exact = true\n[time]", "2: exact leaves nothing to chance: take [chaos] out"),
]


def told(folder: Path, text: str) -> str:
    """What is said of a scenario with this text."""
    file = folder / "mine.toml"
    file.write_text(text)
    with pytest.raises(BadScenario) as fault:
        load(file)
    return str(fault.value).removeprefix(str(folder))


def test_without_a_fault_it_loads(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD)
    assert len(load(file).nodes) == 3


@pytest.mark.parametrize(("right", "wrong", "said"), WRONG_VALUES)
def test_a_wrong_value_is_told_with_line_and_key(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    assert right in GOOD
    found = told(tmp_path, GOOD.replace(right, wrong, 1))
    assert found.startswith("/mine.toml:")
    assert said in found


@pytest.mark.parametrize(("right", "wrong", "said"), IMPOSSIBLE)
def test_what_cannot_be_done_is_told_with_why(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    assert right in GOOD
    assert f"/mine.toml:{said}" in told(tmp_path, GOOD.replace(right, wrong, 1))


def test_a_piece_that_nobody_deals_is_told(tmp_path: Path) -> None:
    text = GOOD.partition("[chaos]")[0].replace("[time]", "exact = true\n[time]")
    text = text.replace(CUT, 'do = "write"\nnode = "a"\nnumber = 9\n')
    assert "/mine.toml:23: at.number is 9; [work] deals 9 pieces, from 0 on" in told(tmp_path, text)


def test_what_chance_may_have_done_before_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = GOOD.replace(CUT, 'do = "wake"\nnode = "a"\n')
    file.write_text(text.replace('"mend", "crash"', '"sleep"'))
    assert load(file).steps[1].verb.word == "wake"


def test_a_table_within_a_list_is_found_by_its_place() -> None:
    text = (
        'x = 1\nat = [\n  { time = "1s", do = "{" },\n  { time = "2s" },\n]\n[nodes]\na = { b = 1 }'
    )
    assert [line_of(text, "at", number, "time") for number in (0, 1)] == [3, 4]
    assert line_of(text, "nodes.a", 0, "b") == 7


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(BadScenario, match=r"nowhere\.toml cannot be read: No such file"):
        load(Path("nowhere.toml"))
