"""Copies of a store that is in use are of one moment, encrypted as it is, and can be counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage import NotEncrypted, SqlStore, WrongKey, snapshot
from storage.errors import DatabaseCorrupt

KEY, OTHER = bytes(range(32)), bytes(32)


def store(path: Path, key: bytes | None = None) -> SqlStore:
    return SqlStore.open(path, entropy=bytes(16), key=key)


def put(one: SqlStore, count: int, size: int = 10) -> None:
    with one.write() as transaction:
        for number in range(count):
            transaction.set_setting(f"test.{number}", bytes(size))


@pytest.mark.parametrize("key", [None, KEY])
def test_a_copy_holds_one_moment_while_another_connection_writes(
    tmp_path: Path, key: bytes | None
) -> None:
    own = store(tmp_path / "a.db", key)
    put(own, 200, 20_000)
    steps: list[int] = []

    def writing(done: int, _total: int) -> None:
        steps.append(done)
        put(own, 201 + len(steps))

    snapshot.copy(tmp_path / "a.db", tmp_path / "b.db", key, writing)
    assert len(steps) > 2
    before, now = (snapshot.look(tmp_path / name, key).rows["setting"] for name in ("b.db", "a.db"))
    assert now - before == 1 + len(steps)
    assert not (tmp_path / "b.db-wal").exists()
    again = store(tmp_path / "b.db", key)
    assert again.setting("test.199") == bytes(20_000)
    assert again.setting("test.200") is None


def test_a_copy_of_an_encrypted_store_is_noise_and_opens_by_its_key_alone(tmp_path: Path) -> None:
    put(store(tmp_path / "a.db", KEY), 3)
    snapshot.copy(tmp_path / "a.db", tmp_path / "b.db", KEY)
    assert b"test.1" not in (tmp_path / "b.db").read_bytes()
    with pytest.raises(WrongKey):
        snapshot.look(tmp_path / "b.db", OTHER)


def test_a_plain_store_is_not_copied_as_an_encrypted_one(tmp_path: Path) -> None:
    put(store(tmp_path / "a.db"), 3)
    with pytest.raises(NotEncrypted):
        snapshot.copy(tmp_path / "a.db", tmp_path / "b.db", KEY)


def test_a_copy_with_a_page_of_noise_fails_its_check(tmp_path: Path) -> None:
    own = store(tmp_path / "a.db")
    put(own, 50, 20_000)
    snapshot.copy(tmp_path / "a.db", tmp_path / "b.db")
    with (tmp_path / "b.db").open("r+b") as file:
        for page in range(20, 40):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    with pytest.raises(DatabaseCorrupt):
        snapshot.look(tmp_path / "b.db")
