"""Refused lanes: found by code or all of them, counted by author, and forgotten when asked to."""

from __future__ import annotations

from storage.ports import Store
from tests.conflict.conflict_lab import LabAuthor, vitals_lane
from tests.node.node_lab import NOW_MS, document


def test_refused_lanes_are_found_by_code_and_counted_by_author(store: Store) -> None:
    one, other = LabAuthor(21), LabAuthor(22)
    assert (store.refused(None), store.refused_authors(), store.authored()) == ([], {}, {})
    for number, author, code in ((1, one, "bad-key"), (2, one, "worker-killed"), (3, other, "")):
        raws = vitals_lane(author, number, document(number))
        with store.write() as transaction:
            transaction.hold([author.run(document(number))], None, NOW_MS)
            if code:
                transaction.refuse_admission(document(number), author.actor, len(raws), code, "why")
    assert store.refused(None) == [document(1), document(2)]
    assert store.refused(["bad-key"]) == [document(1)]
    assert store.refused_authors() == {one.node: 2}
    assert store.authored() == {one.node: 3, other.node: 3}
    with store.write() as transaction:
        transaction.retry_admission(document(1))
    assert store.refused(None) == [document(2)]
    assert store.refused_authors() == {one.node: 1}
