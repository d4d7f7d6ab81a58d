"""The laws of DESIGN §2.7, each a check on one history of one slot. A new slot needs no new test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson
from hypothesis import strategies as st

from conflict.finding import Act, Finding
from conflict.fold import Folded, fold, fold_statements, statements_of
from conflict.identity import DocumentId, StatementId
from conflict.imports import copies
from conflict.policies import Keyed, Ranked, Single
from conflict.policies.comparing import compared, key_of
from conflict.slot import STATES, Slot
from conflict.standing import standing
from conflict.statement import Statement, canonical
from tests.conflict.conflict_values import Lanes

STRANGER = "ff" * 16  # an actor that no history has


class Case(NamedTuple):
    """One drawn history of one slot, and its fold."""

    slot: Slot
    document: DocumentId
    lanes: Lanes
    statements: Sequence[Statement]
    folded: Folded
    data: st.DataObject

    def again(self, *more: Statement) -> Folded:
        """The fold with some statements more."""
        return fold_statements(self.document, [*self.statements, *more])

    def stranger(self, number: int, slot: str, **fields: object) -> Statement:
        """A statement by an actor that no history has."""
        body: dict[str, object] = {"value": None, "by": "Okafor", "rec": self.statements[0].rec}
        identity = StatementId(f"{STRANGER}.{number}")
        return Statement(id=identity, slot=slot, document=self.document, **(body | fields))  # type: ignore[arg-type]


def case(slot: Slot, document: DocumentId, lanes: Lanes, data: st.DataObject) -> Case:
    """Fold a drawn history."""
    statements, unreadable = statements_of(lanes, document)
    assert not unreadable
    return Case(slot, document, lanes, statements, fold(document, lanes), data)


def named(folded: Folded) -> Iterator[str]:
    """Ids of the statements behind everything that is shown."""
    for view in folded.views.values():
        for reading in view.readings:
            yield from (one.id for one in reading.statements)


def heads(statements: Sequence[Statement]) -> list[Statement]:
    """What is neither void nor replaced, one copy of each import."""
    unique = {one.id: one for one in statements}
    kept = copies([unique[key] for key in sorted(unique)]).kept
    gone = standing(unique, kept).superseded
    return [
        one
        for key, one in sorted(unique.items())
        if one.void is None and key not in gone and kept.get(key, key) == key
    ]


def order_and_duplication_do_not_matter(drawn: Case) -> None:
    shown = drawn.folded.projection()
    some = st.sampled_from(drawn.statements)
    again = drawn.data.draw(st.lists(some, max_size=3))
    mixed = drawn.data.draw(st.permutations([*drawn.statements, *again]))
    assert fold_statements(drawn.document, mixed).projection() == shown
    other_way = dict(reversed(drawn.lanes.items()))
    assert fold(drawn.document, other_way).projection() == shown
    assert canonical(orjson.loads(shown)).encode() == shown


def grouping_does_not_matter(drawn: Case) -> None:
    """Folding on from any earlier fold gives what folding everything at once gives."""
    place = drawn.data.draw(st.integers(0, len(drawn.statements)))
    before = fold_statements(drawn.document, drawn.statements[:place])
    after = fold_statements(drawn.document, drawn.statements, before=before)
    assert after.projection() == drawn.folded.projection()


def every_shown_value_names_statements_that_exist(drawn: Case) -> None:
    by_id = {one.id: one for one in drawn.statements}
    view = drawn.folded.views[drawn.slot.name]
    for reading in view.readings:
        assert reading.state in STATES
        assert reading.statements
        assert all(by_id[one.id] == one for one in reading.statements)
        assert all(one.void is None for one in reading.statements)
    assert set(named(drawn.folded)) <= by_id.keys()


def every_finding_names_its_statements_and_what_would_close_it(drawn: Case) -> None:
    names = {one.name for one in drawn.statements}
    ids = [found.id for found in drawn.folded.findings]
    assert len(ids) == len(set(ids))
    for found in drawn.folded.findings:
        assert found.statements
        assert set(found.statements) <= names
        assert found.text
        assert found.closing.act in Act
        assert found.closing.words
        assert not found.timed


def no_standing_statement_is_hidden(drawn: Case) -> None:
    shown = set(named(drawn.folded))
    assert {one.id for one in heads(drawn.statements)} <= shown


def a_hazard_leaves_only_by_a_statement_that_names_it(drawn: Case) -> None:
    """Whatever names nothing takes nothing away and closes no finding but by making it larger."""
    value = drawn.data.draw(st.sampled_from(drawn.statements)).value
    new = drawn.stranger(1, drawn.slot.name, value=value)
    after = drawn.again(new)
    assert set(named(drawn.folded)) <= set(named(after))
    news = [set(found.statements) for found in after.findings]
    for found in drawn.folded.findings:
        if found.rule != "written-twice":  # bounded to the nearest few: see NEIGHBOURS_MAX
            assert any(set(found.statements) <= one for one in news), found


def entered_in_error_takes_away_only_what_it_names(drawn: Case) -> None:
    live = [one for one in heads(drawn.statements) if one.source is None]
    if not live:
        return
    target = drawn.data.draw(st.sampled_from(live))
    void = drawn.stranger(1, drawn.slot.name, supersedes=(target.id,), void="wrong casualty")
    struck = drawn.again(void)
    before, after = set(named(drawn.folded)), set(named(struck))
    assert before - after <= {target.id}
    assert target.id not in after
    assert after - before <= _under(target, drawn.statements)  # what it had replaced stands again
    assert (target, void) in struck.struck
    withdrawn = drawn.stranger(2, drawn.slot.name, supersedes=(void.id,), void="was right")
    assert set(named(drawn.again(void, withdrawn))) == before
    naming_nothing = drawn.stranger(1, drawn.slot.name, void="no target")
    assert drawn.again(naming_nothing).projection() == drawn.folded.projection()


def _under(target: Statement, statements: Sequence[Statement]) -> set[str]:
    """What a statement had replaced, directly or through marks of error."""
    own = {one.id for one in statements if one.id in target.supersedes}
    kept = copies(sorted(statements, key=lambda one: one.id)).kept
    return own | {kept[one] for one in own if one in kept}  # type: ignore[index]


def differing_heads_are_a_finding_and_equal_ones_are_none(drawn: Case) -> None:
    policy = drawn.slot.policy
    rules = {"heads-differ", "evidence-differs"}
    found = [one for one in drawn.folded.findings if one.rule in rules]
    if isinstance(policy, Single):
        expected = _differing(policy, heads(drawn.statements))
    elif isinstance(policy, Ranked):
        expected = _unequal(policy, drawn)
    else:
        assert not found
        return
    assert sorted(list(one.statements) for one in found) == sorted(expected)


def _differing(policy: Single, standing_now: Sequence[Statement]) -> list[list[str]]:
    registers: dict[str, list[Statement]] = {}
    for one in standing_now:
        registers.setdefault(key_of(one, policy.key) if policy.key else "", []).append(one)
    return [
        sorted(one.name for one in group)
        for group in registers.values()
        if len({compared(one, policy.same) for one in group}) > 1
        and not policy.latest
        and not (policy.agree and policy.agree(group))
    ]


def _unequal(policy: Ranked, drawn: Case) -> list[list[str]]:
    """A lower rank replaces nothing of a higher one: it stands beside it."""
    history = drawn.folded.histories[drawn.slot.name]
    left = [
        one
        for one in history.statements
        if one.void is None
        and not any(
            heir.void is not None or policy.rank(heir) <= policy.rank(one)
            for heir in history.superseded.get(one.id, ())
        )
    ]
    differ = len({compared(one, policy.compared) for one in left}) > 1
    return [sorted(one.name for one in left)] if differ else []


def a_negative_never_removes_a_positive(drawn: Case) -> None:
    policy = drawn.slot.policy
    if not isinstance(policy, Keyed):
        return
    active = {
        one.id
        for reading in drawn.folded.readings(drawn.slot.name)
        if reading.state in {"stands", "disputed", policy.doubt}
        for one in reading.statements
    }
    for one in heads(drawn.statements):
        status = one.value.get(policy.status) if isinstance(one.value, dict) else None
        if status not in (*policy.negatives, *policy.none_known):
            assert one.id in active


def a_resolution_closes_its_finding_and_its_withdrawal_opens_it(drawn: Case) -> None:
    found = [one for one in drawn.folded.findings if not one.closed_by]
    if not found or drawn.slot.name == "resolution":
        return
    chosen = drawn.data.draw(st.sampled_from(found))
    value = {"finding": chosen.id, "decision": "seen by both", "seen": [*chosen.statements]}
    resolution = drawn.stranger(1, "resolution", value=value)
    after = drawn.again(resolution).findings
    assert {one.id for one in after if one.closed_by} == {chosen.id}
    assert [one._replace(closed_by=()) for one in after] == list(drawn.folded.findings)
    void = drawn.stranger(2, "resolution", supersedes=(resolution.id,), void="not resolved")
    assert drawn.again(resolution, void).findings == drawn.folded.findings
    other = drawn.stranger(3, "resolution", value=value | {"decision": "somebody else's"})
    contested = {one.id: one for one in drawn.again(resolution, other).findings}
    assert not contested[chosen.id].closed_by
    assert _of_resolutions(contested), "two resolutions that differ are a finding themselves"


def _of_resolutions(found: Mapping[str, Finding]) -> list[Finding]:
    return [one for one in found.values() if one.slot == "resolution"]


LAWS: tuple[Callable[[Case], None], ...] = (
    order_and_duplication_do_not_matter,
    grouping_does_not_matter,
    every_shown_value_names_statements_that_exist,
    every_finding_names_its_statements_and_what_would_close_it,
    no_standing_statement_is_hidden,
    a_hazard_leaves_only_by_a_statement_that_names_it,
    entered_in_error_takes_away_only_what_it_names,
    differing_heads_are_a_finding_and_equal_ones_are_none,
    a_negative_never_removes_a_positive,
    a_resolution_closes_its_finding_and_its_withdrawal_opens_it,
)
