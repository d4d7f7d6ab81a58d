"""What a scenario asks for and nobody could do: each fault with its line, and why.

In a schedule that chance takes part in, or that was shrunk, what cannot be done does nothing; what a person
wrote down is meant, so that it is an error instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from conflict.slot import CATALOGUE
from node.sim.casualties import casualty
from node.sim.contradictions import contradictions
from node.sim.lab.people import START, People
from node.sim.lab.toml import Table, nearest

if TYPE_CHECKING:
    from node.sim.lab.scenario import NodeSpec, Scenario, Work
    from node.sim.lab.schedule import Step
    from node.sim.lab.verb import Verb

AFTER = {
    "restore": "backup",
    "wake": "sleep",
    "release": "hold",
    "speak": "silence",
    "disk-room": "disk-full",
    "fetch": "shed",
}
"""What a verb undoes, and so needs."""
PAIRED = (("one", "other"), ("sender", "receiver"), ("node", "other"))


def judge(top: Table, scenario: Scenario) -> None:
    """Raises `BadScenario` for the first thing that cannot be."""
    for name, spec in scenario.nodes.items():
        _software(top.table("nodes").table(name), spec)
    if scenario.exact:
        _exact(top, scenario)
        return
    _presence(top, scenario)
    _work(top.table("work"), scenario)
    tables = top.tables("at")
    order = sorted(range(len(tables)), key=lambda at: scenario.steps[at].at_s)
    done: list[Step] = []
    for at in order:
        _step(tables[at], scenario.steps[at], done, scenario)
        done.append(scenario.steps[at])


def _exact(top: Table, scenario: Scenario) -> None:
    dealt = len(People(scenario, scenario.seed).pieces)
    for table, step in zip(top.tables("at"), scenario.steps, strict=True):
        if step.verb.word == "write" and (number := step.body()["number"]) >= dealt:
            raise table.bad("number", f"is {number}; [work] deals {dealt} pieces, from 0 on")


# Nodes --------------------------------------------------------------------------------------------


def _software(table: Table, spec: NodeSpec) -> None:
    """`lacks` names what there is, `adds` what there is not."""
    there = {f"{name}.{field}" for name, slot in CATALOGUE.items() for field in slot.shape.fields}
    there |= set(CATALOGUE)
    for name in spec.lacks:
        if name not in there:
            raise table.bad("lacks", f"names no slot or field {name!r}{_close(name, there)}")
    for name in spec.adds:
        slot, _, field = name.partition(".")
        if not slot or (field and slot not in CATALOGUE):
            raise table.bad("adds", f"names a field of no slot {slot!r}{_close(slot, CATALOGUE)}")
        if name in there:
            raise table.bad("adds", f"names {name!r}, which all know already")


def _close(name: str, known: Mapping[str, object] | set[str]) -> str:
    """A suggestion, if there is one: the whole list would be too long."""
    found = nearest(name, known)
    return found if "did you mean" in found else ""


def _presence(top: Table, scenario: Scenario) -> None:
    """Whoever is not there from the start comes some day, and somebody is there."""
    if not scenario.starters:
        raise top.bad("nodes", "are all late: nobody is there at the start")
    brought = {
        step.body()["other" if step.verb.word == "clone" else "node"]
        for step in scenario.steps
        if step.verb.word in {"enrol", "clone"}
    }
    for name, spec in scenario.nodes.items():
        way = "clone" if spec.copy_of else "enrol"
        if spec.late and name not in brought and way not in scenario.chaos.verbs:
            key = "copy_of" if spec.copy_of else "late"
            raise top.table("nodes").table(name).bad(key, f"is said, and no `{way}` brings {name}")


def _work(table: Table, scenario: Scenario) -> None:
    work = scenario.work
    taken = 2 * work.pairs + work.corrections
    if taken > work.statements:
        text = f"take {taken:,} statements, two each for a pair; there are {work.statements:,}"
        both = f"and corrections {text}" if work.pairs and work.corrections else text
        raise table.bad("pairs" if work.pairs else "corrections", both)
    if work.corrections and taken == work.statements:
        raise table.bad(
            "corrections", "have nothing to correct: every statement is one, or a pair's"
        )
    if work.pairs and len(scenario.starters) < 2:
        raise table.bad("pairs", "need two nodes that are there from the start")
    _pairs(table, work, scenario.seed)


def _pairs(table: Table, work: Work, seed: int) -> None:
    if not work.pairs:
        return
    each = len(contradictions(seed, casualty(seed, 0, START)))
    if work.pairs > each * work.records:
        text = f"are {work.pairs:,}; there are {each} for each of the {work.records:,} records"
        raise table.bad("pairs", text)


# Steps --------------------------------------------------------------------------------------------


def _step(table: Table, step: Step, done: Sequence[Step], scenario: Scenario) -> None:
    said = step.body()
    word = step.verb.word
    for one, other in PAIRED:
        if one in said and said[one] == said.get(other):
            raise table.bad(other, f"is {said[one]!r} as `{one}` is: {word} takes two nodes")
    lost = {each.body()["node"] for each in done if each.verb.word == "lose"}
    for key in ("node", "one", "other", "sender", "receiver"):
        if said.get(key) in lost:
            raise table.bad(key, f"is {said[key]!r}, which is lost by then")
    _undoes(table, step, done, scenario)
    match word:
        case "partition":
            _partition(table, said["nodes"], scenario)
        case "clone" if scenario.nodes[said["other"]].copy_of != said["node"]:
            raise table.bad("other", f"is no copy: nodes.{said['other']} needs copy_of")
        case "enrol" if scenario.nodes[said["node"]].copy_of:
            raise table.bad("node", "is a copy of another: `clone` brings it")
        case "update" if not _is_old(said["node"], scenario):
            raise table.bad("node", f"is {said['node']!r}, and nobody has newer software")
        case "shed":
            _shed(table, said["node"], scenario)


def _undoes(table: Table, step: Step, done: Sequence[Step], scenario: Scenario) -> None:
    """What it undoes was done before, to the same."""
    needed = AFTER.get(step.verb.word)
    if needed is None or needed in scenario.chaos.verbs:
        return
    if not any(each.verb.word == needed and _same(each.verb, step.verb) for each in done):
        text = f"is {step.verb.word} at {step.at_s:,.0f} s, and there is no {needed} before"
        raise table.bad("do", text)


def _same(one: Verb, other: Verb) -> bool:
    """Whether both are about the same node, or the same two."""
    return _about(one) == _about(other)


def _about(verb: Verb) -> set[str | None]:
    return {getattr(verb, key, None) for key in ("node", "one", "other")}


def _partition(table: Table, named: Sequence[str], scenario: Scenario) -> None:
    if not named or set(named) == set(scenario.nodes):
        who = "all nodes" if named else "nobody"
        raise table.bad("nodes", f"names {who}: there is nothing to cut between")


def _is_old(name: str, scenario: Scenario) -> bool:
    newest = {one for spec in scenario.nodes.values() for one in spec.adds}
    own = scenario.nodes[name]
    return bool(own.lacks) or set(own.adds) != newest


def _shed(table: Table, name: str, scenario: Scenario) -> None:
    if scenario.nodes[name].role == "garrison":
        raise table.bad("node", f"is {name!r}, a garrison, which lets nothing go")
    if all(one.role != "garrison" for one in scenario.nodes.values()):
        raise table.bad("do", "is shed, and there is no garrison that could hold what is let go")
