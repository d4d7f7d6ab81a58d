"""A theatre made with commands: its authority's home, and devices that ask."""

from __future__ import annotations

import atexit
import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.cli.cli_lab import ANY_PORT, Answer, aidstation

PASSPHRASE = "correct horse battery"  # noqa: S105  of invented theatres

_FOUNDED: dict[str, Path] = {}


class Theatre:
    """Files of one theatre under `root`. Stretching passphrases is slow, so it is founded once for
    each `name`, and copied."""

    def __init__(self, root: Path, name: str = "role3") -> None:
        self.root = root
        self.passphrase = self.secret("passphrase", PASSPHRASE)
        self.home = root / name
        if name in _FOUNDED:
            shutil.copytree(_FOUNDED[name], self.home)
            return
        self.home = self.device(name, "garrison")
        self.signed("garrison", "init", "--theatre-name", "Exercise")
        kept = Path(tempfile.mkdtemp(prefix="aidstation-theatre-"))
        atexit.register(shutil.rmtree, kept)
        _FOUNDED[name] = Path(shutil.copytree(self.home, kept / name))

    def secret(self, name: str, text: str) -> str:
        """A file with a passphrase in it."""
        path = self.root / name
        path.write_text(text + "\nnot this line\n")
        return str(path)

    def device(self, name: str, role: str = "field") -> Path:
        """A node that nobody enrolled yet, and that encrypts nothing: quicker."""
        home = self.root / name
        listens = "--sync-listen", ANY_PORT, "--api-listen", ANY_PORT
        ok(aidstation(home, "init", "--plain", "--name", name, "--role", role, *listens))
        with (home / "config.toml").open("a") as file:
            file.write("\n[discovery]\nmdns = false\n")
        return home

    def tries(self, *words: str) -> Answer:
        """A command of the authority, which may fail."""
        return aidstation(self.home, *words, "--authority-passphrase-file", self.passphrase)

    def signed(self, *words: str) -> Any:
        """A command of the authority that succeeds."""
        return ok(self.tries(*words, "--json")).result

    def request(self, home: Path, *words: str) -> str:
        """A new file with a request of that device."""
        made = len([*self.root.glob(f"{home.name}.request*")])
        path = self.root / f"{home.name}.request{made or ''}"
        ok(aidstation(home, "enrol", "request", "--out", str(path), *words))
        return str(path)

    def approval(self, request: str, *words: str) -> str:
        """A file with the answer."""
        path = f"{request}.approval"
        self.signed("enrol", "approve", request, "--yes", "--out", path, *words)
        return path

    def admit(self, name: str, *scopes: str) -> Path:
        """A device that is in."""
        home = self.device(name)
        options = [word for one in scopes or ("BAS-1",) for word in ("--scope", one)]
        approval = self.approval(self.request(home, *options))
        ok(aidstation(home, "enrol", "import", approval, "--yes"))
        return home

    def log(self) -> list[Any]:
        """Entries as the authority's node has them."""
        entries: list[Any] = ok(aidstation(self.home, "garrison", "log", "--json")).result[
            "entries"
        ]
        return entries


def ok(answer: Answer) -> Answer:
    assert answer.code == 0, answer.err
    return answer


def membership(home: Path) -> Any:
    return ok(aidstation(home, "enrol", "list", "--json")).result


def typing(text: str, home: Path, *words: str) -> Answer:
    """A command whose questions are answered so."""
    with patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()))):
        return aidstation(home, *words)
