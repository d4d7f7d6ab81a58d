"""The remote desk's part about the casualties here. Shapes: `ward.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from conflict.identity import DocumentId, document_text
from conflict.statement import Json


class RemoteWard(ABC):
    """For `RemoteDesk`."""

    @abstractmethod
    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """Ask."""

    def casualties(self, limit: int = 500) -> Json:
        """See `Ward`."""
        return self._get("/api/casualties", {"limit": str(limit)})

    def timeline(self, document: DocumentId) -> list[Json]:
        """See `Ward`."""
        found: list[Json] = self._get(f"/api/timeline/{document_text(document)}")
        return found
