"""Taking bytes off a disk: overwritten with noise, synced, removed.

What a journal, a snapshot or a flash disk's spare blocks still hold is out of reach from here; that is
why everything but the keys is encrypted, and the keys are what is overwritten.
"""

from __future__ import annotations

import os
from pathlib import Path

_OVERWRITE_BYTES = 1 << 20


def erase(path: Path) -> None:
    """Overwrite, sync, remove; nothing when it is not there."""
    try:
        with path.open("r+b", buffering=0) as file:
            left = os.fstat(file.fileno()).st_size
            while left > 0:
                left -= file.write(os.urandom(min(left, _OVERWRITE_BYTES))) or 0
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return


def keep_aside(path: Path) -> Path:
    """A second name for a file that is about to be replaced, so that it can be erased then."""
    aside = path.with_name(f"{path.name}.old")
    if aside.exists():
        if aside.samefile(path):
            return aside
        erase(aside)
    os.link(path, aside)
    return aside


def sync_folder(folder: Path) -> None:
    """Make what was renamed or removed in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
