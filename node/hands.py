"""Who does an engine's work that no caller waits for: threads in a node, one virtual clock in the lab.

Background work is a generator that yields what it waits for, so the same lines run under both.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import NamedTuple, Protocol

from node.writing import Writer, WriterThread


class Wait(NamedTuple):
    """Until so many seconds are over (None: without end) or, where it `stirs`, until it is stirred."""

    seconds: float | None = None
    stirs: bool = False


STIRRED = Wait(stirs=True)
Rounds = Iterator[Wait]


class Routine(Protocol):
    """Background work. It takes notice of being stirred where it waits for that, also if it was earlier."""

    @property
    def stirred(self) -> bool:
        """Stirred since it last waited for that."""
        ...

    def start(self) -> None:
        """Begin."""
        ...

    def stir(self) -> None:
        """There is something to do. From any thread."""
        ...

    def hurry(self) -> None:
        """Somebody is about to wait for it: where it shares a thread with them, it works now."""
        ...

    def stop(self) -> None:
        """End it where it waits; returns when it has ended."""
        ...


class Hands(Protocol):
    """What an engine has others do."""

    def writer(self) -> Writer:
        """The one that writes."""
        ...

    def pool(self, width: int, name: str) -> Executor:
        """So many that carry batches."""
        ...

    def routine(self, name: str, rounds: Rounds) -> Routine:
        """One that works in rounds."""
        ...


class Threads:
    """A thread each: the hands of a node."""

    def writer(self) -> Writer:
        """See `Hands`."""
        return WriterThread()

    def pool(self, width: int, name: str) -> Executor:
        """See `Hands`."""
        return ThreadPoolExecutor(width, name)

    def routine(self, name: str, rounds: Rounds) -> Routine:
        """See `Hands`."""
        return RoutineThread(name, rounds)


class RoutineThread:
    """A routine on a thread of its own."""

    def __init__(self, name: str, rounds: Rounds) -> None:
        self._rounds = rounds
        self._stirred = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def stirred(self) -> bool:
        """See `Routine`."""
        return self._stirred.is_set()

    def start(self) -> None:
        """See `Routine`."""
        self._thread.start()

    def stir(self) -> None:
        """See `Routine`."""
        self._stirred.set()

    def hurry(self) -> None:
        """See `Routine`: it has its own."""

    def stop(self) -> None:
        """See `Routine`."""
        self._stopping.set()
        self._stirred.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        for wait in self._rounds:
            if wait.stirs:
                self._stirred.wait(wait.seconds)
                self._stirred.clear()
            else:
                self._stopping.wait(wait.seconds)
            if self._stopping.is_set():
                return
