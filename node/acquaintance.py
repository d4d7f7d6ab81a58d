"""What this node remembers of each peer, across restarts: names, last contact, last proof of equality.

Pure values and their JSON form; `peering.py` keeps them up to date.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import orjson

from conflict.identity import NodeId, node_text
from conflict.statement import Json
from sync.effects import Phase
from sync.ports import Summary

SETTING_PREFIX = "peer/"


@dataclass(slots=True)
class Acquaintance:
    """One peer. Times are wall-clock milliseconds; None: never."""

    node: NodeId
    name: str = ""
    role: str = "field"
    last_contact_ms: int | None = None
    equal_at_ms: int | None = None
    equal_documents: int = 0
    equal_digest: str = ""
    clock_ahead_ms: int = 0
    phase: Phase = Phase.CLOSED
    cause: str = ""
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def linked(self) -> bool:
        """A proven session stands."""
        return self.phase in {Phase.CHECKING, Phase.REPAIRING, Phase.EQUAL, Phase.DIFFERENT}

    def equal(self, summary: Summary, now_ms: int) -> None:
        """Equality with this summary was proved."""
        self.equal_at_ms = now_ms
        self.equal_documents = summary.documents
        self.equal_digest = summary.digest.hex()
        self.refused.clear()

    def holds_all(self, summary: Summary) -> bool:
        """The last proof of equality was for exactly what is held now."""
        return (self.equal_documents, self.equal_digest) == (
            summary.documents,
            summary.digest.hex(),
        ) and self.equal_at_ms is not None

    def remembered(self) -> bytes:
        """What survives a restart."""
        kept = ("last_contact_ms", "equal_at_ms", "equal_documents", "equal_digest")
        return orjson.dumps({name: getattr(self, name) for name in kept})

    def recall(self, remembered: bytes) -> None:
        """Inverse of `remembered`; unreadable memory is no memory."""
        try:
            body = orjson.loads(remembered)
            self.last_contact_ms = body["last_contact_ms"]
            self.equal_at_ms = body["equal_at_ms"]
            self.equal_documents = body["equal_documents"]
            self.equal_digest = body["equal_digest"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            self.last_contact_ms = self.equal_at_ms = None

    def body(self) -> dict[str, Json]:
        """JSON form."""
        return asdict(self) | {"node": node_text(self.node), "phase": self.phase.value}
