"""The laws of DESIGN §2.7 for every slot of the catalogue: a pure fold that hides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.fold import Folded, fold, fold_statements, statements_of
from conflict.identity import DocumentId, DocumentKind, StatementId, new_document
from conflict.policies import Keyed, Ranked, Single
from conflict.shape import Code
from conflict.slot import CATALOGUE, Slot
from conflict.statement import Draft, Json, Statement, canonical
from tests.conflict.conflict_values import (
    SLOTS,
    any_json,
    history,
    home,
    lanes_of,
    plain_text,
    values,
)

each_slot = pytest.mark.parametrize("name", SLOTS)
few = settings(deadline=None, max_examples=20)
HEADED = [name for name in SLOTS if isinstance(CATALOGUE[name].policy, Single | Ranked)]
KEYED = [name for name in SLOTS if isinstance(CATALOGUE[name].policy, Keyed)]


def drawn(
    data: st.DataObject, slot: Slot, pool: Sequence[Json] = ()
) -> tuple[DocumentId, list[Statement]]:
    """A document and statements of one slot in it, read back from their lanes."""
    lanes = lanes_of(history(data.draw, slot.name, pool))
    statements, unreadable = statements_of(lanes, home(slot))
    assert not unreadable
    return home(slot), statements


def superseded(statements: list[Statement]) -> set[StatementId]:
    return {target for one in statements for target in one.supersedes}


def standing(statements: list[Statement]) -> list[Statement]:
    gone = superseded(statements)
    return [one for one in statements if one.void is None and one.id not in gone]


def named(folded: Folded) -> Iterator[str]:
    """Ids of the statements behind everything that is shown."""
    for view in folded.views.values():
        for reading in view.readings:
            yield from (one.id for one in reading.statements)


@each_slot
@given(data=st.data())
@few
def test_order_and_duplication_do_not_matter(name: str, data: st.DataObject) -> None:
    slot = CATALOGUE[name]
    lanes = lanes_of(history(data.draw, name))
    document, (statements, _) = home(slot), statements_of(lanes, home(slot))
    shown = fold(document, lanes).projection()
    again = data.draw(st.lists(st.sampled_from(statements), max_size=3))
    mixed = data.draw(st.permutations([*statements, *again]))
    assert fold_statements(document, mixed).projection() == shown
    other_way = dict(reversed(lanes.items()))
    assert fold(document, other_way).projection() == shown
    assert canonical(orjson.loads(shown)).encode() == shown


@each_slot
@given(data=st.data())
@few
def test_every_shown_value_and_finding_names_statements_that_exist(
    name: str, data: st.DataObject
) -> None:
    document, statements = drawn(data, CATALOGUE[name])
    by_id = {one.id: one for one in statements}
    folded = fold_statements(document, statements)
    for reading in folded.views[name].readings:
        assert reading.statements
        assert all(by_id[one.id] == one for one in reading.statements)
        assert all(one.void is None for one in reading.statements)
    for finding in folded.findings:
        assert len(finding.statements) > 1
        assert set(finding.statements) <= {one.name for one in statements}
    assert set(named(folded)) <= by_id.keys()


@each_slot
@given(data=st.data())
@few
def test_no_standing_statement_is_hidden(name: str, data: st.DataObject) -> None:
    """What nobody named is behind something shown: itself, or an equal import of the same record."""
    document, statements = drawn(data, CATALOGUE[name])
    folded = fold_statements(document, statements)
    shown = set(named(folded))
    by_id = {one.id: one for one in statements}
    gone = superseded(statements)
    for one in standing(statements):
        twins = {
            twin.id
            for twin in statements
            if one.source and (twin.source, twin.value) == (one.source, one.value)
        }
        assert shown & ({one.id} | twins) or gone & twins, (one, by_id)


@each_slot
@given(data=st.data())
@few
def test_entered_in_error_voids_only_what_it_names(name: str, data: st.DataObject) -> None:
    document, statements = drawn(data, CATALOGUE[name])
    live = [one for one in standing(statements) if one.source is None]
    if not live:
        return
    target = data.draw(st.sampled_from(live))
    void = Statement(
        id=StatementId("ff" * 16 + ".1"),
        slot=name,
        value=None,
        by="Okafor",
        rec=target.rec,
        supersedes=(target.id,),
        void="wrong casualty",
    )
    before = set(named(fold_statements(document, statements)))
    after = set(named(fold_statements(document, [*statements, void])))
    assert before - after == {target.id}
    assert after <= before
    naming_nothing = Statement(
        id=void.id, slot=name, value=None, by="", rec=void.rec, void="no target"
    )
    unmoved = fold_statements(document, [*statements, naming_nothing])
    assert unmoved.projection() == fold_statements(document, statements).projection()


@pytest.mark.parametrize("name", HEADED)
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_differing_heads_are_always_a_finding_and_one_head_never_is(
    name: str, data: st.DataObject
) -> None:
    slot = CATALOGUE[name]
    document, statements = drawn(data, slot)
    statements = [one for one in statements if one.source is None]
    heads: dict[str, list[str]] = {}
    for one in _heads(slot, statements):
        heads.setdefault(_compared(slot, one), []).append(one.name)
    found = fold_statements(document, statements).findings
    if len(heads) < 2:
        assert not found
    else:
        assert [list(one.statements) for one in found] == [sorted(chain(*heads.values()))]


def _heads(slot: Slot, statements: list[Statement]) -> list[Statement]:
    """What nobody has replaced; a lower rank does not replace a higher one."""
    policy = slot.policy
    if isinstance(policy, Single):
        return standing(statements)
    assert isinstance(policy, Ranked)

    def rank(one: Statement) -> int:
        evidence = (one.value or {}).get(policy.evidence)
        return policy.ranks.index(evidence) if evidence in policy.ranks else 99

    def replaced(one: Statement) -> bool:
        heirs = [heir for heir in statements if one.id in heir.supersedes]
        return any(heir.void is not None or rank(heir) <= rank(one) for heir in heirs)

    return [one for one in statements if one.void is None and not replaced(one)]


def _compared(slot: Slot, one: Statement) -> str:
    policy = slot.policy
    if isinstance(policy, Single):
        return canonical(one.value)
    assert isinstance(policy, Ranked)
    fields = [(one.value or {}).get(name) for name in policy.compared]
    return canonical(
        [field.strip().lower() if isinstance(field, str) else field for field in fields]
    )


@pytest.mark.parametrize("name", KEYED)
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_negative_never_removes_a_positive(name: str, data: st.DataObject) -> None:
    """Every standing positive is behind a reading that is not inactive."""
    slot = CATALOGUE[name]
    policy = slot.policy
    assert isinstance(policy, Keyed)
    status = slot.shape.fields[policy.status]
    assert isinstance(status, Code)
    base = data.draw(values(name))
    codes = data.draw(st.permutations(status.values))[:3]
    document, statements = drawn(data, slot, [{**base, policy.status: code} for code in codes])
    statements = [one for one in statements if one.source is None]
    view = fold_statements(document, statements).views.get(name)
    active = {
        one.id
        for reading in (view.readings if view else ())
        if reading.state in {"stands", "disputed"}
        for one in reading.statements
    }
    for one in standing(statements):
        if one.value[policy.status] not in (*policy.negatives, *policy.none_known):
            assert one.id in active


@each_slot
@given(data=st.data())
@few
def test_a_resolution_closes_its_finding_and_news_opens_another(
    name: str, data: st.DataObject
) -> None:
    slot = CATALOGUE[name]
    document, statements = drawn(data, slot)
    found = fold_statements(document, statements).findings
    if not found or name == "resolution":
        return
    chosen = found[0]
    resolution = Statement(
        id=StatementId("ff" * 16 + ".1"),
        slot="resolution",
        value={"finding": chosen.id, "decision": "seen by both", "seen": [*chosen.statements]},
        by="Okafor",
        rec=statements[0].rec,
    )
    after = fold_statements(document, [*statements, resolution]).findings
    assert {one.id for one in after if one.closed_by} == {chosen.id}
    assert [one._replace(closed_by=()) for one in after] == list(found)
    withdrawn = Statement(
        id=StatementId("ff" * 16 + ".2"),
        slot="resolution",
        value=None,
        by="Okafor",
        rec=statements[0].rec,
        supersedes=(resolution.id,),
        void="not resolved",
    )
    assert fold_statements(document, [*statements, resolution, withdrawn]).findings == found


ODD = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from((None, 5, True, "x", "", [], [1], {}, {"a": 1}, [[]])) | any_json,
    ),
    min_size=1,
    max_size=2,
)


@each_slot
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_no_json_whatever_from_a_peer_stops_the_fold(name: str, data: st.DataObject) -> None:
    """Any value, or a valid one with a field of any other type: shown, with its problems named."""
    slot = CATALOGUE[name]
    good = data.draw(values(name))
    fields = sorted(slot.shape.fields)
    bent = [
        {**good, fields[place % len(fields)]: odd} if place else odd
        for place, odd in data.draw(ODD)
    ]
    document, statements = drawn(data, slot, [good, *bent])
    folded = fold_statements(document, statements)
    body = orjson.loads(folded.projection())
    for reading in body["slots"].get(name, []):
        value = {} if reading["value"] is None else reading["value"]
        assert reading.get("problems", []) == list(slot.shape.problems(value, ""))


@given(slot=plain_text, value=any_json, data=st.data())
@settings(deadline=None)
def test_a_slot_of_newer_software_is_kept_and_shown_raw(
    slot: str, value: Json, data: st.DataObject
) -> None:
    name = "new_" + slot.replace("/", "")
    document = new_document(DocumentKind.EPISODE, bytes(15))
    triage = history(data.draw, "triage")
    renamed = [
        (identity, Draft(slot=name, value=value, supersedes=draft.supersedes), stamp)
        for identity, draft, stamp in triage
    ]
    lanes = lanes_of(renamed)
    body = orjson.loads(fold(document, lanes).projection())
    mixed = data.draw(st.permutations(statements_of(lanes, document)[0]))
    assert orjson.loads(fold_statements(document, mixed).projection()) == body
    assert body["slots"] == {}
    assert [one["statement"] for one in body["unknown"]] == sorted(one[0] for one in triage)
    assert all(one["slot"] == name and one["value"] == value for one in body["unknown"])


@each_slot
def test_a_known_slot_in_a_document_of_another_kind_is_shown_raw(name: str) -> None:
    slot = CATALOGUE[name]
    one = Statement(id=StatementId("11" * 16 + ".1"), slot=name, value={}, by="", rec=(1, 0))  # type: ignore[arg-type]
    for kind in DocumentKind:
        folded = fold_statements(new_document(kind, bytes(15)), [one])
        assert (name in folded.views) == (kind in slot.kinds)
        assert bool(folded.unknown) == (kind not in slot.kinds)
    assert fold_statements(DocumentId(bytes([9]) + bytes(15)), [one]).unknown == (one,)
