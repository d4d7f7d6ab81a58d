"""What every store keeps of the authority's log."""

from __future__ import annotations

import pytest

from storage import Store
from tests.contracts.conftest import Place

ENTRIES = [b"one", b"two", b"three", b"four"]


def save(store: Store, after: int, *entries: bytes) -> None:
    with store.write() as transaction:
        transaction.save_authority(after, entries)


def test_entries_are_read_in_order_in_pages(store: Store) -> None:
    assert store.authority_entries(0, 10) == []
    save(store, 0, *ENTRIES[:3])
    save(store, 3, ENTRIES[3])
    assert store.authority_entries(0, 10) == ENTRIES
    assert store.authority_entries(1, 2) == ENTRIES[1:3]
    assert store.authority_entries(4, 2) == []
    assert store.shared(None).authority_entries(3, 9) == ENTRIES[3:]


def test_what_is_there_stays_and_nothing_is_left_out(store: Store) -> None:
    save(store, 0, *ENTRIES[:2])
    save(store, 0, b"forged", b"two", b"three")
    assert store.authority_entries(0, 10) == ENTRIES[:3]
    with pytest.raises(ValueError, match="do not follow a log of 3"):
        save(store, 4, b"five")
    assert store.authority_entries(0, 10) == ENTRIES[:3]


def test_the_log_survives_a_restart_and_a_rebuild(place: Place) -> None:
    save(place.store, 0, *ENTRIES)
    place.store.rebuild()
    assert place.reopen().authority_entries(0, 10) == ENTRIES


def test_a_transaction_that_fails_keeps_none_of_it(store: Store) -> None:
    def failing() -> None:
        with store.write() as transaction:
            transaction.save_authority(0, ENTRIES)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert store.authority_entries(0, 10) == []
