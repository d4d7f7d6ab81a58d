"""Two flows over the model of a thin link, in virtual time: what is urgent is there in time.

The senders' kernels take whatever they are given, so nothing but credit and pace keeps the queue in
front of the link short, as with a modem that has its own memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from node.sim.link_shape import LinkShape
from node.sim.shaping import Shaper
from sync import codec
from sync.flow import Flow, Intake
from sync.messages import Ack
from sync.pace import FRAME_HEAD_BYTES, LATE_S, Pace
from sync.ports import Precedence

CONTROL, URGENT, SUMMARY, ROUTINE, BLOB = Precedence
BACKLOG_BYTES, URGENT_BYTES = 1_000_000, 465
PUT_S, WARM_S, END_S = 30.0, 10.0, 70.0
PHASES = 12
CREDIT_FRAMES = 4


class Case(NamedTuple):
    """A link and how it is used. `known`: its rate is, so frames are paced."""

    shape: LinkShape
    frame: int
    both: bool
    known: bool
    backlog: tuple[Precedence, ...] = (ROUTINE,)

    @property
    def credit(self) -> int:
        return int(self.shape.rate_bits_s * self.shape.rtt_s / 8) + CREDIT_FRAMES * self.frame

    @property
    def frame_s(self) -> float:
        return self.shape.air_s(self.frame + FRAME_HEAD_BYTES)


def message(precedence: Precedence, size: int) -> bytes:
    return bytes([0x94, 6, precedence]) + bytes(size - 3)


class End:
    """Who sends one way and acknowledges what comes the other way."""

    def __init__(self, case: Case, way: str) -> None:
        self.flow = Flow(frame_bytes_max=case.frame, credit_bytes=case.credit)
        self.intake = Intake(frame_bytes_max=case.frame, credit_bytes=case.credit)
        self.link = Shaper(case.shape, seed=1, way=way)
        self.bytes_out = 0
        self.free = 0.0
        self._pace = Pace(case.shape.rate_bits_s if case.known else 0)
        self._kernel: deque[int] = deque()
        self._frames: deque[tuple[bytes, int]] = deque()  # on their way, and what has not come out
        self._out = 0

    def next_deadline(self, now: float) -> float:
        known = [one for one in (self.link.next_deadline(),) if one is not None]
        if self.free > now and not self.flow.idle:
            known.append(self.free)
        return min(known, default=float("inf"))

    def pump(self, now: float) -> None:
        while now >= self.free and (frame := self.flow.next()) is not None:
            self.free = self._pace.sent(len(frame), now)
            self._kernel.append(len(frame) + FRAME_HEAD_BYTES)
            self._frames.append((frame, self._kernel[-1]))
        while self._kernel and (taken := self.link.feed(self._kernel[0], now)):
            self._kernel[0] -= taken
            if not self._kernel[0]:
                self._kernel.popleft()

    def come_out(self, now: float) -> Iterator[tuple[bytes, float]]:
        """Frames whose last byte has come out, and when."""
        for release in self.link.take(now):
            self._out += release.size
            if release.at > WARM_S:
                self.bytes_out += release.size
            while self._frames and self._out >= self._frames[0][1]:
                frame, size = self._frames.popleft()
                self._out -= size
                yield frame, release.at

    def take(self, frame: bytes) -> bytes | None:
        whole = self.intake.take(frame)
        if (through := self.intake.ack()) is not None:
            self.flow.acknowledge(through)
        if whole and isinstance(ack := _ack(whole), Ack):
            self.flow.acked(ack.through)
        return whole


def _ack(whole: bytes) -> object:
    return codec.decode(whole) if codec.type_of(whole) == codec.ACK else None


class Lab:
    """Both ends and the clock."""

    def __init__(self, case: Case) -> None:
        self.now = 0.0
        self.case = case
        self.ends = one, other = End(case, "out"), End(case, "back")
        for end in self.ends if case.both else self.ends[:1]:
            for precedence in case.backlog:
                end.flow.put(precedence, message(precedence, BACKLOG_BYTES))
        self._pairs = ((one, other), (other, one))

    def run(self, until: float) -> Iterator[tuple[Precedence, float]]:
        """Counted messages that are complete, with the time."""
        while self.now < until:
            for end in self.ends:
                end.pump(self.now)
            self.now = min(until, *(end.next_deadline(self.now) for end in self.ends))
            for sender, receiver in self._pairs:
                for frame, at in sender.come_out(self.now):
                    whole = receiver.take(frame)
                    if whole and codec.type_of(whole) == 6:
                        yield Precedence(whole[2]), at

    def urgent_s(self, at: float, until: float = END_S) -> float:
        """From putting an urgent message at `at` until its last byte is there."""
        assert not list(self.run(at))
        self.ends[0].flow.put(URGENT, message(URGENT, URGENT_BYTES))
        return next(came for precedence, came in self.run(until) if precedence is URGENT) - at

    def used(self) -> list[float]:
        """Share of the rate, each way."""
        assert not list(self.run(END_S))
        carried = self.case.shape.rate_bits_s * (END_S - WARM_S) / 8
        return [end.bytes_out / carried for end in self.ends]


def slowest_s(case: Case) -> float:
    """Over every phase of the put within a frame."""
    return max(Lab(case).urgent_s(PUT_S + case.frame_s * phase / PHASES) for phase in range(PHASES))


THIN = LinkShape(rate_bits_s=9_600, rtt_s=0.6, segment_bytes=256)
WIDER = LinkShape(rate_bits_s=64_000, rtt_s=0.6, segment_bytes=1_200)
ONE_WAY, BOTH_WAYS = False, True
KNOWN, NOT_KNOWN = True, False


@pytest.mark.parametrize(
    ("case", "urgent_s_max", "used_min"),
    [
        (Case(THIN, 256, ONE_WAY, KNOWN), 1.0, 0.98),
        (Case(THIN, 256, BOTH_WAYS, KNOWN), 1.05, 0.98),
        (Case(THIN, 256, ONE_WAY, NOT_KNOWN), 1.6, 0.98),
        (Case(THIN, 256, BOTH_WAYS, NOT_KNOWN), 2.2, 0.8),
        (Case(THIN, 256, BOTH_WAYS, KNOWN, (SUMMARY, ROUTINE, BLOB)), 1.5, 0.98),
        (Case(WIDER, 1_600, BOTH_WAYS, KNOWN), 0.8, 0.98),
    ],
    ids=["one-way", "both-ways", "one-way-unpaced", "both-ways-unpaced", "all-classes", "64k"],
)
def test_an_urgent_message_is_there_in_time_and_the_link_is_full(
    case: Case, urgent_s_max: float, used_min: float
) -> None:
    assert slowest_s(case) <= urgent_s_max
    used = Lab(case).used()
    assert min(used if case.both else used[:1]) >= used_min


def test_acknowledgements_take_a_sixteenth_of_the_other_way() -> None:
    _, back = Lab(Case(THIN, 256, ONE_WAY, KNOWN)).used()
    assert 0 < back < 1 / 16  # most of it TLS's 22 B a record


def test_what_was_put_during_a_stall_goes_first_when_it_ends() -> None:
    lab = Lab(Case(THIN, 256, BOTH_WAYS, KNOWN))
    assert not list(lab.run(PUT_S - 10))
    for end in lab.ends:
        end.link.stall(70.0, lab.now)
    ended = PUT_S + 60
    assert lab.urgent_s(PUT_S, until=ended + 5) - 60 <= 2.0


def test_frames_at_the_pace_of_a_link_leave_no_gap_and_make_no_queue() -> None:
    pace, now, size = Pace(9_600), 5.0, 256
    frame_s = (size + FRAME_HEAD_BYTES) * 8 / 9_600
    first = pace.sent(size, now)
    assert first == pytest.approx(now + frame_s - LATE_S), "a start may be a little early"
    on_time = pace.sent(size, first)
    assert on_time == pytest.approx(first + frame_s)
    late = pace.sent(size, on_time + LATE_S / 2)
    assert late == pytest.approx(on_time + frame_s), "a late driver catches up"
    assert pace.sent(size, late + 60) == pytest.approx(late + 60 + frame_s - LATE_S), "not more"


def test_a_rate_that_is_not_known_keeps_no_frame_back() -> None:
    pace = Pace()
    assert pace.sent(1 << 20, 7.0) == 7.0
