"""Single: one head is the value; several that differ are a finding, all shown, the safer one first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.policies.comparing import (
    alike,
    by_record_time,
    compared,
    field_of,
    grouped,
    register_of,
    said,
)
from conflict.slot import History, Reading, Slot, View
from conflict.statement import Json, Statement


@dataclass(frozen=True, slots=True)
class Single:
    """One head is the value, or one for each natural `key`.

    `field` holds the code; `safer` lists codes from the most to the least cautious, and where caution
    is not a list of codes, `caution` gives a number, the smallest for the most cautious value; `same`
    names the fields that decide whether two heads differ (else the whole value does). `latest` shows
    the last written instead and finds nothing: for places, never for clinical values. Where heads
    differ, `fallback` is shown in their place, and it is what counts while a head is not `in_force`
    (unsigned directives). `agree` says that differing heads are no contradiction.
    """

    field: str
    safer: tuple[str, ...] = ()
    severity: Severity = Severity.HIGH
    key: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    latest: bool = False
    fallback: Json = None
    in_force: Callable[[Json], bool] | None = None
    agree: Callable[[Sequence[Statement]], bool] | None = None
    caution: Callable[[Json], int] | None = None
    family: str = "single"

    def view(self, slot: Slot, history: History) -> View:
        """See `Policy`."""
        standing = history.standing()
        if not self.key:
            return self._register(slot, standing)
        registers = grouped(standing, lambda one: register_of(slot, one, self.key))
        views = [self._register(slot, registers[name]) for name in sorted(registers)]
        return View(
            tuple(reading for view in views for reading in view.readings),
            tuple(found for view in views for found in view.findings),
        )

    def place(self, statement: Statement) -> tuple[int, str]:
        """Order of caution, the most cautious first: what nobody here can read comes before all."""
        as_compared = compared(statement, self.same)
        if self.caution:
            return self.caution(statement.value), as_compared
        code = alike(field_of(statement, self.field))
        if code in self.safer:
            return self.safer.index(code), as_compared
        unknown = bool(self.safer) and code not in (None, "")
        return -1 if unknown else len(self.safer), as_compared

    def _register(self, slot: Slot, standing: Sequence[Statement]) -> View:
        groups = list(grouped(standing, lambda one: compared(one, self.same)).values())
        groups.sort(key=lambda group: self.place(group[0]))
        if self.latest:
            groups.sort(key=lambda group: (group[-1].rec, group[-1].id), reverse=True)
        if len(groups) < 2:
            return self._one(slot, groups)
        heads = [one for group in groups for one in group]
        settled = self.latest or (self.agree is not None and self.agree(heads))
        first = "stands" if settled else "safer"
        readings = [
            Reading(group[0].value, tuple(group), "also" if place or self.fallback else first)
            for place, group in enumerate(groups)
        ]
        if self.fallback:
            readings.insert(0, Reading(self.fallback, tuple(by_record_time(heads)), "safer"))
        return View(tuple(readings), () if settled else (self._apart(slot, heads),))

    def _one(self, slot: Slot, groups: Sequence[Sequence[Statement]]) -> View:
        if not groups:
            return View(())
        (heads,) = groups
        if self.in_force is None or self.in_force(heads[0].value):
            return View((Reading(heads[0].value, tuple(heads)),))
        shown = (
            Reading(self.fallback, tuple(heads), "safer"),
            Reading(heads[0].value, tuple(heads), "not-in-force"),
        )
        return View(shown, (self._not_in_force(slot, heads),))

    def _apart(self, slot: Slot, heads: Sequence[Statement]) -> Finding:
        return finding(
            "heads-differ",
            Kind.CONTRADICTION,
            self.severity,
            slot.name,
            heads,
            f"{slot.plain}: {said(slot, by_record_time(heads))}",
            Closing(Act.CHOOSE, slot.name, "write one value that replaces all of these"),
        )

    def _not_in_force(self, slot: Slot, heads: Sequence[Statement]) -> Finding:
        return finding(
            "not-in-force",
            Kind.HAZARD,
            Severity.MEDIUM,
            slot.name,
            heads,
            f"{slot.plain}: {said(slot, by_record_time(heads))}; not in force until it is signed "
            "and verified",
            Closing(Act.CHOOSE, slot.name, "write it signed and verified, or withdraw it"),
        )
