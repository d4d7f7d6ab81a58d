"""Wrong casualty: marked here, copied there, and both charts warn until both halves are present."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from conflict.chart import Chart, chart_of
from conflict.clock import Stamp
from conflict.fold import Folded, fold_statements
from conflict.identity import ActorId, DocumentId, DocumentKind, new_document, statement_id
from conflict.moving import move, moves_of, names_of
from conflict.rule import Facts
from conflict.statement import Draft, Statement

HERE = new_document(DocumentKind.EPISODE, b"the wrong one!!")
THERE = new_document(DocumentKind.EPISODE, b"the right one!!")
RUIZ, OKAFOR = ActorId(b"r" * 16), ActorId(b"o" * 16)


def placed(draft: Draft, at: DocumentId, number: int, by: ActorId = OKAFOR) -> Statement:
    return Statement(
        id=statement_id(by, number),
        slot=draft.slot,
        value=draft.value,
        by=draft.by,
        rec=Stamp(number, 0),
        at=draft.at,
        supersedes=draft.supersedes,
        void=draft.void,
        source=draft.source,
        document=at,
    )


DOSE = placed(
    Draft(
        slot="medication_given",
        value={"drug": "ketamine", "dose": "50", "unit": "mg"},
        by="Ruiz",
        at="2026-11-23T13:58Z",
    ),
    HERE,
    1,
    RUIZ,
)
HALVES = move(DOSE, THERE, by="Okafor", at="2026-11-23T14:10Z", reason="wrong casualty")
MARK = placed(HALVES.mark, HERE, 1)
COPY = placed(HALVES.copy, THERE, 2)


def warnings(own: Iterable[Statement], beside: Iterable[Statement] | None) -> list[str]:
    """What the chart of the first document says of moves."""
    folded = _folded(own)
    others = {} if beside is None else {one.document: one for one in [_folded(beside)]}
    found: Chart = chart_of(Facts((folded,), None, others))
    return [one.text for one in found.findings if one.rule == "move-unfinished"]


def _folded(statements: Iterable[Statement]) -> Folded:
    some = list(statements)
    return fold_statements(some[0].document, some)


def test_a_finished_move_shows_the_dose_once_and_warns_nobody() -> None:
    assert warnings([DOSE, MARK], [COPY]) == []
    assert warnings([COPY], [DOSE, MARK]) == []
    (struck,) = _folded([DOSE, MARK]).struck
    assert struck == (DOSE, MARK)
    (reading,) = _folded([COPY]).readings("medication_given")
    assert reading.value == DOSE.value
    assert (COPY.by, COPY.at) == ("Ruiz", DOSE.at)
    assert (MARK.by, MARK.void) == ("Okafor", "wrong casualty")


def test_the_chart_that_was_left_warns_until_the_copy_is_here() -> None:
    for beside in (None, [placed(Draft(slot="note", value={"text": "x"}), THERE, 9)]):
        (text,) = warnings([DOSE, MARK], beside)
        assert "moved to episode-" in text
        assert "Ruiz 13:58Z" in text


def test_the_chart_that_got_it_warns_until_the_other_is_marked() -> None:
    (unheld,) = warnings([COPY], None)
    assert "not held here" in unheld
    (standing,) = warnings([COPY], [DOSE])
    assert "still stands" in standing


def test_moving_twice_on_two_nodes_makes_one_entry() -> None:
    again = move(DOSE, THERE, by="Kowalski", at="2026-11-23T14:20Z", reason="not his").copy
    folded = _folded([COPY, placed(again, THERE, 7, RUIZ)])
    assert len(folded.readings("medication_given")) == 1
    assert folded.findings == ()


def test_a_reference_within_the_document_still_names_its_statement_after_a_move() -> None:
    applied = placed(
        Draft(slot="tourniquet", value={"action": "applied", "limb": "left-leg"}), HERE, 2
    )
    value = {"action": "removed", "of": applied.id}
    removed = placed(Draft(slot="tourniquet", value=value, by="Ruiz"), HERE, 3)
    copy = move(removed, THERE, by="Okafor", at=None, reason="wrong casualty").copy
    assert copy.value["of"] == applied.name
    moved = move(applied, THERE, by="Okafor", at=None, reason="wrong casualty").copy
    assert applied.name in names_of(placed(moved, THERE, 1))


def test_a_tourniquet_and_its_removal_moved_together_still_belong_together() -> None:
    applied = placed(
        Draft(slot="tourniquet", value={"action": "applied", "limb": "left-leg"}, at=DOSE.at),
        HERE,
        2,
    )
    value = {"action": "removed", "of": applied.id}
    removed = placed(Draft(slot="tourniquet", value=value, at="2026-11-23T14:30Z"), HERE, 3)
    copies = [
        placed(move(one, THERE, by="Okafor", at=None, reason="wrong casualty").copy, THERE, number)
        for number, one in enumerate((applied, removed), 1)
    ]
    now = datetime(2026, 11, 23, 20, tzinfo=UTC)
    marks = [
        placed(move(one, THERE, by="Okafor", at=None, reason="wrong casualty").mark, HERE, number)
        for number, one in enumerate((applied, removed), 11)
    ]
    beside = {HERE: _folded([applied, removed, *marks])}
    chart = chart_of(Facts((_folded(copies),), now, beside))
    assert [one["state"] for one in chart.derived["tourniquets"]] == ["removed"]
    assert chart.findings == ()


def test_what_a_peer_wrote_in_place_of_a_document_moves_nothing() -> None:
    for odd in (None, 5, "nowhere", {"moved_to": 5}, {"moved_to": "nowhere"}, ["moved_to"]):
        folded = _folded([DOSE, replace(MARK, value=odd)])
        assert moves_of(folded) == frozenset()
        assert warnings([DOSE, replace(MARK, value=odd)], None) == []
