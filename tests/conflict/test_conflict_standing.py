"""Who replaced whom, what an entry in error undoes, and statements that no honest author can write."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conflict.clock import Stamp
from conflict.fold import fold_statements
from conflict.identity import StatementId
from conflict.standing import standing
from conflict.statement import Statement
from tests.conflict.conflict_lab import EPISODE
from tests.conflict.conflict_said import BEN, error, folded, say, shown


def one(name: str, *names: str, void: bool = False) -> Statement:
    return Statement(
        id=StatementId(name),
        slot="vitals",
        value=None if void else {"pulse": 60 + ord(name[0]) % 32},
        by="",
        rec=Stamp(1, 0),
        supersedes=tuple(StatementId(other) for other in names),
        void="error" if void else None,
    )


def stands(*statements: Statement) -> set[str]:
    """Names that are shown."""
    view = fold_statements(EPISODE, statements).views["vitals"]
    return {each.id for reading in view.readings for each in reading.statements}


def test_a_withdrawn_correction_leaves_what_it_had_replaced() -> None:
    """A dose of 50, corrected to 5, and the correction was itself the error: 50 stands."""
    assert stands(one("a"), one("b", "a"), one("c", "b", void=True)) == {"a"}


def test_a_withdrawn_mark_of_error_restores_what_it_struck() -> None:
    struck = [one("a"), one("b", "a", void=True)]
    assert stands(*struck) == set()
    assert stands(*struck, one("c", "b", void=True)) == {"a"}
    assert stands(*struck, one("c", "b", void=True), one("d", "c", void=True)) == set()


def test_a_correction_of_a_correction_keeps_the_first_replaced() -> None:
    assert stands(one("a"), one("b", "a"), one("c", "b")) == {"c"}


def test_a_value_that_replaces_a_mark_of_error_does_not_bring_back_what_it_struck() -> None:
    assert stands(one("a"), one("b", "a", void=True), one("c", "b")) == {"c"}


def test_a_long_chain_of_marks_of_error_is_followed_to_its_end() -> None:
    chain = [one("n0")] + [one(f"n{n}", f"n{n - 1}", void=True) for n in range(1, 3_000)]
    unique = {each.id: each for each in chain}
    found = standing(unique, {})
    assert ("n0" in found.struck) == (len(chain) % 2 == 0)


def test_two_statements_that_replace_each_other_are_both_shown_and_found() -> None:
    pair = one("a", "b"), one("b", "a")
    assert stands(*pair) == {"a", "b"}
    found = fold_statements(EPISODE, pair).findings
    assert [(each.rule, len(each.statements)) for each in found] == [("circle", 2)]


def test_a_circle_does_not_free_what_it_replaced_nor_keep_what_replaced_it() -> None:
    ring = [one("a", "c"), one("b", "a"), one("c", "b", "x")]
    assert stands(one("x"), *ring) == {"a", "b", "c"}
    assert stands(one("x"), *ring, one("y", "a", "b", "c")) == {"y"}


def test_two_circles_are_two_findings() -> None:
    rings = [one("a", "b"), one("b", "a"), one("c", "d", "a"), one("d", "c")]
    found = fold_statements(EPISODE, rings).findings
    assert sorted(len(each.statements) for each in found if each.rule == "circle") == [2, 2]
    assert stands(*rings) == {"b", "c", "d"}


@given(
    edges=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14),
    voids=st.sets(st.integers(0, 6)),
)
def test_any_tangle_is_folded_the_same_and_hides_no_circle(
    edges: list[tuple[int, int]], voids: set[int]
) -> None:
    letters = "abcdefg"
    targets = {n: [letters[b] for a, b in edges if a == n] for n in range(7)}
    made = [one(letters[n], *targets[n], void=n in voids) for n in range(7)]
    found = standing({each.id: each for each in made}, {})
    again = standing({each.id: each for each in reversed(made)}, {})
    assert found == again
    reach = _reach({letters[n]: set(targets[n]) - {letters[n]} for n in range(7)})
    for circle in found.circles:
        assert all(b in reach[a] and a in reach[b] for a in circle for b in circle if a != b)
    around = {a for a in letters for b in reach[a] if a != b and a in reach[b]}
    assert around == {each for circle in found.circles for each in circle}


def _reach(names: dict[str, set[str]]) -> dict[str, set[str]]:
    reach = {key: set(targets) for key, targets in names.items()}
    for _ in names:
        reach = {
            key: targets.union(*(reach[other] for other in targets))
            for key, targets in reach.items()
        }
    return reach


def test_what_was_entered_in_error_is_kept_visible_with_who_said_so() -> None:
    first = say("vitals", {"pulse": 200}, at="2026-11-23T13:58Z")
    void = error(first, by=BEN)
    body = folded(first, void).body()
    assert shown(first, void) == []
    assert body["struck"] == [
        {
            "slot": "vitals",
            "statement": first.id,
            "value": {"pulse": 200},
            "by": "Anna",
            "at": "2026-11-23T13:58Z",
            "void": {"statement": void.id, "by": "Ben", "reason": "wrong casualty"},
        }
    ]


def test_a_fold_that_goes_on_from_an_earlier_one_keeps_the_views_of_other_slots() -> None:
    vitals = say("vitals", {"pulse": 88})
    before = fold_statements(EPISODE, [vitals])
    triage = say("triage", {"category": "delayed"})._replace(document=EPISODE)
    after = fold_statements(EPISODE, [vitals, triage], before=before)
    assert after.views["vitals"] is before.views["vitals"]
    assert after.projection() == fold_statements(EPISODE, [vitals, triage]).projection()
