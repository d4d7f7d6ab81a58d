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
_KEPT = ("last_contact_ms", "equal_at_ms", "equal_documents", "equal_digest", "epoch")


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
    epoch: str = ""
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

    def answers_in(self, epoch: bytes) -> None:
        """The peer's store is of this epoch: what an earlier one held counts for nothing."""
        if self.epoch != epoch.hex():
            self.epoch = epoch.hex()
            self.equal_at_ms = None
            self.equal_documents, self.equal_digest = 0, ""

    def holds_all(self, summary: Summary) -> bool:
        """The last proof of equality was for exactly what is held now."""
        return (self.equal_documents, self.equal_digest) == (
            summary.documents,
            summary.digest.hex(),
        ) and self.equal_at_ms is not None

    def remembered(self) -> bytes:
        """What survives a restart."""
        return orjson.dumps({name: getattr(self, name) for name in _KEPT})

    def recall(self, remembered: bytes) -> None:
        """Inverse of `remembered`; unreadable memory is no memory."""
        try:
            body = orjson.loads(remembered)
            for name in _KEPT:
                setattr(self, name, body[name])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            self.last_contact_ms = self.equal_at_ms = None

    def body(self) -> dict[str, Json]:
        """JSON form."""
        return asdict(self) | {"node": node_text(self.node), "phase": self.phase.value}
