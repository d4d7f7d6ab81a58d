"""Wrong casualty: marked here, copied there, and both charts warn until both halves are present."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from conflict.chart import Chart, chart_of
from conflict.clock import Stamp
from conflict.fold import Folded, fold_statements
from conflict.identity import ActorId, DocumentId, DocumentKind, new_document, statement_id
from conflict.moving import move, moves_of, origins
from conflict.rule import Facts
from conflict.statement import Draft, Statement

HERE = new_document(DocumentKind.EPISODE, b"the wrong one!!")
THERE = new_document(DocumentKind.EPISODE, b"the right one!!")
ELSEWHERE = new_document(DocumentKind.EPISODE, b"another one!!!!")
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


ABOUT_MOVES = {
    "move-unfinished",
    "move-origin-not-held",
    "moved-still-stands",
    "moved-to-several",
    "moved-nowhere",
}


def warnings(own: Iterable[Statement], beside: Iterable[Statement] | None) -> list[str]:
    """What the chart of the first document says of moves."""
    folded = _folded(own)
    others = {} if beside is None else {one.document: one for one in [_folded(beside)]}
    found: Chart = chart_of(Facts((folded,), None, others))
    return [one.text for one in found.findings if one.rule in ABOUT_MOVES]


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


def rules(own: Iterable[Statement], *beside: Iterable[Statement]) -> set[str]:
    """Rules of the open findings of the first document's chart about moves."""
    others = {one.document: one for one in map(_folded, beside)}
    found = chart_of(Facts((_folded(own),), None, others)).findings
    return {one.rule for one in found} & ABOUT_MOVES


def moved(
    one: Statement, to: DocumentId, number: int, by: ActorId = OKAFOR, **more: Any
) -> tuple[Statement, Statement]:
    """The two halves of a move, as one node wrote them."""
    fields = {"by": "Okafor", "at": "2026-11-23T14:10Z", "reason": "wrong casualty", **more}
    halves = move(one, to, **fields)
    return placed(halves.mark, one.document, number, by), placed(halves.copy, to, number, by)


def void(one: Statement, number: int, by: ActorId = RUIZ) -> Statement:
    return placed(
        Draft(slot=one.slot, by="Ruiz", supersedes=(one.id,), void="error"),
        one.document,
        number,
        by,
    )


def test_two_moves_to_one_casualty_make_two_entries_that_are_found() -> None:
    again = move(DOSE, THERE, by="Kowalski", at="2026-11-23T14:20Z", reason="not his").copy
    folded = _folded([COPY, placed(again, THERE, 7, RUIZ)])
    assert len(folded.readings("medication_given")) == 2
    assert folded.findings
    same = placed(HALVES.copy, THERE, 7, RUIZ)
    assert len(_folded([COPY, same]).readings("medication_given")) == 1


def test_a_corrected_entry_is_marked_with_all_that_it_replaced() -> None:
    corrected = placed(
        Draft(slot=DOSE.slot, value={**DOSE.value, "dose": "5"}, supersedes=(DOSE.id,)), HERE, 2
    )
    mark, copy = moved(corrected, THERE, 3, line=(corrected, DOSE))
    assert _folded([DOSE, corrected, mark]).readings(DOSE.slot) == ()
    assert rules([DOSE, corrected, mark], [copy]) == rules([copy], [DOSE, corrected, mark]) == set()
    assert DOSE.name in origins(copy)


def test_an_entry_moved_to_two_casualties_is_found_in_every_chart() -> None:
    mark, copy = moved(DOSE, ELSEWHERE, 8, RUIZ)
    assert rules([DOSE, MARK, mark], [COPY], [copy]) == {"moved-to-several"}
    assert rules([COPY], [DOSE, MARK, mark]) == {"moved-to-several"}
    assert rules([copy], [DOSE, MARK, mark]) == {"moved-to-several"}
    assert rules([DOSE, MARK, mark], [COPY], [copy, void(copy, 9)]) == set()
    assert rules([DOSE, MARK, mark, void(mark, 9)], [COPY], [copy]) == set()
    assert rules([COPY], [DOSE, MARK, mark, void(mark, 9)]) == set()


def test_a_plain_mark_of_error_beside_a_move_hides_no_warning() -> None:
    for number, actor in ((9, RUIZ), (9, OKAFOR), (0, OKAFOR)):
        assert rules([DOSE, MARK, void(DOSE, number, actor)]) == {"move-unfinished"}


def test_a_copy_that_was_entered_in_error_leaves_the_entry_in_no_chart_and_is_found() -> None:
    error = void(COPY, 3)
    assert rules([DOSE, MARK], [COPY, error]) == {"moved-nowhere"}
    assert rules([DOSE, MARK, void(DOSE, 9)], [COPY, error]) == set()


def test_what_is_moved_again_after_it_was_taken_back_stands_in_the_other_chart() -> None:
    withdrawn = void(MARK, 5)
    mark, copy = moved(DOSE, THERE, 6, before=(MARK.id,))
    here, there = [DOSE, MARK, withdrawn, mark], [COPY, void(COPY, 3), copy]
    assert [one.value for one in _folded(there).readings(DOSE.slot)] == [DOSE.value]
    assert rules(here, there) == rules(there, here) == set()


def test_a_correction_that_was_not_moved_still_stands_in_the_other_chart() -> None:
    correction = placed(
        Draft(slot=DOSE.slot, value={**DOSE.value, "dose": "5"}, supersedes=(DOSE.id,)), HERE, 5
    )
    assert rules([COPY], [DOSE, MARK, correction]) == {"moved-still-stands"}


def test_what_is_missing_and_what_still_stands_are_findings_apart() -> None:
    assert rules([COPY]) == {"move-origin-not-held"}
    assert rules([COPY], [DOSE]) == {"moved-still-stands"}


def test_moving_there_and_back_leaves_nothing_to_find() -> None:
    mark, back = moved(COPY, HERE, 4)
    here, there = [DOSE, MARK, back], [COPY, mark]
    assert rules(here, there) == rules(there, here) == set()
    assert len(_folded(here).readings(DOSE.slot)) == 1
    assert _folded(there).readings(DOSE.slot) == ()


def test_a_removal_still_ends_its_tourniquet_after_several_moves() -> None:
    applied = placed(
        Draft(slot="tourniquet", value={"action": "applied", "limb": "left-leg"}, at=DOSE.at),
        HERE,
        2,
    )
    removal = Draft(
        slot="tourniquet", value={"action": "removed", "of": applied.id}, at="2026-11-23T14:30Z"
    )
    both = [applied, placed(removal, HERE, 3)]
    now = datetime(2026, 11, 23, 20, tzinfo=UTC)
    before: list[Statement] = []
    for times, place in enumerate((THERE, ELSEWHERE, HERE, THERE), 2):
        halves = [moved(one, place, 10 * times + n) for n, one in enumerate(both)]
        before = [*both, *(mark for mark, _ in halves)]
        both = [copy for _, copy in halves]
        beside = {before[0].document: _folded(before)}
        chart = chart_of(Facts((_folded(both),), now, beside))
        assert [one["state"] for one in chart.derived["tourniquets"]] == ["removed"]
        assert chart.findings == ()


def test_a_removal_that_stayed_means_the_tourniquet_that_was_moved_there_and_back() -> None:
    value = {"action": "applied", "limb": "left-leg"}
    applied = placed(Draft(slot="tourniquet", value=value, at=DOSE.at), HERE, 2)
    removal = Draft(
        slot="tourniquet", value={"action": "removed", "of": applied.id}, at="2026-11-23T14:30Z"
    )
    mark, away = moved(applied, THERE, 4)
    left, back = moved(away, HERE, 5)
    here = _folded([applied, placed(removal, HERE, 3), mark, back])
    now = datetime(2026, 11, 23, 20, tzinfo=UTC)
    chart = chart_of(Facts((here,), now, {THERE: _folded([away, left])}))
    assert [one["state"] for one in chart.derived["tourniquets"]] == ["removed"]


def test_a_reference_within_the_document_still_names_its_statement_after_a_move() -> None:
    applied = placed(
        Draft(slot="tourniquet", value={"action": "applied", "limb": "left-leg"}), HERE, 2
    )
    value = {"action": "removed", "of": applied.id}
    removed = placed(Draft(slot="tourniquet", value=value, by="Ruiz"), HERE, 3)
    copy = move(removed, THERE, by="Okafor", at=None, reason="wrong casualty").copy
    assert copy.value["of"] == applied.name
    moved = move(applied, THERE, by="Okafor", at=None, reason="wrong casualty").copy
    assert applied.name in origins(placed(moved, THERE, 1))


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
        folded = _folded([DOSE, MARK._replace(value=odd)])
        assert moves_of(folded) == frozenset()
        assert warnings([DOSE, MARK._replace(value=odd)], None) == []
