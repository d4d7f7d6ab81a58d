"""The lock over a real store and vault: what proves what, what is counted, what a restart knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from node.errors import BadRequest, Locked, NoVault, TryLater, WrongSecret
from node.home import Home, find_home, init
from node.locker import PIN_SETTING, Locker
from node.unlocking import by_key_file, by_passphrase, fresh_vault, unlock
from node.vault import STORE, DataKey
from storage import SqlStore

FEW = 2
WORDS = "correct horse battery"
PIN = "4711"
IDLE_MS = 900_000


class Clock:
    """A wall clock that stands still until it is set."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


class Lab(NamedTuple):
    """One encrypted home, its store open."""

    home: Home
    data: DataKey
    store: SqlStore
    clock: Clock

    def locker(self) -> Locker:
        """As a process that starts has it."""
        return Locker(self.store, self.home, self.data, self.clock, IDLE_MS)


def make(home: Home, *, passphrase: bool = True) -> DataKey:
    ways = [by_passphrase(WORDS.encode(), FEW)] if passphrase else []
    init(home, None, fresh := fresh_vault([*ways, by_key_file(home, None)]))
    return fresh.data


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    home = find_home(tmp_path)
    data = make(home)
    store = SqlStore.open(home.store, entropy=bytes(16), key=data.derive(STORE))
    yield Lab(home, data, store, Clock())
    store.close()


def test_locked_by_hand_and_unlocked_by_each_way(lab: Lab) -> None:
    locker = lab.locker()
    locker.set_pin(PIN, FEW)
    key = (lab.home.root / "vault.key").read_bytes().hex()
    for way, secret in (("passphrase", WORDS), ("pin", PIN), ("key", key)):
        locker.lock()
        with pytest.raises(Locked):
            locker.check(use=True)
        locker.unlock(way, secret)
        locker.check(use=True)


def test_it_locks_itself_and_only_use_keeps_it_open(lab: Lab) -> None:
    locker = lab.locker()
    lab.clock.ms += IDLE_MS - 1
    locker.check(use=False)
    lab.clock.ms += 1
    with pytest.raises(Locked):
        locker.check(use=True)
    locker.unlock("passphrase", WORDS)
    lab.clock.ms += IDLE_MS - 1
    locker.check(use=True)
    lab.clock.ms += IDLE_MS - 1
    locker.check(use=True)


def test_a_node_that_only_a_key_file_opens_does_not_lock_itself(tmp_path: Path) -> None:
    home, clock = find_home(tmp_path), Clock()
    data = make(home, passphrase=False)
    store = SqlStore.open(home.store, entropy=bytes(16), key=data.derive(STORE))
    locker = Locker(store, home, data, clock, IDLE_MS)
    clock.ms += 10 * IDLE_MS
    locker.check(use=True)
    locker.set_pin(PIN, FEW)  # a person uses it after all
    clock.ms += IDLE_MS
    with pytest.raises(Locked):
        locker.check(use=True)
    store.close()


def test_guesses_of_a_pin_are_delayed_also_after_a_restart_and_never_the_passphrase(
    lab: Lab,
) -> None:
    locker = lab.locker()
    locker.set_pin(PIN, FEW)
    locker.lock()
    for _ in range(3):
        with pytest.raises(WrongSecret):
            locker.unlock("pin", "0815")
    for one in (locker, lab.locker()):
        with pytest.raises(TryLater, match="next PIN is taken in 30 s"):
            one.unlock("pin", PIN)
    locker.unlock("passphrase", WORDS)
    locker.lock()
    with pytest.raises(TryLater):
        locker.unlock("pin", PIN)  # the passphrase forgives no guesses
    lab.clock.ms += 30_000
    locker.unlock("pin", PIN)
    with pytest.raises(WrongSecret):
        locker.unlock("pin", "0815")  # and the count begins anew
    locker.unlock("pin", PIN)


def test_wrong_passphrases_are_delayed_too(lab: Lab) -> None:
    locker = lab.locker()
    for _ in range(3):
        with pytest.raises(WrongSecret):
            locker.unlock("passphrase", "not this one")
    with pytest.raises(TryLater):
        locker.unlock("passphrase", WORDS)
    lab.clock.ms += 30_000
    locker.unlock("passphrase", WORDS)


def test_a_pin_is_in_the_encrypted_store_only_and_stretched(lab: Lab) -> None:
    lab.locker().set_pin(PIN, FEW)
    stored = lab.store.setting(PIN_SETTING)
    assert stored is not None
    assert PIN not in json.loads(stored)["hash"]
    files = b"".join(one.read_bytes() for one in lab.home.root.rglob("*") if one.is_file())
    assert json.loads(stored)["hash"].encode() not in files


def test_a_pin_can_be_removed_and_a_poor_one_is_refused(lab: Lab) -> None:
    locker = lab.locker()
    with pytest.raises(BadRequest, match="1234"):
        locker.set_pin("1234")
    locker.set_pin(PIN, FEW)
    locker.set_pin("")
    assert not locker.has_pin
    with pytest.raises(NoVault, match="No PIN"):
        locker.unlock("pin", PIN)


def test_a_plain_node_has_nothing_to_lock_with(tmp_path: Path) -> None:
    home, clock = find_home(tmp_path), Clock()
    init(home, None)
    assert unlock(home) is None
    store = SqlStore.open(home.store, entropy=bytes(16))
    locker = Locker(store, home, None, clock, IDLE_MS)
    clock.ms += 10 * IDLE_MS
    locker.check(use=True)
    for act in (locker.lock, lambda: locker.set_pin(PIN), lambda: locker.unlock("pin", PIN)):
        with pytest.raises(NoVault):
            act()
    store.close()


def test_a_vault_that_was_replaced_meanwhile_does_not_unlock(lab: Lab) -> None:
    locker = lab.locker()
    locker.lock()
    lab.home.vault.write_bytes(
        fresh_vault([by_passphrase(b"other words here", FEW)]).vault.encode()
    )
    with pytest.raises(WrongSecret, match="replaced"):
        locker.unlock("passphrase", "other words here")
    with pytest.raises(Locked):
        locker.check(use=False)
