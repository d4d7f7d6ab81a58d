"""Which tourniquets a chart has, and how long each is, or was, on the limb.

A tourniquet is its application, never its limb: a second one beside the first is doctrine. The
application and its corrections are one tourniquet; its clock runs from the earliest asserted
application until a removal or a conversion (to a dressing) that names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import NamedTuple

from conflict.clinical_time import Instants
from conflict.policies.comparing import by_record_time, field_of, text_of
from conflict.records import TOURNIQUET
from conflict.rule import Facts
from conflict.rules.moments import Key, clusters, identity_of, minutes_between, moment_at, span
from conflict.rules.references import References
from conflict.slot import History
from conflict.statement import Statement

BANDS = (("under-2h", 120), ("2-6h", 360))
"""Bands with the minutes that each ends before or at; longer is over 6 h. JSOM 2026: the zones of
the reassessment algorithm of TCCC."""

OVER_6H = "over-6h"
UNKNOWN = "unknown"
ENDS = ("converted", "removed")
HOPS_MAX = 8  # events that name events before one names the application


class Tourniquet(NamedTuple):
    """One tourniquet. `applied`: the applications asserted of it, several where they differ.

    `converted`, `removed`, `reassessed`: what stands and names it, in display order; a conversion to
    another, deliberate tourniquet is among the last.
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
        return UNKNOWN if self.most is None else _band(self.most)

    @property
    def in_doubt(self) -> bool:
        """Whether it may be over 6 h and may be not."""
        return self.band == OVER_6H and _band(self.least or 0) != OVER_6H


def _band(minutes: int) -> str:
    return next((name for name, end in BANDS if _within(name, minutes, end)), OVER_6H)


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
        if history is None:
            continue
        for members in _connected(history):
            place_of |= dict.fromkeys(map(identity_of, members), len(groups))
            groups.append(_group(members, history))
    references = References(facts, TOURNIQUET.name)
    named: dict[Key, int | None] = {}
    for place, group in enumerate(groups):
        for one in group.events:
            key = references.key(one)
            named[identity_of(one)] = place_of.get(key) if key else _own(one, place)
    return _assembled(groups, named)


def _own(one: Statement, place: int) -> int | None:
    """What names nothing can only mean what it replaced; what names something not held, not even."""
    return None if field_of(one, "of") else place


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
        elif _applies(one) and one.id not in history.struck and not all(map(_applies, heirs)):
            group.replaced.append(one)
    return group


def _applies(one: Statement) -> bool:
    """An application; what says no known action and names none is taken for one."""
    action = text_of(one, "action")
    known = action in ENDS or action == "reassessed"
    return action == "applied" or not (known or field_of(one, "of"))


def _ends(one: Statement) -> bool:
    """A removal or a conversion to a dressing. What was converted and is still tight was converted to
    another tourniquet: the limb has no more blood than before."""
    action = text_of(one, "action")
    return action == "removed" or (
        action == "converted" and text_of(one, "tightness") != "deliberate"
    )


def _assembled(groups: Sequence[_Group], named: Mapping[Key, int | None]) -> Tourniquets:
    """`named`: by event, the place of the group that it names, or of its own where it names none."""
    named_by = [{named[identity_of(one)] for one in group.events} for group in groups]
    applied = [
        group.applications or (group.replaced if place in named_by[place] else [])
        for place, group in enumerate(groups)
    ]
    by_kind: dict[tuple[int, str], list[Statement]] = {}
    names_none: list[Statement] = []
    for one in (one for group in groups for one in group.events):
        action = text_of(one, "action")
        place = _tourniquet_of(named[identity_of(one)], applied, named_by)
        if place is not None:
            by_kind.setdefault((place, action if _ends(one) else ""), []).append(one)
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
    found.sort(key=lambda one: (one.applied[0].rec, *identity_of(one.applied[0])))
    return Tourniquets(tuple(found), tuple(by_record_time(names_none)))


def _tourniquet_of(
    place: int | None,
    applied: Sequence[Sequence[Statement]],
    named_by: Sequence[Set[int | None]],
) -> int | None:
    """The tourniquet behind a group: an event may name another event of the same tourniquet."""
    for _ in range(HOPS_MAX):
        if place is None or applied[place]:
            return place
        if len(named_by[place]) != 1:
            return None
        (place,) = named_by[place]
    return None


def clock_of(one: Tourniquet, now: datetime) -> Clock:
    """How long it has been, or was, on the limb. Nothing that has not happened yet stops it."""
    since = span([found for each in one.applied if (found := moment_at(each))])
    ended = {kind: getattr(one, kind) for kind in ENDS if _happened(getattr(one, kind), now)}
    state = "removed" if "removed" in ended else "converted" if ended else "on"
    times = [[moment_at(each) for each in events] for events in ended.values()]
    if since is None or any(None in each for each in times):
        return Clock(state, since, None, None)
    known = [found for each in times if (found := span([time for time in each if time]))]
    return Clock(
        state,
        since,
        minutes_between(since.latest, min((end.earliest for end in known), default=now)),
        minutes_between(since.earliest, min((end.latest for end in known), default=now)),
    )


def _happened(ends: Sequence[Statement], now: datetime) -> bool:
    """Whether the latest asserted of them is not still to come."""
    return bool(ends) and all(
        found is None or found.earliest <= now for found in map(moment_at, ends)
    )
