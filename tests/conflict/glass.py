"""Hostile bytes are opened in a child process, in tests as in the node.

Automerge may panic on them, and a panic can leave a process unsound: once, a later and honest test
of the same run never came back from a commit.
"""

from __future__ import annotations

import atexit
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from conflict.document import Admitted, admit, opened
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


def same_with_automerge(actor: ActorId, raws: Sequence[bytes]) -> bool:
    """In the child: whether `admit` says of a lane what Automerge says that opens it."""
    return _POOL.submit(_same, actor, [*raws]).result(SECONDS_MAX)


def _same(actor: ActorId, raws: Sequence[bytes]) -> bool:
    try:
        found: Admitted | tuple[str, str] = opened(actor, raws)
    except LaneRefused as fault:
        found = fault.code, str(fault)
    return found == _admit(actor, raws, 0)


def _admit(actor: ActorId, raws: Sequence[bytes], known: int) -> Admitted | tuple[str, str]:
    try:
        return admit(actor, raws, known)
    except LaneRefused as fault:
        return fault.code, str(fault)
