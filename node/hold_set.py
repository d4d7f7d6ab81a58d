"""The hold set: what this node keeps, by age and by quota, and what it lets go when a person says so.

A chart is the unit of meaning, so all documents of one casualty go together or none does: a drug must
not lose the allergy that speaks against it. What waits for a person's decision stays. The store checks
again, in the transaction that lets go, that a garrison holds all of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from conflict.identity import DocumentId, DocumentKind, document_kind, document_text
from conflict.statement import Json
from node.charting import Charts
from node.hold_policy import HoldPolicy
from node.shedding import Shedding
from storage import Freed, NotShed, StorageError
from storage.ports import Store
from storage.shapes import Idle

REPORTED_MAX = 100
PERIOD_S = 600.0
_PAGE = 200
_CASUALTY = frozenset({DocumentKind.PERSON, DocumentKind.EPISODE})

log = structlog.get_logger("hold-set")


@dataclass(slots=True)
class Outcome:
    """What went and what stayed, in order; `charts` looked at."""

    let_go: list[tuple[DocumentId, str, Freed]] = field(default_factory=list)
    kept: list[tuple[DocumentId, str, NotShed]] = field(default_factory=list)
    charts: int = 0

    @property
    def freed(self) -> int:
        """Bytes."""
        return sum(freed.size for _, _, freed in self.let_go)

    def body(self) -> dict[str, Json]:
        """JSON form: at most `REPORTED_MAX` of each, and how many there are."""
        return {
            "shed": [
                {
                    "document": document_text(document),
                    "label": label,
                    "bytes": freed.size,
                    "changes": freed.changes,
                    "attachments": freed.blobs,
                }
                for document, label, freed in self.let_go[:REPORTED_MAX]
            ],
            "shed_count": len(self.let_go),
            "kept": [
                {
                    "document": document_text(document),
                    "label": label,
                    "code": cause.cause,
                    "words": str(cause),
                }
                for document, label, cause in self.kept[:REPORTED_MAX]
            ],
            "kept_count": len(self.kept),
            "freed_bytes": self.freed,
        }


class HoldSet:
    """`begin` keeps to a policy, in the background."""

    def __init__(
        self, store: Store, shedding: Shedding, charts: Charts, now_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._shedding = shedding
        self._charts = charts
        self._now_ms = now_ms
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    # By hand ----------------------------------------------------------------------------------

    def let_go(self, documents: Sequence[DocumentId], *, dry_run: bool) -> Outcome:
        """The charts of these documents."""
        outcome = Outcome()
        seen: set[DocumentId] = set()
        for document in documents:
            if document not in seen:
                together = self._charts.together(document)
                seen.update(together)
                self._chart(together, outcome, dry_run=dry_run)
        return outcome

    def let_go_idle(self, older_than_ms: int, *, dry_run: bool) -> Outcome:
        """Every chart that did not change for so long."""
        outcome = Outcome()
        for together in self._idle(self._now_ms() - older_than_ms):
            self._chart(together, outcome, dry_run=dry_run)
        return outcome

    # By policy --------------------------------------------------------------------------------

    def begin(self, policy: HoldPolicy, period_s: float = PERIOD_S) -> None:
        """Keep to it from now on."""
        if any(policy):
            self._thread = threading.Thread(
                target=self._run, args=(policy, period_s), name="hold-set", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Nothing is let go after this."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, policy: HoldPolicy, period_s: float) -> None:
        while True:
            try:
                outcome = self.keep_to(policy)
            except StorageError as fault:  # a full or busy disk: later, the record is as it was
                log.warning("not let go", code=fault.code)
            else:
                if outcome.let_go:
                    log.info("let go", documents=len(outcome.let_go), bytes=outcome.freed)
            if self._stopping.wait(period_s):
                return

    def keep_to(self, policy: HoldPolicy) -> Outcome:
        """One pass: what is too old, then the longest unchanged until the quota is kept."""
        outcome = Outcome()
        if policy.age_ms:
            for together in self._idle(self._now_ms() - policy.age_ms):
                self._chart(together, outcome, dry_run=False)
        if policy.quota_bytes and self._above(policy):
            for together in self._idle(self._now_ms() + 1):
                self._chart(together, outcome, dry_run=False)
                if not self._above(policy):
                    break
        return outcome

    def _above(self, policy: HoldPolicy) -> bool:
        return self._store.used_bytes() > policy.quota_bytes

    def _idle(self, before_ms: int) -> Iterator[Sequence[DocumentId]]:
        """Charts of which nothing changed since then, longest unchanged first. Each comes with the
        document that changed last."""
        after: Idle | None = None
        latest: tuple[int, set[DocumentId]] = (0, set())
        while page := self._store.idle(before_ms, after, _PAGE):
            after = page[-1]
            for one in page:
                if self._stopping.is_set():
                    return
                if latest[0] != one.touched_ms:
                    latest = (one.touched_ms, set())
                if document_kind(one.document) not in _CASUALTY or one.document in latest[1]:
                    continue
                together = self._charts.together(one.document)
                if self._store.touched_ms(together) <= one.touched_ms:
                    latest[1].update(together)
                    yield together

    # ------------------------------------------------------------------------------------------

    def _chart(self, together: Sequence[DocumentId], outcome: Outcome, *, dry_run: bool) -> None:
        """All of a chart, or nothing of it."""
        outcome.charts += 1
        here = [one for one in together if self._store.touched_ms([one])] or together[:1]
        labels = [self._label(one) for one in here]
        try:
            if self._charts.to_review(here[0]):
                raise NotShed("review", here[0])
            freed = self._shedding.let_go(here, dry_run=dry_run)
        except NotShed as cause:
            outcome.kept.append((cause.document, self._label(cause.document), cause))
        else:
            outcome.let_go += zip(here, labels, freed, strict=True)

    def _label(self, document: DocumentId) -> str:
        row = self._store.projection(document)
        return row.label if row else ""
