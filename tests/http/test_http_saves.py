"""Saves survive the wire exactly, and no bytes do anything but be read or refused."""

from __future__ import annotations

import contextlib

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.identity import DocumentKind, StatementId, document_text, new_document
from conflict.statement import Draft, Source
from node.desk import Save
from node.errors import BadRequest
from node.http.saves import decode_batch, encode_batch

texts = st.text(min_size=1, max_size=20)
maybe = st.none() | texts
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
drafts = st.builds(
    Draft,
    slot=texts,
    value=values,
    by=st.text(max_size=20),
    at=maybe,
    precision=maybe,
    supersedes=st.lists(texts.map(StatementId), max_size=3).map(tuple),
    void=maybe,
    source=st.none() | st.builds(Source, texts, texts, texts),
)
documents = st.builds(
    new_document, st.sampled_from(DocumentKind), st.binary(min_size=15, max_size=15)
)
saves = st.builds(Save, documents, st.lists(drafts, max_size=3).map(tuple))


@settings(max_examples=50)
@given(st.lists(saves, max_size=3), st.lists(st.binary(max_size=50), max_size=3))
def test_saves_come_back_exactly_as_they_were(written: list[Save], blobs: list[bytes]) -> None:
    wire = orjson.loads(orjson.dumps(encode_batch(written, blobs)))
    batch = decode_batch(wire)
    assert list(batch.saves) == written
    assert list(batch.blobs) == blobs


@given(values | st.fixed_dictionaries({"saves": values | st.lists(values), "blobs": values}))
def test_any_json_is_read_or_refused(body: object) -> None:
    with contextlib.suppress(BadRequest):
        decode_batch(body)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"slot": None}, r"saves\[0\].drafts\[0\].slot"),
        ({"slot": 5}, "slot: a text"),
        ({"by": ["x"]}, "by: a text"),
        ({"supersedes": "x"}, "supersedes: a list"),
        ({"supersedes": [1]}, "supersedes: a text"),
        ({"source": ["a", "b"]}, "source: three texts"),
        ({"vlaue": 1}, "unknown field 'vlaue'"),
    ],
)
def test_a_refusal_names_the_place(change: dict[str, object], said: str) -> None:
    document = document_text(new_document(DocumentKind.EPISODE, bytes(15)))
    draft = {"slot": "vitals", "value": {}} | change
    with pytest.raises(BadRequest, match=said):
        decode_batch({"saves": [{"document": document, "drafts": [draft]}]})


def test_a_value_is_not_quoted_in_a_refusal() -> None:
    with pytest.raises(BadRequest) as refused:
        decode_batch({"saves": [{"document": 1, "drafts": [{"by": "Ruiz"}]}]})
    assert "Ruiz" not in str(refused.value)
