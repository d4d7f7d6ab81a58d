"""Who holds what, as JSON: the whole node (`custody`), one casualty's record, the chart's `held_by`.

Reads receipts and nothing else; what they mean is judged in `custody.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from conflict.identity import DocumentId, NodeId, document_text, node_text
from conflict.lane import Vector
from conflict.statement import Json
from node import custody
from node.custody import Holder
from storage import Store


class _Total(NamedTuple):
    """One holder over several documents."""

    statements: int = 0
    changes: int = 0
    at_ms: int = 0
    entry: int = 0
    entry_ms: int = 0

    def plus(self, one: Holder) -> _Total:
        """With another document."""
        held = one.holding
        log = max((self.entry, self.entry_ms), (held.entry, held.entry_ms))
        changes = self.changes + one.changes
        return _Total(self.statements + one.statements, changes, max(self.at_ms, held.at_ms), *log)


class CustodyView:
    """`names` of nodes by id, asked for each time: peers come to be known. `unaudited`: rows of this
    device's audit log that no garrison is known to hold. `garrison`: this node's own id where it is one."""

    def __init__(
        self,
        store: Store,
        names: Callable[[], Mapping[NodeId, str]],
        unaudited: Callable[[], int],
        garrison: NodeId | None = None,
    ) -> None:
        self._store = store
        self._names = names
        self._unaudited = unaudited
        self._garrison = garrison

    def whole(self) -> Json:
        """See `Desk.custody`."""
        found, counts = self._store.custody(custody.NAMED_MAX), self._store.counts()
        rows = {one.document: self._store.projection(one.document) for one in found.uncovered}
        labels = {one: row.label for one, row in rows.items() if row}
        others = tuple(one for one in found.garrisons if one != self._garrison)
        found = found._replace(garrisons=others)
        garrison = self._garrison is not None
        reasons = custody.reasons(found, counts, labels, self._unaudited(), garrison=garrison)
        names = self._names()
        return {
            "garrison": garrison,
            "safe_to_wipe": not reasons,
            "reasons": [reason._asdict() for reason in reasons],
            "garrisons": [
                {"node": node_text(one), "name": names.get(one, "")} for one in found.garrisons
            ],
            "at_garrison_ms": custody.at_garrison_ms(found),
            "documents": found.documents,
            "changes": found.changes,
            "blobs": found.blobs,
            "records": [
                {
                    "document": document_text(one.document),
                    "label": labels.get(one.document, ""),
                    "changes": one.changes,
                    "since_ms": one.since_ms or None,
                }
                for one in found.uncovered
            ],
        }

    def record(self, label: str, vectors: Mapping[DocumentId, Vector]) -> Json:
        """See `Desk.record_custody`."""
        totals, everything = self._totals(vectors)
        garrisons = set(self._store.custody_positions())
        return {
            "label": label,
            "documents": [document_text(one) for one in vectors],
            "statements": everything.statements,
            "changes": everything.changes,
            "garrison": self._garrison is not None,
            "at_garrison": all(
                custody.covered_by(
                    vector,
                    [one for one in self._store.holders(document) if one.holder in garrisons],
                )
                for document, vector in vectors.items()
            ),
            "holders": [
                {
                    **self._who(node, garrisons),
                    "statements": total.statements,
                    "changes": total.changes,
                    "direct_ms": total.at_ms or None,
                    "entry": total.entry or None,
                    "entry_ms": total.entry_ms or None,
                }
                for node, total in totals.items()
            ],
        }

    def held_by(self, vectors: Mapping[DocumentId, Vector]) -> list[Json]:
        """See `Desk.chart`."""
        totals, everything = self._totals(vectors)
        garrisons = set(self._store.custody_positions())
        return [
            {
                **self._who(node, garrisons),
                "all": total.changes == everything.changes,
                "statements": total.statements,
                "of": everything.statements,
            }
            for node, total in totals.items()
        ]

    def _who(self, node: NodeId, garrisons: Iterable[NodeId]) -> dict[str, Json]:
        name = self._names().get(node, "")
        return {"node": node_text(node), "name": name, "garrison": node in garrisons}

    def _totals(self, vectors: Iterable[DocumentId]) -> tuple[dict[NodeId, _Total], _Total]:
        """Holders ascending; and what there is of statements and changes in all."""
        found: dict[NodeId, _Total] = {}
        everything = _Total()
        for document in vectors:
            lanes = self._store.lanes(document)
            everything = everything._replace(
                statements=everything.statements + sum(lane.statements for lane in lanes),
                changes=everything.changes + sum(lane.held.length for lane in lanes),
            )
            for holding in self._store.holders(document):
                before = found.get(holding.holder, _Total())
                found[holding.holder] = before.plus(custody.holder(holding, lanes))
        return dict(sorted(found.items())), everything
