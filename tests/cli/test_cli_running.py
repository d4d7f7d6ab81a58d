"""A running node and the commands beside it, as real processes on loopback."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.cli.cli_lab import aidstation, made, running

PATIENT = "Zyxwvutsky"


def test_commands_ask_the_running_node_and_find_the_same_afterwards(tmp_path: Path) -> None:
    made(tmp_path)
    with running(tmp_path):
        words = ("name", "--new", "person", f"family={PATIENT}", "evidence=tag")
        saved = aidstation(tmp_path, "record", *words, "--json").result
        while_running = aidstation(tmp_path, "status", "--json").result
        found = aidstation(tmp_path, "find", PATIENT.lower(), "--json").result
        assert [one["document"] for one in found] == [saved["document"]]
    assert not (tmp_path / "running.json").exists()
    assert not (tmp_path / "api-token").exists()
    afterwards = aidstation(tmp_path, "status", "--json").result
    for name in ("digest", "statements", "node", "epoch"):
        assert afterwards[name] == while_running[name]
    assert aidstation(tmp_path, "show", saved["document"][:12]).out.startswith(PATIENT)


def test_the_token_is_secret_and_new_at_each_start(tmp_path: Path) -> None:
    made(tmp_path)
    tokens = []
    for _ in range(2):
        with running(tmp_path):
            told = json.loads((tmp_path / "running.json").read_text())
            token = Path(told["token_file"])
            assert stat.S_IMODE(token.stat().st_mode) == 0o600
            assert stat.S_IMODE((tmp_path / "running.json").stat().st_mode) == 0o600
            tokens.append(token.read_text())
    assert len(set(tokens)) == 2
    assert {len(token) for token in tokens} == {64}


def test_a_killed_node_leaves_its_home_usable(tmp_path: Path) -> None:
    made(tmp_path)
    with running(tmp_path) as process:
        saved = aidstation(tmp_path, "record", "triage", "--new", "episode", "category=delayed")
        process.kill()
        process.wait()
    assert (tmp_path / "running.json").exists()
    assert saved.out.split()[0] in aidstation(tmp_path, "find", "episode-").out
    with running(tmp_path):
        assert aidstation(tmp_path, "status", "--json").result["statements"] == 1


def test_the_doctor_reads_beside_a_running_node(tmp_path: Path) -> None:
    made(tmp_path)
    with running(tmp_path) as process:
        aidstation(tmp_path, "record", "triage", "--new", "episode", "category=delayed")
        found = aidstation(tmp_path, "doctor", "--json")
    assert found.code == 0
    said = {one["name"]: one["cause"] for one in found.result["checks"]}
    assert str(process.pid) in said["process"]
    assert said["api port"].startswith("ours")
    assert said["content"] == "1 documents, 1 statements"
    assert "integrity" in said


def test_output_off_a_terminal_has_no_colour_or_moving_parts(tmp_path: Path) -> None:
    made(tmp_path)
    aidstation(tmp_path, "record", "triage", "--new", "episode", "category=delayed")
    for command in ("status", "show episode-", "review list", "peers", "doctor"):
        answer = aidstation(tmp_path, *command.split(), FORCE_COLOR="1")
        assert "\x1b" not in answer.out + answer.err


def test_caches_are_rebuilt_from_the_record(tmp_path: Path) -> None:
    made(tmp_path)
    aidstation(tmp_path, "record", "triage", "--new", "episode", "category=delayed")
    assert aidstation(tmp_path, "db", "rebuild", "--json").result == {"problems": []}
    assert aidstation(tmp_path, "db", "check", "--json").result == {"problems": []}
    assert aidstation(tmp_path, "status", "--json").result["statements"] == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_home_of_another_user_is_named(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "node.key").chmod(0)
    answer = aidstation(tmp_path, "status")
    assert answer.code == 2
    assert "node.key cannot be used" in answer.err
