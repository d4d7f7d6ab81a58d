"""What goes on the wire next, and how the peer's frames become messages again.

A session puts whole messages in with a precedence; its driver takes frames of bounded size out, one
at a time, as far as the peer's credit reaches. What has not left may still be overtaken.
PROTOCOL.md, *Frames*, *Precedence*, *Credit*.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from sync import codec, limits
from sync.errors import BadFrame, FrameTooLarge, OutOfTurn, Stalled
from sync.messages import Ack, Part
from sync.ports import Precedence

_SHORT_PART_BYTES = 255
_PART_HEAD_BYTES = 6  # array, type, precedence, more, two bytes of length; three for longer parts
SHARE = 7  # a waiting class earns a byte for seven that others send: an eighth, to keep a tenth
SAVED = SHARE + SHARE // 2  # earned at most: one frame, and half a one while it waits its turn
_COUNTED = tuple(one for one in Precedence if one is not Precedence.CONTROL)


def check_grant(*, frame_bytes_max: int, credit_bytes: int) -> None:
    """Raises `FrameTooLarge` where these figures would stop a session for ever.

    The receiver acknowledges every quarter of its credit; what it has taken and not acknowledged
    must leave room for a whole frame.
    """
    if not limits.FRAME_BYTES_MIN <= frame_bytes_max <= limits.FRAME_BYTES_MAX:
        raise FrameTooLarge(
            f"frames of {frame_bytes_max} bytes: from {limits.FRAME_BYTES_MIN} (FRAME_BYTES_MIN) "
            f"to {limits.FRAME_BYTES_MAX} (FRAME_BYTES_MAX)"
        )
    if credit_bytes < frame_bytes_max + credit_bytes // 4:
        raise FrameTooLarge(
            f"credit of {credit_bytes} bytes does not carry frames of {frame_bytes_max}"
        )


class _Queue:
    """Messages of one precedence. `offset` of the first have been sent as parts."""

    def __init__(self, precedence: Precedence) -> None:
        self.waiting_bytes = 0
        self.earned = 0  # SHARE for each byte that it may send out of turn
        self._precedence = precedence
        self._messages: deque[bytes] = deque()
        self._offset = 0

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: bytes) -> None:
        self._messages.append(message)
        self.waiting_bytes += len(message)

    def next_size(self, frame_bytes_max: int) -> int:
        """Bytes of the next frame."""
        left = len(self._messages[0]) - self._offset
        if not self._offset and left <= frame_bytes_max:
            return left
        data = min(left, _part_bytes_max(frame_bytes_max))
        return _PART_HEAD_BYTES + (data > _SHORT_PART_BYTES) + data

    def cut(self, frame_bytes_max: int) -> bytes:
        """The next frame, no longer waiting."""
        message, start = self._messages[0], self._offset
        end = len(message)
        if start or end > frame_bytes_max:
            end = min(end, start + _part_bytes_max(frame_bytes_max))
            more = end < len(message)
            frame = codec.encode(Part(self._precedence, more, message[start:end]))
        else:
            frame = message
        self.waiting_bytes -= end - start
        self._offset = end
        if end == len(message):
            self._messages.popleft()
            self._offset = 0
        return frame


class Flow:
    """The sending half. Figures are those of the peer's `Intake`: bytes of a frame, on the way.

    Memory: what was put and has not left (`waiting_bytes`) is the caller's to bound.
    """

    def __init__(self, *, frame_bytes_max: int, credit_bytes: int) -> None:
        check_grant(frame_bytes_max=frame_bytes_max, credit_bytes=credit_bytes)
        self._frame_bytes_max = frame_bytes_max
        self._credit_bytes = credit_bytes
        self._queues = {one: _Queue(one) for one in Precedence}
        self._sent = 0  # bytes of counted frames, ever
        self._acked = 0
        self._out_of_turn = 0  # bytes of lower classes since the first waiting class sent
        self._ack: int | None = None

    def regrant(self, *, frame_bytes_max: int, credit_bytes: int) -> None:
        """New figures from the next frame on. Raises `FrameTooLarge`."""
        check_grant(frame_bytes_max=frame_bytes_max, credit_bytes=credit_bytes)
        self._frame_bytes_max = frame_bytes_max
        self._credit_bytes = credit_bytes

    def put(self, precedence: Precedence, message: bytes) -> None:
        """Queue a whole message as `codec.encode` made it, behind those of its precedence.

        Raises `ValueError` above `FRAME_BYTES_MAX`, and where the other end would count the message
        and this one not (`codec.CONTROL_TYPES`) or the other way round.
        """
        if len(message) > limits.FRAME_BYTES_MAX:
            raise ValueError(f"a message over {limits.FRAME_BYTES_MAX} bytes (FRAME_BYTES_MAX)")
        if _is_control(message) != (precedence is Precedence.CONTROL):
            raise ValueError(f"message type {codec.type_of(message)} cannot go as {precedence!r}")
        self._queues[precedence].put(message)

    def acknowledge(self, through: int) -> None:
        """Tell the peer, before all else, how much was taken (`Intake.ack`); the last one counts."""
        self._ack = through

    def next(self) -> bytes | None:
        """The next frame to send; None: nothing waits, or nothing may go before the next ACK."""
        if self._ack is not None:
            ack, self._ack = self._ack, None
            return codec.encode(Ack(ack))
        if control := self._queues[Precedence.CONTROL]:
            return control.cut(self._frame_bytes_max)
        waiting = [self._queues[one] for one in _COUNTED if self._queues[one]]
        if not waiting:
            return None
        queue = self._choose(waiting)
        if self.in_flight + queue.next_size(self._frame_bytes_max) > self._credit_bytes:
            return None
        frame = queue.cut(self._frame_bytes_max)
        self._sent += len(frame)
        self._settle(waiting, queue, len(frame))
        return frame

    def acked(self, through: int) -> None:
        """The peer has taken so many bytes of counted frames in all. An older number is no news.

        Raises `OutOfTurn` for more than was sent.
        """
        if through > self._sent:
            raise OutOfTurn(f"ACK of {through} bytes; {self._sent} were sent")
        self._acked = max(self._acked, through)

    def end(self) -> None:
        """The session is over: of what waits only CONTROL still goes, a FAULT above all."""
        self._queues.update((one, _Queue(one)) for one in _COUNTED)

    @property
    def waiting_bytes(self) -> Mapping[Precedence, int]:
        """Bytes put and not yet sent."""
        return {one: queue.waiting_bytes for one, queue in self._queues.items()}

    def waiting(self, precedence: Precedence) -> int:
        """Messages put and not yet sent to their end."""
        return len(self._queues[precedence])

    def bound(self) -> None:
        """Raises `Stalled` when too much waits for a peer that asks and does not read."""
        if sum(self.waiting_bytes.values()) > limits.WAITING_BYTES_MAX:
            raise Stalled(
                f"the peer left over {limits.WAITING_BYTES_MAX} bytes unread (WAITING_BYTES_MAX)"
            )

    @property
    def in_flight(self) -> int:
        """Bytes of counted frames sent and not acknowledged: at most the credit."""
        return self._sent - self._acked

    @property
    def idle(self) -> bool:
        """Nothing waits, whatever the credit."""
        return self._ack is None and not any(self._queues.values())

    def _choose(self, waiting: list[_Queue]) -> _Queue:
        """The first class, or the lower one that has earned most beyond its next frame.

        Between two frames of the first class others get one frame's worth of bytes at most, so an
        urgent message never waits for more than that. It suffices: what goes fills half a frame at
        least, so however the sizes fall the three lower classes have a ninth each.
        """
        limit, best, most = self._frame_bytes_max, waiting[0], -1
        for queue in waiting[1:]:
            size = queue.next_size(limit)
            surplus = queue.earned - SHARE * size
            if surplus > most and self._out_of_turn + size <= limit:
                best, most = queue, surplus
        return best

    def _settle(self, waiting: list[_Queue], sent: _Queue, size: int) -> None:
        """Who is overtaken earns; who goes out of turn pays; who has nothing left keeps nothing."""
        first, *lower = waiting
        if sent is first:
            self._out_of_turn = sent.earned = 0
        else:
            self._out_of_turn += size
            sent.earned -= SHARE * size
        for queue in lower:
            if queue is not sent:
                queue.earned = min(queue.earned + size, SAVED * self._frame_bytes_max)
        if not sent:
            sent.earned = 0


class Intake:
    """The receiving half. Figures are those of the peer's `Flow`, or it waits for ever for an ACK.

    Memory: one message a precedence in parts, each at most `FRAME_BYTES_MAX`: 5 MiB a peer.
    """

    def __init__(self, *, frame_bytes_max: int, credit_bytes: int) -> None:
        check_grant(frame_bytes_max=frame_bytes_max, credit_bytes=credit_bytes)
        self._frame_bytes_max = frame_bytes_max
        self._credit_bytes = credit_bytes
        self._parts: dict[Precedence, bytearray] = {}
        self._taken = 0  # bytes of counted frames, ever
        self._told = 0

    def regrant(self, *, frame_bytes_max: int, credit_bytes: int) -> None:
        """New figures, before the first counted frame. Raises `FrameTooLarge`."""
        check_grant(frame_bytes_max=frame_bytes_max, credit_bytes=credit_bytes)
        self._frame_bytes_max = frame_bytes_max
        self._credit_bytes = credit_bytes

    def take(self, frame: bytes) -> bytes | None:
        """The message that is complete with this frame; None: more parts follow.

        Raises `FrameTooLarge`, `BadFrame` and `OutOfTurn` (no credit; order within CONTROL).
        """
        if len(frame) > self._frame_bytes_max:
            raise FrameTooLarge(f"frame of {len(frame)} bytes, {self._frame_bytes_max} are taken")
        kind = codec.type_of(frame)
        part = codec.decode(frame) if kind == codec.PART else None
        if isinstance(part, Part):
            self._count(frame, is_control=part.precedence is Precedence.CONTROL)
            return self._join(part)
        is_control = kind in codec.CONTROL_TYPES
        self._count(frame, is_control=is_control)
        if is_control and kind != codec.ACK and Precedence.CONTROL in self._parts:
            raise OutOfTurn("a message between the parts of another one of its precedence")
        return frame

    def ack(self) -> int | None:
        """What to acknowledge now: a quarter of the credit has come since. Marks it as told.

        No ACK follows the last bytes of a burst: the sender needs none to send its next frame.
        """
        if self._taken - self._told < max(1, self._credit_bytes // 4):
            return None
        self._told = self._taken
        return self._told

    def _count(self, frame: bytes, *, is_control: bool) -> None:
        if is_control:
            return
        self._taken += len(frame)
        if self._taken - self._told > self._credit_bytes:
            raise OutOfTurn(f"sent without credit; {self._credit_bytes} bytes are granted")

    def _join(self, part: Part) -> bytes | None:
        have = self._parts.setdefault(part.precedence, bytearray())
        if len(have) + len(part.data) > limits.FRAME_BYTES_MAX:
            raise FrameTooLarge(
                f"parts of over {limits.FRAME_BYTES_MAX} bytes in all (FRAME_BYTES_MAX)"
            )
        have += part.data
        if part.more:
            return None
        whole = bytes(self._parts.pop(part.precedence))
        if codec.type_of(whole) in {codec.PART, codec.ACK}:
            raise BadFrame("a PART or an ACK in parts")
        if _is_control(whole) != (part.precedence is Precedence.CONTROL):
            raise BadFrame(f"message type {codec.type_of(whole)} in parts of another precedence")
        return whole


def _part_bytes_max(frame_bytes_max: int) -> int:
    room = frame_bytes_max - _PART_HEAD_BYTES
    if room <= _SHORT_PART_BYTES:
        return room
    return min(max(room - 1, _SHORT_PART_BYTES), limits.PART_BYTES_MAX)


def _is_control(message: bytes) -> bool:
    return codec.type_of(message) in codec.CONTROL_TYPES
