"""What every store keeps of garrisons' custody logs, and what it says is known to be at a garrison."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from conflict.signature import SigningKey
from storage import Store
from sync import custody, limits
from sync.aliases import blob_alias, claim_of
from sync.custody import NO_ENTRY, CustodyEntry, Verdict
from sync.ports import Position, Receipt
from tests.contracts.conftest import MakePlace, Place
from tests.contracts.store_samples import (
    NOW_MS,
    PEER,
    SampleLane,
    admit_all,
    document,
    hold,
    receipt,
    sample_lane,
)

KEY = SigningKey.from_entropy(hashlib.sha512(b"garrison").digest())
GARRISON = KEY.node
FIRST = custody.new_epoch(NOW_MS, bytes(16))
LATER = custody.new_epoch(NOW_MS + 1, bytes(16))


def entry(
    claims: Sequence[Receipt] = (),
    *,
    after: CustodyEntry | None = None,
    epoch: bytes = FIRST,
    blobs: Sequence[bytes] = (),
) -> CustodyEntry:
    """The next entry of the garrison's log, as it signs it."""
    plain = CustodyEntry(
        garrison=GARRISON,
        epoch=epoch,
        number=after.number + 1 if after else 1,
        previous=after.link if after else NO_ENTRY,
        at_ms=NOW_MS,
        lanes=tuple(sorted(map(claim_of, claims))),
        blobs=tuple(sorted(map(blob_alias, blobs))),
    )
    return custody.signed(plain, KEY)


def save(store: Store, *entries: CustodyEntry, now_ms: int = NOW_MS) -> list[Verdict]:
    """Each in a transaction of its own."""
    found = []
    for one in entries:
        with store.write() as transaction:
            found.append(transaction.save_custody(one, now_ms)[0])
    return found


def told(store: Store, *claims: Receipt, epoch: bytes = FIRST) -> None:
    """The garrison's direct receipt."""
    with store.write() as transaction:
        transaction.save_receipts(GARRISON, epoch, claims, NOW_MS + 5)


def write(store: Store, epoch: bytes = FIRST) -> CustodyEntry | None:
    """The garrison's own next entry."""
    with store.write() as transaction:
        return transaction.write_custody(
            GARRISON, epoch, NOW_MS, lambda one: custody.signed(one, KEY)
        )


def lacking(store: Store) -> tuple[int, int]:
    """Documents and changes at no garrison, as far as is known."""
    found = store.custody(10)
    return found.documents, found.changes


@pytest.fixture
def lanes() -> list[SampleLane]:
    return [sample_lane(number, document(number), 3) for number in range(3)]


def test_what_is_held_is_lacking_until_a_garrison_claims_its_full_head(
    store: Store, lanes: list[SampleLane]
) -> None:
    store.trust([GARRISON])
    hold(store, *(one.whole() for one in lanes))
    assert lacking(store) == (3, 9)
    first = entry([receipt(lanes[0], 3), receipt(lanes[1], 2)])
    assert save(store, first) == [Verdict.KEPT]
    assert lacking(store) == (2, 4)
    told(store, receipt(lanes[1], 3))
    assert lacking(store) == (1, 3)
    assert [one.document for one in store.custody(10).uncovered] == [document(2)]
    save(store, entry([receipt(lanes[2], 3)], after=first))
    assert lacking(store) == (0, 0)
    assert store.check() == []


def test_a_new_statement_is_lacking_at_once_and_a_claim_that_came_first_counts(
    store: Store, lanes: list[SampleLane]
) -> None:
    store.trust([GARRISON])
    save(store, entry([receipt(lanes[0], 3)]))
    hold(store, lanes[0].cut(1, 2))
    assert lacking(store) == (1, 2)  # the claim is of more than is here: in doubt
    hold(store, lanes[0].cut(3, 3))
    assert lacking(store) == (0, 0)
    hold(store, sample_lane(9, document(0), 1).whole())
    assert lacking(store) == (1, 1)


def test_another_head_of_the_same_length_covers_nothing(
    store: Store, lanes: list[SampleLane]
) -> None:
    store.trust([GARRISON])
    hold(store, lanes[0].whole())
    other = sample_lane(0, document(0), 3, "other")
    save(store, entry([receipt(other, 3)]))
    assert lacking(store) == (1, 3)


def test_only_nodes_trusted_as_garrisons_count(store: Store, lanes: list[SampleLane]) -> None:
    hold(store, lanes[0].whole())
    claim = receipt(lanes[0], 3)
    told(store, claim)
    assert save(store, entry([claim])) == [Verdict.NO_GARRISON]
    assert lacking(store)[0] == 1
    store.trust([PEER])
    assert lacking(store) == (1, 3)
    store.trust([PEER, GARRISON])
    assert lacking(store) == (0, 0)
    assert store.custody_positions() == {
        PEER: Position(),
        GARRISON: Position(FIRST, 0),
    }
    store.trust([])
    assert lacking(store) == (1, 3)
    assert store.check() == []


def test_a_log_is_kept_in_order_and_read_back_as_received(
    store: Store, lanes: list[SampleLane]
) -> None:
    store.trust([GARRISON])
    one = entry([receipt(lanes[0], 1)])
    two = entry([receipt(lanes[0], 2)], after=one)
    three = entry([receipt(lanes[0], 3)], after=two)
    forged = replace(three, previous=bytes(16))
    assert save(store, two, one, three, one, two) == [
        *(Verdict.GAP, Verdict.KEPT, Verdict.GAP, Verdict.KNOWN, Verdict.KEPT)
    ]
    assert save(store, forged, three) == [Verdict.FORKED, Verdict.KEPT]
    assert store.custody_positions() == {GARRISON: Position(FIRST, 3)}
    raws = [custody.to_bytes(each) for each in (one, two, three)]
    assert store.custody_entries(GARRISON, FIRST, 0, 10) == raws
    assert store.custody_entries(GARRISON, FIRST, 1, 1) == raws[1:2]
    assert store.custody_entries(GARRISON, LATER, 0, 10) == []


def test_a_later_epoch_forgets_what_the_earlier_one_said(
    store: Store, lanes: list[SampleLane]
) -> None:
    store.trust([GARRISON])
    hold(store, lanes[0].whole())
    claim = receipt(lanes[0], 3)
    old = entry([claim], blobs=[b"b" * 32])
    save(store, old)
    assert lacking(store) == (0, 0)
    assert save(store, entry(epoch=LATER)) == [Verdict.KEPT]
    assert lacking(store) == (1, 3)
    assert store.receipts(document(0)) == {}
    assert save(store, entry([claim], after=old)) == [Verdict.KNOWN]  # of the old epoch
    assert store.custody_positions() == {GARRISON: Position(LATER, 1)}
    assert store.custody_entries(GARRISON, LATER, 0, 9) == [custody.to_bytes(entry(epoch=LATER))]
    assert store.check() == []


def test_a_garrison_met_in_a_later_epoch_is_believed_at_once_and_its_old_log_never_again(
    store: Store, lanes: list[SampleLane]
) -> None:
    store.trust([GARRISON])
    hold(store, lanes[0].whole())
    claim = receipt(lanes[0], 3)
    old = entry()
    save(store, old)
    told(store, claim)
    assert lacking(store) == (0, 0)
    told(store, epoch=LATER)  # its HELLO alone
    assert lacking(store) == (1, 3)
    assert save(store, entry([claim], after=old)) == [Verdict.KNOWN]
    assert lacking(store) == (1, 3)
    told(store, claim, epoch=LATER)
    assert lacking(store) == (0, 0)


def test_a_log_whose_garrison_was_met_in_an_earlier_epoch_is_relayed_and_not_believed(
    store: Store, lanes: list[SampleLane]
) -> None:
    store.trust([GARRISON])
    hold(store, *(one.whole() for one in lanes))
    one = entry([receipt(lanes[0], 3)], epoch=LATER)
    save(store, one)
    told(store, epoch=FIRST)  # restored from a backup, and not aware of it
    assert lacking(store) == (3, 9)
    told(store, receipt(lanes[2], 3), epoch=FIRST)
    two = entry([receipt(lanes[1], 3)], after=one, epoch=LATER)
    assert save(store, two) == [Verdict.KEPT]
    assert lacking(store) == (2, 6)  # what it says itself counts
    latest = custody.new_epoch(NOW_MS + 9, bytes(16))
    save(store, entry([receipt(lanes[2], 3)], epoch=latest))
    assert lacking(store) == (2, 6)


def test_a_log_above_its_quota_is_refused_by_name(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.trust([GARRISON])
    one = entry()
    two = entry(after=one)
    size = len(custody.to_bytes(one))
    monkeypatch.setattr(limits, "CUSTODY_LOG_BYTES_MAX", 2 * size - 1)
    assert save(store, one, two) == [Verdict.KEPT, Verdict.FULL]
    assert save(store, entry(epoch=LATER)) == [Verdict.KEPT]


def test_who_holds_a_record_is_told_with_the_way_it_was_learned(
    store: Store, lanes: list[SampleLane]
) -> None:
    store.trust([GARRISON])
    hold(store, lanes[0].whole())
    one = entry([receipt(lanes[0], 2)])
    save(store, one, now_ms=NOW_MS + 1)
    told(store, receipt(lanes[0], 3))
    with store.write() as transaction:
        transaction.save_receipts(PEER, bytes(16), [receipt(lanes[0], 1)], NOW_MS + 7)
    found = {held.holder: held for held in store.holders(document(0))}
    assert found[GARRISON].at_ms == NOW_MS + 5
    assert (found[GARRISON].entry, found[GARRISON].entry_ms) == (1, NOW_MS + 1)
    assert found[GARRISON].vector[lanes[0].lane.actor].length == 3
    assert (found[PEER].at_ms, found[PEER].entry) == (NOW_MS + 7, 0)
    assert store.custody(1).told_ms == NOW_MS + 5


def test_blobs_that_are_named_count_until_a_garrison_has_them(store: Store) -> None:
    from storage import ProjectionRow

    store.trust([GARRISON])
    hold(store, sample_lane(1, document(1), 1).whole())
    name = hashlib.sha256(b"photo").digest()
    with store.write() as transaction:
        row = ProjectionRow(document(1), "shown", 0, b"body", (), ((name, 5),))
        transaction.save_projection(row)
    assert store.custody(1).blobs == 1
    save(store, entry(blobs=[name]))
    assert store.custody(1).blobs == 0
    save(store, entry(epoch=LATER))
    assert store.custody(1).blobs == 1


def test_what_we_brought_in_ourselves_and_do_not_hold_is_counted(store: Store) -> None:
    lane = sample_lane(1, document(1), 2)
    hold(store, lane.cut(1, 1, signed=False))
    assert store.custody(1).staged == 0  # a peer's
    hold(store, lane.cut(1, 1, signed=False), source=None)
    assert store.custody(1).staged == 1
    assert store.custody(1).set_aside == 0


# A garrison's own log -----------------------------------------------------------------------------


def test_a_garrison_claims_what_it_holds_once_and_all_of_it(
    store: Store, lanes: list[SampleLane], monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(store, lanes[0].cut(1, 1), lanes[1].whole())
    hold(store, lanes[0].cut(2, 3), lanes[2].cut(1, 2))
    with store.write() as transaction:
        name = transaction.put_blob(b"photo")
    one = write(store)
    assert one is not None
    assert one.lanes == tuple(
        sorted(map(claim_of, [receipt(lanes[0], 3), receipt(lanes[1], 3), receipt(lanes[2], 2)]))
    )
    assert one.blobs == (blob_alias(name),)
    assert write(store) is None
    hold(store, lanes[2].cut(3, 3))
    two = write(store)
    assert two is not None
    assert (two.number, two.previous) == (2, one.link)
    assert two.lanes == (claim_of(receipt(lanes[2], 3)),)
    raws = [custody.to_bytes(each) for each in (one, two)]
    assert store.custody_entries(GARRISON, FIRST, 0, 9) == raws


def test_a_new_epoch_starts_the_log_anew_with_everything_held(
    store: Store, lanes: list[SampleLane]
) -> None:
    hold(store, *(one.whole() for one in lanes))
    with store.write() as transaction:
        name = transaction.put_blob(b"photo")
    write(store)
    again = write(store, LATER)
    assert again is not None
    assert (again.number, again.previous, again.epoch) == (1, NO_ENTRY, LATER)
    assert len(again.lanes) == 3
    assert again.blobs == (blob_alias(name),)
    assert write(store, LATER) is None


def test_the_first_entry_of_an_epoch_is_made_even_of_nothing(store: Store) -> None:
    one = write(store)
    assert one is not None
    assert (one.lanes, one.blobs, one.number) == ((), (), 1)
    assert write(store) is None


def test_an_entry_and_its_cursor_are_durable_together_or_not_at_all(
    place: Place, lanes: list[SampleLane]
) -> None:
    hold(place.store, lanes[0].whole())

    class Killed(Exception):
        """Before the commit."""

    def attempt() -> None:
        with place.store.write() as transaction:
            transaction.write_custody(GARRISON, FIRST, NOW_MS, lambda one: custody.signed(one, KEY))
            raise Killed

    with pytest.raises(Killed):
        attempt()
    store = place.reopen()
    one = write(store)
    assert one is not None
    assert one.lanes == (claim_of(receipt(lanes[0], 3)),)
    assert write(store) is None


def test_a_long_backlog_becomes_entries_of_bounded_size(store: Store) -> None:
    count = limits.CUSTODY_LANES_MAX + 10
    made = [sample_lane(number % 5, document(number), 1) for number in range(count)]
    hold(store, *(one.whole() for one in made))
    sizes = []
    while (one := write(store)) is not None:
        sizes.append(len(one.lanes))
        assert len(custody.to_bytes(one)) <= limits.CUSTODY_ENTRY_BYTES_MAX
    assert sizes == [limits.CUSTODY_LANES_MAX, 10]


def test_what_a_garrison_claims_covers_what_an_equal_store_holds(
    new_place: MakePlace, lanes: list[SampleLane]
) -> None:
    garrison, laptop = new_place().store, new_place().store
    laptop.trust([GARRISON])
    for one in (garrison, laptop):
        hold(one, *(each.whole() for each in lanes))
        admit_all(one)
    one = write(garrison)
    assert one is not None
    assert save(laptop, custody.from_bytes(custody.to_bytes(one))) == [Verdict.KEPT]
    assert lacking(laptop) == (0, 0)
    laptop.rebuild()
    assert lacking(laptop) == (0, 0)
