"""A keyed store: what opens it, what does not and says why, and what a kill leaves of a new key."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sqlite3
from pathlib import Path

import pytest

from storage import (
    DatabaseCorrupt,
    DatabaseUnsafe,
    KeyNeeded,
    NotEncrypted,
    SqlStore,
    StorageError,
    WrongKey,
    cipher,
)
from storage.database import reading
from tests.contracts.store_samples import document, hold, sample_lane

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
NAME = "Okafor-Whitcombe"
KILLS = 12


def _open(path: Path, key: bytes | None = KEY) -> SqlStore:
    return SqlStore.open(path, entropy=bytes(16), key=key)


def _filled(path: Path, key: bytes | None = KEY) -> None:
    store = _open(path, key)
    hold(store, *(sample_lane(seed, document(seed), 3, NAME).whole() for seed in range(40)))
    store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


def test_an_encrypted_file_shows_nothing_and_opens_with_its_key(path: Path) -> None:
    _filled(path)
    raw = b"".join(one.read_bytes() for one in path.parent.iterdir())
    assert NAME.encode() not in raw
    assert not cipher.is_plain(path)
    assert cipher.looks_encrypted(path)
    store = _open(path)
    assert store.summary().documents == 40
    assert store.check() == []
    store.close()


def test_what_is_not_folded_into_the_file_yet_is_encrypted_too(path: Path) -> None:
    store = _open(path)
    hold(store, *(sample_lane(seed, document(seed), 3, NAME).whole() for seed in range(40)))
    wal = path.with_name("a.db-wal").read_bytes()
    assert len(wal) > 4096
    assert NAME.encode() not in wal
    store.close()


def test_another_key_is_not_taken_for_damage(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _filled(path)
    before = path.read_bytes()
    with pytest.raises(WrongKey, match="belong together"):
        _open(path, OTHER)
    assert path.read_bytes() == before
    assert capfd.readouterr() == ("", "")


def test_no_key_for_an_encrypted_file(path: Path) -> None:
    _filled(path)
    with pytest.raises(KeyNeeded, match="vault"):
        _open(path, None)


def test_a_key_for_a_plain_file(path: Path) -> None:
    _filled(path, None)
    with pytest.raises(NotEncrypted, match="readable"):
        _open(path, KEY)


def test_a_driver_that_cannot_encrypt_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cipher, "dbapi2", sqlite3)
    with pytest.raises(DatabaseUnsafe, match="cipher_version"):
        _open(path)
    assert path.read_bytes() == b""


def test_a_damaged_page_is_found_by_its_code(path: Path) -> None:
    _filled(path)
    raw = bytearray(path.read_bytes())
    for page in range(3, len(raw) // 4096):
        raw[page * 4096 + 700] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DatabaseCorrupt):
        _open(path).check()


def test_sorting_leaves_no_file(path: Path) -> None:
    store = _open(path)
    with reading(store.engine) as connection:
        assert connection.exec_driver_sql("PRAGMA temp_store").scalar_one() == 2
    store.close()


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_has_one_length(path: Path, length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        _open(path, bytes(length))


def test_a_new_key_replaces_the_old(path: Path) -> None:
    _filled(path)
    cipher.rekey(path, KEY, OTHER)
    with pytest.raises(WrongKey):
        _open(path, KEY)
    store = _open(path, OTHER)
    assert store.summary().documents == 40
    assert store.check() == []
    store.close()


def test_a_kill_in_the_middle_of_a_new_key_leaves_one_that_opens(path: Path) -> None:
    rng = random.Random(5)
    _filled(path)
    keys = [KEY, OTHER]
    for _ in range(KILLS):
        _killed(path, keys, rng.randrange(30_000, 3_000_000))
        keys.sort(key=lambda key: not _opens(path, key))
        assert _opens(path, keys[0])
        assert not _opens(path, keys[1])
        store = _open(path, keys[0])
        assert store.summary().documents == 40
        assert store.check() == []
        store.close()


def _killed(path: Path, keys: list[bytes], work: int) -> None:
    """A process that changes the key to and fro, killed after a while of work here."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, b".")
            for old, new in itertools.cycle([keys, keys[::-1]]):
                cipher.rekey(path, old, new)
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as begun:
        assert begun.read(1) == b"."
        sum(range(work))
        os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _opens(path: Path, key: bytes) -> bool:
    try:
        cipher.open_keyed(path, key).close()
    except StorageError:
        return False
    return True


def test_a_plain_file_is_copied_whole_and_encrypted(path: Path, tmp_path: Path) -> None:
    store = _open(path, None)
    hold(store, *(sample_lane(seed, document(seed), 3, NAME).whole() for seed in range(40)))
    before = store.summary(), store.listing(None, 100)
    store.close()
    target = tmp_path / "b.db"
    target.write_bytes(b"left by an attempt before")
    cipher.export_encrypted(path, target, KEY)
    store = _open(target)
    assert (store.summary(), store.listing(None, 100)) == before
    assert store.check() == []
    store.close()
    assert NAME.encode() not in target.read_bytes()
