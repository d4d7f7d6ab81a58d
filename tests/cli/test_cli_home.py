"""One process owns a home; files in it are whole or absent; what died is not taken for running."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from unittest.mock import patch

import pytest

from node.errors import AlreadyInitialised, AlreadyRunning, BadConfiguration, NotInitialised
from node.home import (
    Home,
    Running,
    announce,
    find_home,
    hold_lock,
    init,
    is_locked,
    new_token,
    read_key,
    read_running,
    read_token,
    withdraw,
    write_atomic,
    write_new,
)

RUNNING = Running(1, "127.0.0.1:1", "127.0.0.1:2", "")


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    home = find_home(tmp_path / "deep" / "home")
    init(home, "[node]\nname = 'a'\n")
    return home


def test_the_key_survives_and_only_its_owner_may_read_it(home: Home) -> None:
    assert read_key(home).node == read_key(home).node
    assert stat.S_IMODE(home.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
    with pytest.raises(AlreadyInitialised):
        init(home, None)


def test_an_interrupted_init_can_be_repeated(tmp_path: Path) -> None:
    home = find_home(tmp_path)
    crash = patch("node.home.write_new", side_effect=[None, OSError(5, "I/O error")])
    with crash, pytest.raises(OSError, match="I/O"):
        init(home, "text")
    home.config.write_text("text")
    init(home, "text")
    assert home.key.exists()


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadConfiguration, match="--home"):
        init(find_home(tmp_path / "file" / "home"), None)


def test_only_one_may_hold_the_lock_and_its_end_frees_it(home: Home) -> None:
    with hold_lock(home):
        assert is_locked(home)
        with pytest.raises(AlreadyRunning, match=str(os.getpid())), hold_lock(home, wait_s=0):
            pass
    assert not is_locked(home)
    with hold_lock(home, wait_s=0):
        pass


def test_no_lock_without_a_node(tmp_path: Path) -> None:
    with pytest.raises(NotInitialised), hold_lock(find_home(tmp_path)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_is_not_a_running_node(home: Home) -> None:
    announce(home, RUNNING)
    assert read_running(home) is None
    with hold_lock(home):
        assert read_running(home) == RUNNING
        withdraw(home)
        assert read_running(home) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"pid": 1})])
def test_a_spoiled_announcement_is_named(home: Home, text: str) -> None:
    home.running.write_text(text)
    with pytest.raises(BadConfiguration, match=r"running\.json"):
        read_running(home)


def test_a_token_that_is_gone_is_named(home: Home) -> None:
    token = new_token(home)
    running = RUNNING._replace(token_file=str(home.token))
    assert read_token(running) == token
    withdraw(home)
    with pytest.raises(BadConfiguration, match="api-token"):
        read_token(running)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    with patch("os.fsync", side_effect=OSError(28, "full")), pytest.raises(OSError, match="full"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    with pytest.raises(FileExistsError):
        write_new(path, b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


def test_a_new_file_on_a_stick_whose_files_have_one_name_only(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with patch(
        "os.link", side_effect=PermissionError(1, "Operation not permitted")
    ):  # as vfat says
        write_new(path, b"first")
        with pytest.raises(FileExistsError):
            write_new(path, b"second")
    assert path.read_bytes() == b"first"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
