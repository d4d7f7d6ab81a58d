"""Content that came in: vetted, held, and receipted in batches once it is durable.

A receipt says "these messages are durable here" and is signed over the lanes that they carried; it
costs 75 bytes however many lanes that were, and one may cover several messages. Pure.
"""

from __future__ import annotations

from typing import NamedTuple

from conflict.identity import Lane, NodeId
from conflict.lane import LaneRun
from sync import limits, messages
from sync.effects import Hold, HoldDone
from sync.errors import OutOfTurn
from sync.ports import Keyring, Receipt, SetAside, Signer
from sync.receipts import signed_receipts, vet


class _Holding(NamedTuple):
    """A CONTENT message on its way into the store. `aside`: places of runs that were not vetted."""

    content: messages.Content
    aside: frozenset[int]


class Inbound:
    """CONTENT messages not yet receipted."""

    def __init__(self, signer: Signer, keyring: Keyring, epoch: bytes, delay_s: float) -> None:
        self.delay_s = delay_s
        self._due: float | None = None
        self._signer, self._keyring, self._epoch = signer, keyring, epoch
        self._holding: dict[int, _Holding] = {}
        self._holding_bytes = 0
        self._frames: list[int] = []
        self._receipts: list[Receipt] = []
        self._refused: list[tuple[int, int]] = []

    @property
    def holding(self) -> bool:
        """Something is not durable yet."""
        return bool(self._holding)

    @property
    def due(self) -> float | None:
        """When the receipt under way is to be sent; None: there is none, or what is being held will
        bring it."""
        return None if self._holding and not self.delay_s else self._due

    def take(
        self, content: messages.Content, ticket: int, source: NodeId
    ) -> tuple[Hold, list[SetAside]]:
        """What to hold of a message, and what is refused at once. Raises `OutOfTurn`."""
        self._holding_bytes += _size(content)
        if self._holding_bytes > limits.HOLDING_BYTES_MAX:
            most = limits.HOLDING_BYTES_MAX
            raise OutOfTurn(f"over {most} bytes of content without a receipt (HOLDING_BYTES_MAX)")
        good: list[LaneRun] = []
        aside: list[tuple[SetAside, LaneRun]] = []
        places: set[int] = set()
        for place, run in enumerate(content.runs):
            if (fault := vet(run, self._keyring)) is None:
                good.append(run)
            else:
                aside.append((fault, run))
                places.add(place)
        self._holding[ticket] = _Holding(content, frozenset(places))
        hold = Hold(ticket, source, tuple(good), tuple(aside), content.precedence)
        return hold, [fault for fault, _ in aside]

    def held(self, ticket: int, answer: HoldDone, now: float) -> None:
        """A message is durable: remember what to say of it."""
        content, aside = self._holding.pop(ticket)
        self._holding_bytes -= _size(content)
        held = {one.lane: one.state for one in answer.applied.held}
        branches = {(one.lane, one.first_seq) for one in answer.applied.set_aside}
        for place, run in enumerate(content.runs):
            if run.signature is None:
                continue
            state = held.get(run.lane)
            reached = state is not None and state.length >= run.last_seq
            if place in aside or not reached or _branches(run, branches):
                self._refused.append((content.frame, place))
            else:
                self._receipts.append(Receipt(run.lane, run.state.short))
        self._frames.append(content.frame)
        if self._due is None:
            self._due = now + self.delay_s

    def hurry(self, now: float) -> None:
        """Do not wait for more: a check is about to start."""
        if self._due is not None:
            self._due = now

    def receipt(self, now: float) -> messages.Receipts | None:
        """The receipt to send now, if it is time: the wait is over, or nothing else is coming in."""
        if not self._frames:
            return None
        waited = self.due is not None and now >= self.due
        full = self._refused or len(self._frames) >= limits.RECEIPT_FRAMES
        if not waited and not full:
            return None
        message = signed_receipts(
            self._signer, self._epoch, self._frames, self._receipts, self._refused
        )
        self._frames, self._receipts, self._refused = [], [], []
        self._due = None
        return message


def _size(content: messages.Content) -> int:
    return sum(run.size for run in content.runs)


def _branches(run: LaneRun, branches: set[tuple[Lane, int]]) -> bool:
    """Whether part of this run was set aside as another branch of its lane."""
    return any(lane == run.lane and run.first_seq <= seq <= run.last_seq for lane, seq in branches)
