"""Possible duplicates: near-identical statements by two writers, wherever they stand in time."""

from __future__ import annotations

from conflict.clock import Stamp
from conflict.document import Entry, LaneWriter
from conflict.fold import fold
from conflict.identity import ActorId, DocumentKind, new_document
from conflict.statement import Draft

DOCUMENT = new_document(DocumentKind.EPISODE, bytes(15))
ONE, OTHER = ActorId(b"1" * 16), ActorId(b"2" * 16)


def given(by: str, at: str) -> Draft:
    value = {"drug": "Ketamine", "dose": "50", "unit": "mg", "route": "IM"}
    return Draft(slot="medication_given", value=value, by=by, at=at)


def lane(actor: ActorId, *drafts: Draft) -> tuple[Entry, ...]:
    stamped = [(draft, Stamp(1, place)) for place, draft in enumerate(drafts)]
    return LaneWriter(actor).write(stamped).entries


def test_a_dose_between_two_writers_does_not_hide_their_duplicate() -> None:
    ruiz = lane(ONE, given("Ruiz", "2026-03-14T13:50Z"), given("Ruiz", "2026-03-14T13:55Z"))
    okafor = lane(OTHER, given("Okafor", "2026-03-14T13:58Z"))
    found = fold(DOCUMENT, {ONE: ruiz, OTHER: okafor}).findings
    assert {one.kind for one in found} == {"possible-duplicate"}
    assert len(found) == 2
    assert any("13:50Z" in one.text for one in found)


def test_doses_further_apart_or_by_one_writer_are_no_duplicates() -> None:
    ruiz = lane(ONE, given("Ruiz", "2026-03-14T13:50Z"), given("Ruiz", "2026-03-14T13:51Z"))
    okafor = lane(OTHER, given("Okafor", "2026-03-14T14:07Z"))
    assert fold(DOCUMENT, {ONE: ruiz, OTHER: okafor}).findings == ()


def test_many_near_identical_doses_make_a_bounded_number_of_findings() -> None:
    times = [f"2026-03-14T13:50:{second:02}Z" for second in range(40)]
    ruiz = lane(ONE, *(given("Ruiz", at) for at in times))
    okafor = lane(OTHER, *(given("Okafor", at) for at in times))
    assert len(fold(DOCUMENT, {ONE: ruiz, OTHER: okafor}).findings) <= 80 * 8
