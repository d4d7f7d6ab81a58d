"""A casualty's own record holds no contradiction; each generated pair makes exactly its finding."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest

from conflict.chart import chart
from conflict.clock import HybridClock
from conflict.document import Entry, LaneWriter
from conflict.fold import Folded, fold
from conflict.identity import ActorId, DocumentId, document_text
from conflict.slot import CATALOGUE
from conflict.statement import Draft
from node.sim import Casualty, Contradiction, casualties, contradictions

START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
FIRST, SECOND, THIRD = (ActorId(bytes([number]) * 16) for number in (1, 2, 3))
KINDS = (
    "triage",
    "evacuation",
    "medication_given",
    "blood_type",
    "allergy",
    "name",
    "dod_id",
)


@pytest.fixture(scope="module")
def many() -> list[Casualty]:
    return list(casualties(8, 60, START))


def lane(actor: ActorId, saves: Iterable[Sequence[Draft]]) -> list[Entry]:
    writer, clock = LaneWriter(actor), HybridClock()
    written = [writer.write([(draft, clock.tick(1)) for draft in save]) for save in saves]
    return [entry for one in written for entry in one.entries]


def record(casualty: Casualty, document: DocumentId) -> list[Entry]:
    return lane(FIRST, (save.drafts for save in casualty.saves if save.document == document))


def both_sides(one: Contradiction) -> dict[ActorId, list[Entry]]:
    return {SECOND: lane(SECOND, [(one.left,)]), THIRD: lane(THIRD, [(one.right,)])}


def pair_found(folded: Folded, kind: str) -> bool:
    where = document_text(folded.document)
    names = {f"{where}/{actor.hex()}.1" for actor in (SECOND, THIRD)}
    return any(found.slot == kind and names <= set(found.statements) for found in folded.findings)


def test_a_casualtys_own_record_has_no_finding(many: list[Casualty]) -> None:
    for one in many:
        for document in (one.person, one.episode):
            folded = fold(document, {FIRST: record(one, document)})
            assert (folded.findings, folded.unknown, folded.unreadable) == ((), (), ())


def test_a_casualtys_whole_chart_has_no_finding(many: list[Casualty]) -> None:
    """Drugs against allergies, blood against the person's type: both documents together."""
    for one in many:
        held = {document: {FIRST: record(one, document)} for document in (one.person, one.episode)}
        shown = chart(held)
        assert (shown.findings, shown.not_held) == ((), ())


def test_every_kind_is_made_for_every_casualty(many: list[Casualty]) -> None:
    assert all(tuple(pair.kind for pair in contradictions(8, one)) == KINDS for one in many)


@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_alone_make_one_finding(kind: str, many: list[Casualty]) -> None:
    for one in many:
        pair = next(pair for pair in contradictions(8, one) if pair.kind == kind)
        (found,) = fold(pair.document, both_sides(pair)).findings
        assert found.slot == kind


@pytest.mark.parametrize("kind", KINDS)
def test_one_side_alone_makes_none(kind: str, many: list[Casualty]) -> None:
    for one in many:
        pair = next(pair for pair in contradictions(8, one) if pair.kind == kind)
        for actor, entries in both_sides(pair).items():
            assert fold(pair.document, {actor: entries}).findings == ()


@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_are_found_on_top_of_the_record(kind: str, many: list[Casualty]) -> None:
    for one in many:
        pair = next(pair for pair in contradictions(8, one) if pair.kind == kind)
        lanes = {FIRST: record(one, pair.document), **both_sides(pair)}
        assert pair_found(fold(pair.document, lanes), kind)


def test_sides_pass_their_slots_check_and_are_by_two_medics(many: list[Casualty]) -> None:
    for one in many:
        for pair in contradictions(8, one):
            assert pair.by[0] != pair.by[1]
            for side in (pair.left, pair.right):
                assert side.slot == pair.kind
                CATALOGUE[side.slot].check(side)
                assert (side.at or "") > (one.saves[-1].drafts[0].at or "")
