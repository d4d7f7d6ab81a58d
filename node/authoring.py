"""Writing in our own name: actor, record clock, one open lane a document, signatures.

An actor lives as long as this process at most and is retired after any failed or uncertain commit,
so that no number is ever used twice (DESIGN §1). All methods run on the writer thread.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from conflict.clock import ZERO, HybridClock, Stamp, parse_stamp
from conflict.document import Entry, LaneWriter
from conflict.errors import BadStatement, LaneFull
from conflict.fold import Catalogue
from conflict.identity import (
    NONCE_BYTES,
    ActorId,
    DocumentId,
    Lane,
    StatementId,
    actor_id,
    statement_id,
)
from conflict.lane import LaneRun
from conflict.limits import LANE_CHANGES_MAX
from conflict.signature import SigningKey, lane_message
from conflict.slot import CATALOGUE
from conflict.statement import Draft, decode
from conflict.urgency import ROUTINE_LANE, LaneUrgency, lane_urgency
from node.desk import Save
from node.errors import NotSaved
from node.once import claim
from node.presenting import Presenter
from storage.ports import Store, Transaction
from sync.ports import Applied

LANES_OPEN_MAX = 256
SAVED_REMEMBERED_MAX = 100_000
CLOCK_SETTING = "clock"


@dataclass(slots=True)
class _OwnLane:
    """Our lane in one document, kept open: all its entries, and the changes of this transaction."""

    actor: ActorId
    nonce: bytes
    writer: LaneWriter
    entries: list[Entry]
    urgency: LaneUrgency = ROUTINE_LANE
    first_seq: int = 0
    fresh: list[bytes] = field(default_factory=list)
    head: bytes = b""

    def write(
        self, stamped: Sequence[tuple[Draft, Stamp]], catalogue: Catalogue
    ) -> list[StatementId]:
        """Add one change; the ids of its statements. Raises `LaneFull`, `BadStatement`."""
        written = self.writer.write(stamped)
        if not self.fresh:
            self.first_seq = self.writer.length
        self.fresh.append(written.raw)
        self.head = written.hash
        self.entries.extend(written.entries)
        self.urgency = lane_urgency(written.entries, catalogue, self.urgency)
        return [statement_id(self.actor, one.number) for one in written.entries]


class Author:
    """This node as a writer of statements. `entropy(n)` gives n random bytes."""

    def __init__(
        self,
        key: SigningKey,
        store: Store,
        entropy: Callable[[int], bytes],
        catalogue: Catalogue = CATALOGUE,
    ) -> None:
        self._catalogue = catalogue
        self._presenter = Presenter(catalogue)
        self._key = key
        self._store = store
        self._entropy = entropy
        last = store.setting(CLOCK_SETTING)
        self._clock = HybridClock(parse_stamp(last.decode()) if last else ZERO)
        self._lanes: OrderedDict[DocumentId, _OwnLane] = OrderedDict()
        self._closed: dict[DocumentId, tuple[ActorId, bytes]] = {}
        self.serial = 0
        self._saved: dict[DocumentId, int] = {}
        self._new_actor()

    def saved_since(self, document: DocumentId, serial: int) -> bool:
        """True when this author wrote in `document` after `serial`."""
        return self._saved.get(document, 0) > serial

    def hear(self, transaction: Transaction, entries: Iterable[Entry], now_ms: int) -> None:
        """Take note of peers' record stamps: what we write next is later, unless they run ahead."""
        before = self._clock.last
        for entry in entries:
            try:
                stamp = decode(entry.slot, StatementId(""), entry.text).rec
            except BadStatement:
                continue  # shown as unreadable; it moves nobody's clock
            self._clock.observe(stamp, now_ms)
        if self._clock.last != before:
            transaction.set_setting(CLOCK_SETTING, self._clock.last.text().encode())

    def retire(self) -> None:
        """Go on as a new actor in every document: what the old one wrote last is not certain."""
        self._lanes.clear()
        self._closed.clear()
        self._new_actor()

    def writes(self, actor: ActorId) -> bool:
        """Whether this process still writes as this actor."""
        open_ = {lane.actor for lane in self._lanes.values()}
        return actor == self._actor or actor in open_ | {one for one, _ in self._closed.values()}

    def leave(self, documents: Iterable[DocumentId]) -> None:
        """Go on as a new actor in these: their content is about to be let go."""
        own = [one for one in documents if one in self._lanes or one in self._closed]
        for document in own:
            self._lanes.pop(document, None)
            self._closed.pop(document, None)
        if own:
            self._new_actor()

    def write(
        self, transaction: Transaction, saves: Sequence[Save], now_ms: int
    ) -> tuple[Applied, list[list[str]]]:
        """Write all saves: held, admitted and shown in this one transaction. Raises `SavedAlready`."""
        claim(transaction, saves)
        touched: list[tuple[DocumentId, _OwnLane]] = []
        ids: list[list[str]] = []
        for save in saves:
            stamped = [(draft, self._clock.tick(now_ms)) for draft in save.drafts]
            lane = self._lane(save.document, transaction)
            try:
                ids.append([*lane.write(stamped, self._catalogue)])
            except LaneFull:
                self._new_actor()
                lane = self._lanes[save.document] = self._first_lane()
                ids.append([*lane.write(stamped, self._catalogue)])
            if len(lane.fresh) == 1:
                touched.append((save.document, lane))
        applied = transaction.hold([self._signed(*one) for one in touched], None, now_ms)
        if applied.set_aside or applied.gaps:
            raise NotSaved("the store refused this node's own lane; save again")
        for document, lane in touched:
            transaction.save_admission(
                document, lane.actor, lane.writer.length, lane.entries, lane.urgency
            )
        documents = dict.fromkeys(document for document, _ in touched)
        # all reads before all writes: reading makes the store write what it has queued
        entries = {document: transaction.entries(document) for document in documents}
        for document in documents:
            self._saved.pop(document, None)
            self._saved[document] = self.serial + 1  # reached when durable, in `settled`
            transaction.save_projection(self._presenter.present(document, entries[document]))
            transaction.mark_clean(document)
        transaction.set_setting(CLOCK_SETTING, self._clock.last.text().encode())
        return applied, ids

    def settled(self) -> None:
        """The transaction is durable: start afresh, and close lanes not used for long."""
        self.serial += 1
        for lane in self._lanes.values():
            lane.fresh.clear()
        while len(self._saved) > SAVED_REMEMBERED_MAX:
            del self._saved[next(iter(self._saved))]
        while len(self._lanes) > LANES_OPEN_MAX:
            document, lane = self._lanes.popitem(last=False)
            self._closed[document] = (lane.actor, lane.nonce)

    def _new_actor(self) -> None:
        self._nonce = self._entropy(NONCE_BYTES)
        self._actor = actor_id(self._key.node, self._nonce)

    def _lane(self, document: DocumentId, transaction: Transaction) -> _OwnLane:
        lane = self._lanes.get(document)
        if lane is None:
            earlier = self._closed.pop(document, None)
            lane = self._reopened(document, *earlier, transaction) if earlier else None
            lane = self._lanes[document] = lane or self._first_lane()
        self._lanes.move_to_end(document)
        return lane

    def _first_lane(self) -> _OwnLane:
        return _OwnLane(self._actor, self._nonce, LaneWriter(self._actor), [])

    def _reopened(
        self, document: DocumentId, actor: ActorId, nonce: bytes, transaction: Transaction
    ) -> _OwnLane:
        runs = self._store.runs_from(Lane(document, actor), 1, LANE_CHANGES_MAX << 16)
        changes = [chunk for run in runs for chunk in run.changes]
        entries = transaction.entries(document).get(actor, ())
        urgency = lane_urgency(entries, self._catalogue)
        return _OwnLane(actor, nonce, LaneWriter(actor, changes), list(entries), urgency)

    def _signed(self, document: DocumentId, lane: _OwnLane) -> LaneRun:
        run = LaneRun(
            lane=Lane(document, lane.actor),
            author=self._key.node,
            nonce=lane.nonce,
            first_seq=lane.first_seq,
            changes=tuple(lane.fresh),
            head=lane.head,
            signature=None,
        )
        return replace(run, signature=self._key.sign(lane_message(run)))
