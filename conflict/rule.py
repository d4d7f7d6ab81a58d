"""Rules over a chart: findings and derived values that need more than one slot, document or the time.

Declarations live in `rules/`, one clinical subject a module. Both are pure functions of `Facts`;
what depends on the time takes it from there and is computed when read, never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conflict.finding import Finding
from conflict.fold import Folded
from conflict.identity import DocumentId, DocumentKind, document_kind, document_text
from conflict.slot import Reading
from conflict.statement import Json, Statement

WITHOUT_EFFECT = frozenset({"inactive", "amended"})


@dataclass(frozen=True, slots=True)
class Facts:
    """The held documents of one chart, folded.

    `now`: the time of reading (aware), None where only what does not depend on it is asked.
    `beside`: documents of other charts that a move names and that are held.
    """

    folds: tuple[Folded, ...]
    now: datetime | None = None
    beside: Mapping[DocumentId, Folded] = field(default_factory=dict)

    def readings(self, slot: str) -> list[Reading]:
        """Everything shown in a slot, document by document."""
        return [reading for one in self.folds for reading in one.readings(slot)]

    def active(self, slot: str) -> list[Reading]:
        """What is shown and counts: neither inactive nor the old text of an amendment."""
        return [one for one in self.readings(slot) if one.state not in WITHOUT_EFFECT]

    def written(self, slot: str) -> list[Statement]:
        """Every statement of a slot, replaced ones and marks of error included."""
        histories = (one.histories.get(slot) for one in self.folds)
        return [one for history in histories if history for one in history.statements]

    def persons(self) -> tuple[Folded, ...]:
        """The person documents."""
        return tuple(
            one for one in self.folds if document_kind(one.document) is DocumentKind.PERSON
        )

    def struck(self) -> Iterator[tuple[Statement, Statement]]:
        """What was entered in error, with the statement that says so."""
        for one in self.folds:
            yield from one.struck

    def titles(self) -> tuple[str, ...]:
        """Text ids of the documents."""
        return tuple(document_text(one.document) for one in self.folds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Finds things over a chart. `timed`: depends on `Facts.now`, asked only where there is one.

    `plain`: what it finds, for people. `basis`: standard or source. `finds`: names that its findings
    have, where they are not its own alone.
    """

    name: str
    plain: str
    basis: str
    find: Callable[[Facts], Iterable[Finding]]
    timed: bool = False
    finds: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Every `Finding.rule` that it can give."""
        return self.finds or (self.name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A value computed from a chart when it is read; policy family `derived`.

    Never stored, never merged. `compute` gives None where nothing is known.
    """

    name: str
    plain: str
    basis: str
    compute: Callable[[Facts], Json]
