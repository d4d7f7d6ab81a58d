"""What revoked devices wrote: held and passed on, and shown only as far as something covers it.

Covered is what the revocation names, what garrisons had published in their custody logs by then, and
what was released since: the same on every node that has the same logs. A node shows its own in any case.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from conflict.identity import ActorId, Lane, NodeId
from conflict.statement import Json
from node.belonging import Belonging
from node.writing import Urgency, Writer
from storage.ports import Store
from sync import custody
from sync.aliases import Claim, DocumentAlias, document_alias
from sync.ports import Position, Receipt
from sync.trust.theatre import Device

_LANES_MAX = 1_000_000
_PAGE = 64
_TOGETHER = 500


class _Held(NamedTuple):
    """A suspect's lane."""

    lane: Lane
    author: NodeId


_Lanes = Mapping[tuple[DocumentAlias, ActorId], _Held]


class Quarantine:
    """`reopened` is called, on the writer thread, when lanes are to be opened again."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        belonging: Belonging,
        own: NodeId,
        reopened: Callable[[], None],
    ) -> None:
        self._store = store
        self._writer = writer
        self._belonging = belonging
        self._own = own
        self._reopened = reopened
        self._due = threading.Event()
        self._suspects: dict[NodeId, Device] = {}  # as of the log that was judged last
        self.judge()

    def judge(self) -> None:
        """The log has changed: whose lanes are hidden from now on, and what of them is not."""
        self._writer.perform(Urgency.LOCAL, self._judge)
        self.stirred()

    def _judge(self) -> None:
        suspects = {device.node: device for device in self._revoked()}
        with self._store.write() as transaction:
            news = transaction.suspect(suspects)
        self._suspects = suspects
        if news:
            self._reopened()

    def stirred(self) -> None:
        """A custody log or a lane grew: more may be covered."""
        if self._suspects and not self._due.is_set():
            self._due.set()
            self._writer.submit(Urgency.PROJECTION, self._cover)

    def suspicious(self, authors: Iterable[NodeId]) -> bool:
        """Whether one of these is revoked."""
        return not self._suspects.keys().isdisjoint(authors)

    def _revoked(self) -> list[Device]:
        """Revoked, and not released altogether since."""
        return [
            device
            for device in self._belonging.theatre or ()
            if device.revoked is not None and device.node != self._own and not _released(device)
        ]

    def _cover(self) -> None:
        """Runs on the writer thread."""
        self._due.clear()
        devices = self._suspects
        claims = iter(list(self._claims(devices, self._lanes(devices))))
        while some := list(islice(claims, _TOGETHER)):
            with self._store.write() as transaction:
                news = transaction.cover(some)
            if news:
                self._reopened()

    def _lanes(self, devices: dict[NodeId, Device]) -> _Lanes:
        """By what claims call them. Of an actor with branches also the lane that these were once."""
        found = {one.lane: one.author for one in self._store.suspected(_LANES_MAX)}
        found |= {one.lane: one.author for one in self._store.forked() if one.author in devices}
        return {
            (document_alias(lane.document), lane.actor): _Held(lane, author)
            for lane, author in found.items()
        }

    def _claims(self, devices: dict[NodeId, Device], lanes: _Lanes) -> Iterator[Receipt]:
        """What counts of claims, of lanes that are here."""
        logs: dict[tuple[NodeId, bytes], dict[NodeId, int]] = {}
        for node, device in devices.items():
            assert device.revoked is not None  # noqa: S101  else it is not suspect
            released = (claim for one in device.judged if one.released for claim in one.lanes)
            for claim in (*device.revoked.named, *released):
                if found := lanes.get(claim[:2]):
                    yield Receipt(found.lane, claim.state)
            for garrison, (epoch, number) in device.revoked.published:
                logs.setdefault((garrison, epoch), {})[node] = number
        for (garrison, epoch), reached in logs.items():
            for number, claim in self._published(garrison, Position(epoch, max(reached.values()))):
                found = lanes.get(claim[:2])
                if found and number <= reached.get(found.author, 0):
                    yield Receipt(found.lane, claim.state)

    def _published(self, garrison: NodeId, until: Position) -> Iterator[tuple[int, Claim]]:
        """Claims of a garrison's log with the number of their entry, up to a position."""
        after = 0
        while after < until.number:
            page = self._store.custody_entries(garrison, until.epoch, after, _PAGE)
            for entry in map(custody.from_bytes, page):
                if entry.number <= until.number:
                    yield from ((entry.number, claim) for claim in entry.lanes)
            if not page:
                return
            after += len(page)

    def described(self) -> list[dict[str, Json]]:
        """For status: `{"node", "changes"}` of each revoked device: held here and not shown."""
        hidden: dict[NodeId, int] = {}
        for one in self._store.suspected(_LANES_MAX):
            hidden[one.author] = hidden.get(one.author, 0) + one.changes - one.covered
        return [{"node": node.hex(), "changes": count} for node, count in hidden.items() if count]


def _released(device: Device) -> bool:
    """What was last decided of all that it wrote."""
    whole = [one.released for one in device.judged if not one.lanes]
    return bool(whole) and whole[-1]
