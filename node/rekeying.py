"""A plain home made an encrypted one, and a new data key: both can be killed at any point.

Each is a row of steps that are atomic (a rename, one SQLite transaction) and that can be taken again.
What is under way stands in the vault before anything else changes, so `settle`, which every opening
of a home calls first, goes on where the last attempt ended:

- *encrypt*: 1. the vault with `encrypting`; 2. the store written encrypted beside the plain one,
  synced, renamed over it, the plain one (kept under another name until then) overwritten and removed;
  3. `node.key` likewise; 4. the vault without `encrypting`.
- *rotate*: 1. the vault with the slots of the new key (`next`) and the new key under the old
  (`carry`); 2. `PRAGMA rekey`, one transaction: the store has the old key or the new one;
  3. `node.key` under the new key; 4. the vault with the new slots only.

Between 1 and 4 whoever can open the old slots has both keys, so the home opens with whichever the
store and the node's key have.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from conflict.signature import SigningKey
from node.erasing import erase, keep_aside, sync_folder
from node.errors import AlreadyInitialised, VaultDamaged
from node.home import Fresh, Home, key_file_content, read_key, write_atomic
from node.unlocking import Opened, read_vault, write_vault
from node.vault import KEY_BYTES, NONCE_BYTES, STORE, DataKey, Slot, Vault
from storage import WrongKey, cipher

Step = Callable[[str], None]
"""Told before each step, by name; a test dies there."""


def _no_step(_name: str) -> None:
    pass


def encrypt(home: Home, store: Path | None, fresh: Fresh, step: Step = _no_step) -> None:
    """Make a plain home an encrypted one. `store`: its embedded database; None: a server's.

    The caller owns the home. Raises `AlreadyInitialised` when there is a vault.
    """
    if read_vault(home) is not None:
        raise AlreadyInitialised(f"The node in {home.root} is encrypted already.")
    vault = fresh.vault._replace(encrypting=True)
    step("vault")
    write_vault(home, vault)
    settle(home, store, Opened(vault, fresh.data), step)


def rotate(
    home: Home,
    store: Path | None,
    opened: Opened,
    ways: Iterable[Callable[[DataKey], Slot]],
    step: Step = _no_step,
) -> DataKey:
    """Replace the data key by a new one, which `ways` will open; the new one.

    The caller owns the home, and `opened` has no change under way.
    """
    new = DataKey(secrets.token_bytes(KEY_BYTES))
    carry = opened.data.carry(new, secrets.token_bytes(NONCE_BYTES))
    vault = opened.vault._replace(next=tuple(way(new) for way in ways), carry=carry)
    step("vault")
    write_vault(home, vault)
    return settle(home, store, Opened(vault, opened.data), step)


def settle(home: Home, store: Path | None, opened: Opened, step: Step = _no_step) -> DataKey:
    """Bring to its end whatever was under way; the data key from now on. The caller owns the home."""
    vault, data = opened.vault, opened.data
    if vault.encrypting:
        if store:
            _encrypt_store(store, data.derive(STORE), step)
        step("node-key")
        _seal_key(home, read_key(home, data), data)
        step("done")
        vault = vault._replace(encrypting=False)
        write_vault(home, vault)
    if (new := opened.next) is None:
        return data
    step("store")
    if store:
        _rekey(store, data.derive(STORE), new.derive(STORE))
    step("node-key")
    _seal_key(home, _key_of_either(home, new, data), new)
    step("done")
    write_vault(home, Vault(vault.next))
    return new


def _rekey(store: Path, old: bytes, new: bytes) -> None:
    if cipher.is_empty(store):
        return
    try:
        cipher.open_keyed(store, new).close()
    except WrongKey:
        cipher.rekey(store, old, new)


def _key_of_either(home: Home, new: DataKey, old: DataKey) -> SigningKey:
    try:
        return read_key(home, new)
    except VaultDamaged:
        return read_key(home, old)


def _seal_key(home: Home, key: SigningKey, data: DataKey) -> None:
    before = keep_aside(home.key)
    write_atomic(home.key, key_file_content(key.pem(), data))
    erase(before)


def _encrypt_store(store: Path, key: bytes, step: Step) -> None:
    encrypted, old = (store.with_name(f"{store.name}.{end}") for end in ("encrypted", "old"))
    step("store")
    if cipher.is_plain(store):
        cipher.export_encrypted(store, encrypted, key)
        keep_aside(store)
        step("rename")
        os.replace(encrypted, store)
        sync_folder(store.parent)
    step("erase")
    erase(old)
