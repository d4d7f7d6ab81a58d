"""The doctor names each trouble with its cure, goes on after it, and changes nothing."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from node.authoring import CLOCK_SETTING
from node.doctor import FAIL, INTEGRITY, OK, WARN, Check, examine, exit_code
from node.errors import EXIT_DEGRADED, EXIT_INTEGRITY
from node.home import find_home
from tests.cli.cli_lab import Answer, aidstation, made, store_of


def verdicts(answer: Answer) -> dict[str, tuple[str, str, str]]:
    checks = answer.result["checks"]
    return {one["name"]: (one["verdict"], one["cause"], one["cure"]) for one in checks}


def test_a_healthy_node_passes_and_nothing_is_made(tmp_path: Path) -> None:
    made(tmp_path)
    before = sorted(tmp_path.iterdir())
    answer = aidstation(tmp_path, "doctor", "--json")
    assert answer.code == 0
    assert len(verdicts(answer)) >= 10
    assert verdicts(answer)["store"][0] == OK
    assert verdicts(answer)["peers"][1] == "none configured: nobody is called"  # mDNS is off
    assert sorted(tmp_path.iterdir()) == before


def test_without_a_node_the_machine_is_still_checked(tmp_path: Path) -> None:
    answer = aidstation(tmp_path / "none", "doctor", "--json")
    found = verdicts(answer)
    assert answer.code == EXIT_DEGRADED
    assert found["key"][0] == FAIL
    assert "aidstation init" in found["key"][2]
    assert found["python"][0] == OK
    assert found["workers"][0] == OK
    assert not (tmp_path / "none").exists()


def test_a_broken_configuration_is_one_failure_among_the_rest(tmp_path: Path) -> None:
    (made(tmp_path) / "config.toml").write_text("[nod]\n")
    found = verdicts(aidstation(tmp_path, "doctor", "--json"))
    assert found["configuration"][0] == FAIL
    assert "Did you mean node?" in found["configuration"][1]
    assert found["key file"][0] == OK


def test_a_taken_port_is_a_failure_with_the_setting_to_change(tmp_path: Path) -> None:
    made(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        answer = aidstation(tmp_path, "doctor", "--json", AIDSTATION_API_LISTEN=listen)
    verdict, cause, cure = verdicts(answer)["api port"]
    assert (answer.code, verdict) == (EXIT_DEGRADED, FAIL)
    assert listen in cause
    assert "[api] listen" in cure


def test_a_clock_behind_the_record_is_a_failure(tmp_path: Path) -> None:
    made(tmp_path)
    store = store_of(tmp_path)
    with store.write() as transaction:
        transaction.set_setting(CLOCK_SETTING, b"99999999999999.0")
    store.close()
    verdict, cause, cure = verdicts(aidstation(tmp_path, "doctor", "--json"))["clock"]
    assert verdict == FAIL
    assert "before the last statement" in cause
    assert "timedatectl" in cure


def test_a_node_in_no_theatre_is_warned_how_to_get_in(tmp_path: Path) -> None:
    made(tmp_path)
    assert aidstation(tmp_path, "enrol", "list").code == 0  # the first command makes the store
    verdict, cause, cure = verdicts(aidstation(tmp_path, "doctor", "--json"))["enrolment"]
    assert verdict == WARN
    assert "talks to nobody" in cause
    assert "enrol request" in cure


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([Check("a", OK, "")], 0),
        ([Check("a", WARN, "")], 0),
        ([Check("a", FAIL, ""), Check("b", OK, "")], EXIT_DEGRADED),
        ([Check("a", FAIL, ""), Check(INTEGRITY, FAIL, "")], EXIT_INTEGRITY),
    ],
)
def test_the_worst_verdict_decides_the_exit_code(found: list[Check], code: int) -> None:
    assert exit_code(found) == code


def test_every_warning_and_failure_has_a_cause_and_a_cure(tmp_path: Path) -> None:
    for one in examine(find_home(tmp_path)):
        assert one.cause
        assert bool(one.cure) == (one.verdict != OK)
