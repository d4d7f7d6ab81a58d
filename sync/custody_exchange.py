"""Custody logs within a session: who has more of a garrison's log sends it, in order, a window at a time.

Each side says how far it has each log (CUSTODYHAVE): when the session opens, when it learns of a log
that it lacks, and as entries come in. PROTOCOL.md, *Custody*. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from conflict.identity import NodeId
from sync import custody, custody_effects, limits, messages
from sync.custody import Verdict
from sync.effects import Effect
from sync.errors import OutOfTurn
from sync.messages import Message
from sync.ports import Keyring, Position, Precedence

_QUIET = frozenset({Verdict.KEPT, Verdict.KNOWN, Verdict.GAP})
_SAY_EVERY = limits.CUSTODY_WINDOW // 2
_NOTHING = Position()


class CustodyExchange:
    """Both sides' logs, as one of them knows. Memory: one window of entries each way."""

    def __init__(
        self,
        ticket: Callable[[], int],
        say: Callable[[Message], None],
        keyring: Keyring,
        *,
        leader: bool,
    ) -> None:
        self.due: float | None = None  # until then the peer may hear of news from others
        self._delay_s = limits.RELAY_DELAY_S * (1 if leader else 2)
        self._ticket = ticket
        self._say = say
        self._keyring = keyring
        self._mine: dict[NodeId, Position] = {}  # of every node known as a garrison here
        self._theirs: dict[NodeId, Position] = {}  # as the peer last said
        self._sent: dict[NodeId, Position] = {}
        self._said: dict[NodeId, Position] = {}
        self._again: dict[NodeId, Position] = {}  # asked for once more from here: once
        self._reading = False
        self._looking = False  # our positions are being read ...
        self._stale = False  # ... and have grown since
        self._saving = 0
        self._unsaid = 0  # entries kept since we last said how far we are

    # Where we are -----------------------------------------------------------------------------

    def grown(self, now: float, *, relayed: bool) -> Iterator[Effect]:
        """A log grew here. Through another peer (`relayed`): this one may hear of it there too, so
        it is told at once how far we are, and gets the entries a moment later if it lacks them."""
        if relayed and self.due is None:
            self.due = now + self._delay_s
        yield from self.look()

    def look(self) -> Iterator[Effect]:
        """The peer is proven, or a log grew: read how far we are."""
        self._stale = self._looking
        if not self._looking:
            self._looking = True
            yield custody_effects.ReadCustody(self._ticket())

    def looked(self, answer: custody_effects.CustodyRead) -> Iterator[Effect]:
        """How far we are."""
        self._looking = False
        for garrison, position in answer.logs[: limits.CUSTODY_GARRISONS_MAX]:
            self._mine[garrison] = max(position, self._mine.get(garrison, _NOTHING))
        self._tell(filter(self._is_news, self._mine))
        if self._stale:
            yield from self.look()

    def have(self, have: messages.CustodyHave) -> None:
        """How far the peer is."""
        for garrison, epoch, number in have.logs:
            position = Position(epoch, number)
            if self._theirs.get(garrison) == position:
                self._sent.pop(garrison, None)  # said once more: from there again
            if garrison in self._theirs or len(self._theirs) < limits.CUSTODY_GARRISONS_MAX:
                self._theirs[garrison] = position
        self._tell(filter(self._is_news, self._mine))

    def _is_news(self, garrison: NodeId) -> bool:
        """Whether the peer should hear how far we are: at first, unless it gets what it lacks right
        now; then when others have brought us further."""
        mine = self._mine[garrison]
        theirs, said = self._theirs.get(garrison), self._said.get(garrison)
        if said is None:
            return mine > _NOTHING if theirs is None else theirs >= mine or self.due is not None
        return mine > said and theirs is not None and (theirs >= mine or self.due is not None)

    def _tell(self, garrisons: Iterator[NodeId]) -> None:
        logs = tuple((one, *self._mine[one]) for one in garrisons)
        if logs:
            self._said.update((one, Position(epoch, number)) for one, epoch, number in logs)
            self._say(messages.CustodyHave(logs))

    # Out --------------------------------------------------------------------------------------

    def pump(self, now: float, waiting_bytes: Mapping[Precedence, int]) -> Iterator[Effect]:
        """Read what the peer lacks, a little ahead of what the link has taken."""
        if self.due is not None and now >= self.due:
            self.due = None
        if self.due is not None or self._reading:
            return
        if waiting_bytes[Precedence.SUMMARY] >= limits.CUSTODY_ENTRY_BYTES_MAX:
            return
        for garrison, theirs in self._theirs.items():
            mine = self._mine.get(garrison, _NOTHING)
            from_number = theirs.number if theirs.epoch == mine.epoch else 0
            sent = self._sent.get(garrison, _NOTHING)
            at = max(from_number, sent.number if sent.epoch == mine.epoch else 0)
            room = min(mine.number, from_number + limits.CUSTODY_WINDOW) - at
            if mine > theirs and room > 0:
                self._reading = True
                yield custody_effects.ReadEntries(self._ticket(), garrison, mine.epoch, at, room)
                return

    def entries(self, answer: custody_effects.EntriesRead) -> None:
        """Send them; where that log has given way to a later epoch's, wait for the news of it."""
        self._reading = False
        for entry in answer.entries:
            self._say(messages.Custody(entry))
        reached = answer.number + len(answer.entries)
        if not answer.entries:
            reached = self._mine[answer.garrison].number
        self._sent[answer.garrison] = Position(answer.epoch, reached)

    # In ---------------------------------------------------------------------------------------

    def entry(self, message: messages.Custody) -> Iterator[Effect]:
        """Check the signature, keep it. An entry that is refused ends nothing."""
        entry = custody.from_bytes(message.entry)
        if self._saving >= 2 * limits.CUSTODY_WINDOW:
            raise OutOfTurn("more custody entries than were asked for (CUSTODY_WINDOW)")
        if (fault := custody.verdict(entry, self._keyring)) is not None:
            yield custody_effects.CustodyRefused(entry.garrison, entry.number, fault)
            return
        if entry.garrison in self._mine:  # the peer has what it sends
            theirs = self._theirs.get(entry.garrison, _NOTHING)
            self._theirs[entry.garrison] = max(theirs, entry.position)
        self._saving += 1
        yield custody_effects.SaveCustody(self._ticket(), entry)

    def saved(self, answer: custody_effects.CustodySaved) -> Iterator[Effect]:
        """It is durable, or was not taken."""
        garrison, verdict = answer.entry.garrison, answer.verdict
        self._saving -= 1
        if verdict not in _QUIET:
            yield custody_effects.CustodyRefused(garrison, answer.entry.number, verdict)
        if verdict is Verdict.NO_GARRISON:
            return
        self._mine[garrison] = max(answer.position, self._mine.get(garrison, _NOTHING))
        if verdict is Verdict.GAP and self._again.get(garrison) != answer.position:
            self._again[garrison] = answer.position
            self._tell(iter((garrison,)))
            return
        self._unsaid += 1
        if self._unsaid >= _SAY_EVERY or not self._saving:
            self._unsaid = 0
            self._tell(one for one, said in self._said.items() if self._mine[one] > said)
