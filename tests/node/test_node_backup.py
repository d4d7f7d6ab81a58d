"""Backups: what comes back is what was there; anything else is refused and changes nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from node import unlocking
from node.backup import envelope, making, restoring
from node.backup.envelope import Header, Opened
from node.backup.making import Source, Ways
from node.bundles import files
from node.errors import (
    AlreadyInitialised,
    BackupVersion,
    BadBackup,
    BadRequest,
    NodeError,
    NotABackup,
    StickFull,
    WrongSecret,
)
from node.home import Home, find_home, init, read_key
from node.unlocking import Secrets
from node.vault import STORE, DataKey
from storage import SqlStore
from sync.trust.stream import CHUNK_BYTES, TAG_BYTES

NOW_MS = 1_795_000_000_000
BUNDLE = b"sealed to others"


class Lab(NamedTuple):
    """A node, encrypted under a key file beside its home, and one backup of it."""

    home: Home
    source: Source
    ways: Ways
    key_file: Path
    backup: Path

    def opens(self, header: Header) -> DataKey:
        vault = header.opens_with()
        return unlocking.open_vault(self.home, vault, Secrets(None, self.key_file))


def store_of(home: Home, data: DataKey | None) -> SqlStore:
    key = data.derive(STORE) if data else None
    return SqlStore.open(home.store, entropy=bytes(16), key=key)


@pytest.fixture(name="lab", scope="module")
def _lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    root = tmp_path_factory.mktemp("backup")
    home = find_home(root / "home")
    home.root.mkdir()
    fresh = unlocking.fresh_vault([unlocking.by_key_file(home, root / "key")])
    key = init(home, '[node]\nname = "alpha"\n', fresh)
    store = store_of(home, fresh.data)
    with store.write() as transaction:
        transaction.set_setting("test", b"before the backup")
    store.close()
    (home.root / "carried").mkdir()
    (home.root / "carried" / "ab.bundle").write_bytes(BUNDLE)
    home.silence.write_bytes(b"")
    source = Source(home, "alpha", "field", key, fresh.data, home.store)
    ways = Ways(fresh.vault, fresh.data)
    making.make(source, ways, root / "one.backup", NOW_MS)
    return Lab(home, source, ways, root / "key", root / "one.backup")


def tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def header_bytes(raw: bytes) -> int:
    fixed = len(envelope.MAGIC) + 1 + envelope.SALT_BYTES + 4
    return fixed + int.from_bytes(raw[fixed - 4 : fixed], "big")


def read_through(lab: Lab, path: Path) -> None:
    with files.reading(path) as read:
        header = envelope.read_header(read)
        for _, content in Opened(read, header, lab.opens(header)).files():
            b"".join(content)


def test_a_restored_home_holds_what_the_backup_was_made_of(lab: Lab, tmp_path: Path) -> None:
    other = find_home(tmp_path / "other")
    restored = restoring.restore(other, lab.backup, lab.opens)
    assert restored.manifest.made_ms == NOW_MS
    before, after = tree(lab.home.root), tree(other.root)
    assert after.keys() == {"node.key", "vault.json", "config.toml", "silent", "store.db"} | {
        "carried/ab.bundle"
    }
    same = after.keys() - {"store.db"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert read_key(other, restored.data).node == lab.source.key.node
    assert store_of(other, restored.data).setting("test") == b"before the backup"
    assert other.key.stat().st_mode & 0o777 == 0o600


def test_nothing_in_a_backup_is_readable(lab: Lab) -> None:
    sealed = lab.backup.read_bytes()
    inside = (b"alpha", b"config.toml", b"SQLite", BUNDLE, lab.source.key.node.hex().encode())
    assert not [one for one in inside if one in sealed]


def test_every_97th_byte_flipped_is_refused(lab: Lab, tmp_path: Path) -> None:
    whole = bytearray(lab.backup.read_bytes())
    flipped = tmp_path / "flipped"
    for at in range(0, len(whole), 97):
        whole[at] ^= 1 << at % 8
        flipped.write_bytes(whole)
        whole[at] ^= 1 << at % 8
        with pytest.raises(NodeError):
            read_through(lab, flipped)


@pytest.mark.parametrize("part", range(9))
def test_a_damaged_backup_changes_nothing(lab: Lab, tmp_path: Path, part: int) -> None:
    whole = bytearray(lab.backup.read_bytes())
    whole[len(whole) * part // 9] ^= 1
    (tmp_path / "damaged").write_bytes(whole)
    with pytest.raises(NodeError):
        restoring.restore(find_home(tmp_path / "other"), tmp_path / "damaged", lab.opens)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[: header_bytes(raw) + CHUNK_BYTES + TAG_BYTES],
        lambda raw: raw[:30],
        lambda raw: raw[:100],
        lambda raw: raw + b"\0",
        lambda raw: raw + raw,
    ],
)
def test_a_backup_cut_or_longer_changes_nothing(
    lab: Lab, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "cut").write_bytes(change(lab.backup.read_bytes()))
    with pytest.raises(BadBackup):
        restoring.restore(find_home(tmp_path / "other"), tmp_path / "cut", lab.opens)
    assert not (tmp_path / "other").exists()


def test_other_files_versions_and_keys_are_refused(lab: Lab, tmp_path: Path) -> None:
    raw, home = lab.backup.read_bytes(), find_home(tmp_path / "other")
    (tmp_path / "no").write_bytes(b"%PDF-1.7" + bytes(100))
    with pytest.raises(NotABackup):
        restoring.restore(home, tmp_path / "no", lab.opens)
    at = len(envelope.MAGIC)
    (tmp_path / "new").write_bytes(raw[:at] + b"\2" + raw[at + 1 :])
    with pytest.raises(BackupVersion, match="version 2"):
        restoring.restore(home, tmp_path / "new", lab.opens)
    (tmp_path / "key").write_bytes(os.urandom(32))
    with pytest.raises(WrongSecret):
        restoring.restore(home, lab.backup, lab._replace(key_file=tmp_path / "key").opens)
    assert not home.root.exists()


def test_a_home_with_a_node_or_part_of_one_is_left_alone(lab: Lab, tmp_path: Path) -> None:
    before = tree(lab.home.root)
    with pytest.raises(AlreadyInitialised):
        restoring.restore(lab.home, lab.backup, lab.opens)
    assert tree(lab.home.root) == before
    for name in ("store.db", "config.toml", "carried", "vault.json"):
        root = tmp_path / name
        root.mkdir()
        (root / name).write_bytes(b"somebody's")
        with pytest.raises(AlreadyInitialised, match=name):
            restoring.restore(find_home(root), lab.backup, lab.opens)
        assert tree(root) == {name: b"somebody's"}


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "carried/../x", ".x", "requests/a/b", ""])
def test_a_backup_that_names_places_outside_of_a_home_is_refused(
    lab: Lab, tmp_path: Path, name: str
) -> None:
    with files.reading(lab.backup) as read:
        header = envelope.read_header(read)
        manifest = Opened(read, header, lab.ways.data).manifest
    bad = manifest._replace(files=((name, 1),))
    sealed = envelope.sealed(header, lab.ways.data, bad, [b"x"])
    (tmp_path / "bad").write_bytes(b"".join(sealed))
    with pytest.raises(BadBackup):
        restoring.restore(find_home(tmp_path / "other"), tmp_path / "bad", lab.opens)
    assert not (tmp_path / "x").exists()


def test_a_store_that_is_not_the_one_counted_is_refused(lab: Lab, tmp_path: Path) -> None:
    with files.reading(lab.backup) as read:
        header = envelope.read_header(read)
        inside = Opened(read, header, lab.ways.data)
        content = [b"".join(pieces) for _, pieces in inside.files()]
    rows = {**inside.manifest.rows, "setting": inside.manifest.rows["setting"] + 1}
    other = inside.manifest._replace(rows=rows)
    sealed = envelope.sealed(header, lab.ways.data, other, content)
    (tmp_path / "bad").write_bytes(b"".join(sealed))
    with pytest.raises(BadBackup, match="store"):
        restoring.restore(find_home(tmp_path / "other"), tmp_path / "bad", lab.opens)
    assert not (tmp_path / "other").exists()


def test_a_target_that_is_there_or_too_small_is_refused(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadRequest, match="exists already"):
        making.make(lab.source, lab.ways, lab.backup, NOW_MS)
    usage = shutil.disk_usage
    small = tmp_path / "small"
    small.mkdir()

    def scarce(path: Path) -> object:
        found = usage(path)
        return found._replace(free=1000) if path == small else found

    monkeypatch.setattr(shutil, "disk_usage", scarce)
    with pytest.raises(StickFull, match="MB free, the backup needs"):
        making.make(lab.source, lab.ways, small / "b", NOW_MS)
    assert list(small.iterdir()) == []
    assert not (lab.home.root / "backup.tmp").exists()


def test_a_written_file_that_does_not_read_back_gets_no_name(lab: Lab, tmp_path: Path) -> None:
    target = tmp_path / "b"

    def damage(step: str) -> None:
        if step == "prove":
            with (tmp_path / "b.unproved").open("r+b") as file:
                file.seek(150_000)
                file.write(b"damage")

    with pytest.raises(BadBackup):
        making.make(lab.source, lab.ways, target, NOW_MS, step=damage)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_restore_is_no_place_for_another_node(lab: Lab, tmp_path: Path) -> None:
    home = find_home(tmp_path / "other")
    home.restoring.mkdir(parents=True)
    (home.restoring / "placing").write_text(json.dumps([]))
    with pytest.raises(AlreadyInitialised, match="interrupted"):
        init(home, "[node]\n")
    restoring.restore(home, lab.backup, lab.opens)
    assert home.key.exists()
    assert not home.restoring.exists()
