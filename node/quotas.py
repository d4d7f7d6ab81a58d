"""What one author may make this node hold, by named limits; above one its runs are refused by code.

An enrolled device that lies can sign without end. Honest ones come nowhere near these figures, so
reaching one is a finding about the device, and its refusals are the same whoever brings its lanes.
Only this node's own verdict: peers that hold more stay different, and say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conflict.identity import Lane, NodeId
from conflict.lane import LaneRun
from storage.ports import Store
from sync.ports import Applied, SetAside

AUTHOR_QUOTA = "author-quota"
HELD_CHANGES_MAX_PER_AUTHOR = 4_000_000  # 1 GB; a device that saves each second for 46 days
REFUSED_LANES_MAX_PER_AUTHOR = 64  # held lanes that no worker could open: an honest device has none


class Quotas:
    """Counts by author. One thread; `own` has none."""

    def __init__(self, store: Store, own: NodeId | None) -> None:
        self._store, self._own = store, own
        self._changes: dict[NodeId, int] | None = None
        self._refused: Mapping[NodeId, int] = {}

    def look(self) -> None:
        """Read what is known of authors, before a commit."""
        if self._changes is None:
            self._changes = self._store.authored()
        self._refused = self._store.refused_authors()

    def sort(
        self, runs: Sequence[LaneRun]
    ) -> tuple[Sequence[LaneRun], list[tuple[SetAside, LaneRun]]]:
        """Those to hold, and those whose author may not bring more, with the reason."""
        full = {run.author: self._reason(run.author) for run in runs}
        if not any(full.values()):
            return runs, []
        kept = [run for run in runs if not full[run.author]]
        over = [run for run in runs if full[run.author]]
        return kept, [(_aside(run, full[run.author]), run) for run in over]

    def _reason(self, author: NodeId) -> str:
        assert self._changes is not None  # noqa: S101  looked at before anything is judged
        if author == self._own:
            return ""
        if self._refused.get(author, 0) >= REFUSED_LANES_MAX_PER_AUTHOR:
            most = REFUSED_LANES_MAX_PER_AUTHOR
            return f"{most} of its lanes could not be opened (REFUSED_LANES_MAX_PER_AUTHOR)"
        if self._changes.get(author, 0) >= HELD_CHANGES_MAX_PER_AUTHOR:
            most = HELD_CHANGES_MAX_PER_AUTHOR
            return f"{most} of its changes are held (HELD_CHANGES_MAX_PER_AUTHOR)"
        return ""

    def held(self, runs: Sequence[LaneRun], applied: Applied) -> None:
        """Count what became durable of these runs."""
        assert self._changes is not None  # noqa: S101  held after it was sorted
        grown: dict[Lane, int] = dict(applied.grown)
        last = {run.lane: run for run in runs if run.signature is not None}
        for lane, first in grown.items():
            if (run := last.get(lane)) is not None:
                more = run.last_seq - first + 1
                self._changes[run.author] = self._changes.get(run.author, 0) + max(more, 0)


def _aside(run: LaneRun, reason: str) -> SetAside:
    return SetAside(run.lane, run.first_seq, AUTHOR_QUOTA, reason)
