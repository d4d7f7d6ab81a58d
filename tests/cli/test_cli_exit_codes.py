"""What goes wrong has a documented exit code, a cause, a next step, and changes nothing."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from node.errors import (
    EXIT_DEGRADED,
    EXIT_FAILURE,
    EXIT_INTEGRITY,
    EXIT_LOCKED,
    EXIT_NO_PEER,
    EXIT_REVIEW_PENDING,
    EXIT_USAGE,
)
from tests.cli.cli_lab import aidstation, made, running

READING = ("status", "peers", "review list", "find x", "show x")


@pytest.mark.parametrize("command", [*READING, "run", "", "sync x", "db check"])
def test_without_a_node_every_command_says_how_to_make_one(tmp_path: Path, command: str) -> None:
    answer = aidstation(tmp_path, *command.split())
    assert answer.code == EXIT_USAGE
    assert "no node in" in answer.err
    assert "aidstation init" in answer.err
    assert answer.out == ""


def test_a_second_init_changes_nothing(tmp_path: Path) -> None:
    key = made(tmp_path).joinpath("node.key").read_bytes()
    answer = aidstation(tmp_path, "init", "--name", "other", "--plain")
    assert answer.code == EXIT_USAGE
    assert "already" in answer.err
    assert "next:" in answer.err
    assert (tmp_path / "node.key").read_bytes() == key


def test_init_does_not_overwrite_a_configuration_but_can_use_it(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[node]\nname = "mine"\n')
    refused = aidstation(tmp_path, "init", "--name", "other", "--plain")
    assert refused.code == EXIT_USAGE
    assert "--keep-config" in refused.err
    assert not (tmp_path / "node.key").exists()
    assert aidstation(tmp_path, "init", "--keep-config", "--plain").code == 0
    assert file.read_text() == '[node]\nname = "mine"\n'


@pytest.mark.parametrize("option", [("--name", ""), ("--role", "boss"), ("--sync-listen", "x")])
def test_init_refuses_what_could_not_be_loaded_again(
    tmp_path: Path, option: tuple[str, str]
) -> None:
    answer = aidstation(tmp_path, "init", "--name", "a", "--plain", *option)
    assert answer.code in {0, EXIT_USAGE}
    if answer.code == 0:  # an empty name means none was given
        assert aidstation(tmp_path, "config", "check").code == 0
    else:
        assert "Correct this value" in answer.err
        assert not (tmp_path / "node.key").exists()


def test_a_second_process_is_told_which_one_owns_the_node(tmp_path: Path) -> None:
    with running(made(tmp_path)) as process:
        for command in ("run", "db check", "db rebuild"):
            answer = aidstation(tmp_path, *command.split())
            assert answer.code == EXIT_LOCKED
            assert f"Process {process.pid}" in answer.err
            assert "next:" in answer.err


@pytest.mark.parametrize("which", ["sync", "api"])
def test_a_busy_port_is_named_and_nothing_stays_behind(tmp_path: Path, which: str) -> None:
    made(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = aidstation(tmp_path, "run", f"--{which}-listen", f"127.0.0.1:{port}")
    assert answer.code == EXIT_FAILURE
    assert str(port) in answer.err
    assert "port-busy" in answer.err
    assert "next:" in answer.err
    assert not (tmp_path / "running.json").exists()


def test_sync_without_a_link_says_that_everything_is_saved(tmp_path: Path) -> None:
    answer = aidstation(made(tmp_path), "sync", "bravo", "--json")
    assert answer.code == EXIT_NO_PEER
    assert answer.error["code"] == "no-peer"
    assert "saved here" in answer.error["message"]


def test_open_findings_can_fail_a_script(tmp_path: Path) -> None:
    made(tmp_path)
    first = aidstation(tmp_path, "record", "triage", "--new", "episode", "category=delayed")
    document = first.out.split()[0]
    assert aidstation(tmp_path, "review", "list", "--exit-code").code == 0
    aidstation(tmp_path, "record", "triage", document, "category=immediate", "--beside")
    assert aidstation(tmp_path, "review", "list").code == 0
    pending = aidstation(tmp_path, "review", "list", "--exit-code", "--json")
    assert pending.code == EXIT_REVIEW_PENDING
    assert len(pending.result) == 1


def test_the_doctor_names_a_key_that_others_may_read(tmp_path: Path) -> None:
    key = made(tmp_path) / "node.key"
    key.chmod(0o644)
    answer = aidstation(tmp_path, "doctor")
    assert answer.code == EXIT_DEGRADED
    assert f"chmod 600 {key}" in answer.out
    key.chmod(0o600)
    found = aidstation(tmp_path, "doctor", "--json")
    assert found.code == 0
    assert {one["verdict"] for one in found.result["checks"]} == {"ok"}


def test_a_damaged_store_is_an_integrity_failure_everywhere(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "store.db").write_bytes(b"this is no database at all" * 400)
    for command in ("status", "db check", "run", "doctor"):
        answer = aidstation(tmp_path, *command.split())
        assert answer.code == EXIT_INTEGRITY, command
        assert "damaged" in answer.out + answer.err
        assert "deploy/runbooks/damaged-store.md" in answer.out + answer.err


def test_a_damaged_key_is_not_replaced(tmp_path: Path) -> None:
    key = made(tmp_path) / "node.key"
    key.write_text("nonsense")
    answer = aidstation(tmp_path, "status")
    assert answer.code == EXIT_USAGE
    assert "Restore this file from a backup" in answer.err
    assert key.read_text() == "nonsense"


def test_errors_are_json_when_json_was_asked_for(tmp_path: Path) -> None:
    answer = aidstation(tmp_path, "status", "--json")
    assert answer.code == EXIT_USAGE
    assert answer.error["code"] == "not-initialised"
    assert set(answer.error) == {"code", "message", "next_step", "retryable"}
    assert "aidstation init" in answer.err


@pytest.mark.parametrize("words", ["nonsense", "status --nonsense", "show", "record"])
def test_mistyped_commands_are_usage_errors(tmp_path: Path, words: str) -> None:
    answer = aidstation(tmp_path, *words.split())
    assert answer.code == EXIT_USAGE
    assert answer.err


def test_the_home_may_be_named_after_the_command(tmp_path: Path) -> None:
    made(tmp_path)
    answer = aidstation(tmp_path / "elsewhere", "status", f"--home={tmp_path}", "--json")
    assert answer.code == 0
    assert answer.result["name"] == "alpha"
