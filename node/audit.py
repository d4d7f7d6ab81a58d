"""This node's audit log, as everything in it uses it: one door, `note`, that never waits or fails.

Rows are written by the writer thread, many in one transaction, behind everything else; those of a
save go into the save's own transaction. While the disk is full they stay in memory, the oldest give way,
and a row says how many did.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import structlog

from conflict.identity import NodeId
from conflict.signature import SigningKey
from node.acting import Acting, acting
from node.audit_rate import RateBound
from node.hands import Hands, Rounds, Wait
from node.listeners import Listeners
from node.writing import Urgency, Writer
from storage.ports import Store, Transaction
from sync import audit, limits
from sync.audit import OK, Action, AuditHead, AuditRow

RING_ROWS = 4096
"""Kept in memory while they cannot be written."""

PACE_S = 0.5
"""Between two transactions of rows alone: what is noted meanwhile goes into one."""

RETRY_S_MAX = 60.0
BOARDING_ROWS = 32
"""Waiting rows that a save takes along."""

BATCH_ROWS = 256

log = structlog.get_logger("audit")


@dataclass(slots=True)
class Ride:
    """What a save's rows say, for those that it writes in its own transaction. `taken`: it did."""

    action: Action
    taken: bool = False


_RIDE: ContextVar[Ride | None] = ContextVar("ride", default=None)


class Taken(NamedTuple):
    """Rows on their way into a transaction; `lost` rows before them never will be. `own`: the save's."""

    rows: tuple[AuditRow, ...]
    lost: int
    own: tuple[AuditRow, ...] = ()

    def written(self, now_ms: int) -> tuple[AuditRow, ...]:
        """What to write."""
        words = f"{self.lost} rows"
        loss = (AuditRow(now_ms, Action.LOST, purpose=words),) if self.lost else ()
        return (*loss, *self.rows, *self.own)


NO_ROWS = Taken((), 0)
_NOBODY = Acting("", "")


@dataclass(slots=True)
class _Ring:
    """Rows that wait, the oldest first."""

    rows: deque[AuditRow] = field(default_factory=deque)
    lost: int = 0

    def add(self, row: AuditRow) -> None:
        if len(self.rows) >= RING_ROWS:
            self.rows.popleft()
            self.lost += 1
        self.rows.append(row)

    def take(self, most: int) -> Taken:
        taken = Taken(tuple(islice(self.rows, most)), self.lost)
        for _ in taken.rows:
            self.rows.popleft()
        self.lost = 0
        return taken

    def give_back(self, taken: Taken) -> None:
        room = max(0, RING_ROWS - len(self.rows))
        kept = taken.rows[len(taken.rows) - room :] if room < len(taken.rows) else taken.rows
        self.lost += taken.lost + len(taken.rows) - len(kept)
        self.rows.extendleft(reversed(kept))


def _told(rows: Iterable[AuditRow]) -> int:
    """Without those about links."""
    return sum(one.action != Action.SYNC for one in rows)


class Audit:
    """The log of one running node. `note` and `refused` may be called on any thread."""

    def __init__(
        self,
        key: SigningKey,
        store: Store,
        writer: Writer,
        now_ms: Callable[[], int],
        hands: Hands,
        pace_s: float = PACE_S,
    ) -> None:
        self._key = key
        self._store = store
        self.epoch = store.epoch()  # of the store; whoever renews it says so here
        self._writer = writer
        self._now_ms = now_ms
        self._pace_s = pace_s
        self._ring = _Ring()
        self._aboard = 0  # rows in transactions that are not durable yet
        self._bounds: dict[tuple[Action, str], RateBound] = {}
        self._lock = threading.Lock()
        self._news: Listeners[AuditHead] = Listeners()
        self._routine = hands.routine("audit", self._rounds())
        self._routine.start()

    def on_grown(self, listener: Callable[[AuditHead], None]) -> Callable[[], None]:
        """Tell `listener` (on the writer thread) that our log has grown; undo by calling."""
        return self._news.add(listener)

    @property
    def device(self) -> NodeId:
        """Whose log it is."""
        return self._key.node

    @property
    def waiting(self) -> int:
        """Rows that are not durable yet, without those about links."""
        with self._lock:
            return _told(self._ring.rows) + self._ring.lost + self._aboard

    # The door ---------------------------------------------------------------------------------

    def note(
        self,
        action: Action,
        *,
        person: str | None = None,
        role: str | None = None,
        subject: bytes = b"",
        purpose: str | None = None,
        outcome: str = OK,
    ) -> None:
        """Note it; returns at once. What is None says who acts now (`node/acting.py`).

        `subject`: id of a document or node; `purpose`: why, never what a record says.
        """
        row = self._row(action, subject, person, role, purpose, outcome)
        with self._lock:
            self._ring.add(row)
        self._routine.stir()

    def _row(
        self,
        action: Action,
        subject: bytes,
        person: str | None = None,
        role: str | None = None,
        purpose: str | None = None,
        outcome: str = OK,
    ) -> AuditRow:
        who = acting.get() or _NOBODY
        texts = (
            who.person if person is None else person,
            who.role if role is None else role,
            who.purpose if purpose is None else purpose,
            outcome,
        )
        person, role, purpose, outcome = map(audit.fitting, texts)
        subject = subject[: limits.AUDIT_SUBJECT_BYTES_MAX]
        return AuditRow(max(0, self._now_ms()), action, person, role, subject, purpose, outcome)

    def refused(self, action: Action, outcome: str) -> None:
        """Somebody who is not let in tried: noted a few times a minute, then counted."""
        now_ms = self._now_ms()
        with self._lock:
            bound = self._bounds.setdefault((action, outcome), RateBound())
            more = bound.summary(now_ms)
            each = bound.happened(now_ms)
        if more:
            self._say_more(action, outcome, more)
        if each:
            self.note(action, outcome=outcome)
        self._routine.stir()

    def unauthorised(self) -> None:
        """A request to the local API without a valid token."""
        self.refused(Action.LOGIN_FAILED, "unauthorised")

    def _say_more(self, action: Action, outcome: str, more: int) -> None:
        self.note(action, person="", role="", purpose=f"{more} more in a minute", outcome=outcome)

    def _summaries(self, *, ending: bool = False) -> None:
        now_ms = self._now_ms()
        with self._lock:
            found = [
                (kind, bound.summary(now_ms, ending=ending)) for kind, bound in self._bounds.items()
            ]
        for (action, outcome), more in found:
            if more:
                self._say_more(action, outcome, more)

    # With a save ------------------------------------------------------------------------------

    @contextmanager
    def riding(self, action: Action) -> Iterator[Ride]:
        """Saves within the block write a row for each document in their own transaction."""
        ride = Ride(action)
        token = _RIDE.set(ride)
        try:
            yield ride
        finally:
            _RIDE.reset(token)

    def boarding(self, documents: Iterable[bytes]) -> tuple[AuditRow, ...]:
        """The rows of a save of these, asked on the thread that saves; none where nobody audits it."""
        ride = _RIDE.get()
        if ride is None:
            return ()
        ride.taken = True
        return tuple(self._row(ride.action, one) for one in dict.fromkeys(documents))

    def take(self, own: Sequence[AuditRow] = (), most: int = BOARDING_ROWS) -> Taken:
        """Rows to write now: those of a save, and waiting ones before them."""
        with self._lock:
            taken = self._ring.take(most)._replace(own=tuple(own))
            self._aboard += _told(taken.rows) + taken.lost
            return taken

    def give_back(self, taken: Taken) -> None:
        """They were not written: the next transaction takes them. The save's own are not kept."""
        with self._lock:
            self._ring.give_back(taken)
            self._aboard -= _told(taken.rows) + taken.lost
        self._routine.stir()

    def keep(self, rows: Iterable[AuditRow]) -> None:
        """A save was written without these."""
        with self._lock:
            for row in rows:
                self._ring.add(row)
        self._routine.stir()

    def append(self, transaction: Transaction, taken: Taken) -> AuditHead | None:
        """Write them in this transaction, the last one signed. On the writer thread."""
        rows = taken.written(self._now_ms())
        if not rows:
            return None
        return transaction.append_audit(self.device, self.epoch, rows, self._sign)

    def _sign(self, head: AuditHead) -> bytes:
        return audit.sign_head(self._key.node, head, self._key)

    def appended(self, taken: Taken, head: AuditHead | None) -> None:
        """That transaction is durable."""
        with self._lock:
            self._aboard -= _told(taken.rows) + taken.lost
        if head is not None:
            self._news.tell(head)

    # Alone ------------------------------------------------------------------------------------

    def _rounds(self) -> Rounds:
        delay_s = self._pace_s
        while True:
            yield Wait(self._due_s(), stirs=True)
            yield Wait(delay_s)
            self._summaries()
            delay_s = self._pace_s if self._flushed() else min(2 * delay_s, RETRY_S_MAX)

    def _due_s(self) -> float | None:
        now_ms = self._now_ms()
        with self._lock:
            due = [bound.due_s(now_ms) for bound in self._bounds.values()]
        return min((one for one in due if one is not None), default=None)

    def _flushed(self) -> bool:
        try:
            while self._writer.submit(Urgency.AUDIT, self._write).result():
                pass
        except CancelledError:
            return True
        except Exception as fault:  # noqa: BLE001  a full disk must not end the log for good
            log.error("rows not written", code=getattr(fault, "code", "internal"))
            self._routine.stir()
            return False
        return True

    def _write(self) -> bool:
        """One batch; whether there are more."""
        taken = self.take(most=BATCH_ROWS)
        if not taken.rows and not taken.lost:
            return False
        try:
            with self._store.write() as transaction:
                head = self.append(transaction, taken)
        except BaseException:
            self.give_back(taken)
            raise
        self.appended(taken, head)
        return len(taken.rows) == BATCH_ROWS

    def flush(self) -> bool:
        """Write what waits; False: it could not be written and waits on. Not on the writer thread."""
        return self._flushed()

    def stop(self) -> None:
        """Write what waits, then nothing more. While the writer still runs."""
        self._routine.stop()
        self._summaries(ending=True)
        if not self._flushed():
            with self._lock:
                waiting = len(self._ring.rows) + self._ring.lost
            log.error("rows lost at the end", rows=waiting)
