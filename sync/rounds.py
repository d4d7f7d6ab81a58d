"""Checks and rounds between two proven peers: compare, repair what differs, compare again.

The leader starts every check. Equality is only what a CHECK has just proved; a round, news and live
changes merely make the next one likely to succeed. PROTOCOL.md, *Check* and *Round*. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sync import blob_effects, effects, limits, messages
from sync.effects import Effect, Phase
from sync.errors import OutOfTurn
from sync.exchange import Exchange
from sync.messages import Message
from sync.ports import Known, Summary, Terms
from sync.repair import Method, Repair, Sides
from sync.sketch import CELL_BYTES, LISTED_BYTES
from sync.vectors import said

FIRST_CELLS_MIN = 43  # ten documents that both sides hold differently, at p95
FIRST_CELLS_MAX = 96
LANE_PUSH_BYTES = 100  # what a pushed lane is taken to cost, to fill a first flight
_PUT_OFF_MAX = 4
_REFUSALS_MAX = 9  # doublings: beyond every limit
SETTLED = frozenset({Phase.EQUAL, Phase.DIFFERENT})


@dataclass(slots=True)
class Standing:
    """Where a session stands, and what time it is there (monotonic seconds)."""

    now: float
    phase: Phase = Phase.GREETING
    cause: str = ""

    def enter(self, phase: Phase, cause: str = "") -> Iterator[Effect]:
        """Move on, and say so if that is news."""
        if (self.phase, self.cause) != (phase, cause):
            self.phase, self.cause = phase, cause
            yield effects.Entered(phase, cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """What two proven peers are to each other. `same_key`: their sketches can be compared.

    `secret`: bytes that only this session has, the same on both sides.
    """

    peer: messages.Hello
    leader: bool
    terms: Terms
    same_key: bool
    secret: bytes


class Rounds:
    """Drives `Repair` and `Exchange`. `waits_turn`: a round was put off for another session's."""

    def __init__(
        self,
        company: Company,
        standing: Standing,
        exchange: Exchange,
        ticket: Callable[[], int],
        say: Callable[[Message], None],
    ) -> None:
        self.company = company
        self.proofs = 0
        self.due: float | None = None  # the next check
        self._at = standing
        self._exchange = exchange
        self._ticket = ticket
        self._say = say
        self._method = Method.SKETCH
        self.round = Repair(0, Method.SKETCH)
        self._mine: Summary | None = None
        self._theirs: Summary | None = None
        self._arrival = 0
        self._wished = self._repair = True  # this round: asked for here, agreed by both
        self._early = False  # cells went, or come, with the leader's CHECK
        self._early_cells: messages.Sketch | None = None
        self._checking = self._news_reading = self._pushed = self._check_at_rest = False
        self._repair_delay_s = limits.REPAIR_DELAY_S
        self._repair_due = 0.0  # when a round that brought nothing is worth repeating
        self._refusals = 0  # of a round that was wished for, in a row
        self._put_off = 0  # how often in a row, because something was still being sent
        self.waits_turn = False

    @property
    def proved(self) -> Known | None:
        """What both held when equality was last proved, while that is the latest verdict."""
        if self._at.phase is not Phase.EQUAL or self._mine is None:
            return None
        scopes = self.company.terms.scopes
        return Known(self.company.peer.epoch, self._arrival, self._mine, scopes)

    @property
    def whole_vectors(self) -> bool:
        """Cut vectors, or what is staged, may have misled before."""
        return self._method > Method.SKETCH

    # Beginning --------------------------------------------------------------------------------

    def begin(self, urgent_since_ms: int) -> Iterator[Effect]:
        """The proofs are made: what is new since the last equality goes first, if it is known."""
        known = self.company.terms.known
        if self.company.terms.sparing:
            if self.company.leader:  # once, so that the follower does not wait
                yield from self.check(repair=False)
        elif known is not None and known.epoch == self.company.peer.epoch:
            self._news_reading = True
            room = self.company.terms.profile.push_bytes_max // LANE_PUSH_BYTES
            limit = min(room, limits.NEWS_LANES_MAX)
            yield effects.ReadNews(self._ticket(), known.arrival, limit, urgent_since_ms)
        elif self.company.leader:
            yield from self.check(repair=True)

    def news(self, answer: effects.NewsRead) -> Iterator[Effect]:
        """What grew since is pushed if it is little; then the leader checks."""
        self._news_reading = False
        for lane, first_seq, precedence in reversed(answer.lanes or ()):
            self._exchange.outbox.push(lane, first_seq, precedence)
        if not self.company.leader:
            return
        if answer.lanes:
            self._pushed = self._check_at_rest = True
            yield from self._at.enter(Phase.DIFFERENT, "sending what is new")
            self.check_soon()
        else:
            yield from self.check(repair=True)

    def check_soon(self) -> None:
        """Something changed: compare again in a moment; what is scheduled already stays so."""
        self.round.moved = True
        if self.company.leader and self._at.phase in SETTLED and not self.company.terms.sparing:
            soon = self._at.now + self.company.terms.profile.check_delay_s
            self.due = soon if self.due is None else min(self.due, soon)

    def expire(self) -> Iterator[Effect]:
        """The next check may be due."""
        if self.due is None or self._at.now < self.due:
            return
        self.due = None
        if self._at.phase not in SETTLED or not self.company.leader:
            return
        self._put_off = self._put_off + 1 if self._exchange.busy else 0
        if 0 < self._put_off <= _PUT_OFF_MAX:
            self.check_soon()
        else:
            yield from self.check(repair=self._at.phase is Phase.DIFFERENT and not self._in_vain)

    # Checks -----------------------------------------------------------------------------------

    def check(self, *, repair: bool) -> Iterator[Effect]:
        """The leader asks; a follower that wants a check asks the leader for one."""
        if not self.company.leader:
            self._say(messages.Check(0, Summary(0, bytes(8)), repair=True, sketched=False))
            return
        if self._checking or (self.company.terms.sparing and self.round.number):
            return
        self._wished, self._repair = repair, repair and self.company.terms.may_repair()
        self.waits_turn = repair and not self._repair
        self._next_round(self.round.number + 1)
        self._checking = True
        self._exchange.inbound.hurry(self._at.now)
        yield from self._at.enter(Phase.CHECKING)
        yield effects.ReadSummary(self._ticket())

    def _next_round(self, number: int) -> None:
        """After one that brought nothing, by another method."""
        if self._at.phase is Phase.REPAIRING and not self._exchange.progress:
            withheld = bool(self._exchange.withheld.words)
            self._method = self._method.after(withheld=withheld)
        company = self.company
        cells = company.terms.profile.trip_bytes // CELL_BYTES
        sides = Sides(
            company.peer.node,
            self._exchange.outbox,
            self._ticket,
            self._say,
            min(max(cells, FIRST_CELLS_MIN), FIRST_CELLS_MAX),
            min(company.terms.profile.frame_bytes_max // LISTED_BYTES, limits.LISTING_ENTRIES_MAX),
            company.secret,
        )
        method = self._method if company.same_key else Method.LISTING
        self.round = Repair(number, method, sides)
        self._exchange.next_round(number, whole=self.whole_vectors)
        self._mine = self._theirs = None
        self._early_cells = None

    def on_check(self, check: messages.Check) -> Iterator[Effect]:
        """The other side says what it holds, or asks for a check."""
        if self.company.leader and not check.round:
            yield from self.check(repair=True) if self._at.phase in SETTLED else ()
        elif self.company.leader:
            if check.round != self.round.number or self._mine is None or self._theirs is not None:
                raise OutOfTurn("a CHECK that was not asked for")
            self._theirs = check.summary
            self._repair = self._repair and check.repair
            yield from self._judge()
        else:
            yield from self._on_leaders_check(check)

    def _on_leaders_check(self, check: messages.Check) -> Iterator[Effect]:
        if check.round <= self.round.number or self._checking:
            raise OutOfTurn("rounds count up, and each CHECK is answered before the next")
        self._next_round(check.round)
        self._theirs = check.summary
        self._early = check.sketched
        sending = self._news_reading or not self._exchange.outbox.idle
        self._put_off = self._put_off + 1 if check.repair and sending else 0
        sending = 0 < self._put_off <= _PUT_OFF_MAX
        wanted = check.repair and not (sending or self.company.terms.sparing)
        self._repair = wanted and self.company.terms.may_repair()
        self.waits_turn = wanted and not self._repair
        self._checking = True
        yield from self._at.enter(Phase.CHECKING)
        yield effects.ReadSummary(self._ticket())

    def summary(self, answer: effects.SummaryRead) -> Iterator[Effect]:
        """What we hold."""
        self._checking = self._exchange.moved = False
        self._mine, self._arrival = answer
        leader, documents = self.company.leader, answer.summary.documents
        if leader:
            self._early = self._repair and self._shows_early(answer.summary)
        sketched = leader and self._early
        self._say(messages.Check(self.round.number, answer.summary, self._repair, sketched))
        if sketched:
            yield from self._read_staged()
            yield from self.round.show_early(documents)
        if not leader:
            yield from self._judge()

    def _shows_early(self, mine: Summary) -> bool:
        """A difference is likely: this is the session's first check, not what both held last, and
        what is new since could not simply be pushed."""
        known = self.company.terms.known
        likely = self.round.number == 1 and (known is None or known.summary != mine)
        many = mine.documents > FIRST_CELLS_MAX  # few documents are listed for less
        return likely and not self._pushed and many and self.round.method < Method.LISTING

    def _judge(self) -> Iterator[Effect]:
        assert self._mine is not None  # noqa: S101  both summaries are known here
        assert self._theirs is not None  # noqa: S101
        if self._mine == self._theirs:
            self._repair_delay_s, self._refusals = limits.REPAIR_DELAY_S, 0
            self._method = Method.SKETCH
            self.proofs += 1
            yield from self._at.enter(Phase.EQUAL)
            if self._exchange.moved:
                yield effects.Outdated()
            yield blob_effects.ReadBlobsWanted(self._ticket())
        elif not self._repair:
            cause = self._exchange.withheld.words or "contents differ; repair is scheduled"
            yield from self._at.enter(Phase.DIFFERENT, cause)
            self._repair_later()
        else:
            yield from self._repair_now(self._mine, self._theirs)

    def _repair_now(self, mine: Summary, theirs: Summary) -> Iterator[Effect]:
        fewer = mine.documents - theirs.documents
        lists = fewer < 0 or (fewer == 0 and self.company.leader)
        self._exchange.withheld.clear()
        yield from self._at.enter(Phase.REPAIRING)
        if not (self._early and self.company.leader):
            yield from self._read_staged()
        yield from self.round.start(mine, theirs, lists=lists, early=self._early)
        if self._early_cells is not None:
            yield from self.round.sketch(self._early_cells)

    def _repair_later(self) -> None:
        if not self.company.leader or self.company.terms.sparing:
            return
        if self._wished:  # one side is at it with somebody else, still sending, or sparing
            delay_s = max(limits.TURN_DELAY_S, self.company.terms.profile.check_delay_s)
            delay_s = min(delay_s * 2**self._refusals, limits.REPAIR_DELAY_S_MAX)
            self._refusals = min(self._refusals + 1, _REFUSALS_MAX)
            self.due = self._at.now + delay_s
            return
        if not self._in_vain:
            self._repair_due = self._at.now + self._repair_delay_s
            self._repair_delay_s = min(self._repair_delay_s * 2, limits.REPAIR_DELAY_S_MAX)
        self.due = self._repair_due

    @property
    def _in_vain(self) -> bool:
        """A round would ask again, so soon, for what one side has let go."""
        return bool(self._exchange.withheld.words) and self._at.now < self._repair_due

    # Rounds -----------------------------------------------------------------------------------

    def on_sketch(self, shown: messages.Sketch) -> Iterator[Effect]:
        """Cells; those that came with the CHECK may be early, or not be needed."""
        if self._at.phase is Phase.REPAIRING:
            yield from self.round.sketch(shown)
        elif self._at.phase is Phase.CHECKING and self._early:
            self._early_cells = shown

    def on_vectors(self, vectors: messages.Vectors) -> None:
        """What the peer holds of some documents; of an earlier round too: CHECK may overtake it."""
        if vectors.round > self.round.number:
            raise OutOfTurn("VECTORS of a round to come")
        now = 0 < vectors.round == self.round.number
        comparer = now and not self.round.lister
        self._exchange.asked(vectors, owed=comparer and not vectors.answer)
        if now:
            self.round.asked(vectors)

    def on_finished(self, finished: messages.Finished) -> None:
        """The peer has sent all that was asked; of an earlier round too: where nothing had to be sent,
        CHECK overtakes it."""
        if finished.round > self.round.number:
            raise OutOfTurn("FINISHED of a round to come")
        if finished.round == self.round.number and self._at.phase is Phase.REPAIRING:
            self.round.peer_finished(finished)

    def take_turn(self) -> Iterator[Effect]:
        """No other session repairs: a round that was put off for that is asked for now."""
        if self.waits_turn and self._at.phase in SETTLED:
            self.waits_turn = False
            yield from self.check(repair=True)

    def staged(self, answer: effects.StagedRead) -> None:
        """Lanes that a cut left half sent: the peer goes on there, however it learns of the rest.
        Round 0: this goes before the cells or the pages, or the answer to them."""
        for vectors in said(0, answer.vectors) if answer.vectors else ():
            self._say(vectors)

    def _read_staged(self) -> Iterator[Effect]:
        if not self.whole_vectors:
            yield effects.ReadStaged(self._ticket(), self.company.peer.node)

    def pump(self, waiting_bytes: int) -> Iterator[Effect]:
        """The next page of a listing, and the end of a round: the leader checks again when all of it
        is durable on both sides. `waiting_bytes`: of SUMMARY, not yet sent."""
        if self._check_at_rest and self._at.phase is Phase.DIFFERENT and not self._exchange.busy:
            self._check_at_rest = False  # the news are all there: no need to wait for quiet
            yield from self.check(repair=True)
        if self._at.phase is not Phase.REPAIRING:
            return
        yield from self.round.next_page(waiting_bytes)
        self.round.finish(asking=self._exchange.asking)
        if self.company.leader and self.round.over and not self._exchange.inbound.holding:
            yield from self.check(repair=self._exchange.progress)
