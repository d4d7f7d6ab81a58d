"""What a process that holds keys asks of the system at its start: no copy of its memory on a disk."""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> None:
    """No core file, and on Linux no other process of this user may read this one's memory.

    Children that are spawned keep the limit; they hold no keys. Swap and hibernation are the
    system's: encrypt or switch them off (deploy/runbooks/at-rest.md).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
