"""The remote desk's half about the theatre. Shapes: `membership.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence

from conflict.statement import Json
from node.membership import LOG_PAGE_MAX

JOIN_S = 600.0
"""A log of 100,000 entries is checked one by one."""


class RemoteMembership(ABC):
    """For `RemoteDesk`. Bytes travel in base64."""

    @abstractmethod
    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """Ask."""

    @abstractmethod
    def _post(self, path: str, body: Json, timeout_s: float = JOIN_S) -> Json:
        """Ask for something to be done."""

    def membership(self) -> Json:
        """See `Membership`."""
        return self._get("/api/membership")

    def authority_log(self, after: int = 0, limit: int = LOG_PAGE_MAX) -> list[bytes]:
        """See `Membership`."""
        found = self._get("/api/authority", {"after": str(after), "limit": str(limit)})
        return [b64decode(one) for one in found]

    def add_authority(self, entries: Sequence[bytes]) -> int:
        """See `Membership`."""
        found: int = self._post("/api/authority", {"entries": _texts(entries)}, JOIN_S)
        return found

    def join(
        self,
        root: bytes,
        own: bytes,
        secret: bytes,
        entries: Sequence[bytes],
        codes: Sequence[str] = (),
    ) -> Json:
        """See `Membership`."""
        parts = {"root": root, "own": own, "secret": secret}
        body = {name: b64encode(part).decode() for name, part in parts.items()}
        return self._post(
            "/api/join", {**body, "entries": _texts(entries), "codes": list(codes)}, JOIN_S
        )

    def key_handled(self, act: str) -> None:
        """See `Membership`."""
        self._post("/api/authority-key", {"act": act})

    def custody_positions(self, until_ms: int | None = None) -> list[Json]:
        """See `Membership`."""
        query = {} if until_ms is None else {"until_ms": str(until_ms)}
        found: list[Json] = self._get("/api/custody-positions", query)
        return found

    def asked(self) -> Json:
        """See `Membership`."""
        return self._get("/api/asked")


def _texts(entries: Sequence[bytes]) -> list[str]:
    return [b64encode(one).decode() for one in entries]
