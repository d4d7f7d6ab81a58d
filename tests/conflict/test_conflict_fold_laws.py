"""The laws of DESIGN §2.7 for every slot of the catalogue: a pure fold that hides nothing.

Slots are found by enumerating the catalogue; a new one is covered without a new test. Every law is
checked on every drawn history: 200 a slot here, 5,000 a slot in the nightly run.
"""

from __future__ import annotations

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conflict.fold import fold, fold_statements, statements_of
from conflict.identity import DocumentId, DocumentKind, StatementId, new_document
from conflict.policies import Keyed
from conflict.shape import Code
from conflict.slot import CATALOGUE
from conflict.statement import Draft, Json, Statement
from tests.conflict.conflict_values import (
    SLOTS,
    any_json,
    history,
    home,
    lanes_of,
    plain_text,
    pool,
    values,
)
from tests.conflict.laws import LAWS, case

each_slot = pytest.mark.parametrize("name", SLOTS)
slow_is_fine = [HealthCheck.too_slow, HealthCheck.data_too_large]


def hold(name: str, data: st.DataObject) -> None:
    """Every law, on one history of one slot."""
    slot = CATALOGUE[name]
    lanes = lanes_of(history(data.draw, name, pool(data.draw, slot)))
    drawn = case(slot, home(slot), lanes, data)
    for law in LAWS:
        law(drawn)


@each_slot
@given(data=st.data())
@settings(deadline=None, max_examples=200, suppress_health_check=slow_is_fine)
def test_the_laws_hold(name: str, data: st.DataObject) -> None:
    hold(name, data)


@pytest.mark.nightly
@each_slot
@given(data=st.data())
@settings(deadline=None, max_examples=5_000, suppress_health_check=slow_is_fine)
def test_the_laws_hold_for_many_more_histories(name: str, data: st.DataObject) -> None:
    hold(name, data)


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
    lanes = lanes_of(history(data.draw, name, [good, *bent]))
    body = orjson.loads(fold(home(slot), lanes).projection())
    for reading in body["slots"].get(name, []):
        assert reading.get("problems", []) == list(slot.problems(reading["value"]))
        assert slot.words(reading["value"])


def test_every_keyed_slot_lists_its_negatives_among_its_codes() -> None:
    for slot in CATALOGUE.values():
        if isinstance(slot.policy, Keyed):
            status = slot.shape.fields[slot.policy.status]
            assert isinstance(status, Code)
            assert set(slot.policy.negatives) | set(slot.policy.none_known) < set(status.values)


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
