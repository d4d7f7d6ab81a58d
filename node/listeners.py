"""Who wants to be told of news, from any thread, and may stop listening at any time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

News = TypeVar("News")


class Listeners(Generic[News]):
    """`tell` calls on the thread that has the news; who is added meanwhile hears the next."""

    def __init__(self) -> None:
        self._heeding: list[Callable[[News], None]] = []
        self._lock = threading.Lock()

    def add(self, listener: Callable[[News], None]) -> Callable[[], None]:
        """Tell `listener` from now on; undo by calling."""
        with self._lock:
            self._heeding.append(listener)

        def stop() -> None:
            with self._lock:
                self._heeding.remove(listener)

        return stop

    def tell(self, news: News) -> None:
        """In the order in which they were added."""
        with self._lock:
            heeding = tuple(self._heeding)
        for listener in heeding:
            listener(news)
