"""Content that came in: completed, vetted, held, and receipted in batches once it is durable.

Messages are dealt with in the order in which they came, so that a run may go on from one that is not
durable yet (PROTOCOL.md, *Content*). A receipt says "these messages are durable here" and is signed over
the lanes that they carried; it costs 75 bytes however many lanes that were, and one may cover several
messages. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from conflict.identity import ActorId, Lane, NodeId
from conflict.lane import LaneRun
from sync import limits, messages
from sync.continuing import Base, BasesRead, Continued, ReadBases, end_of
from sync.effects import Hold, HoldDone
from sync.errors import OutOfTurn
from sync.payload import Payload, read_payload
from sync.ports import Keyring, Precedence, Receipt, SetAside, Signer
from sync.receipts import BAD_SIGNATURE, signed_receipts, vet


class _Opened(NamedTuple):
    """A CONTENT message that was read; `bases`: what of its runs' places is known so far."""

    frame: int
    precedence: Precedence
    size: int
    payload: Payload
    bases: dict[Continued, Base]


class _Holding(NamedTuple):
    """A CONTENT message on its way into the store: signed or staged runs by place, None where there is
    nothing to hold. `gaps`: lanes of runs that go on from what is not here, by the start of their actor."""

    frame: int
    size: int
    runs: tuple[LaneRun | None, ...]
    gaps: tuple[Lane, ...]


class Inbound:
    """CONTENT messages from `source`, not yet receipted."""

    def __init__(
        self, signer: Signer, keyring: Keyring, epoch: bytes, source: NodeId, delay_s: float
    ) -> None:
        self.delay_s = delay_s
        self._due: float | None = None
        self._signer, self._keyring, self._epoch = signer, keyring, epoch
        self._source = source
        self._waiting: deque[messages.Content] = deque()
        self._opened: _Opened | None = None  # waits for a read
        self._holding: dict[int, _Holding] = {}
        self.shut = False
        """Nothing is taken apart yet: whose signatures count is still to come."""
        self._ends: dict[Continued, Base] = {}  # of runs being held
        self.bytes = 0
        self._frames: list[int] = []
        self._receipts: list[Receipt] = []
        self._refused: list[tuple[int, int]] = []

    @property
    def holding(self) -> bool:
        """Something is not durable yet."""
        return bool(self._waiting or self._opened or self._holding)

    @property
    def due(self) -> float | None:
        """When the receipt under way is to be sent; None: there is none, or what is being held will
        bring it."""
        return None if self.holding and not self.delay_s else self._due

    def put(self, content: messages.Content) -> None:
        """It waits for its turn. Raises `OutOfTurn`."""
        self._count(len(content.payload))
        self._waiting.append(content)

    def go_on(self, ticket: Callable[[], int]) -> Iterator[Hold | ReadBases]:
        """What to hold of the messages that wait, or what to read for that: one read at a time.

        All that came before is being held then, which `_ends` knows, or held, which the read sees.
        Raises what `read_payload` raises.
        """
        while self._waiting and self._opened is None and not self.shut:
            content = self._waiting.popleft()
            payload = read_payload(content.payload)
            wanted = payload.continued
            near = {place: self._ends[place] for place in wanted if place in self._ends}
            opened = _Opened(content.frame, content.precedence, len(content.payload), payload, near)
            if len(near) == len(wanted):
                yield self._hold(opened, ticket())
            else:
                self._opened = opened
                far = tuple(place for place in wanted if place not in near)
                yield ReadBases(ticket(), self._source, far)

    def found(self, answer: BasesRead, ticket: Callable[[], int]) -> Iterator[Hold | ReadBases]:
        """The read has come back."""
        assert self._opened is not None  # noqa: S101  one read at a time
        opened, self._opened = self._opened, None
        opened.bases.update(answer.bases)
        yield self._hold(opened, ticket())
        yield from self.go_on(ticket)

    def _hold(self, opened: _Opened, ticket: int) -> Hold:
        runs = opened.payload.runs(opened.bases)
        size = sum(run.size for run in runs if run is not None)
        self._count(size - opened.size)
        good: list[LaneRun | None] = []
        aside: list[tuple[SetAside, LaneRun]] = []
        gaps: dict[Lane, None] = {}
        for run, place in zip(runs, opened.payload.places, strict=True):
            fault = vet(run, self._keyring) if run is not None else None
            if place is not None and (run is None or (fault and fault.code == BAD_SIGNATURE)):
                gaps[Lane(place.document, ActorId(place.actor))] = (
                    None  # of two places that look alike it was the other one
                )
                good.append(None)
            elif run is not None and fault is not None:
                aside.append((fault, run))
                good.append(None)
            else:
                good.append(run)
        holding = _Holding(opened.frame, size, tuple(good), tuple(gaps))
        self._holding[ticket] = holding
        due = tuple(run for run in good if run is not None)
        self._ends.update(map(end_of, due))
        return Hold(ticket, self._source, due, tuple(aside), opened.precedence)

    def held(self, ticket: int, answer: HoldDone, now: float) -> tuple[Lane, ...]:
        """A message is durable: remember what to say of it. Lanes in which it showed a gap."""
        holding = self._holding.pop(ticket)
        self.bytes -= holding.size
        held = {one.lane: one.state for one in answer.applied.held}
        branches = {(one.lane, one.first_seq) for one in answer.applied.set_aside}
        for place, run in enumerate(holding.runs):
            if run is None:
                self._refused.append((holding.frame, place))
                continue
            self._ends.pop(end_of(run)[0], None)
            if run.signature is None:
                continue
            state = held.get(run.lane)
            reached = state is not None and state.length >= run.last_seq
            if not reached or _branches(run, branches):
                self._refused.append((holding.frame, place))
            else:
                self._receipts.append(Receipt(run.lane, run.state.short))
        self._frames.append(holding.frame)
        if self._due is None:
            self._due = now + self.delay_s
        return tuple(dict.fromkeys((*holding.gaps, *answer.applied.gaps)))

    def _count(self, size: int) -> None:
        self.bytes += size
        if self.bytes > limits.HOLDING_BYTES_MAX:
            most = limits.HOLDING_BYTES_MAX
            raise OutOfTurn(f"over {most} bytes of content without a receipt (HOLDING_BYTES_MAX)")

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


def _branches(run: LaneRun, branches: set[tuple[Lane, int]]) -> bool:
    """Whether part of this run was set aside as another branch of its lane."""
    return any(lane == run.lane and run.first_seq <= seq <= run.last_seq for lane, seq in branches)
