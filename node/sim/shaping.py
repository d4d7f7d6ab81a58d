"""One direction of a thin link as a pure model: bytes go in, and come out when the link lets them.

No clock, socket or event loop lives here: time is an argument, seconds from the link's first moment,
and the same calls with the same seed give the same releases. `feed` takes what a connection may have
on its way, `next_deadline` says when to call `take`, `take` gives what has come out by then.

The model, event by event: connections (flows) take turns, one segment each; a segment takes its size
over the rate, then half the round trip. A lost segment is sent again one retransmission timeout after
its end (before anything new, doubled for each further loss), and what its flow sent meanwhile waits
at the far end, as TCP keeps order. While the link is silent nothing is sent and nothing comes out;
afterwards it goes on where it was. So loss and silence only ever delay.

Not modelled: headers, acknowledgements as traffic (a one-way cut leaves the other way going),
congestion control, fast retransmit, and the long wait of a real TCP after a long outage.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import NamedTuple

from node.sim.dice import dice
from node.sim.link_shape import LinkShape

DAY_S = 86_400.0
CUT, STALL, BUDGET = "cut", "stall", "budget spent"


class Release(NamedTuple):
    """`size` bytes of `flow` come out at `at`, seconds, in the order fed; size 0 is a mark."""

    flow: int
    size: int
    at: float


class Silence(NamedTuple):
    """Why nothing passes, and until when in seconds (infinity: until healed)."""

    cause: str
    until: float


@dataclass(slots=True)
class Tally:
    """Bytes so far: fed, put on the air (again, too, after a loss), come out; segments lost."""

    fed: int = 0
    aired: int = 0
    released: int = 0
    lost: int = 0


@dataclass(slots=True, eq=False)
class _Flow:
    key: int
    waiting: deque[_Segment] = field(default_factory=deque)
    sent: deque[_Segment] = field(default_factory=deque)
    held: int = 0
    is_gone: bool = False


@dataclass(slots=True, eq=False)
class _Segment:
    flow: _Flow
    size: int
    tries: int = 0
    has_arrived: bool = False


class Budget:
    """Bytes a day for both ways together (0: without end). Days start at 0 s."""

    def __init__(self, bytes_a_day: int) -> None:
        self._bytes_a_day = bytes_a_day
        self._day = 0
        self._is_over = False
        self.spent = 0

    def spend(self, size: int, now: float) -> bool:
        """Take `size` bytes of today's; once that many were not left, nothing until the next day."""
        if (day := int(now // DAY_S)) > self._day:
            self._day, self._is_over, self.spent = day, False, 0
        self._is_over |= 0 < self._bytes_a_day < self.spent + size
        if not self._is_over:
            self.spent += size
        return not self._is_over


class Shaper:
    """One direction. `way` names its chance beside the other direction's."""

    def __init__(
        self, shape: LinkShape, *, seed: int, way: str = "", budget: Budget | None = None
    ) -> None:
        self.shape = shape
        self.tally = Tally()
        self._budget = budget or Budget(shape.budget_bytes)
        self._losses, self._jitters = dice(seed, way, "loss"), dice(seed, way, "jitter")
        self._clock = 0.0
        self._flows: dict[int, _Flow] = {}
        self._turns: deque[_Flow] = deque()
        self._numbers = count()
        self._resends: list[tuple[float, int, _Segment]] = []
        self._flying: list[tuple[float, int, _Segment]] = []
        self._acks: deque[tuple[float, _Flow, int]] = deque()
        self._out: list[Release] = []
        self._sending: _Segment | None = None
        self._ends = 0.0  # when its sending ends; while the link is silent, how much is left of it
        self._is_silent = self._is_cut = self._is_spent = False
        self._stalled_until = 0.0

    # What a driver calls --------------------------------------------------------------------

    def room(self, flow: int = 0) -> int:
        """Bytes that `feed` would take now: the window less what is not yet acknowledged."""
        known = self._flows.get(flow)
        return self.shape.window_bytes - (known.held if known else 0)

    def feed(self, size: int, now: float, flow: int = 0) -> int:
        """Put bytes on the link; how many it took, at most `room`, as a socket's send does.

        Size 0 is a mark (a connection opens or ends): it queues and travels like a segment, and
        costs neither air time nor budget.
        """
        self._advance(now)
        known = self._flows.setdefault(flow, _Flow(flow))
        taken = min(size, self.room(flow))
        if taken or not size:
            self._queue(known, taken)
            self._start()
        return taken

    def next_deadline(self) -> float | None:
        """When `take` has work, seconds; None until something is fed or a cut healed."""
        at = self._clock if self._out else self._next_event()
        return None if at == inf else at

    def take(self, now: float) -> list[Release]:
        """What has come out by now and was not taken before."""
        self._advance(now)
        taken, self._out = self._out, []
        return taken

    def forget(self, flow: int) -> None:
        """Drop a flow and all of its bytes: both of its ends are gone."""
        if known := self._flows.pop(flow, None):
            known.is_gone = True
            known.waiting.clear()
            self._turns = deque(one for one in self._turns if one is not known)

    def cut(self, now: float) -> None:
        """Silent from now on."""
        self._advance(now)
        self._is_cut = True
        self._turn()

    def stall(self, seconds: float, now: float) -> None:
        """Silent for `seconds` from now on."""
        self._advance(now)
        self._stalled_until = max(self._stalled_until, self._clock + seconds)
        self._turn()

    def heal(self, now: float) -> None:
        """End a cut and a stall made by hand; those of the link itself and its budget stay."""
        self._advance(now)
        self._is_cut, self._stalled_until = False, 0.0
        self._turn()
        self._start()

    def silence(self, now: float) -> Silence | None:
        """Why nothing passes at `now`; None while the link is open."""
        self._advance(now)
        until = self._silent_until()
        if until > self._clock:
            return Silence(CUT if until == inf else STALL, until)
        return Silence(BUDGET, self._next_day()) if self._is_spent else None

    # Events, each at its own time however late the driver is --------------------------------

    def _advance(self, now: float) -> None:
        while (at := self._next_event()) <= now:
            self._step(at)
        self._clock = max(self._clock, now)
        self._turn()

    def _next_event(self) -> float:
        if not (self._sending or self._turns or self._resends or self._flying or self._acks):
            return inf
        if self._is_silent:
            return self._silent_until()
        at = self._stall_around()[0]
        if self._sending:
            at = min(at, self._ends)
        elif self._is_spent:
            at = min(at, self._next_day())
        elif self._resends:
            at = min(at, self._resends[0][0])
        if self._flying:
            at = min(at, self._flying[0][0])
        if self._acks:
            at = min(at, self._acks[0][0])
        return max(at, self._clock)

    def _step(self, at: float) -> None:
        self._clock = at
        self._turn()
        if self._is_silent:
            return
        if self._sending and self._ends <= at:
            self._sent(self._sending)
        self._start()
        while self._flying and self._flying[0][0] <= at:
            self._arrived(heappop(self._flying)[2])
        while self._acks and self._acks[0][0] <= at:
            _, flow, size = self._acks.popleft()
            flow.held -= size

    def _queue(self, flow: _Flow, size: int) -> None:
        if not flow.waiting:
            self._turns.append(flow)
        flow.held += size
        self.tally.fed += size
        whole, rest = divmod(size, self.shape.segment_bytes)
        flow.waiting.extend(_Segment(flow, self.shape.segment_bytes) for _ in range(whole))
        if rest or not whole:
            flow.waiting.append(_Segment(flow, rest))

    def _start(self) -> None:
        """Send what is next, if the link is free."""
        self._is_spent = False
        if self._sending or self._is_silent or not (segment := self._next()):
            return
        if not self._budget.spend(segment.size, self._clock):
            self._is_spent = True
            return
        if segment.tries:
            heappop(self._resends)
        else:
            flow = self._turns.popleft()
            flow.sent.append(flow.waiting.popleft())
            if flow.waiting:
                self._turns.append(flow)
        self._sending, self._ends = segment, self._clock + self.shape.air_s(segment.size)

    def _next(self) -> _Segment | None:
        while self._resends and self._resends[0][2].flow.is_gone:
            heappop(self._resends)
        if self._resends and self._resends[0][0] <= self._clock:
            return self._resends[0][2]
        return self._turns[0].waiting[0] if self._turns else None

    def _sent(self, segment: _Segment) -> None:
        self._sending = None
        self.tally.aired += segment.size
        is_lost = self._losses.random() < self.shape.loss
        late_s = self.shape.jitter_s * self._jitters.random()
        if is_lost:
            self.tally.lost += 1
            again = self._clock + self.shape.retry_s(segment.tries)
            segment.tries += 1
            heappush(self._resends, (again, next(self._numbers), segment))
        else:
            arrives = self._clock + self.shape.delay_s + late_s
            heappush(self._flying, (arrives, next(self._numbers), segment))

    def _arrived(self, segment: _Segment) -> None:
        """Keep it until all before it is there."""
        segment.has_arrived = True
        flow = segment.flow
        while not flow.is_gone and flow.sent and flow.sent[0].has_arrived:
            size = flow.sent.popleft().size
            self.tally.released += size
            self._out.append(Release(flow.key, size, self._clock))
            self._acks.append((self._clock + self.shape.delay_s, flow, size))

    # Silence --------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Stop in the middle of a segment when the link falls silent, and go on when it opens."""
        is_silent = self._silent_until() > self._clock
        if is_silent == self._is_silent:
            return
        self._is_silent = is_silent
        self._ends += -self._clock if is_silent else self._clock

    def _silent_until(self) -> float:
        if self._is_cut:
            return inf
        begin, end = self._stall_around()
        return max(self._stalled_until, end if begin <= self._clock else 0.0)

    def _stall_around(self) -> tuple[float, float]:
        """Begin and end of the link's own stall that is on or comes next."""
        every, stall = self.shape.every_s, self.shape.stall_s
        if not stall:
            return inf, inf
        number = max(1, int((self._clock - stall) / every))
        while number * every + stall <= self._clock:
            number += 1
        return number * every, number * every + stall

    def _next_day(self) -> float:
        return (self._clock // DAY_S + 1) * DAY_S
