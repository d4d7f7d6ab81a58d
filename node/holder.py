"""What the process that owns a home says in its lock file: who it is, and that it waits for a secret."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.errors import AlreadyRunning, WaitsForSecret

_WAITS = "waits"
_BYTES_MAX = 40


def introduce(handle: int, words: str = "") -> None:
    """Say that this process owns the home whose lock is open here."""
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()} {words}".strip().encode(), 0)


@contextmanager
def asking(lock: Path) -> Iterator[None]:
    """While the block runs, others are told that this process, which owns the home, asks for a secret."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        introduce(handle, _WAITS)
        yield
    finally:
        introduce(handle)
        os.close(handle)


def taken(handle: int) -> AlreadyRunning:
    """Why the home, whose lock another process holds, cannot be had now."""
    pid, _, words = os.pread(handle, _BYTES_MAX, 0).decode(errors="replace").strip().partition(" ")
    process = f"Process {pid or 'unknown'}"
    if words == _WAITS:
        return WaitsForSecret(
            f"{process} has this node and waits for its passphrase. Nothing was changed."
        )
    return AlreadyRunning(f"{process} is using this node. Nothing was changed.")
