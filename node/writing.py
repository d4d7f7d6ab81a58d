"""The one writer: a thread that runs transactions one after another, local saves first.

SQLite has one writer; on PostgreSQL the same thread keeps this process's commits in order. A job is
a function; its result comes back as a future, resolved after commit, never before.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum
from itertools import count
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class Urgency(IntEnum):
    """Who goes first. A local save never waits for more than the job under way.

    What is held already is shown before more is held, or document workers would stand idle; they
    are slower than the writer, so holding goes on beside it.
    """

    LOCAL = 0
    RECEIPT = 1
    PROJECTION = 2
    FOREIGN = 3
    BULK = 4
    AUDIT = 5
    STOP = 9


class Writer(Protocol):
    """Owns the writing half of a store: runs one job after another."""

    def submit(self, urgency: Urgency, job: Callable[[], Result]) -> Future[Result]:
        """Run `job` in its turn; the future carries its result or error."""
        ...

    def perform(self, urgency: Urgency, job: Callable[[], Result]) -> Result:
        """The same, and wait; within a job at once."""
        ...

    def stop(self) -> None:
        """Finish what is queued, then end."""
        ...


class WriterThread:
    """The writer of a node: a thread."""

    def __init__(self) -> None:
        self._jobs: queue.PriorityQueue[
            tuple[int, int, Callable[[], Any] | None, Future[Any] | None]
        ] = queue.PriorityQueue()
        self._order = count()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, urgency: Urgency, job: Callable[[], Result]) -> Future[Result]:
        """Run `job` on the writer; the future carries its result or error."""
        future: Future[Result] = Future()
        self._jobs.put((urgency, next(self._order), job, future))
        return future

    def perform(self, urgency: Urgency, job: Callable[[], Result]) -> Result:
        """The same, and wait; on the writer itself at once."""
        if threading.current_thread() is self._thread:
            return job()
        return self.submit(urgency, job).result()

    def stop(self) -> None:
        """Finish what is queued, then end."""
        self._jobs.put((Urgency.STOP, next(self._order), None, None))
        self._thread.join()

    def _run(self) -> None:
        while True:
            _, _, job, future = self._jobs.get()
            if job is None or future is None:
                return
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(job())
            except BaseException as fault:  # noqa: BLE001  the waiter gets it, whatever it is
                future.set_exception(fault)
