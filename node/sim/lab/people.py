"""What people write in a run: the pieces, dealt to nodes and times by the seed, and what was acknowledged.

A piece is one save. Contradictions come in pairs, each side on another node, neither replacing the
other; a correction names the statements of an earlier piece, where they have come to its node by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from random import Random
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

from conflict.errors import ValueRefused
from conflict.identity import (
    DocumentId,
    DocumentKind,
    StatementId,
    document_kind,
    statement_id,
)
from conflict.records import VITALS
from conflict.statement import Draft
from node.desk import Save
from node.errors import NodeError
from node.sim import care
from node.sim.casualties import Casualty, casualty
from node.sim.contradictions import Contradiction, contradictions
from node.sim.dice import dice
from node.sim.lab.machine import START_MS
from node.sim.lab.schedule import GREETING_S, Step
from node.sim.moment import MEDICS, Moment
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.sim.lab.scenario import Scenario
    from node.sim.lab.world import World
    from storage.ports import Store

START = datetime.fromtimestamp(START_MS // 1000, UTC)
Pair = tuple[Casualty, Contradiction]


class Piece(NamedTuple):
    """One request: a save, and `more` of other records. `pair`: number of the contradiction that it is a
    side of; `corrects`: of the piece that it takes the place of; -1: none."""

    save: Save
    pair: int = -1
    corrects: int = -1
    more: tuple[Save, ...] = ()


class Acknowledged(NamedTuple):
    """A save of which a node said that it is kept."""

    node: str
    at_s: float
    number: int
    document: DocumentId
    statements: tuple[str, ...]


class People:
    """`pieces`: what they would write, by number; `kept`: what was acknowledged, in order."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.pieces: list[Piece] = []
        self.steps: list[Step] = []
        self.kept: list[Acknowledged] = []
        self.by_number: dict[int, Acknowledged] = {}
        dealer = _Dealer(scenario, seed, self)
        dealer.deal()

    def write(self, world: World, node: str, number: int) -> None:
        """Somebody writes that piece on that node, if it runs."""
        if number >= len(self.pieces):
            world.trace.note(node, "not-written", f"{number}: there is no such piece")
            return
        machine, piece = world.machines[node], self.pieces[number]
        if (life := machine.awake) is None:
            world.trace.note(node, "not-written", f"{number}: it is off")
            return
        save = newer(machine.adds, piece.save)
        if (earlier := self.by_number.get(piece.corrects)) is not None:
            here = statements_of(machine.disk.store, earlier.document)
            seen = tuple(StatementId(one) for one in earlier.statements if one in here)
            save = save._replace(drafts=tuple(replace(one, supersedes=seen) for one in save.drafts))
        try:
            every = life.engine.save([save, *piece.more])
        except (NodeError, StorageError, ValueRefused) as fault:
            world.trace.note(node, "not-written", f"{number}: {fault.code}")
            return
        for each, ids in zip((save, *piece.more), every, strict=True):
            one = Acknowledged(node, world.now, number, each.document, tuple(ids))
            self.kept.append(one)
            self.by_number.setdefault(number, one)
            world.trace.note(node, "written", f"{number} {each.document.hex()[:8]} {len(ids)}")

    def forget(self, lost: Sequence[Acknowledged]) -> None:
        """The only disk that had these is gone: nobody can have them any more."""
        self.kept = [one for one in self.kept if one not in lost]

    @property
    def pairs(self) -> dict[int, list[Acknowledged]]:
        """Contradictions of which a side was written."""
        found: dict[int, list[Acknowledged]] = {}
        for one in self.kept:
            if (pair := self.pieces[one.number].pair) >= 0:
                found.setdefault(pair, []).append(one)
        return found


def statements_of(store: Store, document: DocumentId) -> frozenset[str]:
    """Ids of the statements of a document that a store has admitted."""
    return frozenset(
        statement_id(actor, entry.number)
        for actor, entries in store.entries(document).items()
        for entry in entries
    )


def newer(adds: Sequence[str], save: Save) -> Save:
    """A save as somebody makes it with newer software, which `adds` slots and fields."""
    for name in adds if document_kind(save.document) is DocumentKind.EPISODE else ():
        slot, _, field = name.partition(".")
        if not field:
            first = save.drafts[0]
            more = Draft(slot=slot, value={"note": "as of late"}, by=first.by, at=first.at)
            save = save._replace(drafts=(*save.drafts, more))
            continue
        drafts = (
            replace(one, value={**one.value, field: "as of late"})
            if one.slot == slot and isinstance(one.value, dict)
            else one
            for one in save.drafts
        )
        save = save._replace(drafts=tuple(drafts))
    return save


@dataclass(frozen=True, slots=True)
class Write:
    """Somebody writes a piece on a node."""

    word: ClassVar[str] = "write"
    node: str
    number: int

    def act(self, world: World) -> None:
        """See `Verb`."""
        world.people.write(world, self.node, self.number)

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """What is written is dealt, not drawn."""
        raise NotImplementedError


class _Dealer:
    """Makes pieces, and steps that write them."""

    def __init__(self, scenario: Scenario, seed: int, people: People) -> None:
        self._seed, self._people = seed, people
        self._work, self._until = scenario.work, scenario.faults_s
        self._names = scenario.starters
        self._route = scenario.work.route or tuple(scenario.starters)
        self._dice = dice(seed, "work")

    def deal(self) -> None:
        """All of it."""
        work = self._work
        records = [casualty(self._seed, index, START) for index in range(work.records)]
        singles = work.statements - 2 * work.pairs - work.corrections
        for one in islice(cycle(records), max(0, singles)):
            self._put(self._name(), self._time(), Piece(Save(one.episode, (self._vitals(),))))
        self._pairs(records)
        self._corrections()
        for index in range(work.casualties):
            self._flow(casualty(self._seed, work.records + index, START))
        for _ in range(work.rounds):
            saves = tuple(Save(one.episode, (self._vitals(),)) for one in records)
            self._put(self._name(), self._time(), Piece(saves[0], more=saves[1:]))

    def _put(self, name: str, at_s: float, piece: Piece) -> None:
        number = len(self._people.pieces)
        self._people.pieces.append(piece)
        self._people.steps.append(Step(at_s, Write(name, number)))

    def _name(self) -> str:
        return self._dice.choice(self._names)

    def _time(self) -> float:
        return round(self._dice.uniform(GREETING_S, self._until), 3)

    def _vitals(self) -> Draft:
        at = START + timedelta(seconds=self._dice.randrange(3600))
        value = care.vitals(self._dice, self._dice.randrange(60))
        return _moment(self._dice, at).says(VITALS, value)

    def _pairs(self, records: Sequence[Casualty]) -> None:
        every = ((one, pair) for one in records for pair in contradictions(self._seed, one))
        for number, (_, pair) in enumerate(islice(self._shuffled(every), self._work.pairs)):
            left, right = self._dice.sample(self._names, 2)
            at_s = self._time()
            self._put(left, at_s, Piece(Save(pair.document, (pair.left,)), pair=number))
            later_s = round(at_s + self._dice.choice((0.0, 0.0, 1.0, 60.0)), 3)  # it may have come
            right_s = min(later_s, self._until)
            self._put(right, right_s, Piece(Save(pair.document, (pair.right,)), pair=number))

    def _shuffled(self, every: Iterator[Pair]) -> list[Pair]:
        found = list(every)
        self._dice.shuffle(found)
        return found

    def _corrections(self) -> None:
        singles = [n for n, piece in enumerate(self._people.pieces) if piece.pair < 0]
        for _ in range(self._work.corrections if singles else 0):
            number = self._dice.choice(singles)
            document = self._people.pieces[number].save.document
            save = Save(document, (self._vitals(),))
            earlier_s = self._people.steps[number].at_s
            at_s = round(self._dice.uniform(earlier_s, self._until), 3)
            self._put(self._name(), at_s, Piece(save, corrects=number))

    def _flow(self, one: Casualty) -> None:
        """A casualty along the route: its saves in their order, each stretch at the next role of care."""
        start = self._dice.uniform(GREETING_S, self._until / 2)
        pace = (self._until - start) / len(one.saves)
        for place, save in enumerate(one.saves):
            role = self._route[place * len(self._route) // len(one.saves)]
            self._put(role, round(start + place * pace, 3), Piece(save))


def _moment(stream: Random, at: datetime) -> Moment:
    return Moment(stream.choice(MEDICS), f"{at:%Y-%m-%dT%H:%M:%S}Z")
