"""The desk's part about a device that changes hands, is backed up, or goes home. Shapes: `departing.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from conflict.identity import DocumentId, DocumentKind, document_kind, document_text
from conflict.membership import naming
from conflict.scope import scope_id
from conflict.statement import Draft, Json
from node.acting import acting_as
from node.charting import Charts
from node.custody_view import CustodyView
from node.desk import Save
from node.engine import Engine
from node.errors import BadRequest, NotFound
from node.locker import PIN_SETTING
from node.roster import STAFF_CODE
from storage import Uncovered
from storage.ports import Store

BACKUP_SETTING = "backup.last"
"""When the last backup was made, in milliseconds."""

NAMED_MAX = 500
_NAME_MAX = 120


class DepartingDesk(ABC):
    """For `LocalDesk`."""

    _engine: Engine
    _store: Store
    _charts: Charts
    _custody: CustodyView
    _name: str

    @abstractmethod
    def _label(self, documents: Sequence[DocumentId]) -> str:
        """Of a casualty."""

    def backed_up(self, size: int) -> Json:
        """See `Departing`."""
        del size  # the audit's row says it
        at_ms = self._engine.now_ms()
        self._engine.set_setting(BACKUP_SETTING, str(at_ms).encode()).result()
        return {"at_ms": at_ms}

    def _backed_up_ms(self) -> int | None:
        """When the last backup was made; None: never by this device."""
        return int(self._store.setting(BACKUP_SETTING) or b"0") or None

    def hand_over(self, to: str, by: str) -> Json:
        """See `Departing`."""
        to, by = to.strip(), by.strip()
        if not (to and by) or max(len(to), len(by)) > _NAME_MAX:
            raise BadRequest(f"who gives it and who takes it: names of at most {_NAME_MAX} letters")
        self._engine.set_setting(PIN_SETTING, b"").result()
        device = self._engine.key.node.hex()[:8]
        text = f"Device {self._name} ({device}) handed over by {by} to {to}."
        code = self._engine.grants.home_code or STAFF_CODE
        unit = scope_id(code)
        value: dict[str, Json] = {"title": "Device handed over", "text": text}
        drafts = [Draft(slot="note", value=value, by=by)]
        if not self._store.lanes(unit):
            drafts.insert(0, naming(code))
        with acting_as(None):  # whatever the role of who gives it: care goes on
            ((*_, written),) = self._engine.save([Save(unit, tuple(drafts))])
        return {
            "statement": written,
            "unit": document_text(unit),
            "to": to,
            "by": by,
            "custody": self._custody.whole(),
        }

    def close_out(self) -> Json:
        """See `Departing`."""
        whole = self._custody.whole()
        left = self._store.custody(NAMED_MAX).uncovered
        groups: dict[DocumentId, list[Uncovered]] = {}
        for one in left:
            groups.setdefault(min(self._together(one.document)), []).append(one)
        return {
            **{name: whole[name] for name in ("safe_to_wipe", "reasons", "garrisons")},
            "casualties": [self._casualty(group) for group in groups.values()],
            "more": whole["documents"] - len(left),
        }

    def _together(self, document: DocumentId) -> Sequence[DocumentId]:
        try:
            return self._charts.together(document)
        except NotFound:
            return [document]

    def _casualty(self, group: Sequence[Uncovered]) -> Json:
        documents = [one.document for one in group]
        since = [one.since_ms for one in group if one.since_ms]
        return {
            "label": self._labelled(documents[0]),
            "documents": [document_text(one) for one in documents],
            "changes": sum(one.changes for one in group),
            "since_ms": min(since, default=None),
        }

    def _labelled(self, document: DocumentId) -> str:
        kind = document_kind(document)
        if kind in {DocumentKind.UNIT, DocumentKind.THEATRE}:
            row = self._store.projection(document)
            return f"{kind.name.lower()} {row.label if row else ''}".strip()
        return self._label(self._together(document))
