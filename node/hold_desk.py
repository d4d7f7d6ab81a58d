"""The desk's half about what is not here any more: letting go, fetching, and what is said of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from conflict.identity import DocumentId, NodeId, document_text, node_text
from conflict.statement import Json
from node.charting import Charts
from node.engine import Engine
from node.errors import BadRequest, NotFound
from node.hold_policy import HoldPolicy
from node.hold_set import HoldSet
from storage import Counts, Shed
from storage.ports import Store

if TYPE_CHECKING:
    from node.peering import Peering

GARRISON = "garrison"
NOT_RUNNING = "this node is not running: start it with `aidstation run`"


class HoldDesk(ABC):
    """For `LocalDesk`. Shapes: `desk.py`."""

    _engine: Engine
    _store: Store
    _role: str
    _peering: Peering | None
    _charts: Charts
    hold: HoldSet
    _policy: HoldPolicy

    @abstractmethod
    def _names(self) -> dict[NodeId, str]:
        """What people call the nodes."""

    def shed(
        self,
        documents: Sequence[DocumentId],
        older_than_s: float | None = None,
        *,
        dry_run: bool = False,
    ) -> Json:
        """See `Desk`."""
        if self._role == GARRISON:
            raise BadRequest("a garrison lets nothing go: others rely on what it signed")
        age_ms = self._policy.age_ms if older_than_s is None else int(older_than_s * 1000)
        if documents:
            outcome = self.hold.let_go(documents, dry_run=dry_run)
        elif age_ms or older_than_s is not None:
            outcome = self.hold.let_go_idle(age_ms, dry_run=dry_run)
        else:
            raise BadRequest("name documents, or an age as --older-than 30d or hold.age")
        return {"dry_run": dry_run, **outcome.body(), "used_bytes": self._store.used_bytes()}

    def fetch(self, document: DocumentId) -> Json:
        """See `Desk`."""
        together = self._charts.together(document)
        away = self._store.shed_documents(together)
        if not away and not self._store.lanes(document):
            raise NotFound(f"{document_text(document)} is not known here; sync, then try again")
        if away:
            self._engine.shedding.want(list(away))
        return {
            "wanted": [document_text(one) for one in away],
            "here": [document_text(one) for one in together if one not in away],
            "cause": self._fetch_cause() if away else "",
        }

    def _fetch_cause(self) -> str:
        return self._peering.fetching.cause if self._peering else NOT_RUNNING

    def _hold_status(self, counts: Counts) -> dict[str, Json]:
        """What status says of it."""
        return {
            "shed": counts.shed,
            "wanted": counts.wanted,
            "fetching": self._fetch_cause() if counts.wanted else "",
        }

    def _hold_words(self, counts: Counts) -> list[str]:
        if not counts.wanted:
            return []
        many = "1 record" if counts.wanted == 1 else f"{counts.wanted} records"
        return [f"Waiting: {many} to be fetched: {self._fetch_cause()}"]

    def _away(self, documents: Iterable[DocumentId]) -> list[Json]:
        """What is known of those whose content was let go, and which garrison has it."""
        return [self._one_away(one) for one in self._store.shed_documents(list(documents)).values()]

    def _one_away(self, one: Shed) -> dict[str, Json]:
        garrisons = set(self._store.custody_positions())
        names: Mapping[NodeId, str] = self._names()
        lanes = self._store.lanes(one.document)
        return {
            "document": document_text(one.document),
            "label": one.label,
            "shed_ms": one.at_ms,
            "wanted_ms": one.wanted_ms or None,
            "changes": one.changes,
            "statements": one.statements,
            "unread": sum(lane.held.length - lane.shed for lane in lanes if lane.shed),
            "at": [
                {
                    "node": node_text(held.holder),
                    "name": names.get(held.holder, ""),
                    "entry": held.entry or None,
                }
                for held in self._store.holders(one.document)
                if held.holder in garrisons
            ],
        }
