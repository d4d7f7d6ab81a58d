"""A plain home made an encrypted one, and a new data key, killed before each step: it always opens."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from conflict.identity import NodeId
from node import rekeying
from node.errors import AlreadyInitialised, Locked, VaultDamaged, WrongSecret
from node.home import Fresh, Home, find_home, init, read_key
from node.rekeying import Step, settle
from node.unlocking import (
    OWN_KEY_FILE,
    Secrets,
    by_key_file,
    by_passphrase,
    fresh_vault,
    read_vault,
    same_ways,
    unlock,
)
from node.vault import STORE
from storage import SqlStore, cipher
from tests.contracts.store_samples import document, hold, sample_lane

NAME = "Okafor-Whitcombe"
DOCUMENTS = 12
STEPS_ENCRYPT = ("vault", "store", "rename", "erase", "node-key", "done")
STEPS_ROTATE = ("vault", "store", "node-key", "done")


def filled(home: Home, key: bytes | None) -> NodeId:
    """Records in the home's store; the node's id."""
    store = SqlStore.open(home.store, entropy=bytes(16), key=key)
    hold(store, *(sample_lane(n, document(n), 3, NAME).whole() for n in range(DOCUMENTS)))
    store.close()
    opened = unlock(home)
    return read_key(home, opened and opened.data).node


def plain(root: Path) -> tuple[Home, NodeId]:
    home = find_home(root)
    init(home, None)
    return home, filled(home, None)


def encrypted(root: Path) -> tuple[Home, NodeId]:
    home = find_home(root)
    init(home, None, fresh := fresh_vault([by_key_file(home, None)]))
    return home, filled(home, fresh.data.derive(STORE))


def killed_before(step: str, act: Callable[[Step], object]) -> None:
    """`act` in a process that is killed before a step."""
    child = os.fork()
    if child == 0:
        try:
            act(lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == step else None)
        finally:
            os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), f"there is no step {step}"


def all_bytes(home: Home) -> bytes:
    return b"".join(one.read_bytes() for one in home.root.rglob("*") if one.is_file())


def assert_whole(home: Home, node: NodeId) -> None:
    """It opens as every command opens it, with everything in it and nothing readable."""
    opened = unlock(home)
    assert opened is not None
    data = settle(home, home.store, opened)
    assert read_key(home, data).node == node
    store = SqlStore.open(home.store, entropy=bytes(16), key=data.derive(STORE))
    assert store.summary().documents == DOCUMENTS
    assert store.check() == []
    store.close()
    vault = read_vault(home)
    assert vault is not None
    assert (vault.next, vault.carry, vault.encrypting) == ((), b"", False)
    assert not cipher.is_plain(home.store)
    content = all_bytes(home)
    assert NAME.encode() not in content
    assert b"PRIVATE KEY" not in content
    left = {one.name for one in home.root.iterdir()} - {"store.db-wal", "store.db-shm"}
    assert left == {"log", "node.key", "store.db", "vault.json", OWN_KEY_FILE}


def encrypting(home: Home) -> Callable[[Step], object]:
    fresh = fresh_vault([by_key_file(home, None)])
    return lambda step: rekeying.encrypt(home, home.store, fresh, step)


def rotating(home: Home) -> Callable[[Step], object]:
    opened = unlock(home)
    assert opened is not None
    ways = same_ways(home, opened, Secrets())
    return lambda step: rekeying.rotate(home, home.store, opened, ways, step)


def test_a_plain_home_becomes_an_encrypted_one(tmp_path: Path) -> None:
    home, node = plain(tmp_path)
    assert NAME.encode() in all_bytes(home)
    encrypting(home)(lambda _: None)
    assert_whole(home, node)
    with pytest.raises(AlreadyInitialised):
        encrypting(home)(lambda _: None)


@pytest.mark.parametrize("step", STEPS_ENCRYPT[1:])
def test_encrypting_goes_on_where_it_was_killed(tmp_path: Path, step: str) -> None:
    home, node = plain(tmp_path)
    killed_before(step, encrypting(home))
    assert_whole(home, node)


def test_killed_before_anything_was_written_it_is_plain_as_before(tmp_path: Path) -> None:
    home, node = plain(tmp_path)
    killed_before("vault", encrypting(home))
    assert unlock(home) is None
    assert read_key(home).node == node


@pytest.mark.parametrize("first", STEPS_ENCRYPT[1:])
@pytest.mark.parametrize("second", ["erase", "node-key", "done"])
def test_encrypting_may_be_killed_again_while_it_goes_on(
    tmp_path: Path, first: str, second: str
) -> None:
    home, node = plain(tmp_path)
    killed_before(first, encrypting(home))
    opened = unlock(home)
    assert opened is not None
    if STEPS_ENCRYPT.index(first) <= STEPS_ENCRYPT.index(second):
        killed_before(second, lambda step: settle(home, home.store, opened, step))
    assert_whole(home, node)


def test_a_new_data_key_replaces_the_old_everywhere(tmp_path: Path) -> None:
    home, node = encrypted(tmp_path)
    before = unlock(home)
    rotating(home)(lambda _: None)
    after = unlock(home)
    assert before is not None
    assert after is not None
    assert not after.data.same(before.data)
    with pytest.raises(VaultDamaged):
        read_key(home, before.data)
    assert_whole(home, node)


@pytest.mark.parametrize("step", STEPS_ROTATE)
def test_a_rotation_goes_on_where_it_was_killed(tmp_path: Path, step: str) -> None:
    home, node = encrypted(tmp_path)
    killed_before(step, rotating(home))
    assert_whole(home, node)


def test_a_rotation_may_be_killed_twice(tmp_path: Path) -> None:
    home, node = encrypted(tmp_path)
    killed_before("node-key", rotating(home))
    opened = unlock(home)
    assert opened is not None
    killed_before("done", lambda step: settle(home, home.store, opened, step))
    assert_whole(home, node)


def test_a_rotation_asks_for_every_secret_that_is_to_open_the_new_key(tmp_path: Path) -> None:
    home = find_home(tmp_path)
    ways = [by_passphrase(b"correct horse battery", 2), by_key_file(home, None)]
    init(home, None, fresh_vault(ways))
    opened = unlock(home)
    assert opened is not None
    with pytest.raises(Locked, match="passphrase"):
        same_ways(home, opened, Secrets())
    with pytest.raises(WrongSecret):
        same_ways(home, opened, Secrets(lambda: b"another"))


def test_a_sealed_key_without_its_vault_is_named(tmp_path: Path) -> None:
    home, _ = encrypted(tmp_path)
    home.vault.unlink()
    with pytest.raises(VaultDamaged, match="zeroize"):
        unlock(home)


def test_an_interrupted_init_can_be_repeated_with_another_vault(tmp_path: Path) -> None:
    home = find_home(tmp_path)
    left: Fresh = fresh_vault([by_passphrase(b"never finished", 2)])
    home.vault.write_bytes(left.vault.encode())
    init(home, None, fresh_vault([by_key_file(home, None)]))
    assert unlock(home) is not None
    other = find_home(tmp_path / "plain")
    other.root.mkdir()
    other.vault.write_bytes(left.vault.encode())
    init(other, None)
    assert unlock(other) is None
