"""Every command, found by looking: once there are accounts, nobody signed in reads nothing.

A new command fails here until the permission table names it and this file says how it is called.
"""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from conflict.identity import DocumentKind, document_text
from node.errors import EXIT_USAGE
from node.permissions import ANYBODY, COMMANDS, OWNER, TABLE
from tests.cli.cli_lab import Answer, aidstation, made, running
from tests.cli.test_cli_help import commands
from tests.node.node_lab import document

WORDS = "correct horse battery"
NEW_WORDS = "another horse battery"
PERSON, OTHER = (document_text(document(one, DocumentKind.PERSON)) for one in (1, 2))
STATEMENT = f"{'0' * 32}.1"

CALLS: dict[str, str] = {
    "pin": "pin",
    "status": "status",
    "peers": "peers",
    "sync": "sync nobody",
    "find": "find okafor",
    "custody": "custody",
    "show": f"show {PERSON}",
    "record": f"record note {PERSON} text=bleeding",
    "casualty": "casualty --wristband W-1",
    "candidates": f"candidates {PERSON}",
    "same": f"same {PERSON} {OTHER}",
    "not-same": f"not-same {PERSON} {OTHER}",
    "move": f"move {PERSON} {STATEMENT} --to {OTHER}",
    "review list": "review list",
    "review show": "review show 0123",
    "review resolve": "review resolve 0123 seen",
    "import fhir": "import fhir {bundle}",
    "scope list": "scope list",
    "scope join": f"scope join {PERSON} --scope BAS-2",
    "scope leave": f"scope leave {PERSON} --scope BAS-2",
    "scope asked": "scope asked",
    "shed": "shed --older-than 30d",
    "fetch": f"fetch {PERSON}",
    "bundle export": "bundle export --scope BAS-2 {bundle}.out",
    "bundle import": "bundle import {bundle}",
    "bundle inspect": "bundle inspect {bundle}",
    "bundle carry": "bundle carry {bundle}",
    "bundle carried": "bundle carried",
    "handover": "handover --to Cole",
    "close-out": "close-out",
    "cosign": f"cosign {PERSON}",
    "account add": "account add mallory --role admin",
    "account list": "account list",
    "account role": "account role ada medic",
    "account disable": "account disable ada",
    "account passphrase": "account passphrase",
    "audit list": "audit list",
    "audit verify": "audit verify",
    "audit export": "audit export --out {bundle}.audit",
    "set-aside list": "set-aside list",
    "set-aside export": "set-aside export --to {bundle}.aside",
    "set-aside retry": "set-aside retry",
    "silent": "silent on",
    "break-glass": "break-glass --reason mascal",
}
"""How each command that needs something is called; the last one lifts the limits of reading."""

BUNDLE = '{"resourceType": "Patient", "id": "1"}'


def call(home: Path, monkeypatch: pytest.MonkeyPatch, words: str, *secrets: str) -> Answer:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{one}\n" for one in secrets)))
    bundle = home / "bundle.json"
    bundle.write_text(BUNDLE)
    return aidstation(home, *(part.format(bundle=bundle) for part in words.split()))


@pytest.fixture(name="home", scope="module")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = made(tmp_path_factory.mktemp("node"))
    with pytest.MonkeyPatch.context() as patch:
        add = "account add ada --role admin --name Ada"
        assert call(home, patch, add, WORDS).code == 0
    return home


def test_signing_in_where_no_node_runs_says_to_start_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = call(home, monkeypatch, "sign-in ada", WORDS)
    assert answer.code == EXIT_USAGE
    assert "next: Start it with `aidstation run`." in answer.err


def test_the_table_names_every_command_and_no_other() -> None:
    assert {" ".join(path) for path, _ in commands()} == COMMANDS.keys()
    assert {name for name, needs in COMMANDS.items() if needs != ANYBODY} == CALLS.keys()
    assert list(CALLS)[-1] == "break-glass"


@pytest.mark.parametrize("name", CALLS)
def test_nobody_signed_in_gets_what_the_table_gives_the_owner(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    allowed = {may for may, (_, roles) in TABLE.items() if OWNER in roles}
    answer = call(home, monkeypatch, CALLS[name], "1234", NEW_WORDS)
    if allowed & set(COMMANDS[name]):
        assert "(not-permitted)" not in answer.err, answer
    else:
        assert answer.code == 1
        assert "(not-permitted)" in answer.err, answer
        assert not answer.out


def test_a_medic_reads_and_records_until_they_sign_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = made(tmp_path)
    assert "No accounts" in call(home, monkeypatch, "status").out
    assert call(home, monkeypatch, "account add ada --role admin", WORDS).code == 0
    with running(home):
        assert "No accounts" not in call(home, monkeypatch, "status").out
        assert "(sign-in-refused)" in call(home, monkeypatch, "sign-in ruiz", "wrong").err
        assert call(home, monkeypatch, "sign-in ada", WORDS).code == 0
        assert stat.S_IMODE((home / "session").stat().st_mode) == 0o600
        add = "account add chen --role medic --name Chen"
        assert call(home, monkeypatch, add, NEW_WORDS).code == 0
        assert call(home, monkeypatch, "sign-in chen", NEW_WORDS).code == 0
        assert call(home, monkeypatch, f"record note {PERSON} text=stable").code == 0
        assert "stable  (Chen, medic," in call(home, monkeypatch, f"show {PERSON}").out
        assert "(not-permitted)" in call(home, monkeypatch, "account list").err
        assert call(home, monkeypatch, "sign-out").code == 0
        assert "(not-permitted)" in call(home, monkeypatch, f"show {PERSON}").err
        by_hand = f"record note {PERSON} text=bleeding --by Bell"
        assert call(home, monkeypatch, by_hand).code == 0
        assert call(home, monkeypatch, "sign-in chen", NEW_WORDS).code == 0
        assert "bleeding  (Bell, emergency entry," in call(home, monkeypatch, f"show {PERSON}").out
    assert not (home / "session").exists()
