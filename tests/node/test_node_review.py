"""Review: a named person's decision closes a finding, and nothing else does."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from conflict.errors import ValueRefused
from conflict.identity import DocumentId, DocumentKind, StatementId, document_text
from conflict.statement import Draft
from node.desk import Resolve, Save
from node.errors import BadRequest, NotFound
from node.local_desk import LocalDesk
from node.opened import Opened
from node.workers import InlineWorkers
from storage.shapes import DocumentWork
from tests.conflict.conflict_lab import LabAuthor
from tests.http.http_lab import engine as memory_engine
from tests.node.node_lab import document, hold, idle, open_sql, running

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


# What a decision must not do -------------------------------------------------------------------


def test_a_choice_never_replaces_entries_that_do_not_contend(desk: LocalDesk) -> None:
    """A late injury time beside everything done before it: one finding over several slots."""
    draft = Draft(slot="injury_time", value={"time": "2026-11-20T15:00Z"}, by="Ruiz", at=AT)
    desk.save([Save(EPISODE, (draft,))])
    write(desk, EPISODE, "vitals", "Ruiz", pulse=88)
    write(desk, EPISODE, "tourniquet", "Ruiz", action="applied", limb="left-leg")
    found = [one for one in desk.findings() if one["rule"].startswith("care-before-injury")]
    assert found
    for listed in found:
        finding = desk.finding(listed["id"])
        for entry in finding["entries"]:
            with pytest.raises(BadRequest, match="no one value"):
                desk.resolve(Resolve(finding=listed["id"], by="Chen", choose=entry["name"]))
    slots = desk.chart(EPISODE)["documents"][0]["slots"]
    assert {"injury_time", "vitals", "tourniquet"} <= slots.keys()


def test_marking_a_corrected_entry_does_not_bring_the_first_one_back(desk: LocalDesk) -> None:
    dose = {"drug": "morphine", "route": "IV", "unit": "mg"}
    first = write(desk, EPISODE, "medication_given", "Ruiz", **dose, dose="100")
    correction = Draft(
        slot="medication_given",
        value={**dose, "dose": "10"},
        by="Ruiz",
        at=AT,
        supersedes=(StatementId(first),),
    )
    desk.save([Save(EPISODE, (correction,))])
    write(desk, EPISODE, "medication_given", "Okafor", **dose, dose="10")
    (listed,) = [one for one in desk.findings() if one["rule"] == "written-twice"]
    found = desk.finding(listed["id"])
    (ruiz,) = [one["name"] for one in found["entries"] if one["by"] == "Ruiz"]
    desk.resolve(Resolve(finding=listed["id"], by="Chen", void=(ruiz,)))
    shown = desk.chart(EPISODE)["documents"][0]["slots"]["medication_given"]
    assert [(one["by"], one["value"]["dose"]) for one in shown] == [("Okafor", "10")]


def test_a_proposed_allergy_goes_into_the_record_that_it_is_about(desk: LocalDesk) -> None:
    other = document(1, DocumentKind.PERSON)
    write(desk, other, "link", "Ruiz", document=document_text(PERSON), relation="same-person")
    stop = {"key": "morphine", "display": "Morphine", "status": "stopped"}
    write(desk, PERSON, "medication", "Ruiz", **stop, reason="adverse-reaction", reaction="rash")
    (listed,) = [one for one in desk.findings() if one["rule"] == "leads-to"]
    answer = desk.resolve(Resolve(finding=listed["id"], by="Chen", record=True))
    assert list(answer["statements"]) == [document_text(PERSON)]


def test_a_correction_of_an_event_keeps_the_events_time(desk: LocalDesk) -> None:
    first = write(desk, EPISODE, "vitals", "Ruiz", pulse=200)
    for pulse in (120, 102):
        draft = Draft(
            slot="vitals",
            value={"pulse": pulse},
            by="Ruiz",
            at=AT,
            supersedes=(StatementId(first),),
        )
        desk.save([Save(EPISODE, (draft,))])
    (listed,) = [one for one in desk.findings() if one["rule"] == "corrected-apart"]
    how = Resolve(listed["id"], "Chen", value={"pulse": 110}, at="2026-11-20T20:00Z")
    desk.resolve(how)
    (shown,) = desk.chart(EPISODE)["documents"][0]["slots"]["vitals"]
    assert (shown["value"], shown["at"]) == ({"pulse": 110}, AT)


def test_choosing_one_of_two_allergies_keeps_the_graver_details(desk: LocalDesk) -> None:
    same = {"substance": "penicillin", "status": "active"}
    write(desk, PERSON, "allergy", "Ruiz", **same, criticality="high", reactions=["anaphylaxis"])
    write(desk, PERSON, "allergy", "Okafor", **same, category="food")
    write(desk, PERSON, "allergy", "Chen", **same, category="drug")
    (listed,) = [one for one in desk.findings() if one["rule"] == "item-differs"]
    found = desk.finding(listed["id"])
    (drug,) = [one for one in found["entries"] if one["value"].get("category") == "drug"]
    desk.resolve(Resolve(listed["id"], "Dale", choose=drug["name"]))
    (shown,) = desk.chart(PERSON)["documents"][0]["slots"]["allergy"]
    assert shown["value"]["criticality"] == "high"
    assert shown["value"]["reactions"] == ["anaphylaxis"]
    assert shown["value"]["category"] == "drug"


def test_an_item_is_never_settled_by_a_value_for_another_one(desk: LocalDesk) -> None:
    same = {"substance": "penicillin", "status": "active"}
    write(desk, PERSON, "allergy", "Okafor", **same, category="food")
    write(desk, PERSON, "allergy", "Chen", **same, category="drug")
    (listed,) = desk.findings()
    with pytest.raises(BadRequest, match="not for another"):
        desk.resolve(Resolve(listed["id"], "Dale", value={"status": "none-known-drug"}))


def test_deciding_again_after_two_decisions_differed_closes_it(desk: LocalDesk) -> None:
    found = contradiction(desk)
    desk.resolve(Resolve(finding=found["id"], by="Chen", decision="two casualties"))
    value = {"finding": found["id"], "decision": "immediate holds", "seen": found["statements"]}
    write(desk, EPISODE, "resolution", "Dale", **value)
    answer = desk.resolve(Resolve(finding=found["id"], by="Eze", decision="two casualties, asked"))
    assert answer["open"] is False
    assert desk.findings() == []


def test_a_flood_of_entries_can_still_be_decided_in_words(desk: LocalDesk) -> None:
    for number in range(150):
        write(desk, EPISODE, "triage", f"Medic {number}", category="delayed")
    write(desk, EPISODE, "triage", "Okafor", category="immediate")
    (listed,) = desk.findings()
    assert len(listed["statements"]) == 151
    desk.resolve(Resolve(listed["id"], "Chen", decision="seen all"))
    assert desk.findings() == []


class Gate(InlineWorkers):
    """Workers that open nothing before they are let."""

    def __init__(self) -> None:
        super().__init__()
        self.open_now = threading.Event()

    def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        """When let."""
        assert self.open_now.wait(60)
        return super().open(batch)


def test_what_is_held_but_not_yet_opened_is_found_once_it_is(tmp_path: Path) -> None:
    gate = Gate()
    with running(open_sql(tmp_path / "n.db"), workers=gate) as own:
        desk = LocalDesk(own, "alpha", "field")
        write(desk, EPISODE, "triage", "Ruiz", category="delayed")
        peer = LabAuthor(7)
        peer.write(EPISODE, Draft(slot="triage", value={"category": "immediate"}, by="Okafor"))
        hold(own, peer.run(EPISODE), source=peer)
        assert desk.findings() == []
        gate.open_now.set()
        idle(own)
        assert [one["rule"] for one in desk.findings()] == ["heads-differ"]
