"""What an engine has others do, on virtual time: `node/hands.py` without threads.

The disk takes its time: a job that nobody waits for is done, and durable, some milliseconds after it was
called for, so that a crash can come between. A save that somebody waits for is done at once, first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from contextvars import copy_context
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

from node.hands import Rounds, Routine, Wait
from node.writing import Urgency, Writer

Result = TypeVar("Result")


class VirtualHands:
    """The hands of one life of a simulated node. `disk_s()`: how long the next job takes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, disk_s: Callable[[], float]) -> None:
        self._loop = loop
        self._disk_s = disk_s
        self._writer = VirtualWriter(loop, disk_s)

    def writer(self) -> Writer:
        """See `node.hands.Hands`."""
        return self._writer

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Within the block every job is done when it is called for: for callers that wait for futures."""
        self._writer.hurries = True
        try:
            yield
        finally:
            self._writer.hurries = False

    def pool(self, width: int, name: str) -> Executor:
        """See `node.hands.Hands`."""
        del width, name
        return AtOnce()

    def routine(self, name: str, rounds: Rounds) -> Routine:
        """See `node.hands.Hands`."""
        del name
        return VirtualRoutine(self._loop, rounds)


class AtOnce(Executor):
    """Does what it is given when it is given."""

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """See `Executor`."""
        future: Future[Result] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as fault:  # noqa: BLE001  the waiter gets it, whatever it is
            future.set_exception(fault)
        return future


class _Promise(Future[Result]):
    """Whoever waits for it has the writer go on until it is kept."""

    def __init__(self, writer: VirtualWriter) -> None:
        super().__init__()
        self._writer = writer

    def result(self, timeout: float | None = None) -> Result:
        """See `Future`."""
        while not self.done():
            self._writer.work()
        return super().result(timeout)


class VirtualWriter:
    """One job after another, the most urgent first."""

    def __init__(self, loop: asyncio.AbstractEventLoop, disk_s: Callable[[], float]) -> None:
        self._loop = loop
        self._disk_s = disk_s
        self._order = count()
        self._jobs: list[tuple[int, int, Callable[[], Any], Future[Any]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._context = copy_context()  # whoever submits, it is this process that works
        self._depth = 0
        self._stopped = False
        self.hurries = False

    def submit(self, urgency: Urgency, job: Callable[[], Result]) -> Future[Result]:
        """See `Writer`."""
        promise: Future[Result] = _Promise(self)
        heappush(self._jobs, (urgency, next(self._order), job, promise))
        if self.hurries and not self._depth:
            while self._jobs:
                self.work()
        else:
            self._wind()
        return promise

    def perform(self, urgency: Urgency, job: Callable[[], Result]) -> Result:
        """See `Writer`."""
        return job() if self._depth else self.submit(urgency, job).result()

    def stop(self) -> None:
        """See `Writer`."""
        while self._jobs:
            self.work()
        self._stopped = True

    def work(self) -> None:
        """Do the next job."""
        _, _, job, promise = heappop(self._jobs)
        if not promise.set_running_or_notify_cancel():
            return
        self._depth += 1
        try:
            result = job()
        except BaseException as fault:  # noqa: BLE001  the waiter gets it, whatever it is
            promise.set_exception(fault)
        else:
            promise.set_result(result)
        finally:
            self._depth -= 1

    def _wind(self) -> None:
        if self._timer is None and not self._stopped:
            self._timer = self._loop.call_later(self._disk_s(), self._tick, context=self._context)

    def _tick(self) -> None:
        self._timer = None
        if self._jobs:
            self.work()
        if self._jobs:
            self._wind()


class VirtualRoutine:
    """Background work that takes its turns on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rounds: Rounds) -> None:
        self._loop = loop
        self._rounds = rounds
        self._context = copy_context()
        self._wait: Wait | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stirred = self._stopped = False

    @property
    def stirred(self) -> bool:
        """See `Routine`."""
        return self._stirred

    def start(self) -> None:
        """See `Routine`."""
        self._loop.call_soon(self._go_on, context=self._context)

    def stir(self) -> None:
        """See `Routine`."""
        if self._stirred:
            return
        self._stirred = True
        if self._wait is not None and self._wait.stirs:
            self._loop.call_soon(self._wake, self._wait, context=self._context)

    def hurry(self) -> None:
        """See `Routine`."""
        while self._stirred and self._wait is not None and self._wait.stirs and not self._stopped:
            self._go_on()

    def stop(self) -> None:
        """See `Routine`."""
        self._stopped = True
        self._disarm()

    def _wake(self, wait: Wait) -> None:
        """That wait is over, unless it was already."""
        if wait is self._wait:
            self._go_on()

    def _go_on(self) -> None:
        self._disarm()
        if self._stopped:
            return
        before, self._wait = self._wait, None
        if before is not None and before.stirs:
            self._stirred = False
        wait = next(self._rounds, None)
        if wait is None or self._stopped:
            return
        self._wait = wait = Wait(*wait)  # one of its own: `_wake` tells waits apart
        if wait.stirs and self._stirred:
            self._loop.call_soon(self._wake, wait, context=self._context)
        elif wait.seconds is not None:
            self._timer = self._loop.call_later(
                wait.seconds, self._wake, wait, context=self._context
            )

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
