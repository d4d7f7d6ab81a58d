"""Enrolment between two processes: with a one-time code over loopback, and cut off in the middle."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.errors import EXIT_DEGRADED, EXIT_FAILURE, EXIT_USAGE
from tests.cli.cli_lab import CALL_S_MAX, SCRIPT, aidstation, environment, running
from tests.cli.enrol_lab import Theatre, membership, ok

CHECK = re.compile(r"Check code ([0-9A-Z]{3}-[0-9A-Z]{3})")


@pytest.fixture(name="theatre")
def _theatre(tmp_path: Path) -> Theatre:
    return Theatre(tmp_path)


@contextmanager
def process(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, killed when the block ends."""
    started = subprocess.Popen(
        [*SCRIPT, "--home", str(home), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
    )
    with started:
        try:
            yield started
        finally:
            started.kill()


@contextmanager
def opened(theatre: Theatre, *words: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """An authority that listens, and the words with which a device gets in."""
    terms = "--scope", "BAS-1", "--passphrase-file", theatre.passphrase, "--listen", "127.0.0.1:0"
    with process(theatre.home, "enrol", "open", "--json", *terms, *words) as listening:
        assert listening.stderr is not None
        said = [listening.stderr.readline() for _ in range(3)]
        assert said[2].startswith("aidstation enrol request"), said
        yield listening, said[2].split()[1:]


def rest(listening: subprocess.Popen[str]) -> tuple[str, str]:
    return listening.communicate(timeout=CALL_S_MAX)


@pytest.mark.parametrize("runs", [False, True], ids=["alone", "running"])
def test_a_device_gets_in_with_a_code_in_one_step(theatre: Theatre, runs: bool) -> None:
    home = theatre.device("bas-1")

    def gets_in() -> tuple[Sequence[str], str]:
        with opened(theatre) as (listening, words):
            joined = ok(aidstation(home, *words))
            out, err = rest(listening)
            assert listening.returncode == 0
        assert '"joined": ["bas-1"]' in out
        return CHECK.findall(joined.err), err

    if runs:
        with running(theatre.home), running(home):
            codes, err = gets_in()
    else:
        codes, err = gets_in()
    assert codes == CHECK.findall(
        err
    )  # of the request, then of the approval: the same on both sides
    assert len(set(codes)) == 2
    here = membership(home)
    assert (here["standing"], here["log"]) == ("enrolled", 2)
    assert [one["scopes"] for one in here["devices"] if one["name"] == "bas-1"] == [["BAS-1"]]


def test_a_wrong_code_a_second_use_and_a_namesake_get_nothing(theatre: Theatre) -> None:
    home, other = theatre.device("bas-1"), theatre.device("bas-2")
    with opened(theatre) as (listening, words):
        wrong = [*words[:-1], "0000-0000-0000-0000"]
        refused = aidstation(home, *wrong)
        assert refused.code == EXIT_USAGE
        assert "Nothing was changed" in refused.err
        named = aidstation(home, *words, "--name", "role3")
        assert "called 'role3' already" in named.err
        ok(aidstation(home, *words))
        assert '"wrong_codes": 1' in rest(listening)[0]
    late = aidstation(other, *words)
    assert late.code == EXIT_FAILURE
    assert "Nothing answers" in late.err
    assert membership(other)["theatre"] == ""
    assert len(theatre.log()) == 2


def test_an_offer_that_nobody_took_ends_with_its_time(theatre: Theatre) -> None:
    with opened(theatre, "--for", "50ms") as (listening, _):
        assert '"joined": []' in rest(listening)[0]
        assert listening.returncode == EXIT_DEGRADED
    assert len(theatre.log()) == 1


def test_an_import_that_was_killed_is_all_or_nothing_and_can_be_repeated(theatre: Theatre) -> None:
    home = theatre.device("bas-1")
    approval = theatre.approval(theatre.request(home, "--scope", "BAS-1"))
    for _ in range(3):
        with process(home, "enrol", "import", approval, "--yes") as importing:
            assert importing.stderr is not None
            assert CHECK.match(importing.stderr.readline())
            importing.send_signal(signal.SIGKILL)
        here = membership(home)
        assert (here["theatre"] == "", here["log"]) in {(True, 0), (False, 2)}
    ok(aidstation(home, "enrol", "import", approval, "--yes"))
    assert (membership(home)["standing"], membership(home)["log"]) == ("enrolled", 2)
