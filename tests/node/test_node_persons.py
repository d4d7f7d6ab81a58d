"""Who is who: links and their undoing everywhere, wrong casualty, trauma identities, candidates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conflict.identity import DocumentId, DocumentKind, document_text, parse_document
from conflict.statement import Draft
from node.desk import Move, Relation, Save
from node.errors import BadRequest, NotFound
from node.local_desk import LocalDesk
from node.trauma import TraumaRange
from tests.http.http_lab import engine as memory_engine
from tests.node.node_lab import document
from tests.system.node_lab import Node, equal, nodes

ANNA, TWIN = document(1, DocumentKind.PERSON), document(2, DocumentKind.PERSON)
EPISODE, OTHER_EPISODE = document(3), document(4)
AT = "2026-11-20T13:58Z"


@pytest.fixture(name="desk")
def _desk() -> Iterator[LocalDesk]:
    with memory_engine() as own:
        yield LocalDesk(own, "alpha", "field")


def write(desk: LocalDesk, at: DocumentId, slot: str, **value: Any) -> str:
    return desk.save([Save(at, (Draft(slot=slot, value=value, by="Ruiz", at=AT),))])[0][0]


def in_chart(desk: LocalDesk, of: DocumentId) -> set[str]:
    return {one["document"] for one in desk.chart(of)["documents"]}


def texts(*documents: DocumentId) -> set[str]:
    return {document_text(one) for one in documents}


# Links ------------------------------------------------------------------------------------------


def test_linked_records_are_one_chart_and_unlinked_ones_are_as_they_were(desk: LocalDesk) -> None:
    write(desk, ANNA, "allergy", substance="penicillin", status="active")
    write(desk, TWIN, "name", family="OKAFOR", given="Anna")
    write(desk, EPISODE, "medication_given", drug="amoxicillin", dose="500", unit="mg")
    desk.link(Relation(EPISODE, TWIN, "Ruiz"))
    before = desk.chart(ANNA), desk.chart(TWIN)
    assert not [one for one in desk.findings() if one["rule"] == "allergy-against-drug"]
    desk.link(Relation(ANNA, TWIN, "Ruiz", "same tag"))
    assert in_chart(desk, ANNA) == in_chart(desk, EPISODE) == texts(ANNA, TWIN, EPISODE)
    assert [one for one in desk.findings() if one["rule"] == "allergy-against-drug"]
    desk.unlink(Relation(TWIN, ANNA, "Chen", "other birth date"))
    after = desk.chart(ANNA), desk.chart(TWIN)
    for was, now in zip(before, after, strict=True):
        assert [_without_links(one) for one in was["documents"]] == [
            _without_links(one) for one in now["documents"]
        ]
    assert not [one for one in desk.findings() if one["rule"] == "allergy-against-drug"]
    desk.link(Relation(ANNA, TWIN, "Chen", "it was she after all"))
    assert in_chart(desk, ANNA) == texts(ANNA, TWIN, EPISODE)


def _without_links(body: dict[str, Any]) -> dict[str, Any]:
    slots = {name: shown for name, shown in body["slots"].items() if name != "link"}
    return {**body, "slots": slots}


async def test_a_link_and_its_undoing_hold_on_every_node(tmp_path: Path) -> None:
    async with nodes([tmp_path / f"{n}.db" for n in range(3)]) as party:
        a, b, c = party
        await a.save(ANNA, Draft(slot="name", value={"family": "OKAFOR"}, by="Ruiz"))
        await b.save(TWIN, Draft(slot="name", value={"family": "OKAFR"}, by="Chen"))
        await equal(party)
        a.desk.link(Relation(ANNA, TWIN, "Ruiz"))
        await equal(party)
        assert [in_chart(one.desk, TWIN) for one in party] == [texts(ANNA, TWIN)] * 3
        c.desk.unlink(Relation(ANNA, TWIN, "Dale", "two people"))
        await equal(party)
        for one in party:
            assert in_chart(one.desk, ANNA) == texts(ANNA)
            assert in_chart(one.desk, TWIN) == texts(TWIN)


async def test_a_link_and_an_unlink_that_cross_keep_the_records_together_and_are_found(
    tmp_path: Path,
) -> None:
    """Together is the safer reading: an allergy in either counts until somebody settles it."""
    async with nodes([tmp_path / f"{n}.db" for n in range(2)]) as party:
        a, b = party
        await a.save(ANNA, Draft(slot="name", value={"family": "OKAFOR"}, by="Ruiz"))
        await a.save(TWIN, Draft(slot="name", value={"family": "OKAFR"}, by="Ruiz"))
        a.desk.link(Relation(ANNA, TWIN, "Ruiz"))
        await equal(party)
        await _apart(party)
        a.desk.unlink(Relation(ANNA, TWIN, "Ruiz"))
        b.desk.link(Relation(ANNA, TWIN, "Chen", "seen both cards"))
        await _together(party)
        for one in party:
            assert in_chart(one.desk, ANNA) == texts(ANNA, TWIN)
            assert {found["slot"] for found in one.desk.findings()} >= {"link"}


async def _apart(party: list[Node]) -> None:
    for one in party:
        await one.peering.pause(paused=True)


async def _together(party: list[Node]) -> None:
    for one in party:
        await one.peering.pause(paused=False)
    await equal(party)


def test_what_is_no_pair_of_records_is_not_linked(desk: LocalDesk) -> None:
    unit = document(9, DocumentKind.UNIT)
    for one, other, by in ((ANNA, ANNA, "Ruiz"), (ANNA, unit, "Ruiz"), (ANNA, TWIN, " ")):
        with pytest.raises(BadRequest):
            desk.link(Relation(one, other, by))
    with pytest.raises(NotFound):
        desk.unlink(Relation(ANNA, TWIN, "Ruiz"))


# Wrong casualty -----------------------------------------------------------------------------------


def test_a_moved_entry_leaves_one_chart_and_stands_in_the_other(desk: LocalDesk) -> None:
    dose = {"drug": "ketamine", "dose": "50", "unit": "mg"}
    identity = write(desk, EPISODE, "medication_given", **dose)
    write(desk, OTHER_EPISODE, "note", text="the right casualty")
    desk.move(Move(EPISODE, (identity,), OTHER_EPISODE, "Okafor", "wrong casualty"))
    (left,) = desk.chart(EPISODE)["documents"]
    (right,) = desk.chart(OTHER_EPISODE)["documents"]
    assert "medication_given" not in left["slots"]
    assert left["struck"][0]["void"] == {
        **left["struck"][0]["void"],
        "by": "Okafor",
        "reason": "wrong casualty",
    }
    (shown,) = right["slots"]["medication_given"]
    assert (shown["value"], shown["by"], shown["at"]) == (dose, "Ruiz", AT)
    assert desk.findings() == []
    with pytest.raises(NotFound, match="does not stand"):
        desk.move(Move(EPISODE, (identity,), OTHER_EPISODE, "Okafor", "again"))


async def test_both_charts_warn_until_both_halves_of_a_move_are_there(tmp_path: Path) -> None:
    async with nodes([tmp_path / f"{n}.db" for n in range(2)]) as party:
        a, b = party
        ids = await a.save(EPISODE, Draft(slot="vitals", value={"pulse": 88}, by="Ruiz", at=AT))
        await a.save(OTHER_EPISODE, Draft(slot="note", value={"text": "right"}, by="Ruiz"))
        await equal(party)
        await _apart(party)
        a.desk.move(Move(EPISODE, tuple(ids), OTHER_EPISODE, "Ruiz", "wrong casualty"))
        runs, _ = a.engine.store.runs(OTHER_EPISODE, {}, 1 << 20)
        await _held(b, runs, a)
        (warned,) = b.desk.findings()
        assert warned["rule"] == "move-unfinished"
        assert "still stands" in warned["text"]
        await _together(party)
        assert [one.desk.findings() for one in party] == [[], []]


async def _held(node: Node, runs: Any, source: Node) -> None:
    import asyncio

    from sync.effects import Hold

    done = node.engine.hold(Hold(1, source.engine.key.node, tuple(runs), ()))
    await asyncio.wrap_future(done)
    node.engine.projector.wake()
    assert await asyncio.to_thread(node.engine.projector.wait_idle, 60)


def test_an_entry_moves_only_to_a_record_that_can_hold_it(desk: LocalDesk) -> None:
    identity = write(desk, EPISODE, "vitals", pulse=88)
    for to, by, reason in (
        (ANNA, "Ruiz", "x"),
        (EPISODE, "Ruiz", "x"),
        (OTHER_EPISODE, "", "x"),
        (OTHER_EPISODE, "Ruiz", " "),
    ):
        with pytest.raises(BadRequest):
            desk.move(Move(EPISODE, (identity,), to, by, reason))
    assert len(desk.chart(EPISODE)["documents"][0]["slots"]["vitals"]) == 1


# Casualties without a name ----------------------------------------------------------------------


def test_each_unknown_casualty_has_a_trauma_identity_of_this_nodes_own(desk: LocalDesk) -> None:
    made = [desk.new_casualty("Ruiz") for _ in range(3)]
    names = [one["trauma_identity"] for one in made]
    assert len(set(names)) == 3
    for one in made:
        person, episode = parse_document(one["person"]), parse_document(one["episode"])
        assert in_chart(desk, episode) == texts(person, episode)
        (shown,) = desk.chart(person)["documents"][0]["slots"]["identifier"]
        assert shown["value"] == {"system": "trauma-identity", "value": one["trauma_identity"]}
        assert desk.find(one["trauma_identity"])[0]["document"] == one["person"]


def test_ranges_of_two_nodes_are_disjoint_without_a_word_between_them(tmp_path: Path) -> None:
    with memory_engine() as one:
        desk = LocalDesk(one, "a", "field")
        own = desk.new_casualty("Ruiz")["trauma_identity"]
        assert own.split("-")[1] in __import__("base64").b32encode(one.key.node).decode()


def test_a_used_up_range_says_so_and_no_number_is_given_twice() -> None:
    with memory_engine() as own:
        names = TraumaRange("ALFA", 7, 8)
        first = LocalDesk(own, "a", "field", trauma=names).new_casualty("Ruiz")
        desk = LocalDesk(own, "a", "field", trauma=names)  # as after a restart
        second = desk.new_casualty("Ruiz")
        given = [one["trauma_identity"] for one in (first, second)]
        assert given == ["T-ALFA-0007", "T-ALFA-0008"]
        with pytest.raises(BadRequest, match="trauma_last"):
            desk.new_casualty("Ruiz")


async def test_one_wristband_scanned_on_two_nodes_is_one_casualty(tmp_path: Path) -> None:
    async with nodes([tmp_path / f"{n}.db" for n in range(2)]) as party:
        a, b = party
        await _apart(party)
        made = [one.desk.new_casualty(by, "W-4711") for one, by in ((a, "Ruiz"), (b, "Okafor"))]
        assert made[0]["person"] == made[1]["person"]
        assert made[0]["episode"] == made[1]["episode"]
        await _together(party)
        person = parse_document(made[0]["person"])
        (shown, _) = a.desk.chart(person)["documents"]
        bands = [
            one for one in shown["slots"]["identifier"] if one["value"]["system"] == "wristband"
        ]
        assert [len(one["statements"]) for one in bands] == [2]
        assert a.desk.findings() == b.desk.findings() == []


# Candidates ---------------------------------------------------------------------------------------


def known(desk: LocalDesk, at: DocumentId, family: str, given: str, born: str) -> None:
    write(desk, at, "name", family=family, given=given, evidence="self")
    write(desk, at, "birth_date", date=born, evidence="self")
    write(desk, at, "sex", code="female", evidence="self")


def test_a_candidate_is_shown_with_its_evidence_and_nothing_is_joined(desk: LocalDesk) -> None:
    known(desk, ANNA, "Okafor", "Anna", "1999-04-30")
    known(desk, TWIN, "Okafr", "Anna", "1999-04-30")
    known(desk, document(7, DocumentKind.PERSON), "Kowalski", "Jan", "1980-01-02")
    (found,) = desk.candidates(ANNA)
    assert found["document"] == document_text(TWIN)
    assert found["band"] in {"suggested", "possible"}
    assert "family name" in found["words"]
    assert {one["field"] for one in found["evidence"]} >= {"birth date", "sex"}
    assert in_chart(desk, ANNA) == texts(ANNA)


def test_who_was_linked_or_said_to_be_another_is_no_candidate(desk: LocalDesk) -> None:
    known(desk, ANNA, "Okafor", "Anna", "1999-04-30")
    known(desk, TWIN, "Okafor", "Anna", "1999-04-30")
    assert len(desk.candidates(ANNA)) == 1
    desk.link(Relation(ANNA, TWIN, "Ruiz"))
    assert desk.candidates(ANNA) == []
    desk.unlink(Relation(ANNA, TWIN, "Ruiz"))
    assert desk.candidates(ANNA) == desk.candidates(TWIN) == []
    with pytest.raises(NotFound):
        desk.candidates(EPISODE)
