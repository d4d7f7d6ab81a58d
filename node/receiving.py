"""Making what peers sent durable. Frames that wait for the writer share a commit.

A commit costs as much as holding a frame of content. All but `Receiver.hold` runs on the writer thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from conflict.identity import NodeId
from node.quotas import Quotas
from node.writing import Urgency, Writer
from storage.ports import Store, Transaction
from sync.effects import Hold, HoldDone
from sync.ports import Applied
from sync.receipts import AUTHOR_UNKNOWN

RUNS_TOGETHER = 64  # or one frame: about 600 changes and 10 ms, a local save waits no longer

Waiting = tuple[Hold, Future[HoldDone]]


class Receiver:
    """Holds peers' checked runs. `held` is told of each frame that has become durable."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        now_ms: Callable[[], int],
        held: Callable[[Hold, Applied], None],
        own: NodeId | None = None,
    ) -> None:
        self._quotas = Quotas(store, own)
        self._store = store
        self._writer = writer
        self._now_ms = now_ms
        self._held = held
        self._waiting: deque[Waiting] = deque()
        self._strangers = {
            row.item.lane for row in store.set_aside_items() if row.item.code == AUTHOR_UNKNOWN
        }

    def hold(self, effect: Hold) -> Future[HoldDone]:
        """Make a peer's checked runs durable; the future resolves after commit."""
        future: Future[HoldDone] = Future()
        self._waiting.append((effect, future))
        self._writer.submit(Urgency.FOREIGN, self._hold_some)
        return future

    def _hold_some(self) -> None:
        some: list[Waiting] = []
        runs = 0
        while self._waiting and (not some or runs + len(self._waiting[0][0].runs) <= RUNS_TOGETHER):
            effect, future = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                some.append((effect, future))
                runs += len(effect.runs)
        if some:  # else an earlier turn has taken them along
            self._hold_together(some)

    def _hold_together(self, some: Sequence[Waiting]) -> None:
        try:
            self._quotas.look()
            with self._store.write() as transaction:
                applied = [self._apply(transaction, effect) for effect, _ in some]
        except BaseException as fault:  # noqa: BLE001  the waiter gets it, whatever it is
            if len(some) == 1:
                some[0][1].set_exception(fault)
                return
            for one in some:  # one of them may be at fault: the others do not pay for it
                self._hold_together([one])
            return
        for (effect, future), outcome in zip(some, applied, strict=True):
            self._note_strangers(effect, outcome)
            self._held(effect, outcome)
            future.set_result(HoldDone(outcome))

    def _apply(self, transaction: Transaction, effect: Hold) -> Applied:
        now = self._now_ms()
        runs, over = self._quotas.sort(effect.runs)
        applied = transaction.hold(runs, effect.source, now)
        self._quotas.held(runs, applied)
        if effect.set_aside or over:
            kept = {aside: b"".join(run.changes) for aside, run in effect.set_aside}
            items = [*kept, *(aside for aside, _ in over)]
            transaction.set_aside(items, kept, effect.source, now)
            more = tuple(aside for aside, _ in over)
            applied = applied._replace(set_aside=(*applied.set_aside, *more))
        for lane, _ in applied.grown:
            if lane in self._strangers:  # its author's key has become known
                transaction.clear_set_aside(lane)
        return applied

    def _note_strangers(self, effect: Hold, applied: Applied) -> None:
        self._strangers.difference_update(lane for lane, _ in applied.grown)
        self._strangers.update(
            aside.lane for aside, _ in effect.set_aside if aside.code == AUTHOR_UNKNOWN
        )
