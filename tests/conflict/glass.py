"""Hostile bytes are opened in a child process, in tests as in the node.

Automerge may panic on them, and a panic can leave a process unsound: once, a later and honest test
of the same run never came back from a commit.
"""

from __future__ import annotations

import atexit
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from conflict.document import Admitted, admit
from conflict.errors import LaneRefused
from conflict.identity import ActorId

SECONDS_MAX = 60.0
_POOL = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver"))
atexit.register(_POOL.shutdown)


def admit_behind_glass(actor: ActorId, raws: Sequence[bytes], known: int = 0) -> Admitted:
    """`conflict.document.admit` in the child. Raises `LaneRefused`."""
    outcome = _POOL.submit(_admit, actor, [*raws], known).result(SECONDS_MAX)
    if isinstance(outcome, Admitted):
        return outcome
    raise LaneRefused(*outcome)


def _admit(actor: ActorId, raws: Sequence[bytes], known: int) -> Admitted | tuple[str, str]:
    try:
        return admit(actor, raws, known)
    except LaneRefused as fault:
        return fault.code, str(fault)
