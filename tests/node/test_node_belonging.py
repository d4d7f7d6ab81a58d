"""This node's place in its theatre: what is seen is durable, and newer certificates count at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conflict.scope import scope_id
from node.belonging import Belonging
from storage import MemoryStore
from storage.errors import DiskFull
from storage.ports import Transaction
from sync.trust.authority import Judge, Revoke, Time, from_bytes
from sync.trust.errors import BadEntry
from sync.trust.theatre import NOTHING, Standing
from tests.conflict.conflict_lab import LabAuthor
from tests.node.node_lab import KEY, running
from tests.theatre import Authority

ALPHA, BRAVO, NEW = (LabAuthor(seed).key for seed in (1, 2, 3))


class WatchedStore(MemoryStore):
    """A store that fails a commit, or has somebody look on just before it."""

    full = False
    looking: Belonging | None = None

    def __init__(self) -> None:
        self.seen: list[int] = []
        super().__init__(bytes(16))

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        with super().write() as transaction:
            yield transaction
            if self.looking is not None:
                self.seen.append(self.looking.head.number)
            if self.full:
                raise DiskFull("no room")


def member(codes: tuple[str, ...] | None = None) -> tuple[Authority, WatchedStore, Belonging]:
    authority, store = Authority(), WatchedStore()
    authority.enrol(ALPHA, "alpha", codes=codes)
    authority.enrol(BRAVO, "bravo", codes=["BAS-2"])
    return authority, store, authority.belonging(store, ALPHA)


def test_entries_are_seen_once_they_are_durable() -> None:
    authority, store, belonging = member()
    authority.say(Time())
    authority.say(Revoke(BRAVO.node, "captured"))
    store.looking = belonging
    assert belonging.add(authority.entries) == 2
    assert store.seen == [2]
    assert belonging.head == authority.theatre.head
    assert belonging.standing is Standing.ENROLLED


def test_a_node_that_is_put_out_says_by_which_entry() -> None:
    authority, _, belonging = member()
    authority.say(Revoke(BRAVO.node, "captured"))
    belonging.add(authority.entries)
    assert belonging.described()["revoked"] is None
    authority.say(Revoke(ALPHA.node, "left in a taxi"))
    authority.say(Time())
    belonging.add(authority.entries)
    assert belonging.described()["revoked"] == [4, "left in a taxi"]


def test_a_commit_that_fails_changes_nothing_and_tells_nobody() -> None:
    authority, store, belonging = member()
    theatre, head, told = belonging.theatre, belonging.head, list[None]()
    belonging.on_change(told.append)
    authority.say(Revoke(BRAVO.node, "captured"))
    store.full = True
    with pytest.raises(DiskFull):
        belonging.add(authority.entries)
    assert belonging.theatre is theatre
    assert belonging.head == head
    assert theatre is not None
    assert theatre.standing(BRAVO.node) is Standing.ENROLLED
    assert not told
    store.full = False
    assert belonging.add(authority.entries) == 1
    assert theatre.standing(BRAVO.node) is Standing.REVOKED


def test_what_came_before_an_entry_that_does_not_belong_is_kept_and_told() -> None:
    authority, store, belonging = member()
    told = list[None]()
    belonging.on_change(told.append)
    authority.say(Time())
    authority.say(Time())
    broken = authority.entries[3][:-1] + bytes((authority.entries[3][-1] ^ 1,))
    with pytest.raises(BadEntry):
        belonging.add([*authority.entries[2:3], broken])
    assert belonging.head.number == 3 == len(store.authority_entries(0, 9))
    assert told == [None]


def test_a_certificate_newer_than_the_log_counts_before_its_entry_is_here() -> None:
    authority, _, belonging = member()
    unit = frozenset({scope_id("BAS-2")})
    assert belonging.grants.shared_with(NEW.node) == NOTHING
    authority.enrol(NEW, "new", codes=["BAS-2"])
    device = authority.theatre.device(NEW.node)
    assert device is not None
    belonging.meet(device.certificate.der)
    assert belonging.grants.shared_with(NEW.node) == unit
    authority.enrol(BRAVO, "bravo", codes=["ROLE2"])  # and so does one that takes a scope away
    device = authority.theatre.device(BRAVO.node)
    assert device is not None
    belonging.meet(device.certificate.der)
    assert belonging.grants.shared_with(BRAVO.node) == {scope_id("ROLE2")}
    assert belonging.head.number == 2


def test_the_engine_shares_with_whom_it_met_at_once() -> None:
    authority = Authority()
    authority.enrol(KEY)
    with running(MemoryStore(bytes(16))) as engine:
        authority.admit(engine.belonging, KEY)
        authority.enrol(NEW, "new", codes=["BAS-2"])
        device = authority.theatre.device(NEW.node)
        assert device is not None
        engine.belonging.meet(device.certificate.der)
        assert engine.grants.shared_with(NEW.node) == {scope_id("BAS-2")}


def test_an_older_certificate_gives_nothing_back() -> None:
    authority, _, belonging = member()
    before = authority.theatre.device(BRAVO.node)
    assert before is not None
    authority.enrol(BRAVO, "bravo", codes=["ROLE2"])
    belonging.add(authority.entries)
    belonging.meet(before.certificate.der)
    assert belonging.grants.shared_with(BRAVO.node) == {scope_id("ROLE2")}
    authority.say(Revoke(BRAVO.node, "captured"))
    belonging.add(authority.entries)
    belonging.meet(before.certificate.der)
    assert belonging.grants.shared_with(BRAVO.node) == NOTHING
    assert not belonging.knows(BRAVO.node)


def test_a_copy_of_the_theatre_says_the_same_and_changes_nothing_of_it() -> None:
    authority, _, belonging = member()
    theatre = belonging.theatre
    assert theatre is not None
    trial = theatre.copy()
    assert list(trial) == list(theatre)
    assert (trial.head, trial.now_ms) == (theatre.head, theatre.now_ms)
    entry = from_bytes(authority.entries[1])
    assert trial.same(2, entry.link)
    trial.take(authority.say(Judge(BRAVO.node, released=True)))
    assert (trial.head.number, theatre.head.number) == (3, 2)
    assert theatre.same(3, trial.head.link) is None
