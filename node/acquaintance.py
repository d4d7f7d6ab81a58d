"""What this node remembers of each peer, across restarts: names, last contact, last proof of equality.

Pure values and their JSON form; `peering.py` keeps them up to date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import orjson

from conflict.identity import DocumentId, NodeId, node_text
from conflict.statement import Json
from node.belonging import Belonging
from sync.effects import Phase
from sync.ports import Known, Summary

SETTING_PREFIX = "peer/"
_KEPT = (
    *("last_contact_ms", "equal_at_ms", "equal_documents", "equal_digest", "epoch"),
    *("equal_arrival", "equal_own_epoch", "equal_scopes", "twice_ms"),
    *("spent_day", "spent_bytes", "halted_day", "halted_code", "let_go"),
)


def introduced(belonging: Belonging, called: Mapping[NodeId, str], node: NodeId) -> Acquaintance:
    """What is known of a node before it was met: its name here (`called`) or in the theatre, its role."""
    device = belonging.theatre.device(node) if belonging.theatre else None
    name = called.get(node) or (device.name if device else "")
    role = device.certificate.grant.role.name.lower() if device else "field"
    return Acquaintance(node, name, role)


@dataclass(slots=True)
class Acquaintance:
    """One peer. Times are wall-clock milliseconds; None: never. Days are UTC, `2026-11-23`.

    `spent_bytes` both ways on `spent_day`; on `halted_day` it ended a link with `halted_code`, a
    code that asks not to be called again that day. `let_go`: documents whose content it is without,
    as it has told. `equal_scopes`: what both might hold when equality was proved, in hex; None:
    everything. `twice_ms`: it last came in an earlier store epoch than it was met in before: two copies of
    it are about, or its machine was rolled back.
    """

    node: NodeId
    name: str = ""
    role: str = "field"
    last_contact_ms: int | None = None
    equal_at_ms: int | None = None
    equal_documents: int = 0
    equal_digest: str = ""
    equal_arrival: int = 0
    equal_own_epoch: str = ""
    equal_scopes: list[str] | None = None
    epoch: str = ""
    twice_ms: int | None = None
    clock_ahead_ms: int = 0
    phase: Phase = Phase.CLOSED
    cause: str = ""
    spent_day: str = ""
    spent_bytes: int = 0
    halted_day: str = ""
    halted_code: str = ""
    let_go: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def linked(self) -> bool:
        """A proven session stands."""
        return self.phase in {Phase.CHECKING, Phase.REPAIRING, Phase.EQUAL, Phase.DIFFERENT}

    def equal(self, proved: Known, own_epoch: bytes, now_ms: int) -> None:
        """Equality was proved, while our store was of `own_epoch`."""
        self.equal_at_ms = now_ms
        self.equal_documents = proved.summary.documents
        self.equal_digest = proved.summary.digest.hex()
        self.equal_arrival = proved.arrival
        self.equal_own_epoch = own_epoch.hex()
        shared = proved.scopes
        self.equal_scopes = None if shared is None else sorted(one.hex() for one in shared)
        self.refused.clear()

    def known(self, own_epoch: bytes) -> Known | None:
        """The last proof of equality, if neither store has lost anything since."""
        if self.equal_at_ms is None or self.equal_own_epoch != own_epoch.hex():
            return None
        summary = Summary(self.equal_documents, bytes.fromhex(self.equal_digest))
        names = self.equal_scopes
        scopes = None if names is None else frozenset(DocumentId(bytes.fromhex(n)) for n in names)
        return Known(bytes.fromhex(self.epoch), self.equal_arrival, summary, scopes)

    def outdated(self) -> None:
        """Content has gone or come since: `known` would have it sent again."""
        self.equal_own_epoch = ""

    def answers_in(self, epoch: bytes, now_ms: int) -> None:
        """The peer's store is of this epoch: what another one held counts for nothing."""
        if self.epoch > epoch.hex():
            self.twice_ms = now_ms
        if self.epoch != epoch.hex():
            self.epoch = epoch.hex()
            self.equal_at_ms = None
            self.equal_documents, self.equal_digest = 0, ""

    def holds_all(self, summary: Summary) -> bool:
        """The last proof of equality was for exactly what is held now, and it has let nothing go."""
        if self.equal_at_ms is None or self.let_go:
            return False
        proved = (self.equal_documents, self.equal_digest)
        return proved == (summary.documents, summary.digest.hex())

    def remembered(self) -> bytes:
        """What survives a restart."""
        return orjson.dumps({name: getattr(self, name) for name in _KEPT})

    def recall(self, remembered: bytes) -> None:
        """Inverse of `remembered`; unreadable memory is no memory, an older node's is shorter."""
        try:
            body = orjson.loads(remembered)
            for name in _KEPT:
                setattr(self, name, body.get(name, getattr(self, name)))
        except (orjson.JSONDecodeError, AttributeError):
            self.last_contact_ms = self.equal_at_ms = None

    def body(self) -> dict[str, Json]:
        """JSON form."""
        return asdict(self) | {"node": node_text(self.node), "phase": self.phase.value}
