"""Tourniquets over a chart: which are on, since when, and when their time becomes dangerous.

A tourniquet is its application, never its limb: a second one beside the first is doctrine. The
application and its corrections are one tourniquet; its clock runs from the earliest asserted
application until a removal or a conversion (to a dressing) that names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from conflict.clinical_time import Instants, utc_text
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.policies.comparing import by_record_time, field_of, said, text_of
from conflict.policies.events import duplicate
from conflict.records import TOURNIQUET
from conflict.rule import Derived, Facts, Rule
from conflict.rules.moments import (
    NEAR,
    Key,
    clusters,
    dated,
    how_long,
    key_of,
    minutes_between,
    moment_at,
    near_pairs,
)
from conflict.rules.references import References
from conflict.slot import History
from conflict.statement import Json, Statement
from conflict.wording import raw

BANDS = (("under-2h", 120), ("2-6h", 360))
"""Bands with the minutes that each ends before or at; longer is over 6 h. JSOM 2026: the zones of
the reassessment algorithm of TCCC."""

OVER_6H = "over-6h"
UNKNOWN = "unknown"
ENDS = ("converted", "removed")
NAMES_NONE = "tourniquet-end-names-none"

_BASIS = "CLINICAL.md §3; TCCC Guidelines; J Spec Oper Med 2015;15(1):17 and 2026 (reassessment)"
_WHY = {
    "2-6h": "convert where bleeding can be controlled otherwise, or say why it stays (TCCC)",
    OVER_6H: "do not convert or remove it outside surgical care, where close monitoring and a "
    "laboratory are at hand (TCCC, J Spec Oper Med 2015;15(1):17)",
}


class Tourniquet(NamedTuple):
    """One tourniquet. `applied`: the applications asserted of it, several where they differ.

    `converted`, `removed`, `reassessed`: what stands and names it. All in display order.
    """

    applied: tuple[Statement, ...]
    converted: tuple[Statement, ...] = ()
    removed: tuple[Statement, ...] = ()
    reassessed: tuple[Statement, ...] = ()

    def statements(self) -> tuple[Statement, ...]:
        """Everything that it is known by."""
        return self.applied + self.converted + self.removed + self.reassessed


class Clock(NamedTuple):
    """`least` and `most`: minutes on the limb; None where nothing says how long.

    `since`: the application from the earliest to the latest instant that anybody asserts.
    """

    state: str
    since: Instants | None
    least: int | None
    most: int | None

    @property
    def band(self) -> str:
        """By the longest time that is asserted."""
        if self.most is None:
            return UNKNOWN
        return next((name for name, end in BANDS if _within(name, self.most, end)), OVER_6H)


def _within(band: str, minutes: int, end: int) -> bool:
    return minutes < end if band == "under-2h" else minutes <= end


class Tourniquets(NamedTuple):
    """Those of a chart, and the removals and conversions that name none of them."""

    found: tuple[Tourniquet, ...]
    names_none: tuple[Statement, ...]


class _Group(NamedTuple):
    """Statements joined by corrections: one tourniquet, or one event of a tourniquet.

    `replaced`: applications that something else than an application replaced.
    """

    applications: list[Statement]
    events: list[Statement]
    replaced: list[Statement]


def tourniquets(facts: Facts) -> Tourniquets:
    """All tourniquets of the chart's documents, in the display order of their applications."""
    groups: list[_Group] = []
    place_of: dict[Key, int] = {}
    for folded in facts.folds:
        history = folded.histories.get(TOURNIQUET.name)
        for members in _connected(history) if history else ():
            place_of |= dict.fromkeys(map(key_of, members), len(groups))
            groups.append(_group(members, history))
    references = References(facts, TOURNIQUET.name)
    named = {
        key_of(one): place_of.get(references.key(one)) if field_of(one, "of") else place
        for place, group in enumerate(groups)
        for one in group.events
    }
    return _assembled(groups, named)


def _connected(history: History) -> list[list[Statement]]:
    """Statements joined by corrections; a mark of *entered in error* joins nothing."""
    by_id = {one.id: one for one in history.statements if one.void is None}
    pairs = (
        (by_id[target], by_id[heir.id])
        for target, heirs in history.superseded.items()
        if target in by_id
        for heir in heirs
        if heir.id in by_id
    )
    return clusters(list(by_id.values()), pairs)


def _group(members: Sequence[Statement], history: History) -> _Group:
    group = _Group([], [], [])
    for one in members:
        heirs = history.superseded.get(one.id)
        if heirs is None:
            (group.applications if _applies(one) else group.events).append(one)
        elif _applies(one) and one.id not in history.struck:
            if not all(_applies(heir) for heir in heirs):
                group.replaced.append(one)
    return group


def _applies(one: Statement) -> bool:
    """An application; what says no known action and names none is taken for one."""
    action = text_of(one, "action")
    known = action in ENDS or action == "reassessed"
    return action == "applied" or not (known or field_of(one, "of"))


def _assembled(groups: Sequence[_Group], named: Mapping[Key, int | None]) -> Tourniquets:
    """`named`: by event, the place of the group that it names, or of its own where it names none."""
    applied = [
        group.applications
        or (group.replaced if any(named[key_of(one)] == place for one in group.events) else [])
        for place, group in enumerate(groups)
    ]
    by_kind: dict[tuple[int, str], list[Statement]] = {}
    names_none: list[Statement] = []
    for group in groups:
        for one in group.events:
            action = text_of(one, "action")
            place = _tourniquet_of(named[key_of(one)], groups, applied, named)
            if place is not None:
                by_kind.setdefault((place, action if action in ENDS else ""), []).append(one)
            elif action in ENDS:
                names_none.append(one)
    found = [
        Tourniquet(
            tuple(by_record_time(one)),
            *(tuple(by_record_time(by_kind.get((place, kind), ()))) for kind in (*ENDS, "")),
        )
        for place, one in enumerate(applied)
        if one
    ]
    found.sort(key=lambda one: (one.applied[0].rec, *key_of(one.applied[0])))
    return Tourniquets(tuple(found), tuple(by_record_time(names_none)))


def _tourniquet_of(
    place: int | None,
    groups: Sequence[_Group],
    applied: Sequence[Sequence[Statement]],
    named: Mapping[Key, int | None],
) -> int | None:
    """The tourniquet behind a group: an event may name another event of the same tourniquet."""
    seen: set[int] = set()
    while place is not None and not applied[place]:
        if place in seen or not groups[place].events:
            return None
        seen.add(place)
        place = named[key_of(min(groups[place].events, key=key_of))]
    return place


def clock_of(one: Tourniquet, now: datetime) -> Clock:
    """How long it has been, or was, on the limb. Nothing that has not happened yet stops it."""
    asserted = [found for each in one.applied if (found := moment_at(each))]
    since = _span(asserted)
    ends = {kind: _end(getattr(one, kind), now) for kind in ENDS}
    state = "removed" if ends["removed"] else "converted" if ends["converted"] else "on"
    if since is None:
        return Clock(state, None, None, None)
    known = [end for end in ends.values() if end]
    if state != "on" and not all(isinstance(end, Instants) for end in known):
        return Clock(state, since, None, None)
    until = min((end.latest for end in known), default=now)
    return Clock(
        state,
        since,
        minutes_between(since.latest, until),
        minutes_between(since.earliest, until),
    )
