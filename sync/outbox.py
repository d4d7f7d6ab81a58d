"""What a session still has to send: documents asked for, lanes due, content on its way.

A document that was asked for is looked up first, so that its urgent lanes overtake routine ones; then
lanes are read a burst at a time, by precedence, while little of that precedence is on the way without
a receipt. So a slow receiver bounds the sender's memory. Pure: it returns reads and messages.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from conflict.identity import DocumentId, Lane, NodeId
from conflict.lane import LaneRun, ShortState, Vector
from conflict.rebuilding import change_hash
from sync import limits
from sync.effects import LackingRead, ReachRead, Read, ReadLacking, ReadReach
from sync.errors import FrameTooLarge, OutOfTurn
from sync.messages import Content
from sync.packing import pack
from sync.ports import Asked, Precedence, Receipt, Terms
from sync.vectors import joined, packed, unpacked

_RUN_OVERHEAD_BYTES = 160
CONTENT = (Precedence.URGENT, Precedence.SUMMARY, Precedence.ROUTINE)


class _Flying(NamedTuple):
    """A content message without a receipt. `claims`: what a receipt of it says, run by run."""

    precedence: Precedence
    weight: int
    claims: tuple[Receipt | None, ...]


class Outbox:
    """Queues, the reads under way, and content not yet receipted."""

    def __init__(self, terms: Terms) -> None:
        self._profile = terms.profile
        # what is below waits for another day
        self._least = Precedence.URGENT if terms.sparing else Precedence.ROUTINE
        self.runs_sent = 0
        self._asked: dict[DocumentId, bytes] = {}
        self._asked_bytes = 0
        self._told: set[DocumentId] = set()
        self._due: dict[Precedence, OrderedDict[Lane, ShortState]] = {
            one: OrderedDict() for one in CONTENT
        }
        self._flying: dict[int, _Flying] = {}
        self._weights = dict.fromkeys(CONTENT, 0)
        self._looking = False  # a lookup is under way
        self._reading: Precedence | None = None  # of the burst under way
        self._last_frame = 0
        self._refused: set[Lane] = set()  # at most one for each run sent
        self._written: dict[Lane, set[Lane]] = {}  # branches sent, by lane of their actor
        self._claimed: set[bytes] = set()  # heads of which receipts came
        self._unheld: set[Lane] = set()  # of these the peer did not have what comes before

    def ask(
        self,
        document: DocumentId,
        have: Vector,
        *,
        told: bool = False,
        only: bool = False,
        owed: bool = False,
    ) -> None:
        """The peer lacks part of `document`; `have` is what it holds, `told`: with what it staged.

        What it told it need not be asked again in the same round: it may have begun a lane. `only`,
        `owed`: see `Asked`.
        """
        if told and len(self._told) < limits.VECTOR_LANES_MAX:
            self._told.add(document)
        elif document in self._told and not (told or only):
            return
        if len(self._asked) >= limits.QUEUE_DOCUMENTS_MAX:
            raise FrameTooLarge(
                f"more than {limits.QUEUE_DOCUMENTS_MAX} documents asked (QUEUE_DOCUMENTS_MAX)"
            )
        before = self._asked.get(document, b"")
        one = Asked(document, have, only, owed)
        waiting = _packed(_both(_unpacked(document, before), one) if before else one)
        self._asked_bytes += len(waiting) - len(before)
        if self._asked_bytes > limits.QUEUE_VECTORS_BYTES_MAX:
            most = limits.QUEUE_VECTORS_BYTES_MAX
            raise FrameTooLarge(f"over {most} bytes of vectors asked (QUEUE_VECTORS_BYTES_MAX)")
        self._asked[document] = waiting

    def next_round(self) -> None:
        """What the peer told is over."""
        self._told.clear()

    def push(self, lane: Lane, first_seq: int, precedence: Precedence) -> None:
        """`lane` grew here from `first_seq` on, and the peer need not ask for it. It goes before
        what has waited: in a mass-casualty event everything is urgent, and the latest most."""
        precedence = self._queue(lane, ShortState(first_seq - 1, b""), precedence)
        self._due[precedence].move_to_end(lane, last=False)

    def _queue(self, lane: Lane, have: ShortState, precedence: Precedence) -> Precedence:
        """Once, at the highest precedence that was asked for."""
        for one in CONTENT:
            waiting = self._due[one].get(lane)
            if waiting is None:
                continue
            have = min(have, waiting, key=lambda state: state.length)
            precedence = min(precedence, one)
            del self._due[one][lane]
        self._due[precedence][lane] = have
        return precedence

    def refused(self, lane: Lane) -> None:
        """The peer set it aside: not sent again in this session when a round finds it lacking."""
        self._refused |= {lane} | self._written.get(lane, set())

    @property
    def sent(self) -> bool:
        """Nothing is left to look up or to read."""
        waits = self._asked or any(self._due.values())
        return not (waits or self._looking or self._reading is not None)

    @property
    def idle(self) -> bool:
        """All is sent and receipted."""
        return self.sent and not self._flying

    @property
    def waiting(self) -> int:
        """Documents and lanes not yet read for sending."""
        return len(self._asked) + sum(map(len, self._due.values()))

    # Reads ------------------------------------------------------------------------------------

    def reads(
        self,
        ticket: Callable[[], int],
        urgent_since_ms: int,
        waiting_bytes: Mapping[Precedence, int],
        source: NodeId | None,
    ) -> Iterator[Read]:
        """What to read next: one lookup and one burst at a time. `waiting_bytes`: said, not yet sent;
        content is chosen as late as the link allows, so that what comes later can overtake it.
        `source`: see `ReadLacking`.
        """
        ahead = sum(map(len, self._due.values()))
        if self._asked and not self._looking and ahead < limits.LOOKAHEAD_LANES:
            wanted = tuple(islice(self._asked.items(), limits.LOOKUP_DOCUMENTS))
            for document, waiting in wanted:
                del self._asked[document]
                self._asked_bytes -= len(waiting)
            self._looking = True
            asked = tuple(_unpacked(document, waiting) for document, waiting in wanted)
            yield ReadLacking(ticket(), source, asked, urgent_since_ms)
        if self._reading is None and (chosen := self._next(waiting_bytes)) is not None:
            lanes = tuple(islice(self._due[chosen].items(), limits.READ_LANES))
            for lane, _ in lanes:
                del self._due[chosen][lane]
            self._reading = chosen
            yield ReadReach(ticket(), lanes, self._burst_bytes())

    def _next(self, waiting_bytes: Mapping[Precedence, int]) -> Precedence | None:
        """The first precedence with lanes due, room on the way, and little waiting to be sent."""
        for one in CONTENT:
            room = self._weights[one] < self._profile.window_bytes
            if (
                one <= self._least
                and self._due[one]
                and room
                and waiting_bytes[one] < self._profile.frame_bytes_max
            ):
                return one
        return None

    def _burst_bytes(self) -> int:
        return min(
            self._profile.window_bytes, limits.BURST_MESSAGES * self._profile.content_raw_bytes
        )

    def found(self, answer: LackingRead) -> None:
        """The lookup has come back."""
        self._looking = False
        for lane, have, precedence in answer.lanes:
            if lane not in self._refused:
                self._queue(lane, have, precedence)

    def read(self, answer: ReachRead) -> Iterator[Content]:
        """The burst has come back: its runs as numbered messages."""
        assert self._reading is not None  # noqa: S101  one burst at a time
        precedence, self._reading = self._reading, None
        for lane, have in reversed(answer.reach.rest):
            now = self._queue(lane, have, precedence)
            self._due[now].move_to_end(lane, last=False)
        for lane, written in answer.reach.written.items():
            self._written.setdefault(written, set()).add(lane)
        for group in grouped(answer.reach.runs, self._profile.content_raw_bytes):
            self._last_frame += 1
            self.runs_sent += len(group)
            weight = sum(map(_weight, group))
            claims = tuple(map(_claim, group))
            self._flying[self._last_frame] = _Flying(precedence, weight, claims)
            self._weights[precedence] += weight
            continued = frozenset(run.lane for run in group) - self._unheld
            yield Content(self._last_frame, precedence, pack(group, continued))

    # Receipts ---------------------------------------------------------------------------------

    def news(self, receipts: Iterable[Receipt]) -> bool:
        """Whether any of these is the first of its kind: what is sent again is no progress."""
        heads = {claim.state.head for claim in receipts}
        fresh = heads - self._claimed
        if len(self._claimed) >= limits.RECEIPTS_REMEMBERED:
            self._claimed.clear()
        self._claimed |= heads
        return bool(fresh)

    def receipted(
        self, frames: Sequence[int], refused: Iterable[tuple[int, int]]
    ) -> tuple[Receipt, ...]:
        """The peer has dealt with these; what it holds by that, but for runs that it refused.

        Raises `OutOfTurn` for a message that was not sent, or was receipted before.
        """
        out = set(refused)
        claims: list[Receipt] = []
        for frame in frames:
            if (flying := self._flying.pop(frame, None)) is None:
                raise OutOfTurn(f"a receipt for content {frame}, which is not on its way")
            self._weights[flying.precedence] -= flying.weight
            for at, claim in enumerate(flying.claims):
                if claim is None:
                    continue
                if (frame, at) in out:
                    self._unheld.add(claim.lane)
                else:
                    self._unheld.discard(claim.lane)
                    claims.append(claim)
        return tuple(claims)


def _packed(asked: Asked) -> bytes:
    """To wait in a queue."""
    return bytes((asked.only | asked.owed << 1,)) + packed(asked.have)


def _unpacked(document: DocumentId, waiting: bytes) -> Asked:
    """Inverse of `_packed`."""
    flags = waiting[0]
    return Asked(document, unpacked(waiting[1:]), bool(flags & 1), bool(flags >> 1))


def _both(before: Asked, after: Asked) -> Asked:
    """Two wishes for one document, before the first was looked up: the wider one, or all the lanes.
    Too many for one vector: the later are for the next round."""
    owed = before.owed or after.owed
    if before.only and after.only:
        have = joined(before.have, after.have)
        have = have if len(have) <= limits.VECTOR_LANES_MAX else before.have
        return after._replace(have=have, owed=owed)
    return (before if after.only else after)._replace(owed=owed)


def _weight(run: LaneRun) -> int:
    return run.size + _RUN_OVERHEAD_BYTES


def _claim(run: LaneRun) -> Receipt | None:
    """What holding a run makes durable: nothing yet when its signature is still to come."""
    return Receipt(run.lane, run.state.short) if run.signature is not None else None


def grouped(runs: Iterable[LaneRun], bytes_max: int) -> Iterator[list[LaneRun]]:
    """Runs for one message each; a run above `bytes_max` goes in unsigned pieces and a signed end."""
    group: list[LaneRun] = []
    weight = 0
    for run in runs:
        for piece in _pieces(run, bytes_max):
            if group and weight + _weight(piece) > bytes_max:
                yield group
                group, weight = [], 0
            group.append(piece)
            weight += _weight(piece)
    if group:
        yield group


def _pieces(run: LaneRun, bytes_max: int) -> Iterator[LaneRun]:
    first = 0
    size = 0
    for at, chunk in enumerate(run.changes):
        if at > first and size + len(chunk) > bytes_max:
            yield _prefix(run, first, at)
            first, size = at, 0
        size += len(chunk)
    yield run.since(run.first_seq + first)


def _prefix(run: LaneRun, first: int, stop: int) -> LaneRun:
    changes = run.changes[first:stop]
    head = change_hash(changes[-1])
    return replace(run, first_seq=run.first_seq + first, changes=changes, head=head, signature=None)
