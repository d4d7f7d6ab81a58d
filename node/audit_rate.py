"""Events that an outsider can cause at will: the first ones of a minute are noted one by one, of the
others how many there were, so that nobody fills the disk with them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

EACH_MAX = 5
WINDOW_MS = 60_000


@dataclass(slots=True)
class _Window:
    ends_ms: int
    count: int = 0


class RateBound:
    """Of one kind of event. Times are wall clock; one that jumps back starts a window anew."""

    def __init__(self) -> None:
        self._window: _Window | None = None

    def happened(self, now_ms: int) -> bool:
        """One more; whether it is to be noted by itself. Ask `summary` first."""
        if self._window is None:
            self._window = _Window(now_ms + WINDOW_MS)
        self._window.count += 1
        return self._window.count <= EACH_MAX

    def summary(self, now_ms: int, *, ending: bool = False) -> int:
        """Where a minute is over (or all is ending): how many of it were not noted."""
        window = self._window
        if window is None:
            return 0
        over = not window.ends_ms - WINDOW_MS <= now_ms < window.ends_ms
        if not over and not ending:
            return 0
        self._window = None
        return max(0, window.count - EACH_MAX)

    def due_s(self, now_ms: int) -> float | None:
        """Until there may be a summary, seconds; None: there is nothing to count."""
        if self._window is None or self._window.count <= EACH_MAX:
            return None
        return max(0.0, (self._window.ends_ms - now_ms) / 1000)
