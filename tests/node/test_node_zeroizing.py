"""After zeroize nothing opens and nothing is left; interrupted anywhere, another one ends it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from node import zeroizing
from node.home import Home, find_home, init
from node.unlocking import by_key_file, fresh_vault
from node.vault import STORE
from storage import SqlStore


def made(root: Path, key_file: Path | None = None) -> Home:
    home = find_home(root)
    init(home, "[node]\nname = 'a'\n", fresh := fresh_vault([by_key_file(home, key_file)]))
    SqlStore.open(home.store, entropy=bytes(16), key=fresh.data.derive(STORE)).close()
    (home.root / "exports").mkdir()
    (home.root / "exports" / "a.json").write_text("something")
    (home.logs / "node.log").write_text("{}")
    (home.root / ".store.db.left").write_bytes(b"x" * 100)
    return home


def test_everything_in_the_home_goes(tmp_path: Path) -> None:
    home = made(tmp_path / "home")
    assert zeroizing.zeroize(home) == []
    assert list(home.root.rglob("*")) == []


def test_a_key_file_elsewhere_and_a_store_elsewhere_go_too(tmp_path: Path) -> None:
    key, store = tmp_path / "usb" / "a.key", tmp_path / "disk" / "records.db"
    home = made(tmp_path / "home", key)
    store.parent.mkdir()
    for end in ("", "-wal", "-shm"):
        store.with_name(store.name + end).write_bytes(b"x")
    beside = store.with_name("another.db")
    beside.write_bytes(b"not ours")
    assert zeroizing.zeroize(home, [store]) == []
    assert not key.exists()
    assert list(store.parent.iterdir()) == [beside]


def test_what_a_link_in_the_home_leads_to_stays(tmp_path: Path) -> None:
    home, other = made(tmp_path / "home"), tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("not ours")
    (home.root / "folder").symlink_to(other)
    (home.root / "file").symlink_to(other / "file")
    assert zeroizing.zeroize(home) == []
    assert (other / "file").read_text() == "not ours"
    assert list(home.root.iterdir()) == []


def test_the_vault_goes_first_and_overwritten(tmp_path: Path) -> None:
    home = made(tmp_path / "home")
    content, vault = home.vault.read_bytes(), os.open(home.vault, os.O_RDONLY)
    order: list[str] = []
    real = zeroizing.erase

    def noted(path: Path) -> None:
        order.append(path.name)
        real(path)

    with patch.object(zeroizing, "erase", noted):
        zeroizing.destroy_keys(home)
    left = os.pread(vault, len(content), 0)
    os.close(vault)
    assert order[:4] == ["vault.json", "vault.json.old", "vault.key", "node.key"]
    assert len(left) == len(content)
    assert sum(a == b for a, b in zip(left, content, strict=True)) < len(content) / 10
    assert home.store.exists()


@pytest.mark.parametrize("after", range(6))
def test_interrupted_anywhere_another_one_ends_it(tmp_path: Path, after: int) -> None:
    home = made(tmp_path / "home")
    real, calls = zeroizing.erase, iter(range(100))

    def dies(path: Path) -> None:
        if next(calls) == after:
            raise KeyboardInterrupt
        real(path)

    with patch.object(zeroizing, "erase", dies), pytest.raises(KeyboardInterrupt):
        zeroizing.zeroize(home)
    assert zeroizing.zeroize(home) == []
    assert list(home.root.rglob("*")) == []


def test_a_spoiled_vault_does_not_keep_it_from_happening(tmp_path: Path) -> None:
    home = made(tmp_path / "home")
    home.vault.write_bytes(b"{")
    assert zeroizing.zeroize(home) == []
    assert list(home.root.rglob("*")) == []


def test_a_home_given_by_mistake_loses_only_what_has_a_known_name(tmp_path: Path) -> None:
    home = made(tmp_path / "home")
    photo = home.root / "photo.jpg"
    photo.write_text("not ours")
    with patch.object(Path, "home", lambda: home.root):
        zeroizing.zeroize(home)
    assert photo.read_text() == "not ours"
    assert not home.vault.exists()
    assert not home.store.exists()


def test_a_process_that_hangs_on_the_home_is_killed(tmp_path: Path) -> None:
    home = made(tmp_path / "home")
    code = (
        "import sys, signal; from pathlib import Path; from node.home import *\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "with hold_lock(find_home(Path(sys.argv[1]))):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", code, str(home.root)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert zeroizing.zeroize(home) == []
        assert other.wait(10) == -9
    assert list(home.root.rglob("*")) == []
