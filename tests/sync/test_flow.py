"""What goes on the wire next: frames, precedence, credit, shares, and what a peer may not do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import codec, limits
from sync.errors import BadFrame, FrameTooLarge, OutOfTurn
from sync.flow import SHARE, Flow, Intake, check_grant
from sync.messages import Ack, Part
from sync.ports import Precedence

CONTROL, URGENT, SUMMARY, ROUTINE, BLOB = Precedence
COUNTED = (URGENT, SUMMARY, ROUTINE, BLOB)
FRAME, CREDIT = 256, 1_744
CHECK, CONTENT = 3, 6


def message(precedence: Precedence, size: int, mark: int = 0) -> bytes:
    """Bytes that say their type, precedence and number, and are not looked at beyond the type."""
    kind = CHECK if precedence is CONTROL else CONTENT
    return (bytes([0x94, kind, precedence, mark % 256]) + bytes(size))[:size]


def precedence_of(frame: bytes) -> Precedence:
    return Precedence(frame[2])  # of PART by its grammar, of the others by `message`


def flow(frame: int = FRAME, credit: int = CREDIT) -> Flow:
    return Flow(frame_bytes_max=frame, credit_bytes=credit)


def intake(frame: int = FRAME, credit: int = CREDIT) -> Intake:
    return Intake(frame_bytes_max=frame, credit_bytes=credit)


class Wire:
    """One direction with everything checked that must hold whenever something moves."""

    def __init__(self, frame: int, credit: int) -> None:
        self.flow, self.intake = flow(frame, credit), intake(frame, credit)
        self.credit, self.frame = credit, frame
        self.put: dict[Precedence, list[bytes]] = {one: [] for one in Precedence}
        self.came: dict[Precedence, list[bytes]] = {one: [] for one in Precedence}
        self.flying: deque[bytes] = deque()

    def add(self, precedence: Precedence, size: int) -> None:
        one = message(precedence, size, len(self.put[precedence]))
        self.put[precedence].append(one)
        self.flow.put(precedence, one)

    def send(self) -> bytes | None:
        has_control = bool(self.flow.waiting_bytes[CONTROL])
        frame = self.flow.next()
        if frame is not None:
            assert len(frame) <= self.frame
            self.flying.append(frame)
        assert not has_control or frame is not None, "CONTROL waits for nothing"
        assert not has_control or precedence_of(frame or b"") is CONTROL
        assert self.flow.in_flight <= self.credit
        return frame

    def arrive(self) -> None:
        if self.flying and (whole := self.intake.take(self.flying.popleft())) is not None:
            self.came[precedence_of(whole)].append(whole)
        if (through := self.intake.ack()) is not None:
            self.flow.acked(through)

    def drain(self) -> None:
        while self.send() or self.flying:
            self.arrive()


def sizes(frame: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(4, 3 * frame), st.integers(4, 64), st.just(frame))


@st.composite
def wires(draw: st.DrawFn) -> Wire:
    frame = draw(st.integers(limits.FRAME_BYTES_MIN, 1_000))
    return Wire(frame, draw(st.integers(2 * frame, 12 * frame)))


Act = tuple[str, Precedence, int]


def acts() -> st.SearchStrategy[list[Act]]:
    words = st.sampled_from(["put", "put", "send", "send", "send", "arrive"])
    return st.lists(st.tuples(words, st.sampled_from(Precedence), sizes(300)), max_size=120)


def play(wire: Wire, todo: list[Act]) -> None:
    does: dict[str, Callable[[Precedence, int], object]] = {
        "put": wire.add,
        "send": lambda *_: wire.send(),
        "arrive": lambda *_: wire.arrive(),
    }
    for word, precedence, size in todo:
        does[word](precedence, size)


@given(wires(), acts())
def test_every_message_arrives_as_it_was_in_the_order_of_its_precedence(
    wire: Wire, todo: list[Act]
) -> None:
    play(wire, todo)
    wire.drain()
    assert wire.flow.idle, "nothing starves and no end waits for an acknowledgement"
    assert wire.came == wire.put
    assert not any(wire.flow.waiting_bytes.values())


@given(wires(), acts(), st.integers(4, 3_000))
def test_an_urgent_message_waits_for_one_frame_at_most_before_each_of_its_own(
    wire: Wire, todo: list[Act], size: int
) -> None:
    play(wire, [act for act in todo if act[1] is not URGENT])
    wire.add(URGENT, size)
    between = 0
    while wire.flow.waiting_bytes[URGENT]:
        frame = wire.send()
        wire.arrive()
        if frame is None or precedence_of(frame) is CONTROL:
            continue
        between = 0 if precedence_of(frame) is URGENT else between + len(frame)
        assert between <= wire.frame


def backlogged(wire: Wire, sizes_of: dict[Precedence, int]) -> Iterator[bytes]:
    """Frames of a link on which all these classes always wait."""
    while True:
        for precedence, size in sizes_of.items():
            while wire.flow.waiting_bytes[precedence] <= 2 * size:
                wire.add(precedence, size)
        frame = wire.send()
        if frame is not None:
            yield frame
        wire.arrive()


@settings(max_examples=60, deadline=None)
@given(wires(), st.dictionaries(st.sampled_from(COUNTED), sizes(1_000), min_size=2), st.data())
def test_every_class_that_waits_has_a_tenth_to_within_two_frames(
    wire: Wire, sizes_of: dict[Precedence, int], data: st.DataObject
) -> None:
    frames = backlogged(wire, sizes_of)
    for _ in range(data.draw(st.integers(0, 30))):
        next(frames)
    sent = dict.fromkeys(sizes_of, 0)
    for _ in range(200):
        frame = next(frames)
        sent[precedence_of(frame)] += len(frame)
        assert (min(sent.values()) + 2 * wire.frame) * 10 >= sum(sent.values()), sent


def test_the_lowest_class_has_a_tenth_of_any_forty_frames_of_a_mass_casualty_day() -> None:
    frames = backlogged(Wire(FRAME, CREDIT), dict.fromkeys(COUNTED, 5_000))
    order = [precedence_of(next(frames)) for _ in range(900)]
    windows = [order[start : start + 40] for start in range(len(order) - 40)]
    assert min(window.count(one) for window in windows for one in COUNTED) >= 4
    assert order.count(URGENT) / len(order) > 0.6, "and urgent has all that is not promised"


@pytest.mark.parametrize("before", range(0, 60, 3))
def test_of_classes_that_starve_together_one_goes_before_an_urgent_message(before: int) -> None:
    wire = Wire(FRAME, CREDIT)
    frames = backlogged(wire, dict.fromkeys((SUMMARY, ROUTINE, BLOB), 5_000))
    for _ in range(before):
        next(frames)
    wire.add(URGENT, 465)
    order = [precedence_of(next(frames)) for _ in range(4)]
    assert URGENT in order[:2]
    assert order.count(URGENT) == 2


def test_a_class_that_got_less_than_it_earned_saves_up_a_frame_and_a_half_at_most() -> None:
    wire, awkward = Wire(FRAME, CREDIT), FRAME // 2 + 1  # two of them do not fit one frame
    frames = backlogged(wire, {URGENT: FRAME, SUMMARY: awkward, ROUTINE: awkward, BLOB: awkward})
    for _ in range(2_000):
        next(frames)
    frames = backlogged(wire, {URGENT: FRAME, BLOB: awkward})
    sent = dict.fromkeys(COUNTED, 0)
    for _ in range(60):
        frame = next(frames)
        sent[precedence_of(frame)] += len(frame)
    assert sent[BLOB] <= sum(sent.values()) / SHARE + 2 * FRAME


def test_an_urgent_message_overtakes_a_backlog_in_the_middle_of_a_message() -> None:
    one = flow()
    one.put(ROUTINE, message(ROUTINE, 100_000))
    assert precedence_of(one.next() or b"") is ROUTINE
    one.put(URGENT, message(URGENT, 465))
    assert [precedence_of(one.next() or b"") for _ in range(3)] == [URGENT, URGENT, ROUTINE]


# Frames ------------------------------------------------------------------------------------------


def test_a_message_within_the_frame_size_is_its_own_frame() -> None:
    one, whole = flow(), message(ROUTINE, FRAME)
    one.put(ROUTINE, whole)
    assert one.next() == whole


@pytest.mark.parametrize("frame", [64, 256, 262, 263, 300, 1_024, 65_542, 65_600, 1 << 19])
def test_the_head_of_a_part_is_at_most_eight_bytes(frame: int) -> None:
    one = flow(frame, 4 * frame)
    one.put(BLOB, message(BLOB, frame + 100_000))
    sent = one.next() or b""
    part = codec.decode(sent)
    assert isinstance(part, Part)
    assert len(sent) - len(part.data) <= 8
    assert len(sent) >= min(frame, 65_535) - 1, "and no more room is wasted than a byte"


@pytest.mark.parametrize("new", [128, 8_000])
def test_new_figures_hold_from_the_next_frame_on(new: int) -> None:
    one, other = flow(1_024, 4_096), intake(1_024, 4_096)
    whole = bytes([0x94, CONTENT]) + bytes(range(250)) * 12
    one.put(ROUTINE, whole)
    assert other.take(one.next() or b"") is None
    for half in (one, other):
        half.regrant(frame_bytes_max=new, credit_bytes=12_000)
    frames = list(iter(one.next, None))
    assert max(map(len, frames)) <= new
    assert sum(map(len, frames)) < len(whole), "what went before does not go again"
    assert [other.take(frame) for frame in frames][-1] == whole


def test_a_message_that_the_other_end_would_count_otherwise_is_not_taken() -> None:
    one = flow()
    with pytest.raises(ValueError, match="type 6"):
        one.put(CONTROL, message(ROUTINE, 20))
    with pytest.raises(ValueError, match="type 3"):
        one.put(URGENT, message(CONTROL, 20))
    with pytest.raises(ValueError, match="FRAME_BYTES_MAX"):
        one.put(BLOB, message(BLOB, limits.FRAME_BYTES_MAX + 1))


# Credit ------------------------------------------------------------------------------------------


def test_without_credit_only_control_goes() -> None:
    one = flow()
    one.put(ROUTINE, message(ROUTINE, 100_000))
    while one.next():
        pass
    assert CREDIT - FRAME < one.in_flight <= CREDIT
    one.put(URGENT, message(URGENT, FRAME))
    assert one.next() is None
    long = message(CONTROL, 1_000)
    one.put(CONTROL, long)
    other, came = intake(), None
    while frame := one.next():
        came = other.take(frame)
    assert came == long
    assert other.ack() is None, "and does not count"


def test_at_the_end_only_control_still_goes() -> None:
    one, last = flow(), message(CONTROL, 20)
    one.put(ROUTINE, message(ROUTINE, 100_000))
    one.next()
    one.put(CONTROL, last)
    one.end()
    assert [one.next(), one.next()] == [last, None]
    assert one.idle


def test_a_quarter_of_the_credit_is_acknowledged_at_once_and_less_is_not() -> None:
    other = intake()
    other.take(message(ROUTINE, 200))
    assert other.ack() is None
    other.take(message(ROUTINE, 236))
    assert other.ack() == 436
    assert other.ack() is None


@pytest.mark.parametrize("credit", [342, 400, 512, 1_000])
def test_what_is_not_acknowledged_leaves_room_for_a_whole_frame(credit: int) -> None:
    wire = Wire(FRAME, credit)
    for size in (FRAME, 80, FRAME, FRAME, 84, 5_000):
        wire.add(ROUTINE, size)
    wire.drain()
    assert wire.came == wire.put


def test_the_latest_acknowledgement_goes_before_all_else() -> None:
    one = flow()
    one.put(CONTROL, message(CONTROL, 1_000))
    first = one.next()
    one.acknowledge(500)
    one.acknowledge(900)
    assert not one.idle
    assert one.next() == codec.encode(Ack(900))
    other = intake()
    assert other.take(first or b"") is None
    assert other.take(codec.encode(Ack(900))) == codec.encode(Ack(900)), "between parts too"


def test_an_older_acknowledgement_is_no_news() -> None:
    one = flow()
    one.put(ROUTINE, message(ROUTINE, 200))
    one.next()
    one.acked(200)
    one.acked(100)
    assert one.in_flight == 0


@pytest.mark.parametrize(
    ("frame", "credit"), [(63, 1_000), (limits.FRAME_BYTES_MAX + 1, 1 << 24), (1_024, 1_300)]
)
def test_figures_that_would_stop_a_session_are_refused(frame: int, credit: int) -> None:
    for refuses in (check_grant, Flow, Intake, flow().regrant, intake().regrant):
        with pytest.raises(FrameTooLarge):
            refuses(frame_bytes_max=frame, credit_bytes=credit)


# What a peer may not do --------------------------------------------------------------------------


def part(precedence: Precedence, data: bytes, *, more: bool) -> bytes:
    return codec.encode(Part(precedence, more, data))


def test_more_acknowledged_than_sent_is_refused() -> None:
    one = flow()
    one.put(ROUTINE, message(ROUTINE, 200))
    one.next()
    with pytest.raises(OutOfTurn, match="200 were sent"):
        one.acked(201)


def test_sending_without_credit_is_refused() -> None:
    other = intake(FRAME, 600)
    for size in (200, 200, 200):
        other.take(message(BLOB, size))
    with pytest.raises(OutOfTurn, match="600"):
        other.take(message(BLOB, 4))


def test_a_frame_above_the_size_told_is_refused() -> None:
    with pytest.raises(FrameTooLarge, match="257"):
        intake().take(message(ROUTINE, 257))


def test_parts_without_end_are_refused_at_the_limit_of_a_message() -> None:
    frame = 1 << 16
    other = intake(frame, 1 << 22)
    full = part(BLOB, bytes(frame - 7), more=True)
    for _ in range(16):
        other.take(full)
        other.ack()
    with pytest.raises(FrameTooLarge, match="FRAME_BYTES_MAX"):
        other.take(full)


@pytest.mark.parametrize(
    "frame",
    [
        part(CONTROL, message(ROUTINE, 20), more=False),  # content, uncounted
        part(ROUTINE, message(CONTROL, 20), more=False),
        part(ROUTINE, part(ROUTINE, b"a", more=False), more=False),
        part(CONTROL, codec.encode(Ack(1)), more=False),
        part(ROUTINE, b"\x94", more=False),
        bytes([0x94, codec.PART, 5, 0xC2, 0xC4, 1, 1]),  # no such precedence
        bytes([0x94, codec.PART, 1, 0xC2, 0xC4, 0]),  # nothing in it
        bytes([0x94, codec.PART, 1, 1, 0xC4, 1, 1]),  # more: neither true nor false
        b"",
        b"\x94",
        b"\xdc\x00\x04\x06",  # not the one encoding
        b"\x94\xcd\x00\x06",
    ],
)
def test_bytes_that_are_no_frame_are_refused(frame: bytes) -> None:
    with pytest.raises(BadFrame):
        intake().take(frame)


def test_control_between_the_parts_of_control_is_refused() -> None:
    other = intake()
    other.take(part(CONTROL, message(CONTROL, 20), more=True))
    with pytest.raises(OutOfTurn):
        other.take(message(CONTROL, 20))


@given(st.binary(max_size=300))
def test_any_bytes_are_taken_or_refused_by_name(frame: bytes) -> None:
    with suppress(BadFrame, FrameTooLarge, OutOfTurn):
        intake().take(frame)
