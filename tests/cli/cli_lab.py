"""The console script as tests use it: one call, or a node that runs until the block ends.

Commands run through `main` inside this process, which is many times faster than a new one; `run`
has a process of its own, because it takes over logging and signals.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from node.cli.main import main
from node.home import find_home, read_key
from node.unlocking import unlock
from node.vault import STORE, DataKey
from storage import SqlStore

SCRIPT = (sys.executable, "-m", "node.cli.main")
ANY_PORT = "127.0.0.1:0"
CALL_S_MAX = 120


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> Any:
        """The `result` of its one JSON object."""
        body = json.loads(self.out)
        assert body["api"] == 1
        return body["result"]

    @property
    def error(self) -> Any:
        """The `error` of its one JSON object."""
        return json.loads(self.out)["error"]


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """No settings but `extra`, and nothing of this machine's own user."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIDSTATION_")}
    places = {"XDG_CONFIG_HOME": str(home / "none"), "XDG_DATA_HOME": str(home / "none")}
    return kept | places | dict(extra or {})


def aidstation(home: Path, *arguments: str, **extra: str) -> Answer:
    """One command to its end."""
    words = ["--home", str(home), *arguments]
    if not arguments or arguments[0] == "run":
        return _in_new_process(words, environment(home, extra))
    out, err = (TextIOWrapper(BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        patch.dict(os.environ, environment(home, extra), clear=True),
        patch.object(sys, "argv", ["aidstation", *words]),
    ):
        code = _code_of_main()
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return Answer(code, *texts)


def _code_of_main() -> int:
    try:
        main()
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def _in_new_process(words: Sequence[str], variables: Mapping[str, str]) -> Answer:
    done = subprocess.run(
        [*SCRIPT, *words],
        capture_output=True,
        text=True,
        timeout=CALL_S_MAX,
        check=False,
        env=variables,
        stdin=subprocess.DEVNULL,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def key_file_of(home: Path) -> Path:
    """What opens a home that `made` made: beside it, not in it."""
    return home.with_name(f"{home.name}.key")


def made(home: Path, name: str = "alpha") -> Path:
    """A home with a node in it that listens on free ports and does not search for others."""
    listens = ("--sync-listen", ANY_PORT, "--api-listen", ANY_PORT)
    unattended = ("--key-file", str(key_file_of(home)))
    answer = aidstation(home, "init", "--name", name, *listens, *unattended)
    assert answer.code == 0, answer.err
    with (home / "config.toml").open("a") as file:
        file.write("\n[discovery]\nmdns = false\n")
    return home


def data_key(home: Path) -> DataKey | None:
    """Of a home that a key file opens; None: a plain one."""
    opened = unlock(find_home(home))
    return opened and opened.data


def node_of(home: Path) -> str:
    """Its id in hexadecimal."""
    return read_key(find_home(home), data_key(home)).node.hex()


def store_of(home: Path) -> SqlStore:
    """The store of a node that does not run."""
    data = data_key(home)
    key = data.derive(STORE) if data else None
    return SqlStore.open(home / "store.db", entropy=bytes(16), key=key)


@contextmanager
def running(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A node that runs until the block ends; it has said that it is ready."""
    process = subprocess.Popen(
        [*SCRIPT, "--home", str(home), "run"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
    )
    assert process.stderr is not None
    try:
        said = next((one for one in process.stderr if not one.startswith("{")), "")  # no log line
        assert said.startswith("Running as process"), said
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        process.wait(CALL_S_MAX)
        process.stderr.close()
