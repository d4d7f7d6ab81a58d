"""Bundles of a node that let content go: nothing is claimed of it, and what is new in it travels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from conflict.identity import DocumentId
from node.bundles.exporting import Export
from node.desk import BundleOrder
from sync import bundle
from tests.node.bundle_lab import Authority, Member, idle, member
from tests.node.node_lab import document

AWAY = document(1)


@pytest.fixture
def three(tmp_path: Path) -> Iterator[tuple[Member, Member, Member]]:
    """A field node that let a record go, the garrison that has it, and another field node."""
    authority = Authority()
    with ExitStack() as stack:
        field, other = (stack.enter_context(member(tmp_path, authority, n)) for n in ("f", "o"))
        garrison = stack.enter_context(member(tmp_path, authority, "g", role="garrison"))
        for one in (field, other, garrison):
            one.engine.belonging.add(authority.entries)
        field.write(AWAY, "before")
        garrison.take(field.seal_to(garrison))
        field.take(garrison.seal_to(field))
        idle(field.engine)
        assert field.desk.shed([AWAY])["shed_count"] == 1
        yield field, garrison, other


def records(sender: Member, to: Member, **more: str) -> list[bundle.Record]:
    parcel = sender.parcel(BundleOrder(nodes=(to.name,), **more))
    return list(Export(sender.engine, parcel).records(b""))


def named(found: list[bundle.Record], *, away: bool) -> list[DocumentId]:
    held = (one for one in found if isinstance(one, bundle.Held) and one.away is away)
    return [document for one in held for document, _ in one.vectors]


def test_what_was_let_go_is_known_and_not_claimed(three):
    field, _, other = three
    found = records(field, other)
    assert named(found, away=True) == [AWAY]
    assert named(found, away=False) == []
    assert not any(isinstance(one, bundle.Content) for one in found)
    other.write(document(2), "own")
    taken = other.take(field.seal_to(other))
    assert taken["changes"] == 0
    assert taken["equal"] is False
    assert field.node not in other.engine.store.receipts(AWAY)


def test_what_is_new_in_it_travels_and_is_claimed(three):
    field, garrison, other = three
    field.write(AWAY, "after")
    assert other.take(field.seal_to(other))["changes"] == 1
    assert len(other.engine.store.receipts(AWAY)[field.node]) == 1  # of the new lane only
    assert garrison.take(field.seal_to(garrison))["equal"]
    assert len(garrison.engine.store.lanes(AWAY)) == 2


def test_a_stick_that_brings_it_unasked_changes_nothing_and_fetches_it_when_asked(three):
    field, garrison, _ = three
    stick = garrison.seal_to(field)
    assert field.take(stick)["equal"]
    assert list(field.engine.store.shed_documents([AWAY])) == [AWAY]
    field.desk.fetch(AWAY)
    taken = field.take(stick)
    assert taken["whole"]
    idle(field.engine)
    assert field.engine.store.shed_documents([AWAY]) == {}
    assert field.digest == garrison.digest
    assert field.engine.store.check() == []
