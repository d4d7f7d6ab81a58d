"""Encrypted homes at the command line: made, opened, refused, locked, sealed, recovered, destroyed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from node.errors import EXIT_INTEGRITY, EXIT_LOCKED, EXIT_USAGE
from node.home import find_home
from node.unlocking import changing
from storage import cipher
from tests.cli.cli_lab import (
    ANY_PORT,
    CALL_S_MAX,
    SCRIPT,
    aidstation,
    environment,
    key_file_of,
    made,
    running,
)

WORDS, OTHER = "correct horse battery", "staple other words"
SAVE = ("record", "triage", "--new", "episode", "category=immediate", "--by", "Ruiz", "--json")
LISTENS = ("--sync-listen", ANY_PORT, "--api-listen", ANY_PORT)


def secret(root: Path, text: str, name: str = "words") -> str:
    """A file with one line."""
    file = root / f"{name}.txt"
    file.write_text(f"{text}\n")
    return str(file)


@pytest.fixture(name="words")
def _words(tmp_path: Path) -> str:
    return secret(tmp_path, WORDS)


@pytest.fixture(name="home")
def _home(tmp_path: Path, words: str) -> Path:
    """A node that a passphrase opens."""
    home = tmp_path / "home"
    answer = aidstation(home, "init", "--name", "a", "--passphrase-file", words, *LISTENS)
    assert answer.code == 0, answer.err
    assert "Nobody can bring a lost passphrase" in answer.err
    with (home / "config.toml").open("a") as file:
        file.write("\n[discovery]\nmdns = false\n")
    return home


@contextmanager
def sealed(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A node that nobody opened when it was started."""
    process = subprocess.Popen(
        [*SCRIPT, "--home", str(home), "run"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
    )
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        assert said.startswith("Sealed as process"), said
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        process.wait(CALL_S_MAX)
        process.stderr.close()


def test_a_passphrase_is_asked_for_and_never_waited_for(home: Path, words: str) -> None:
    for command in ("status", "db check", "vault rotate", "import fhir ."):
        refused = aidstation(home, *command.split())
        assert refused.code == EXIT_LOCKED, command
        assert "passphrase" in refused.err
        assert "--passphrase-file" in refused.err
    assert aidstation(home, "--passphrase-file", words, *SAVE).code == 0
    found = aidstation(home, "status", "--json", AIDSTATION_PASSPHRASE_FILE=words)
    assert found.result["statements"] == 1
    assert not cipher.is_plain(home / "store.db")
    wrong = aidstation(home, "status", AIDSTATION_PASSPHRASE_FILE=secret(home.parent, OTHER, "no"))
    assert wrong.code == EXIT_LOCKED
    assert OTHER not in wrong.err + wrong.out


def test_without_a_word_of_how_to_encrypt_nothing_is_made(tmp_path: Path) -> None:
    answer = aidstation(tmp_path / "home", "init", "--name", "a")
    assert answer.code == EXIT_USAGE
    for option in ("--passphrase-file", "--key-file", "--plain"):
        assert option in answer.err
    assert not (tmp_path / "home").exists()
    short = secret(tmp_path, "short")
    answer = aidstation(tmp_path / "home", "init", "--name", "a", "--passphrase-file", short)
    assert answer.code == EXIT_USAGE
    assert "letters" in answer.err
    assert not (tmp_path / "home" / "node.key").exists()


def test_a_garrison_opens_by_a_key_file_beside_it_and_says_what_that_is_worth(
    tmp_path: Path,
) -> None:
    answer = aidstation(tmp_path, "init", "--name", "g", "--role", "garrison")
    assert answer.code == 0, answer.err
    assert "protects a stolen database file, nothing else" in answer.err
    assert "`aidstation garrison init`" in answer.err
    assert aidstation(tmp_path, "status").code == 0
    found = aidstation(tmp_path, "doctor")
    assert "lies beside what it opens" in found.out


def test_a_plain_node_says_so_and_goes_on_working(tmp_path: Path) -> None:
    answer = aidstation(tmp_path, "init", "--name", "a", "--plain", *LISTENS)
    assert "NOT ENCRYPTED" in answer.err
    assert aidstation(tmp_path, *SAVE).code == 0
    assert cipher.is_plain(tmp_path / "store.db")
    assert "warn  at rest: not encrypted" in aidstation(tmp_path, "doctor").out
    assert aidstation(tmp_path, "vault", "show").code == EXIT_USAGE


def test_a_plain_node_becomes_an_encrypted_one(tmp_path: Path, words: str) -> None:
    home = tmp_path / "home"
    aidstation(home, "init", "--name", "a", "--plain", *LISTENS)
    aidstation(home, *SAVE)
    node = aidstation(home, "status", "--json").result["node"]
    answer = aidstation(home, "vault", "encrypt", "--passphrase-file", words)
    assert answer.code == 0, answer.err
    assert aidstation(home, "status").code == EXIT_LOCKED
    found = aidstation(home, "status", "--json", AIDSTATION_PASSPHRASE_FILE=words).result
    assert (found["node"], found["statements"]) == (node, 1)
    again = aidstation(home, "vault", "encrypt", "--passphrase-file", words)
    assert again.code == EXIT_USAGE


def test_another_passphrase_and_a_new_data_key(home: Path, words: str) -> None:
    aidstation(home, "--passphrase-file", words, *SAVE)
    new = secret(home.parent, OTHER, "new")
    changed = aidstation(home, "vault", "passphrase", "--passphrase-file", words, "--new-file", new)
    assert changed.code == 0, changed.err
    assert aidstation(home, "status", AIDSTATION_PASSPHRASE_FILE=words).code == EXIT_LOCKED
    before = (home / "vault.json").read_bytes()
    assert aidstation(home, "vault", "rotate", AIDSTATION_PASSPHRASE_FILE=new).code == 0
    found = aidstation(home, "status", "--json", AIDSTATION_PASSPHRASE_FILE=new)
    assert found.result["statements"] == 1
    (home / "vault.json").write_bytes(before)  # the old wrap opens nothing any more
    answer = aidstation(home, "status", AIDSTATION_PASSPHRASE_FILE=new)
    assert answer.code == EXIT_INTEGRITY


def test_a_lost_passphrase_is_replaced_by_the_escrow_key(home: Path, words: str) -> None:
    aidstation(home, "--passphrase-file", words, *SAVE)
    private = ec.generate_private_key(ec.SECP256R1())
    public_pem, private_pem = home.parent / "escrow.pub", home.parent / "escrow.key"
    public_pem.write_bytes(
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    private_pem.write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    given = aidstation(home, "--passphrase-file", words, "vault", "escrow", "--to", str(public_pem))
    assert given.code == 0, given.err
    assert str(private.private_numbers().private_value) not in (home / "vault.json").read_text()
    new = secret(home.parent, OTHER, "new")
    wrong = aidstation(home, "vault", "recover", "--from", str(public_pem), "--new-file", new)
    assert wrong.code == EXIT_LOCKED
    back = aidstation(home, "vault", "recover", "--from", str(private_pem), "--new-file", new)
    assert back.code == 0, back.err
    found = aidstation(home, "status", "--json", AIDSTATION_PASSPHRASE_FILE=new)
    assert found.result["statements"] == 1
    assert aidstation(home, "status", AIDSTATION_PASSPHRASE_FILE=words).code == EXIT_LOCKED


def test_the_last_way_in_is_not_forgotten(tmp_path: Path) -> None:
    made(tmp_path)
    assert aidstation(tmp_path, "vault", "forget", "key-file").code == EXIT_USAGE
    moved = tmp_path / "usb.key"
    assert aidstation(tmp_path, "vault", "key-file", str(moved)).code == 0
    key_file_of(tmp_path).unlink()
    assert aidstation(tmp_path, "status").code == 0
    moved.unlink()
    assert aidstation(tmp_path, "status").code == EXIT_LOCKED


def test_only_one_changes_the_vault_at_a_time(tmp_path: Path) -> None:
    home = made(tmp_path / "home")
    before = (home / "vault.json").read_bytes()
    with changing(find_home(home)):
        for command in ("rotate", "key-file other.key", "forget key-file"):
            assert aidstation(home, "vault", *command.split()).code == EXIT_LOCKED, command
    assert (home / "vault.json").read_bytes() == before
    assert aidstation(home, "vault", "rotate").code == 0


def test_a_locked_node_shows_nothing_until_it_is_unlocked(tmp_path: Path) -> None:
    home = made(tmp_path / "home")
    aidstation(home, *SAVE)
    pin = secret(tmp_path, "4711", "pin")
    with running(home):
        assert aidstation(home, "vault", "pin", "--pin-file", pin).code == 0
        assert aidstation(home, "lock").code == 0
        for command in ("find x", "review list", "custody", "peers", "show x", " ".join(SAVE)):
            answer = aidstation(home, *command.split())
            assert answer.code == EXIT_LOCKED, command
            assert "this node is locked" in answer.err.lower()
        assert aidstation(home, "status").code == 0
        wrong = secret(tmp_path, "0815", "wrong")
        refused = aidstation(home, "unlock", "--pin", "--passphrase-file", wrong)
        assert (refused.code, aidstation(home, "find", "x").code) == (EXIT_LOCKED, EXIT_LOCKED)
        assert aidstation(home, "unlock", "--pin", "--passphrase-file", pin).code == 0
        assert len(aidstation(home, "find", "", "--json").result) == 1


def test_started_with_nobody_there_it_waits_for_the_passphrase(home: Path, words: str) -> None:
    aidstation(home, "--passphrase-file", words, *SAVE)
    with sealed(home) as process:
        for command in ("status", "find x", "lock"):
            answer = aidstation(home, *command.split())
            assert answer.code == EXIT_LOCKED, command
            assert "aidstation unlock" in answer.err
        silent = aidstation(home, "silent", "on", "--json")
        assert silent.result["silent"]
        pin = aidstation(home, "unlock", "--pin", "--passphrase-file", words)
        assert pin.code == EXIT_USAGE
        assert "opens no disk" in pin.err
        wrong = secret(home.parent, OTHER, "wrong")
        assert aidstation(home, "unlock", "--passphrase-file", wrong).code == EXIT_LOCKED
        answer = aidstation(home, "unlock", "--passphrase-file", words)
        assert answer.code == 0, answer.err
        found = aidstation(home, "status", "--json").result
        assert (found["statements"], found["silent"]) == (1, True)
        assert process.poll() is None


def test_a_sealed_node_can_be_stopped_and_zeroized_without_a_passphrase(home: Path) -> None:
    with sealed(home):
        pass
    with sealed(home) as process:
        answer = aidstation(home, "zeroize", "--yes")
        assert answer.code == 0, answer.err
        assert process.wait(CALL_S_MAX) == -signal.SIGKILL
    assert list(home.rglob("*")) == []


def test_zeroize_wants_to_be_meant(tmp_path: Path) -> None:
    home = made(tmp_path)
    before = sorted(home.rglob("*"))
    answer = aidstation(home, "zeroize")
    assert answer.code == EXIT_USAGE
    assert "--yes" in answer.err
    assert sorted(home.rglob("*")) == before


def test_who_waits_for_its_passphrase_says_so_to_other_commands(home: Path, words: str) -> None:
    typing, typed = os.openpty()
    node = subprocess.Popen(
        [*SCRIPT, "--home", str(home), "run"],
        stdin=typed,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
        start_new_session=True,  # so that it asks on its own standard input, not on our terminal
    )
    assert node.stderr is not None
    try:
        assert node.stderr.read(10) == "Passphrase"
        for command in ("status", "find x", "unlock", "sign-in ada"):
            answer = aidstation(home, "--passphrase-file", words, *command.split())
            assert answer.code == EXIT_LOCKED, command
            assert "waits for its passphrase" in answer.err, command
            assert "in the terminal where it asks" in answer.err
        os.write(typing, f"{WORDS}\n".encode())
        assert any("Running as process" in line for line in node.stderr)
        assert aidstation(home, "status").code == 0
    finally:
        node.terminate()
        node.communicate(timeout=CALL_S_MAX)
        os.close(typing)
        os.close(typed)
