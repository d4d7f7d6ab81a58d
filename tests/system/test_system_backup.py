"""Backup, restore, hand-over and close-out with real processes, killed wherever it hurts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.cli_lab import (
    SCRIPT,
    Answer,
    aidstation,
    environment,
    key_file_of,
    made,
    running,
)
from tests.system.test_system_clones import (
    as_garrison,
    at,
    party,
    record,
    status,
    sync,
)

DIES = """
import os, signal, sys
import node.backup.making as making, node.backup.restoring as restoring
from node.cli.main import main

_, point, *words = sys.argv
sys.argv = ["aidstation", *words]

def step(name):
    if name == point:
        os.kill(os.getpid(), signal.SIGKILL)

def dying(real):
    return lambda *given, **named: real(*given, **named, step=step)

making.make, restoring.restore = dying(making.make), dying(restoring.restore)
main()
"""
"""The console script, killed when it comes to a step."""


def killed(home: Path, point: str, *words: str) -> None:
    command = [sys.executable, "-c", DIES, point, "--home", str(home), *words]
    done = subprocess.run(command, env=environment(home), capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def backup(home: Path, file: Path) -> Any:
    answer = aidstation(home, "backup", str(file), "--json")
    assert answer.code == 0, answer.err
    return answer.result


def restore(home: Path, file: Path, of: Path) -> Answer:
    """By the key file of the home that it was made of."""
    return aidstation(home, "restore", str(file), "--key-file", str(key_file_of(of)))


def shown(home: Path, document: str) -> str:
    return aidstation(home, "show", document).out


@pytest.mark.parametrize("point", ["copy", "seal", "prove", "name"])
def test_a_backup_that_is_killed_leaves_no_backup_and_the_node_as_it_was(
    tmp_path: Path, point: str
) -> None:
    home = made(tmp_path / "one")
    document = record(home, "--new", "episode", "text=kept")
    target = tmp_path / "stick" / "b"
    target.parent.mkdir()
    killed(home, point, "backup", str(target))
    assert not target.exists()
    for path in target.parent.iterdir():
        assert path.read_bytes().startswith(b"AIDBKUP\n")
        assert b"SQLite" not in path.read_bytes()
    assert "kept" in shown(home, document)
    assert backup(home, target)["bytes"] == target.stat().st_size
    assert [path.name for path in target.parent.iterdir()] == ["b"]
    assert not (home / "backup.tmp").exists()


@pytest.mark.parametrize(
    "point",
    ["unpack", "check", "place", "place config.toml", "place store.db", "place node.key", "tidy"],
)
def test_a_restore_that_is_killed_leaves_no_node_or_a_whole_one(tmp_path: Path, point: str) -> None:
    home, other = made(tmp_path / "one"), tmp_path / "other"
    document = record(home, "--new", "episode", "text=kept")
    backup(home, tmp_path / "b")
    key = ("--key-file", str(key_file_of(home)))
    killed(other, point, "restore", str(tmp_path / "b"), *key)
    if point == "tidy":
        assert "kept" in shown(other, document)
        return
    assert aidstation(other, "status").code == 2
    assert "(already-initialised)" in aidstation(other, "init", "--plain").err
    answer = restore(other, tmp_path / "b", home)
    assert answer.code == 0, answer.err
    assert "kept" in shown(other, document)
    assert not (other / "restore.tmp").exists()


def test_a_backup_of_a_running_node_that_is_written_in_holds_all_that_came_before(
    tmp_path: Path,
) -> None:
    home = made(tmp_path / "one")
    with running(home):
        document = record(home, "--new", "episode", "text=0")
        writer = subprocess.Popen(
            [*SCRIPT, "--home", str(home), "record", "note", document, "text=meanwhile"],
            env=environment(home),
            stdout=subprocess.DEVNULL,
        )
        made_of = backup(home, tmp_path / "b")
        assert writer.wait() == 0
        rows = aidstation(home, "audit", "list", "--json").result["rows"]
        assert "backup" in {row["action"] for row in rows}
        assert "Last backup" in aidstation(home, "status").out
    assert made_of["rows"]["run"] >= 1
    assert restore(tmp_path / "other", tmp_path / "b", home).code == 0
    assert "0" in shown(tmp_path / "other", document)
    assert "meanwhile" in shown(home, document)


def test_a_restored_node_begins_an_epoch_and_peers_bring_back_what_came_later(
    tmp_path: Path,
) -> None:
    garrison = as_garrison(made(tmp_path / "g", "garrison"))
    with party(tmp_path, garrison) as (_, field), running(garrison):
        at(field, garrison)
        document = record(field, "--new", "episode", "text=before the backup")
        before = status(field)
        backup(field, tmp_path / "b")
        record(field, document, "text=after the backup")
        late = record(field, "--new", "episode", "text=another casualty")
        with running(field):
            sync(field, "garrison")
        other = tmp_path / "other"
        answer = restore(other, tmp_path / "b", field)
        assert answer.code == 0, answer.err
        assert "must not run any more" in answer.err
        assert status(other)["epoch"] > before["epoch"]
        assert "after the backup" not in shown(other, document)
        actions = [
            one["action"] for one in aidstation(other, "audit", "list", "--json").result["rows"]
        ]
        assert "restore" in actions
        with running(other):
            sync(other, "garrison")
            assert status(other)["digest"] == status(garrison)["digest"]
        assert "after the backup" in shown(other, document)
        assert "another casualty" in shown(other, late)


def test_a_plain_home_needs_a_secret_for_its_backup(tmp_path: Path) -> None:
    home, secret = tmp_path / "one", tmp_path / "secret"
    assert aidstation(home, "init", "--plain").code == 0
    refused = aidstation(home, "backup", str(tmp_path / "b"))
    assert "give --passphrase-file" in refused.err
    secret.write_text("correct horse battery staple\n")
    made_it = aidstation(home, "backup", str(tmp_path / "b"), "--passphrase-file", str(secret))
    assert made_it.code == 0, made_it.err
    assert aidstation(tmp_path / "two", "restore", str(tmp_path / "b")).code == 5
    secret.write_text("another horse battery staple\n")
    words = ("restore", str(tmp_path / "b"), "--passphrase-file", str(secret))
    assert "(wrong-secret)" in aidstation(tmp_path / "two", *words).err
    assert not (tmp_path / "two").exists()
    secret.write_text("correct horse battery staple\n")
    answer = aidstation(tmp_path / "two", *words)
    assert answer.code == 0
    assert "NOT ENCRYPTED" in answer.err


def test_a_key_file_in_the_home_alone_does_not_open_its_backup(tmp_path: Path) -> None:
    home, secret = tmp_path / "one", tmp_path / "secret"
    assert aidstation(home, "init", "--role", "garrison").code == 0
    assert "give --passphrase-file" in aidstation(home, "backup", str(tmp_path / "b")).err
    secret.write_text("correct horse battery staple\n")
    words = (str(tmp_path / "b"), "--passphrase-file", str(secret))
    assert aidstation(home, "backup", *words).code == 0
    assert aidstation(tmp_path / "two", "restore", *words).code == 0
    assert aidstation(tmp_path / "two", "status").code == 0  # unattended, as before


def test_close_out_names_what_is_left_and_zeroizes_only_what_a_garrison_has(tmp_path: Path) -> None:
    garrison = as_garrison(made(tmp_path / "g", "garrison"))
    with party(tmp_path, garrison) as (_, field), running(garrison):
        at(field, garrison)
        aidstation(field, "record", "name", "--new", "person", "family=Okafor", "--by", "Ruiz")
        with running(field):
            sync(field, "garrison")
            aidstation(field, "handover", "--to", "SGT Cole", "--by", "SGT Ruiz")
            left = aidstation(field, "close-out", "--zeroize", "--yes", "--json")
            assert left.code == 3
            assert left.result["next_step"]
            assert field.joinpath("node.key").exists()
            sync(field, "garrison")
            closed = aidstation(
                field, "close-out", "--wait", "60s", "--json"
            )  # audit rows go up too
            assert closed.result["safe_to_wipe"], closed.result
        gone = aidstation(field, "close-out", "--zeroize", "--yes")
        assert gone.code == 0, gone.err
        assert not (field / "node.key").exists()
        notes = json.dumps(aidstation(garrison, "find", "", "--json").result)
        assert "Okafor" in notes


def test_a_node_on_postgresql_is_backed_up_without_its_store(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres").create()
    garrison = as_garrison(made(tmp_path / "g", "garrison"), url)
    record(garrison, "--new", "episode", "text=on the server")
    answer = aidstation(garrison, "backup", str(tmp_path / "b"))
    assert answer.code == 0, answer.err
    assert "pg_dump" in answer.err
    other = tmp_path / "other"
    assert restore(other, tmp_path / "b", garrison).code == 0
    assert status(other)["documents"] == 1
    assert not (other / "store.db").exists()
