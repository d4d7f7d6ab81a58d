"""Names: one text form each, read back to the same bytes; anything else is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.errors import BadIdentity
from conflict.identity import (
    DocumentId,
    DocumentKind,
    NodeId,
    actor_id,
    document_from_source,
    document_kind,
    document_text,
    new_document,
    node_id,
    node_text,
    parse_document,
    parse_node,
    statement_id,
)

ids = st.binary(min_size=16, max_size=16)


@given(ids)
@settings(deadline=None)
def test_every_document_id_reads_back_from_its_text(raw: bytes) -> None:
    document = DocumentId(raw)
    assert parse_document(document_text(document)) == document
    assert parse_document(f" {document_text(document).upper()}\n") == document


@given(ids)
@settings(deadline=None)
def test_every_node_id_reads_back_from_its_text(raw: bytes) -> None:
    assert parse_node(node_text(NodeId(raw))) == raw


@given(st.text(max_size=50))
@settings(deadline=None)
def test_other_text_is_no_id_and_says_so(text: str) -> None:
    for parse in (parse_document, parse_node):
        try:
            found = parse(text)
        except BadIdentity:
            continue
        assert len(found) == 16


@pytest.mark.parametrize(
    "text",
    [
        "",
        "person",
        "person-",
        "person-abc",
        "casualty-abcdefghijklmnopqrstuvwx",
        "kind-abcdefghijklmnopqrstuvwx",
        "kind256-abcdefghijklmnopqrstuvwx",
        "kind-1-abcdefghijklmnopqrstuvwx",
        "person-abcdefghijklmnopqrstuvw1",
        "person-abcdefghijklmnopqrstuvwxy",
        "person-ąbcdefghijklmnopqrstuvwx",
    ],
)
def test_a_document_id_with_a_fault_is_refused(text: str) -> None:
    with pytest.raises(BadIdentity, match="is not a document id"):
        parse_document(text)


@pytest.mark.parametrize("text", ["", "00", "zz" * 16, "00" * 15, "00" * 17])
def test_a_node_id_with_a_fault_is_refused(text: str) -> None:
    with pytest.raises(BadIdentity, match="32 hex letters"):
        parse_node(text)


def test_a_kind_of_newer_software_keeps_its_number() -> None:
    document = DocumentId(bytes([9]) + bytes(15))
    assert document_kind(document) is None
    assert document_text(document).startswith("kind9-")


def test_kinds_are_never_renumbered() -> None:
    assert {kind.name: kind.value for kind in DocumentKind} == {
        "PERSON": 1,
        "EPISODE": 2,
        "UNIT": 3,
        "THEATRE": 4,
    }


def test_an_outside_record_has_one_document_on_every_node() -> None:
    one = document_from_source(DocumentKind.PERSON, "ehr", "7")
    assert one == document_from_source(DocumentKind.PERSON, "ehr", "7")
    others = {
        document_from_source(DocumentKind.EPISODE, "ehr", "7"),
        document_from_source(DocumentKind.PERSON, "ehr", "8"),
        document_from_source(DocumentKind.PERSON, "other", "7"),
    }
    assert one not in others
    assert len(others) == 3


def test_an_actor_is_bound_to_its_node_and_nonce() -> None:
    node, other = node_id(b"key"), node_id(b"other key")
    made = {actor_id(node, bytes(16)), actor_id(other, bytes(16)), actor_id(node, b"n" * 16)}
    assert len(made) == 3
    assert all(len(actor) == 16 for actor in made)


@pytest.mark.parametrize("nonce", [b"", b"n" * 15, b"n" * 17])
def test_a_nonce_has_sixteen_bytes(nonce: bytes) -> None:
    with pytest.raises(BadIdentity):
        actor_id(node_id(b"key"), nonce)


@pytest.mark.parametrize("entropy", [b"", b"e" * 14, b"e" * 16])
def test_a_document_takes_fifteen_bytes_of_entropy(entropy: bytes) -> None:
    with pytest.raises(BadIdentity):
        new_document(DocumentKind.PERSON, entropy)


def test_a_statement_is_named_by_actor_and_number() -> None:
    actor = actor_id(node_id(b"key"), bytes(16))
    assert statement_id(actor, 12) == f"{actor.hex()}.12"
