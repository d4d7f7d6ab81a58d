"""Events: every statement stands. Near-identical ones by two writers are a possible duplicate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.policies.comparing import (
    by_record_time,
    compared,
    field_of,
    grouped,
    moment_of,
    said,
    writer_of,
)
from conflict.policies.following import in_causal_order
from conflict.slot import History, Reading, Slot, View
from conflict.statement import Statement

LOOKED_AT_MAX = (
    256  # near-identical statements that one is compared with, its own writer's included
)
NEIGHBOURS_MAX = 8  # near-identical statements by others that one statement is compared with
FindsMore = Callable[[Slot, list[Statement]], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Events:
    """Every statement stands.

    `same` and `within_minutes` name near-identical ones by two writers. A statement whose field
    `permanent` is true (signed text) stays shown beside its correction, as amended. Of two possible
    duplicates, one whose flag `outranks` is true is shown first and the other as also said.
    A statement whose field `follows` names another is shown after it. `finds_more` is a rule of the
    slot's own.
    """

    same: tuple[str, ...] = ()
    within_minutes: int = 15
    permanent: str = ""
    outranks: str = ""
    follows: str = ""
    finds_more: FindsMore | None = None
    family: str = "events"

    def view(self, slot: Slot, history: History) -> View:
        """See `Policy`."""
        standing = by_record_time(history.standing())
        pairs = near_pairs(standing, self.same, self.within_minutes) if self.same else ()
        findings = [duplicate(slot, *pair) for pair in pairs]
        outranked = self._outranked(standing, findings)
        if self.follows:
            standing = in_causal_order(standing, history, self.follows)
        if self.finds_more:
            findings.extend(self.finds_more(slot, standing))
        readings = [
            Reading(one.value, (one,), "also" if outranked and one.name in outranked else "stands")
            for one in standing
        ]
        readings.extend(Reading(one.value, (one,), "amended") for one in self._amended(history))
        return View(tuple(readings), tuple(findings))

    def _amended(self, history: History) -> list[Statement]:
        """Signed statements that a correction names: still legible, as on paper."""
        if not self.permanent:
            return []
        return [
            one
            for one in by_record_time(history.statements)
            if one.id in history.superseded
            and one.id not in history.struck
            and one.void is None
            and field_of(one, self.permanent) is True
        ]

    def _outranked(self, standing: list[Statement], duplicates: list[Finding]) -> set[str]:
        if not self.outranks:
            return set()
        first = {one.name for one in standing if field_of(one, self.outranks) is True}
        pairs = [set(found.statements) for found in duplicates]
        return {name for pair in pairs if pair & first for name in pair - first}


def near_pairs(
    standing: Iterable[Statement], same: tuple[str, ...], within_minutes: int
) -> Iterable[tuple[Statement, Statement]]:
    """Statements by two writers that say the same in some fields, near each other in clinical time.

    One that leaves out the first of these fields is like no other.
    """
    near = timedelta(minutes=within_minutes)
    telling = [one for one in standing if field_of(one, same[0]) not in (None, "")]
    if len({writer_of(one) for one in telling}) < 2:
        return  # as in most records: nothing to compare
    for group in grouped(telling, lambda one: compared(one, same)).values():
        timed = sorted(
            ((moment.earliest, one.id, one) for one in group if (moment := moment_of(one))),
            key=lambda item: item[:2],
        )
        for place in range(len(timed)):
            yield from islice(_neighbours(timed, place, near), NEIGHBOURS_MAX)


def _neighbours(
    timed: Sequence[tuple[datetime, str, Statement]], place: int, near: timedelta
) -> Iterable[tuple[Statement, Statement]]:
    """A statement with each later one by another writer, as long as they are near."""
    early, _, first = timed[place]
    for at in range(place + 1, min(len(timed), place + 1 + LOOKED_AT_MAX)):
        late, _, second = timed[at]
        if late - early > near:
            return
        if writer_of(second) != writer_of(first):
            yield first, second


def duplicate(slot: Slot, first: Statement, second: Statement) -> Finding:
    """Two statements that may be one event."""
    return finding(
        "written-twice",
        Kind.DUPLICATE,
        Severity.MEDIUM,
        slot.name,
        (first, second),
        f"{slot.plain}: perhaps one, written twice: {said(slot, (first, second))}",
        Closing(Act.VOID, slot.name, "mark one as entered in error, or say that both happened"),
    )
