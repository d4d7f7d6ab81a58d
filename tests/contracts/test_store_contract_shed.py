"""Letting go of content: who may go, what goes, what stays, and what peers see of it."""

from __future__ import annotations

import hashlib

import pytest

from conflict.identity import DocumentKind
from conflict.signature import SigningKey
from storage import NotShed, ProjectionRow, Store, Transaction
from sync import custody
from sync.aliases import blob_alias
from sync.custody import NO_ENTRY, CustodyEntry
from sync.ports import Release, View
from tests.contracts.conftest import MakePlace, Place
from tests.contracts.shed_samples import (
    EPOCH,
    GARRISON,
    LATER,
    ONE,
    SHED_MS,
    TWO,
    X,
    Y,
    claimed,
    held_at_garrison,
    refused,
    shed,
    take,
    view,
    want,
)
from tests.contracts.store_samples import (
    NOW_MS,
    OTHER_PEER,
    PEER,
    SampleLane,
    admit_all,
    document,
    hold,
    receipt,
    sample_lane,
)

# --- what goes and what stays ----------------------------------------------------------------------


def test_what_is_compared_stays_and_the_content_goes(store: Store, lanes: list[SampleLane]) -> None:
    held_at_garrison(store, lanes)
    before = view(store)
    freed = shed(store, ONE)
    assert (freed.changes, freed.blobs) == (8, 0)
    assert freed.size >= sum(lane.whole().size for lane in lanes[:2])
    assert view(store) == before
    assert store.entries(ONE) == {}
    assert store.runs(ONE, {}, 1 << 20) == ([], False)
    assert store.runs(TWO, {}, 1 << 20)[0]
    assert [(one.shed, one.statements, one.admitted) for one in store.lanes(ONE)] == [
        (lane.lane.actor and len(lane.written), len(lane.written), 0)
        for lane in sorted(lanes[:2], key=lambda one: one.lane.actor)
    ]
    assert store.dirty_documents() == []
    assert store.check() == []


def test_a_shed_document_stays_in_lists_with_its_label_and_links(store: Store) -> None:
    lane = sample_lane(1, ONE, 2)
    hold(store, lane.whole())
    admit_all(store)
    with store.write() as transaction:
        transaction.save_projection(ProjectionRow(ONE, "Okafor", 1, b"body", links=(TWO,)))
    claimed(store, receipt(lane, 2))
    shed(store, ONE)
    row = ProjectionRow(ONE, "Okafor", 0, b"", links=(TWO,), shed_ms=SHED_MS)
    assert store.projection(ONE) == row
    assert store.projections(label_contains="okaf") == [row]
    assert store.projections(with_findings=True) == []
    assert store.links(TWO) == (ONE,)
    known = store.shed_documents([ONE, TWO])
    assert list(known) == [ONE]
    assert known[ONE][1:] == (SHED_MS, 0, "Okafor", 2, 2)
    counts = store.counts()
    assert (counts.documents, counts.statements, counts.shed, counts.wanted) == (1, 0, 1, 0)


def test_a_rebuild_takes_what_was_let_go_for_truth(place: Place, lanes: list[SampleLane]) -> None:
    store = place.store
    held_at_garrison(store, lanes)
    shed(store, ONE)
    later = sample_lane(9, ONE, 2)
    hold(store, later.whole())
    before = view(store)
    assert store.rebuild().problems == ()
    assert view(store) == before
    assert sorted(store.dirty_documents()) == sorted([ONE, TWO])
    admit_all(store)
    assert store.dirty_documents() == []
    assert list(store.entries(ONE)) == [later.lane.actor]
    assert store.check() == []
    assert view(place.reopen()) == before
    assert list(place.store.shed_documents([ONE, TWO])) == [ONE]


def test_after_a_rebuild_the_label_is_still_there(store: Store) -> None:
    lane = sample_lane(1, ONE, 1)
    held_at_garrison(store, [lane])
    shed(store, ONE)
    store.rebuild()
    for work in store.work(10):
        with store.write() as transaction:
            transaction.save_projection(ProjectionRow(work.document, "", 0, b"{}"))
            transaction.mark_clean(work.document)
    row = store.projection(ONE)
    assert row is not None
    assert (row.label, row.shed_ms) == ("shown", SHED_MS)
    assert store.dirty_documents() == []


def test_an_attachment_goes_only_when_nothing_else_names_it(store: Store) -> None:
    lanes = [sample_lane(1, ONE, 1), sample_lane(2, TWO, 1)]
    held_at_garrison(store, lanes)
    with store.write() as transaction:
        own, both = transaction.put_blob(b"own"), transaction.put_blob(b"both")
        transaction.save_projection(ProjectionRow(ONE, "1", 0, b"", blobs=((own, 3), (both, 4))))
        transaction.save_projection(ProjectionRow(TWO, "2", 0, b"", blobs=((both, 4),)))
    with pytest.raises(NotShed) as caught:
        shed(store, ONE)
    assert caught.value.cause == "blob-not-at-garrison"
    claim_blobs(store, own)
    assert shed(store, ONE).blobs == 1
    assert (store.blob(own), store.blob(both)) == (None, b"both")
    assert store.blobs_wanted(10) == []
    assert store.counts().blobs == 1


def claim_blobs(store: Store, *names: bytes) -> None:
    key = SigningKey.from_entropy(hashlib.sha512(b"garrison").digest())
    store.trust([GARRISON, key.node])
    plain = CustodyEntry(
        garrison=key.node,
        epoch=EPOCH,
        number=1,
        previous=NO_ENTRY,
        at_ms=NOW_MS,
        lanes=(),
        blobs=tuple(sorted(map(blob_alias, names))),
    )
    with store.write() as transaction:
        transaction.save_custody(custody.signed(plain, key), NOW_MS)


# --- who may go ------------------------------------------------------------------------------------


def test_only_what_a_garrison_holds_in_full_may_go(store: Store, lanes: list[SampleLane]) -> None:
    hold(store, *(lane.whole() for lane in lanes))
    admit_all(store)
    refused(store, "no-garrison")
    claimed(store, receipt(lanes[0], 5), receipt(lanes[1], 2))
    refused(store, "not-at-garrison")
    claimed(store, receipt(lanes[1], 3))
    shed(store, ONE)
    refused(store, "not-held")


def test_a_garrison_in_a_new_epoch_holds_nothing_until_it_says_so(
    store: Store, lanes: list[SampleLane]
) -> None:
    held_at_garrison(store, lanes)
    claimed(store, epoch=LATER)
    refused(store, "not-at-garrison")
    claimed(store, receipt(lanes[0], 5), receipt(lanes[1], 3), epoch=LATER)
    shed(store, ONE)


def test_what_is_not_opened_or_just_coming_in_stays(store: Store, lanes: list[SampleLane]) -> None:
    hold(store, *(lane.whole() for lane in lanes))
    claimed(store, *(receipt(lane, len(lane.written)) for lane in lanes))
    refused(store, "waiting")
    admit_all(store)
    hold(store, sample_lane(7, ONE, 2).cut(1, 1, signed=False))
    refused(store, "staged")


def test_what_could_not_be_opened_stays(store: Store) -> None:
    lane = sample_lane(1, ONE, 2)
    hold(store, lane.whole())
    with store.write() as transaction:
        transaction.refuse_admission(ONE, lane.lane.actor, 2, "bad", "detail")
        transaction.mark_clean(ONE)
    claimed(store, receipt(lane, 2))
    refused(store, "refused")


def test_a_garrison_lets_nothing_go(store: Store, lanes: list[SampleLane]) -> None:
    held_at_garrison(store, lanes)
    with store.write() as transaction:
        transaction.write_custody(GARRISON, EPOCH, NOW_MS, lambda entry: entry)
    refused(store, "garrison")


def test_documents_that_say_who_may_hold_what_stay(store: Store) -> None:
    unit = document(4, DocumentKind.UNIT)
    held_at_garrison(store, [sample_lane(1, unit, 1)])
    with pytest.raises(NotShed) as caught:
        shed(store, unit)
    assert caught.value.cause == "kind"


def test_what_was_refused_changed_nothing_and_the_transaction_goes_on(
    store: Store, lanes: list[SampleLane]
) -> None:
    held_at_garrison(store, lanes[:2])
    hold(store, lanes[2].whole())
    admit_all(store)
    with store.write() as transaction:
        with pytest.raises(NotShed):
            transaction.shed(TWO, SHED_MS)
        transaction.shed(ONE, SHED_MS)
    assert list(store.shed_documents([ONE, TWO])) == [ONE]
    assert store.runs(TWO, {}, 1 << 20)[0] == [lanes[2].whole()]


class Broken(Exception):
    """A fault in the middle of a transaction."""


def test_a_broken_transaction_lets_nothing_go(store: Store, lanes: list[SampleLane]) -> None:
    held_at_garrison(store, lanes)
    before = (*view(store), store.entries(ONE), store.counts(), store.projection(ONE))
    with pytest.raises(Broken), store.write() as transaction:
        _shed_and_fail(transaction)
    after = (*view(store), store.entries(ONE), store.counts(), store.projection(ONE))
    assert after == before
    assert store.released(PEER, EPOCH, 9) is None
    assert store.check() == []


def _shed_and_fail(transaction: Transaction) -> None:
    transaction.shed(ONE, SHED_MS)
    raise Broken


# --- who is told -----------------------------------------------------------------------------------


def test_each_peer_is_told_once_what_was_let_go(store: Store, lanes: list[SampleLane]) -> None:
    held_at_garrison(store, lanes)
    assert store.released(PEER, EPOCH, 9) is None
    shed(store, ONE)
    assert store.released(PEER, EPOCH, 9) == Release(1, 1, (ONE,))
    heard(store, Release(1, 1, (ONE,)))
    assert store.released(PEER, EPOCH, 9) is None
    assert store.released(OTHER_PEER, EPOCH, 9) == Release(1, 1, (ONE,))
    assert store.released(PEER, LATER, 9) == Release(1, 1, (ONE,))  # it may have lost it
    shed(store, TWO)
    assert store.released(PEER, EPOCH, 9) == Release(2, 2, (TWO,))
    assert store.released(OTHER_PEER, EPOCH, 1) == Release(1, 2, (ONE,))


def test_what_came_back_is_not_told_and_its_number_is_not_used_again(
    store: Store, lanes: list[SampleLane]
) -> None:
    held_at_garrison(store, lanes)
    shed(store, ONE)
    heard(store, Release(1, 1, (ONE,)))
    want(store, ONE)
    take(store, lanes[0].whole(), lanes[1].whole())
    assert store.released(PEER, EPOCH, 9) == Release(1, 0, ())
    heard(store, Release(1, 0, ()))
    assert store.released(PEER, EPOCH, 9) is None
    shed(store, TWO)
    assert store.released(PEER, EPOCH, 9) == Release(2, 1, (TWO,))


def heard(store: Store, release: Release) -> None:
    with store.write() as transaction:
        transaction.heard_release(PEER, EPOCH, release.through, release.total)


def test_a_peer_that_let_go_holds_nothing_any_more(store: Store, lanes: list[SampleLane]) -> None:
    held_at_garrison(store, lanes)
    with store.write() as transaction:
        transaction.save_receipts(PEER, LATER, [receipt(lanes[0], 5), receipt(lanes[2], 4)], 1)
    with store.write() as transaction:
        transaction.save_released(PEER, [ONE, document(99)])
    assert list(store.receipts(ONE)) == [GARRISON]
    assert sorted(store.receipts(TWO)) == sorted([PEER, GARRISON])
    with store.write() as transaction:
        transaction.save_released(GARRISON, [ONE])
    assert (store.custody(9).documents, store.custody(9).changes) == (1, 8)
    assert store.check() == []


# --- choosing --------------------------------------------------------------------------------------


def test_what_changed_longest_ago_comes_first(new_place: MakePlace) -> None:
    store = new_place().store
    lanes = [sample_lane(number, document(number), 2) for number in range(4)]
    for age, lane in enumerate(lanes):
        with store.write() as transaction:
            transaction.hold([lane.whole()], PEER, NOW_MS - age)
    admit_all(store)
    claimed(store, *(receipt(lane, 2) for lane in lanes[:3]))
    idle = store.idle(NOW_MS, None, 9)
    assert [one.document for one in idle] == [document(2), document(1)]
    assert store.idle(NOW_MS + 1, idle[0], 1) == [idle[1]]
    assert store.touched_ms([document(1), document(2)]) == NOW_MS - 1
    shed(store, document(2))
    assert [one.document for one in store.idle(NOW_MS, None, 9)] == [document(1)]
    assert store.touched_ms([document(2)]) == 0
    assert store.used_bytes() > 0


# --- who may hold what -----------------------------------------------------------------------------


def in_units(store: Store) -> None:
    """A unit each for the two documents."""
    units = [sample_lane(20 + number, unit, 1) for number, unit in enumerate((X, Y))]
    hold(store, *(lane.whole() for lane in units))
    admit_all(store)
    with store.write() as transaction:
        transaction.save_projection(ProjectionRow(X, "", 0, b"{}", members=(ONE,)))
        transaction.save_projection(ProjectionRow(Y, "", 0, b"{}", members=(TWO,)))


def test_a_view_hears_of_nothing_outside_it(store: Store, lanes: list[SampleLane]) -> None:
    held_at_garrison(store, lanes)
    in_units(store)
    shed(store, ONE)
    shed(store, TWO)
    want(store, ONE, TWO)
    reader = store.shared(View(frozenset((X,))))
    assert reader.released(PEER, EPOCH, 9) == Release(1, 1, (ONE,))
    withheld = reader.withheld([(ONE, {}), (TWO, {})])
    assert {lane.document for lane in withheld} == {ONE}
    assert list(reader.refills(PEER, 9)) == [ONE]
    nobody = store.shared(View(frozenset()))
    assert nobody.released(PEER, EPOCH, 9) is None
    assert nobody.withheld([(ONE, {})]) == []
    assert nobody.refills(PEER, 9) == {}


def test_who_may_hold_a_document_is_known_though_its_content_is_away(store: Store) -> None:
    """A person belongs where the episode does that names it, also when that is let go."""
    person = document(5, DocumentKind.PERSON)
    lanes = [sample_lane(1, ONE, 2), sample_lane(2, person, 2)]
    held_at_garrison(store, lanes)
    in_units(store)
    with store.write() as transaction:
        transaction.save_projection(ProjectionRow(ONE, "1", 0, b"{}", links=(person,)))
    before = store.scopes([ONE, person])
    assert before == {ONE: {X}, person: {X}}
    listed = store.shared(View(frozenset((X,)))).listing(None, 9)
    shed(store, ONE)
    assert store.scopes([ONE, person]) == before
    with store.write() as transaction:  # as after a rebuild, or of what came since
        transaction.save_projection(ProjectionRow(ONE, "", 0, b"{}"))
    assert store.scopes([ONE, person]) == before
    assert store.shared(View(frozenset((X,)))).listing(None, 9) == listed
    assert store.check() == []
