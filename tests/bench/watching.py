"""Looking on while something else runs: a thread that looks again and again, and what memory it sees."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil


@contextmanager
def watched(look: Callable[[], None], every_s: float) -> Iterator[None]:
    """Calls `look` on a thread of its own until the block ends."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(every_s):
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


@dataclass
class Peaks:
    """Peak resident bytes of a process and of the largest that it started."""

    process: psutil.Process
    node: int = 0
    worker: int = 0

    def look(self) -> None:
        """Once more; a process that has just ended counts no more."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.node = max(self.node, self.process.memory_info().rss)
            children = [one.memory_info().rss for one in self.process.children(recursive=True)]
            self.worker = max(self.worker, *children, 0)
