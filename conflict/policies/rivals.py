"""One statement, corrected in different ways by people who had not seen each other's correction.

Holds for every slot. Where corrections with different values stand side by side, the families that
show one value find that themselves; events do not, and nobody else sees a correction beside a mark
of *entered in error*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.identity import StatementId
from conflict.policies.comparing import by_record_time, said
from conflict.slot import History, Reading, Slot, View
from conflict.statement import Statement, canonical

RIVALS_MAX = 64  # corrections that one finding names


def with_rivals(slot: Slot, history: History, view: View) -> View:
    """The view with such findings added, and the readings that they are about marked."""
    rivals = list(_rival_corrections(slot, history)) if history.superseded else ()
    if not rivals:
        return view
    disputed = {name for found in rivals for name in found.statements}
    readings = tuple(_marked(one, disputed) for one in view.readings)
    return View(readings, (*view.findings, *rivals))


def _marked(reading: Reading, disputed: set[str]) -> Reading:
    about = reading.state == "stands" and any(one.name in disputed for one in reading.statements)
    return reading._replace(state="disputed") if about else reading


def _rival_corrections(slot: Slot, history: History) -> Iterator[Finding]:
    heads = _Heads(history)
    found: set[tuple[StatementId, ...]] = set()
    for one in by_record_time(one for one in history.statements if one.id in history.superseded):
        rivals = heads.of(one.id)
        names = tuple(sorted(rival.id for rival in rivals))
        if names not in found and _differ(rivals, by_value=slot.policy.family == "events"):
            found.add(names)  # the same rivals may have replaced several
            yield _finding(slot, one, rivals)


class _Heads:
    """What stands, today, for statements that were replaced: corrections of corrections followed."""

    def __init__(self, history: History) -> None:
        self._superseded = history.superseded
        self._slots = {one.slot for one in history.statements}
        self._known: dict[StatementId, tuple[Statement, ...]] = {}

    def of(self, key: StatementId) -> tuple[Statement, ...]:
        """The last of each line of corrections of `key`, marks of error included."""
        waiting = [key]
        while waiting:
            last = waiting[-1]
            heirs = [one for one in self._superseded.get(last, ()) if one.slot in self._slots]
            if todo := [one.id for one in heirs if one.id not in self._known]:
                waiting.extend(todo)  # ends: what replaces each other in a circle replaces nothing
                continue
            waiting.pop()
            found: dict[StatementId, Statement] = {}
            for one in heirs:
                further = self._known.get(one.id, ())
                for each in further or (one,):
                    found[each.id] = each
            self._known[last] = tuple(found[name] for name in sorted(found))[:RIVALS_MAX]
        return self._known.get(key, ())


def _differ(rivals: Sequence[Statement], *, by_value: bool) -> bool:
    if len(rivals) < 2:
        return False
    voids = {heir.void is not None for heir in rivals}
    return len(voids) > 1 or (by_value and len({canonical(heir.value) for heir in rivals}) > 1)


def _finding(slot: Slot, one: Statement, rivals: Iterable[Statement]) -> Finding:
    ordered = by_record_time(rivals)
    errors = [
        f"{who_when(heir)} marked it as an error" for heir in ordered if heir.void is not None
    ]
    values = said(slot, (heir for heir in ordered if heir.void is None))
    parts = "; ".join(part for part in (values, *errors) if part)
    return finding(
        "corrected-apart",
        Kind.CONTRADICTION,
        Severity.MEDIUM,
        slot.name,
        ordered,
        f"{slot.plain}: {who_when(one)} was corrected in different ways: {parts}",
        Closing(Act.CHOOSE, slot.name, "write what holds, replacing these"),
    )
