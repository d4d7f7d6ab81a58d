"""Registers by natural key: what two writers say apart stands apart, and is a finding."""

from __future__ import annotations

from conflict.clock import Stamp
from conflict.document import LaneWriter
from conflict.fold import Folded, fold
from conflict.identity import ActorId, DocumentKind, new_document
from conflict.statement import Draft, Json

DOCUMENT = new_document(DocumentKind.PERSON, bytes(15))


def said(slot: str, *values: Json) -> Folded:
    """Each value by another writer, none having seen the others."""
    lanes = {}
    for number, value in enumerate(values, 1):
        actor = ActorId(bytes([number]) * 16)
        draft = Draft(slot=slot, value=value, by=f"Medic {number}")
        lanes[actor] = LaneWriter(actor).write([(draft, Stamp(number, 0))]).entries
    return fold(DOCUMENT, lanes)


def test_two_doses_of_one_medication_both_stand_and_are_a_finding() -> None:
    ten = {"key": "ketamine", "status": "active", "dose": "10", "unit": "mg"}
    folded = said("medication", ten, {**ten, "dose": "20"})
    shown = folded.views["medication"].readings
    assert {one.value["dose"] for one in shown} == {"10", "20"}
    assert {one.state for one in shown} == {"disputed"}
    assert [one.kind for one in folded.findings] == ["contradiction"]


def test_what_one_writer_left_out_contradicts_nothing() -> None:
    folded = said(
        "medication",
        {"key": "ketamine", "status": "active"},
        {"key": "Ketamine", "status": "active", "dose": "20"},
    )
    assert len(folded.views["medication"].readings) == 1
    assert folded.findings == ()


def test_no_known_drug_allergies_says_nothing_on_food() -> None:
    peanut = {"substance": "Peanut", "status": "active", "category": "food"}
    assert said("allergy", peanut, {"status": "none-known-drug"}).findings == ()
    assert len(said("allergy", peanut, {"status": "none-known"}).findings) == 1


def test_no_known_drug_allergies_against_a_drug_or_an_unsorted_allergy_is_a_finding() -> None:
    for category in ({"category": "drug"}, {}):
        morphine = {"substance": "Morphine", "status": "active", **category}
        folded = said("allergy", morphine, {"status": "none-known-drug"})
        assert [one.kind for one in folded.findings] == ["contradiction"]
        states = {one.value["status"]: one.state for one in folded.views["allergy"].readings}
        assert states == {"active": "stands", "none-known-drug": "inactive"}
