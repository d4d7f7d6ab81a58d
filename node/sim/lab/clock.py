"""Virtual time: an event loop that never waits. Where all wait, its clock jumps to the next timer.

Everything of a run happens on it: what a node has others do (`run_in_executor`, `hands.py`) is done at
once, in one thread. Seconds count from the start of the run.
"""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import Context, ContextVar
from heapq import heapify, heappush
from typing import Any, TypeVar

Result = TypeVar("Result")

RESOLUTION_S = 1e-6
"""Timers so close are due together: sums of floats differ by less in a year."""

TURNS_MAX = 400_000
"""Turns of the loop within one virtual second. A hundred nodes that heal at once take some ten thousand."""


OWNER: ContextVar[str] = ContextVar("owner", default="")
"""Whose process a callback belongs to, so that it can be suspended; empty: the world's."""


class Livelock(RuntimeError):
    """The nodes of a world are busy for ever, and time stands still."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Callbacks in the order in which they were called for; no sockets, no threads, no signals."""

    _ready: deque[asyncio.Handle]  # the base class has both, and its stubs do not say so
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._second = 0
        self._turns = 0  # within that second
        self._interrupted = False
        self._parked: dict[str, list[asyncio.Handle]] = {}  # what suspended owners would do
        self._selector = self
        self._clock_resolution = RESOLUTION_S
        self.set_debug(False)

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def run_until(self, at: float) -> None:
        """Let everything happen that happens before `at`."""
        self.call_at(at, self.stop)
        self.run_forever()

    # Sleep ----------------------------------------------------------------------------------------

    def call_soon(  # type: ignore[override]  # typed looser: it hands on what it gets
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """See `AbstractEventLoop`; a suspended owner's waits."""
        handle = super().call_soon(callback, *args, context=context)
        if self._parked and (waiting := self._parked.get(_owner(handle))) is not None:
            waiting.append(self._ready.pop())
        return handle

    def suspend(self, owner: str) -> None:
        """Nothing of an owner happens until `resume`, and time goes on: a process that is stopped."""
        waiting = self._parked.setdefault(owner, [])
        timers = [one for one in self._scheduled if _owner(one) == owner]
        for one in timers:
            one._scheduled = False  # type: ignore[attr-defined]  # else the loop counts it when cancelled
        waiting += [one for one in self._ready if _owner(one) == owner]
        waiting += timers
        self._ready = deque(one for one in self._ready if _owner(one) != owner)
        self._scheduled = [one for one in self._scheduled if _owner(one) != owner]
        heapify(self._scheduled)

    def resume(self, owner: str) -> None:
        """It goes on: what came due meanwhile is due now, in its order."""
        for one in self._parked.pop(owner, ()):
            if one.cancelled():
                continue
            if isinstance(one, asyncio.TimerHandle):
                one._scheduled = True  # type: ignore[attr-defined]
                heappush(self._scheduled, one)
            else:
                self._ready.append(one)

    def call_soon_threadsafe(  # type: ignore[override]  # typed looser: it hands on what it gets
        self, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """There is one thread."""
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]  # the base class says it is a coroutine in effect
        self, executor: Executor | None, func: Callable[..., Result], *args: Any
    ) -> asyncio.Future[Result]:
        """Done when it returns."""
        del executor
        future: asyncio.Future[Result] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as fault:  # noqa: BLE001  the waiter gets it, whatever it is
            future.set_exception(fault)
        return future

    # What `BaseEventLoop` asks of its selector ---------------------------------------------------

    def select(self, timeout: float | None) -> list[Any]:
        """All wait: time passes. Raises `Livelock`; `KeyboardInterrupt`, if `interruptible` noted one."""
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt
        if timeout is None:
            raise RuntimeError("nothing will ever happen any more in this world")
        self._now += timeout
        self._turns = self._turns + 1 if int(self._now) == self._second else 0
        self._second = int(self._now)
        if self._turns > TURNS_MAX:
            self._turns = 0
            raise Livelock(
                f"over {TURNS_MAX:,} turns at {self._now:,.0f} s: nodes are busy for ever"
            )
        return []

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Within the block Ctrl-C ends a run between two events, so that what it did so far is whole."""

        def noted(_number: int, _frame: object) -> None:
            self._interrupted = True

        try:
            before = signal.signal(signal.SIGINT, noted)
        except ValueError:  # not in the main thread: nobody presses Ctrl-C there
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _process_events(self, event_list: list[Any]) -> None:
        """There never are any."""

    def _write_to_self(self) -> None:
        """Nobody sleeps."""


def _owner(handle: asyncio.Handle) -> str:
    context: Context = handle._context  # type: ignore[attr-defined]  # it has one, and its stubs do not say so
    return context.get(OWNER, "")
