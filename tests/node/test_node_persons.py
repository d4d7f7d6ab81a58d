"""Who is who: links and their undoing everywhere, wrong casualty, trauma identities, candidates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conflict.errors import ValueRefused
from conflict.identity import (
    DocumentId,
    DocumentKind,
    StatementId,
    document_text,
    parse_document,
)
from conflict.statement import Draft
from node.desk import Move, Relation, Save
from node.errors import BadRequest, NotFound
from node.local_desk import LocalDesk
from node.trauma import TraumaRange
from tests.conflict.conflict_lab import LabAuthor
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


@pytest.mark.parametrize(("one", "other"), [(EPISODE, ANNA), (EPISODE, OTHER_EPISODE)])
def test_an_unlink_with_one_record_held_is_written_in_both(
    desk: LocalDesk, one: DocumentId, other: DocumentId
) -> None:
    relation = "casualty" if other == ANNA else "same-episode"
    write(desk, one, "link", document=document_text(other), relation=relation)
    desk.unlink(Relation(one, other, "Chen", "wrong person"))
    assert in_chart(desk, one) == texts(one)
    write(desk, other, "link", document=document_text(one), relation=relation)  # its half arrives
    assert in_chart(desk, one) == texts(one, other)
    assert [found["slot"] for found in desk.findings()] == ["link"]
    desk.unlink(Relation(other, one, "Chen", "wrong person"))
    assert in_chart(desk, one) == texts(one)
    assert desk.findings() == []


@pytest.mark.parametrize("spelt", [str.upper, lambda text: "kind1-" + text.partition("-")[2]])
def test_a_link_in_a_peers_spelling_can_be_undone(tmp_path: Path, spelt: Any) -> None:
    with memory_engine() as own:
        desk = LocalDesk(own, "alpha", "field")
        odd = spelt(document_text(TWIN))
        peer = LabAuthor(7)
        peer.write(ANNA, Draft(slot="link", value={"document": odd, "relation": "same-person"}))
        with own.store.write() as transaction:
            transaction.hold([peer.run(ANNA)], peer.node, own.now_ms())
        own.projector.wake()
        assert own.projector.wait_idle(10)
        write(desk, TWIN, "name", family="OKAFR")
        assert in_chart(desk, ANNA) == texts(ANNA, TWIN)
        desk.unlink(Relation(ANNA, TWIN, "Chen", "two people"))
        assert in_chart(desk, ANNA) == texts(ANNA)
        assert desk.findings() == []
        with pytest.raises(ValueRefused, match=document_text(TWIN)):
            write(desk, ANNA, "link", document=odd, relation="same-person")


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
        assert warned["rule"] == "moved-still-stands"
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


def test_moving_a_corrected_entry_does_not_bring_back_what_was_corrected(desk: LocalDesk) -> None:
    given = {"drug": "morphine", "dose": "100", "unit": "mg"}
    first = write(desk, EPISODE, "medication_given", **given)
    right = Draft(
        slot="medication_given",
        value={**given, "dose": "10"},
        by="Ruiz",
        at=AT,
        supersedes=(StatementId(first),),
    )
    ((corrected,),) = desk.save([Save(EPISODE, (right,))])
    names = (corrected, f"{document_text(EPISODE)}/{corrected}")
    answer = desk.move(Move(EPISODE, names, OTHER_EPISODE, "Chen", "wrong casualty"))
    assert [len(ids) for ids in answer["statements"].values()] == [1, 1]
    (left,) = desk.chart(EPISODE)["documents"]
    (right_one,) = desk.chart(OTHER_EPISODE)["documents"]
    assert "medication_given" not in left["slots"]
    (shown,) = right_one["slots"]["medication_given"]
    assert shown["value"]["dose"] == "10"
    assert desk.findings() == []


def test_an_entry_that_replaced_too_much_is_not_moved(desk: LocalDesk) -> None:
    ids = [write(desk, EPISODE, "vitals", pulse=number) for number in range(1, 258)]
    half, rest = ids[:200], ids[200:]
    for some in (half, rest):
        one = Draft(
            slot="vitals", value={"pulse": 70}, by="Ruiz", supersedes=tuple(map(StatementId, some))
        )
        ((last,),) = desk.save([Save(EPISODE, (one,))])
        rest.append(last)
    with pytest.raises(BadRequest, match="at most"):
        desk.move(Move(EPISODE, (last,), OTHER_EPISODE, "Chen", "wrong casualty"))
    assert last in desk.shown(EPISODE, "vitals")


def test_a_statement_of_another_record_is_not_moved_by_its_number(desk: LocalDesk) -> None:
    identity = write(desk, EPISODE, "vitals", pulse=88)
    foreign = f"{document_text(OTHER_EPISODE)}/{identity}"
    with pytest.raises(NotFound, match="another document"):
        desk.move(Move(EPISODE, (foreign,), OTHER_EPISODE, "Chen", "wrong casualty"))


def test_what_was_moved_taken_back_and_moved_again_is_in_the_other_chart(desk: LocalDesk) -> None:
    identity = write(desk, ANNA, "allergy", substance="penicillin")
    write(desk, TWIN, "name", family="Z")
    again = Move(ANNA, (identity,), TWIN, "Chen", "wrong casualty")
    mark = StatementId(desk.move(again)["statements"][document_text(ANNA)][0])
    for at, names in ((TWIN, desk.shown(TWIN, "allergy")), (ANNA, [mark])):
        named = tuple(map(StatementId, names))
        draft = Draft(slot="allergy", by="Okafor", supersedes=named, void="not so")
        desk.save([Save(at, (draft,))])
    assert desk.shown(ANNA, "allergy")
    desk.move(again)
    assert not desk.shown(ANNA, "allergy")
    assert desk.shown(TWIN, "allergy")
    assert desk.findings() == []


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


@pytest.mark.parametrize("scanned", ["w-47 11", "  W-47   11 "])
def test_a_wristband_that_has_a_record_here_is_answered_with_it(
    desk: LocalDesk, scanned: str
) -> None:
    first = desk.new_casualty("Ruiz", "W-47 11")
    assert first["existing"] is False
    person = parse_document(first["person"])
    before = desk.statements(person)
    assert desk.new_casualty("Okafor", scanned) == {**first, "existing": True}
    assert desk.statements(person) == before
    assert desk.new_casualty("Okafor")["trauma_identity"].endswith("-0002")


def test_another_who_wears_a_used_wristband_has_a_record_of_his_own(desk: LocalDesk) -> None:
    first = desk.new_casualty("Ruiz", "W-4711")
    other = desk.new_casualty("Okafor", "w-4711", another=True)
    assert (other["existing"], other["person"] == first["person"]) == (False, False)
    assert other["trauma_identity"] != first["trauma_identity"]
    person = parse_document(other["person"])
    assert in_chart(desk, person) == {other["person"], other["episode"]}
    assert {one["document"] for one in desk.candidates(person)} == {first["person"]}


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
