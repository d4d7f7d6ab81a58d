"""The desk's half about bundles: making and taking them beside everything else."""

from __future__ import annotations

from pathlib import Path

from conflict.identity import node_text
from conflict.statement import Json
from node.bundles import files
from node.bundles.exporting import Export
from node.bundles.importing import Import, inspected, sender_of
from node.bundles.parcel import Parcel, parcel
from node.charting import Charts
from node.desk import BundleOrder
from node.engine import Engine
from node.errors import BadRequest

NOTHING_FITS = "nothing of that record may go to these recipients; nothing was written"


class BundleDesk:
    """For `LocalDesk`. Shapes: `desk.py`."""

    _engine: Engine
    _charts: Charts

    def bundle_export(
        self, order: BundleOrder, out: str, on_progress: files.Progress | None = None
    ) -> Json:
        """See `Desk`."""
        path = Path(order.since)
        if order.since and path.is_file():
            with files.reading(path) as read:
                order = order._replace(since=node_text(sender_of(self._engine, read)))
        return self._export(self._parcel(order), out, on_progress)

    def _parcel(self, order: BundleOrder) -> Parcel:
        documents = None
        if order.casualty is not None:
            documents = self._charts.together(order.casualty)
        belonging, own = self._engine.belonging, self._engine.key.node
        found = parcel(belonging, own, order, documents)
        if documents is not None:
            reader = self._engine.store.shared(found.view)
            if not any(reader.vectors(list(documents)).values()):
                raise BadRequest(NOTHING_FITS)
        return found

    def _export(self, to: Parcel, out: str, on_progress: files.Progress | None) -> Json:
        export = Export(self._engine, to)
        size = files.write_whole(Path(out), export.sealed(), on_progress)
        names = [{"node": node_text(one.node), "name": one.name} for one in to.recipients]
        return {"path": out, "bytes": size, "changes": export.changes, "recipients": names}

    def bundle_import(
        self, path: str, answer: str = "", on_progress: files.Progress | None = None
    ) -> Json:
        """See `Desk`."""
        if answer and Path(answer).exists():
            raise BadRequest(f"{answer} exists already: name another file. Nothing was taken")
        with files.reading(Path(path), on_progress) as read:
            found = Import(self._engine, read).run()
        if not answer:
            return found
        order = BundleOrder(since=found["node"])
        return {**found, "answer": self._export(self._parcel(order), answer, None)}

    def bundle_inspect(self, path: str) -> Json:
        """See `Desk`."""
        with files.reading(Path(path)) as read:
            return inspected(self._engine, read)
