"""One repair at a time over fast links: what two peers both have need not come twice.

Asked when a check is said, not when its answer comes: by then the other side has begun. For a while
only: a slow or hostile peer must not keep the others from theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conflict.identity import NodeId
from node.link import Link

TURN_S_MAX = 10.0


class Turns:
    """Which of a node's links may repair. `time`: monotonic seconds. Used on the event loop."""

    def __init__(self, time: Callable[[], float], links: Mapping[NodeId, Link]) -> None:
        self._time = time
        self._links = links
        self._whose: object = None
        self._since = 0.0

    def take(self, who: object) -> bool:
        """Whether it is their turn now."""
        if self._whose is not who:
            if not self._free:
                return False
            self._whose, self._since = who, self._time()
        return True

    def give_back(self, who: object) -> None:
        """They are done, for now: the next one may begin."""
        if self._whose is who:
            self._whose = None
        self.next()

    def next(self) -> None:
        """One link that waits may begin, if none is at it, or it has taken too long."""
        waiting = (one for one in self._links.values() if one.session.waits_turn)
        if self._free and (link := next(waiting, None)):
            link.take_turn()

    @property
    def _free(self) -> bool:
        return self._whose is None or self._time() >= self._since + TURN_S_MAX
