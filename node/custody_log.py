"""Garrisons' custody logs on a node: keeps what sessions bring, and writes its own where it is one.

An entry is written when something new is durable, at most every two seconds unless a backlog fills
them; it is signed in the transaction that makes it. Everything that writes runs on the writer thread.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import NamedTuple

import structlog

from conflict.identity import NodeId
from conflict.signature import SigningKey
from node.hands import STIRRED, Hands, Rounds, Wait
from node.lineage import begin_epoch
from node.listeners import Listeners
from node.writing import Urgency, Writer
from storage.ports import Store
from sync import custody, limits
from sync.custody import CustodyEntry, Verdict
from sync.custody_effects import CustodyRefused, CustodySaved, SaveCustody
from sync.ports import Position

PACE_S = 2.0
"""Between two entries: what is saved meanwhile goes into one."""

log = structlog.get_logger("custody")


class CustodyNews(NamedTuple):
    """A log grew here, by an entry of ours (`source` None) or through a peer. `renewed`: our store
    has a new epoch, as it had lost something; sessions of the old one must end."""

    source: NodeId | None
    renewed: bool = False


class CustodyLogs:
    """`begin` on a garrison; `stirred` when something became durable."""

    def __init__(
        self,
        key: SigningKey,
        store: Store,
        writer: Writer,
        now_ms: Callable[[], int],
        entropy: Callable[[int], bytes],
        hands: Hands,
    ) -> None:
        self._key = key
        self._store = store
        self._writer = writer
        self._now_ms = now_ms
        self._entropy = entropy
        self._news: Listeners[CustodyNews] = Listeners()
        self._pace_s = PACE_S
        self._routine = hands.routine("custody", self._rounds())

    def on_news(self, listener: Callable[[CustodyNews], None]) -> Callable[[], None]:
        """Tell `listener` (on a thread of this class or the writer's); undo by calling."""
        return self._news.add(listener)

    # What sessions bring ----------------------------------------------------------------------

    def save(self, effect: SaveCustody, source: NodeId | None) -> Future[CustodySaved]:
        """Keep an entry that its garrison signed; the future resolves after commit."""
        return self._writer.submit(Urgency.FOREIGN, partial(self._save, effect.entry, source))

    def refused(self, effect: CustodyRefused) -> None:
        """An entry that a peer passed on was not taken. Nothing else is held up."""
        garrison = effect.garrison.hex()[:8]
        log.warning("entry refused", garrison=garrison, number=effect.number, code=effect.code)

    def _save(self, entry: CustodyEntry, source: NodeId | None) -> CustodySaved:
        if entry.garrison == self._key.node:
            return self._returned(entry)
        with self._store.write() as transaction:
            verdict, position = transaction.save_custody(entry, self._now_ms())
        if verdict is Verdict.KEPT:
            self._news.tell(CustodyNews(source))
        return CustodySaved(entry, verdict, position)

    def _returned(self, entry: CustodyEntry) -> CustodySaved:
        """Our own log comes back to us. Where it is further than we have it, this store was restored
        from an older backup: nobody may go on believing what it said since."""
        epoch = self._store.epoch()
        held = self._store.custody_positions().get(self._key.node, Position(epoch))
        if entry.position <= max(held, Position(epoch)):
            return CustodySaved(entry, Verdict.KNOWN, held)
        log.warning("own custody log surpassed", entry=entry.number, held=held.number)
        self.renew(max(entry.epoch, epoch))
        return CustodySaved(entry, Verdict.SURPASSED, held)

    def renew(self, after: bytes) -> None:
        """Begin a new epoch: this store had lost something. On the writer thread."""
        begin_epoch(self._store, "surpassed", self._now_ms(), self._entropy(16), after)
        self._news.tell(CustodyNews(None, renewed=True))
        self.stirred()

    # Our own ----------------------------------------------------------------------------------

    def begin(self, pace_s: float = PACE_S) -> None:
        """This node is a garrison: write what is durable here into its log, from now on."""
        self._pace_s = pace_s
        self._routine.stir()
        self._routine.start()

    def stirred(self) -> None:
        """Something is durable that may not be in our log yet."""
        self._routine.stir()

    def stop(self) -> None:
        """No entry is written after this."""
        self._routine.stop()

    def _rounds(self) -> Rounds:
        while True:
            yield STIRRED
            try:
                entry = self._writer.submit(Urgency.PROJECTION, self._write).result()
            except CancelledError:
                return
            except Exception as fault:  # noqa: BLE001  a full disk must not end the log for good
                log.error("custody entry not written", code=getattr(fault, "code", "internal"))
                entry = None
                self._routine.stir()
            if entry is not None:
                self._routine.stir()  # there may be more
                self._news.tell(CustodyNews(None))
            full = entry is not None and len(entry.lanes) >= limits.CUSTODY_LANES_MAX
            if not full:
                yield Wait(self._pace_s)

    def _write(self) -> CustodyEntry | None:
        with self._store.write() as transaction:
            return transaction.write_custody(
                self._key.node,
                self._store.epoch(),
                self._now_ms(),
                lambda entry: custody.signed(entry, self._key),
            )
