"""The remote desk's part about a device that changes hands or goes home. Shapes: `departing.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from conflict.statement import Json


class RemoteDeparting(ABC):
    """For `RemoteDesk`."""

    @abstractmethod
    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """Ask."""

    @abstractmethod
    def _post(self, path: str, body: Json) -> Json:
        """Ask for something to be done."""

    def backed_up(self, size: int) -> Json:
        """See `Departing`."""
        return self._post("/api/backed-up", {"bytes": size})

    def hand_over(self, to: str, by: str) -> Json:
        """See `Departing`."""
        return self._post("/api/hand-over", {"to": to, "by": by})

    def close_out(self) -> Json:
        """See `Departing`."""
        return self._get("/api/close-out")
