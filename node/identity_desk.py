"""The desk's half about who is who: candidates, links, wrong casualty, trauma identities."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from conflict.clinical_time import utc_text
from conflict.identity import DocumentId, document_text
from conflict.statement import Json
from node import persons
from node.charting import Charts
from node.desk import Move, Relation, Save
from node.engine import Engine
from node.trauma import TraumaPool
from storage.ports import Store


class IdentityDesk:
    """For `LocalDesk`. Shapes: `desk.py`."""

    _engine: Engine
    _store: Store
    _charts: Charts
    _trauma: TraumaPool

    def candidates(self, document: DocumentId, most: int = 20) -> list[Json]:
        """See `Desk`."""
        return persons.candidates(self._store, document, most)

    def link(self, given: Relation) -> Json:
        """See `Desk`."""
        return self._written(persons.link_saves(self._charts, given))

    def unlink(self, given: Relation) -> Json:
        """See `Desk`."""
        return self._written(persons.unlink_saves(self._charts, given))

    def move(self, given: Move) -> Json:
        """See `Desk`."""
        return self._written(persons.move_saves(self._charts, given))

    def new_casualty(self, by: str, wristband: str = "", *, another: bool = False) -> Json:
        """See `Desk`."""
        band = persons.band_of(wristband)
        if not another and (worn := persons.wearing(self._charts, band)):
            return {**_named(worn), "existing": True}
        at = utc_text(datetime.fromtimestamp(self._engine.now_ms() / 1000, UTC))
        trauma, entropy = self._trauma.take(), self._engine.entropy
        made = persons.casualty(band, trauma, entropy, by, at, another=another)
        self._engine.save(made.saves)
        return {**_named(made), "existing": False}

    def _written(self, saves: Sequence[Save]) -> dict[str, Json]:
        ids = self._engine.save(saves)
        documents = (document_text(save.document) for save in saves)
        return {"statements": dict(zip(documents, ids, strict=True))}


def _named(one: persons.Banded | persons.NewCasualty) -> dict[str, Json]:
    return {
        "person": document_text(one.person),
        "episode": document_text(one.episode),
        "trauma_identity": one.trauma_identity,
    }
