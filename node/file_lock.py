"""One process at a time, by flock(2): the lock goes with the process, however it ends.

It belongs to the open file: children made by fork without exec would share it, so workers are spawned.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from node.errors import AlreadyRunning

_POLL_S = 0.02


def take(handle: int, wait_s: float = 0.0) -> bool:
    """Whether this open file is locked for us, tried for so long."""
    deadline = time.monotonic() + wait_s
    while not _try(handle):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)  # flock(2) waits without a limit or not at all
    return True


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def alone(path: Path, taken: str, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock of the file at `path` (made if need be, 0600) until the block ends.

    Raises `AlreadyRunning`, saying `taken`.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not take(handle, wait_s):
            raise AlreadyRunning(taken)
        yield
    finally:
        os.close(handle)
