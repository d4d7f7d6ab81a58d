"""Review: a named person's decision closes a finding, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conflict.errors import ValueRefused
from conflict.identity import DocumentId, DocumentKind, StatementId, document_text
from conflict.statement import Draft
from node.desk import Resolve, Save
from node.errors import BadRequest, NotFound
from node.local_desk import LocalDesk
from tests.http.http_lab import engine as memory_engine
from tests.node.node_lab import document

EPISODE = document(1)
PERSON = document(2, DocumentKind.PERSON)
AT = "2026-11-20T13:58Z"


@pytest.fixture(name="desk")
def _desk() -> Iterator[LocalDesk]:
    with memory_engine() as own:
        yield LocalDesk(own, "alpha", "field")


def write(desk: LocalDesk, at: DocumentId, slot: str, by: str, **value: Any) -> str:
    """One statement that replaces nothing: its id."""
    draft = Draft(slot=slot, value=value, by=by, at=AT)
    return desk.save([Save(at, (draft,))])[0][0]


def contradiction(desk: LocalDesk) -> Any:
    write(desk, EPISODE, "triage", "Ruiz", category="delayed")
    write(desk, EPISODE, "triage", "Okafor", category="immediate")
    (found,) = desk.findings()
    return desk.finding(found["id"])


def test_a_finding_shows_both_sides_with_who_and_when_the_safer_one_first(desk: LocalDesk) -> None:
    found = contradiction(desk)
    sides = [(one["by"], one["at"], one["words"], one["state"]) for one in found["entries"]]
    assert sides == [
        ("Okafor", AT, "immediate", "safer"),
        ("Ruiz", AT, "delayed", "also"),
    ]
    assert found["text"] == "Triage: Ruiz 13:58Z wrote delayed; Okafor 13:58Z wrote immediate"
    assert found["closing"]["act"] == "choose"
    assert found["documents"] == [document_text(EPISODE)]


def test_choosing_one_side_replaces_both_and_leaves_a_resolution(desk: LocalDesk) -> None:
    found = contradiction(desk)
    ruiz = found["entries"][1]
    answer = desk.resolve(Resolve(finding=found["id"], by="Chen", choose=ruiz["name"]))
    assert answer["open"] is False
    assert desk.findings() == []
    slots = desk.chart(EPISODE)["documents"][0]["slots"]
    (triage,) = slots["triage"]
    assert (triage["value"], triage["by"], triage["at"]) == ({"category": "delayed"}, "Chen", AT)
    (resolution,) = slots["resolution"]
    assert resolution["by"] == "Chen"
    assert resolution["value"]["finding"] == found["id"]
    assert sorted(resolution["value"]["seen"]) == found["statements"]
    assert resolution["value"]["decision"] == "holds: delayed"


def test_a_value_of_ones_own_is_held_to_the_slot(desk: LocalDesk) -> None:
    found = contradiction(desk)
    with pytest.raises(ValueRefused, match="category"):
        desk.resolve(Resolve(finding=found["id"], by="Chen", value={"category": "walking"}))
    assert len(desk.findings()) == 1
    desk.resolve(Resolve(finding=found["id"], by="Chen", value={"category": "minimal"}))
    assert desk.findings() == []


def test_words_alone_close_a_finding_and_both_sides_stay_shown(desk: LocalDesk) -> None:
    found = contradiction(desk)
    desk.resolve(Resolve(finding=found["id"], by="Chen", decision="two casualties, see notes"))
    assert desk.findings() == []
    chart = desk.chart(EPISODE)
    assert [one["value"]["category"] for one in chart["documents"][0]["slots"]["triage"]] == [
        "immediate",
        "delayed",
    ]
    (closed,) = chart["findings"]
    assert closed["closed_by"]


def test_what_arrived_meanwhile_is_another_finding(desk: LocalDesk) -> None:
    found = contradiction(desk)
    write(desk, EPISODE, "triage", "Kowalski", category="minimal")
    with pytest.raises(NotFound, match="list them again"):
        desk.resolve(Resolve(finding=found["id"], by="Chen", decision="settled"))
    (other,) = desk.findings()
    assert other["id"] != found["id"]


def test_two_different_decisions_make_it_a_finding_again(desk: LocalDesk) -> None:
    found = contradiction(desk)
    desk.resolve(Resolve(finding=found["id"], by="Chen", decision="two casualties"))
    value = {"finding": found["id"], "decision": "immediate holds", "seen": found["statements"]}
    write(desk, EPISODE, "resolution", "Dale", **value)  # by one who had not seen the first
    rules = {one["id"]: one["slot"] for one in desk.findings()}
    assert sorted(rules.values()) == ["resolution", "triage"]
    assert found["id"] in rules


def test_a_duplicate_is_settled_by_marking_one_or_by_saying_that_both_happened(
    desk: LocalDesk,
) -> None:
    dose = {"drug": "ketamine", "route": "IM", "dose": "50", "unit": "mg"}
    with memory_engine() as other_engine:
        other = LocalDesk(other_engine, "beta", "field")
        write(other, EPISODE, "medication_given", "Okafor", **dose)
        theirs, _ = other_engine.store.runs(EPISODE, {}, 1 << 20)
        write(desk, EPISODE, "medication_given", "Ruiz", **dose)
        from sync.effects import Hold

        desk._engine.hold(Hold(1, other_engine.key.node, tuple(theirs), ())).result(30)
        assert desk._engine.projector.wait_idle(30)
    (listed,) = [one for one in desk.findings() if one["rule"] == "written-twice"]
    found = desk.finding(listed["id"])
    with pytest.raises(BadRequest, match="no one value"):
        desk.resolve(Resolve(finding=found["id"], by="Chen", choose=found["entries"][0]["name"]))
    answer = desk.resolve(
        Resolve(finding=found["id"], by="Chen", void=(found["entries"][1]["name"],))
    )
    assert answer["open"] is False
    document_shown = desk.chart(EPISODE)["documents"][0]
    assert len(document_shown["slots"]["medication_given"]) == 1
    (struck,) = document_shown["struck"]
    assert struck["void"]["by"] == "Chen"


def test_a_proposed_entry_is_written_where_it_belongs(desk: LocalDesk) -> None:
    link = {"document": document_text(PERSON), "relation": "casualty"}
    write(desk, EPISODE, "link", "Ruiz", **link)
    stop = {"key": "morphine", "display": "Morphine", "status": "stopped"}
    write(desk, PERSON, "medication", "Ruiz", **stop, reason="adverse-reaction", reaction="rash")
    (listed,) = [one for one in desk.findings() if one["rule"] == "leads-to"]
    answer = desk.resolve(Resolve(finding=listed["id"], by="Chen", record=True))
    assert list(answer["statements"]) == [document_text(PERSON)]
    (shown,) = desk.chart(EPISODE)["documents"][0]["slots"]["allergy"]
    assert shown["value"]["status"] == "active"
    assert desk.findings() == []


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"by": " "}, "named person"),
        ({}, "say in words"),
        ({"decision": "x", "choose": "a", "value": {"category": "minimal"}}, "exclude"),
        ({"choose": "episode-x/1"}, "no statement of this finding"),
        ({"void": ("nothing",)}, "no statement of this finding"),
        ({"record": True}, "proposes no entry"),
    ],
)
def test_a_decision_that_cannot_be_read_saves_nothing(
    desk: LocalDesk, how: dict[str, Any], why: str
) -> None:
    found = contradiction(desk)
    before = desk.statements(EPISODE)
    with pytest.raises(BadRequest, match=why):
        desk.resolve(Resolve(**{"finding": found["id"], "by": "Chen"} | how))
    assert desk.statements(EPISODE) == before


def test_an_unknown_finding_is_named_as_such(desk: LocalDesk) -> None:
    contradiction(desk)
    for identity in ("", "ff", "ffffffff"):
        with pytest.raises(NotFound):
            desk.finding(identity)


def test_a_chart_that_did_not_change_keeps_its_findings_and_one_that_did_has_new_ones(
    desk: LocalDesk,
) -> None:
    contradiction(desk)
    assert desk.findings() == desk.findings()
    shown = tuple(StatementId(one) for one in desk.shown(EPISODE, "triage"))
    settled = Draft(slot="triage", value={"category": "minimal"}, by="Chen", supersedes=shown)
    desk.save([Save(EPISODE, (settled,))])
    assert desk.findings() == []
