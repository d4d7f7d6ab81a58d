"""The desk's part about what units were given on their own word. Shape: `membership.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from heapq import nlargest

from conflict.identity import DocumentId, NodeId, document_text, node_text
from conflict.scope import scope_id
from conflict.statement import Json
from node.charting import Charts
from node.engine import Engine
from node.own_words import Asked, OwnWords
from storage.ports import Store
from sync.trust.theatre import Theatre

ASKED_MAX = 1_000
"""So many are named, the newest."""


class AskedDesk(ABC):
    """For `LocalDesk`."""

    _engine: Engine
    _store: Store
    _charts: Charts

    @abstractmethod
    def _label(self, documents: Iterable[DocumentId]) -> str:
        """Of a casualty."""

    def asked(self) -> Json:
        """See `Membership`."""
        theatre = self._engine.belonging.theatre
        if theatre is None:
            return {"asked": [], "more": 0}
        every = list(OwnWords(self._store, self._charts, theatre))
        newest = nlargest(ASKED_MAX, every, key=lambda one: (one.word.statement.rec.ms, one[:2]))
        codes = {scope_id(code): code.strip() for device in theatre for code in device.codes}
        rows = [self._row(one, theatre, codes) for one in newest]
        return {"asked": rows, "more": len(every) - len(rows)}

    def _row(self, one: Asked, theatre: Theatre, codes: dict[DocumentId, str]) -> Json:
        said, node = one.word
        return {
            "document": document_text(one.document),
            "label": self._label(self._charts.together(one.document)),
            "unit": self._code(one.scope, codes),
            **(_device(theatre, node) if node else {"node": "", "name": ""}),
            "by": said.by,
            "at": said.at,
            "recorded_ms": said.rec.ms,
            "statement": said.name,
            "units": [self._code(each, codes) for each in one.scopes],
            "wrote": [_device(theatre, each) for each in one.wrote],
        }

    def _code(self, scope: DocumentId, codes: dict[DocumentId, str]) -> str:
        row = self._store.projection(scope)
        return codes.get(scope) or (row.label if row else "") or document_text(scope)


def _device(theatre: Theatre, node: NodeId) -> dict[str, Json]:
    known = theatre.device(node)
    return {"node": node_text(node), "name": known.name if known else ""}
