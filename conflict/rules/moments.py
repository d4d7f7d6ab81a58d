"""When statements of a chart say that things happened, and which of them may be one event.

Clinical time is a range (`clinical_time.py`): what is known to the day, or in an unknown zone L,
reaches from the earliest instant that it can mean to the latest. A time given to the minute is that
minute's first instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from conflict.clinical_time import Instants, instants
from conflict.errors import BadTime
from conflict.finding import Act, Closing, Finding, Kind, Severity, clock_time, finding
from conflict.policies.comparing import by_record_time, said, writer_of
from conflict.policies.events import NEIGHBOURS_MAX, duplicate
from conflict.slot import CATALOGUE
from conflict.statement import Json, Statement

Item = TypeVar("Item")

NEAR = timedelta(minutes=15)
"""Two writers' entries of one thing within this time may be one event, written twice."""

DAY = timedelta(hours=24)
_MINUTE, _SECOND = timedelta(minutes=1), timedelta(seconds=1)

LOOKED_AT_MAX = 64  # later entries that one is compared with: bounds a flood of equal ones
PAIRS_MAX = 64  # of possible duplicates in one group; more are found by cluster
FEW = 8  # more than this of one problem in a chart are one finding


@lru_cache(maxsize=8192)
def moment(text: str) -> Instants | None:
    """UTC range of a clinical time; None where there is none that can be read."""
    try:
        earliest, latest = instants(text)
    except BadTime:
        return None
    time = text.partition("T")[2]
    width = timedelta() if not time else _SECOND if time[5:6] == ":" else _MINUTE
    return Instants(earliest, latest - width)


def moment_at(statement: Statement) -> Instants | None:
    """`moment` of a statement's own clinical time."""
    return moment(statement.at) if statement.at else None


def moment_in(value: Json) -> Instants | None:
    """`moment` of whatever JSON stands in a field."""
    return moment(value) if isinstance(value, str) else None


def span(found: Sequence[Instants]) -> Instants | None:
    """From the earliest instant of several ranges to the latest; None of none."""
    if not found:
        return None
    return Instants(min(one.earliest for one in found), max(one.latest for one in found))


def may_be_since(one: Statement, since: datetime) -> bool:
    """Whether it was not surely earlier: what has no time may be of any."""
    found = moment_at(one)
    return found is None or found.latest >= since


def surely_between(one: Statement, since: datetime, until: datetime) -> bool:
    """Whether it began in this time, whatever its zone."""
    found = moment_at(one)
    return found is not None and since <= found.earliest <= until


def minutes_between(first: datetime, second: datetime) -> int:
    """Whole minutes from the first to the second; 0 where it is earlier."""
    return max(0, int((second - first) / timedelta(minutes=1)))


def how_long(minutes: int) -> str:
    """`35 min`, `2 h 05 min`."""
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02} min" if hours else f"{rest} min"


def dated(at: str | None) -> str:
    """A clinical time as it was given, time of day alone where it has one."""
    return clock_time(at) or "no time given"


def perhaps_one(
    statements: Iterable[Statement],
    alike: Callable[[Statement, Statement], bool],
) -> Iterator[tuple[Statement, Statement]]:
    """Pairs within `NEAR` that may be one event: of two writers, or imported from one record.

    Statements without a time are in none. Bounded for a flood of equal entries.
    """
    timed = sorted(
        (found.earliest, one.rec, identity_of(one), one)
        for one in statements
        if (found := moment_at(one))
    )
    for place, (early, _, _, first) in enumerate(timed):
        pairs = 0
        for late, _, _, second in timed[place + 1 : place + 1 + LOOKED_AT_MAX]:
            if late - early > NEAR or pairs >= NEIGHBOURS_MAX:
                break
            if _may_be_one(first, second) and alike(first, second):
                pairs += 1
                yield first, second


def _may_be_one(first: Statement, second: Statement) -> bool:
    if first.source and second.source and first.source[:2] == second.source[:2]:
        return True
    return writer_of(first) != writer_of(second)


def clusters(
    statements: Sequence[Statement], pairs: Iterable[tuple[Statement, Statement]]
) -> list[list[Statement]]:
    """Statements joined by pairs, directly or through others; each in exactly one cluster."""
    parent: dict[Key, Key] = {identity_of(one): identity_of(one) for one in statements}

    def root(key: Key) -> Key:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for first, second in pairs:
        one, other = sorted((root(identity_of(first)), root(identity_of(second))))
        parent[other] = one
    found: dict[Key, list[Statement]] = {}
    for statement in statements:
        found.setdefault(root(identity_of(statement)), []).append(statement)
    return list(found.values())


Key = tuple[bytes, str]


def identity_of(statement: Statement) -> Key:
    """What tells statements apart everywhere; cheaper than their names."""
    return statement.document, statement.id


def few_or_all(found: Sequence[Item], few: int = FEW) -> list[Sequence[Item]]:
    """Each on its own, or all together where they would be a flood of findings."""
    return [[one] for one in found] if len(found) <= few else [found]


def written_twice(pairs: Sequence[tuple[Statement, Statement]]) -> Iterator[Finding]:
    """Possible duplicates: each pair, or where that were a flood, each cluster that pairs join."""
    if len(pairs) <= PAIRS_MAX:
        yield from (duplicate(CATALOGUE[first.slot], first, second) for first, second in pairs)
        return
    members = {identity_of(one): one for pair in pairs for one in pair}
    for cluster in clusters(list(members.values()), pairs):
        slot = CATALOGUE[cluster[0].slot]
        ordered = by_record_time(cluster)
        yield finding(
            "written-many-times",
            Kind.DUPLICATE,
            Severity.MEDIUM,
            slot.name,
            ordered,
            f"{slot.plain}: {len(ordered)} entries, perhaps fewer: {said(slot, ordered[:FEW])}",
            Closing(Act.VOID, slot.name, "mark those that repeat another as entered in error"),
        )
