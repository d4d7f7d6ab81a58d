"""Ranked: single whose evidence has rank. A lower rank never replaces a higher one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.policies.comparing import by_record_time, compared, field_of, grouped, said
from conflict.slot import History, Reading, Slot, View
from conflict.statement import Json, Statement


@dataclass(frozen=True, slots=True)
class Ranked:
    """Single whose evidence has rank: a lower rank never replaces a higher one.

    `ranks` lists evidence from strongest to weakest, one tuple for evidence of equal strength. With
    `discrepant`, any disagreement at any rank shows that value instead of either (blood type:
    universal products only). `hazard` makes disagreement a hazard.
    """

    evidence: str
    ranks: tuple[str | tuple[str, ...], ...]
    compared: tuple[str, ...]
    discrepant: Json = None
    hazard: bool = False
    severity: Severity = Severity.LOW
    family: str = "ranked"

    def view(self, slot: Slot, history: History) -> View:
        """See `Policy`."""
        standing = [one for one in history.statements if self._stands(one, history)]
        groups = list(grouped(standing, self._said).values())
        groups.sort(key=lambda group: (min(map(self.rank, group)), self._said(group[0])))
        ordered = [
            sorted(group, key=lambda one: (self.rank(one), one.rec, one.id)) for group in groups
        ]
        if len(ordered) < 2:
            return View(tuple(Reading(group[0].value, tuple(group)) for group in ordered))
        heads = [one for group in ordered for one in group]
        readings = [
            Reading(group[0].value, tuple(group), "also" if place or self.discrepant else "stands")
            for place, group in enumerate(ordered)
        ]
        if self.discrepant:
            readings.insert(0, Reading(self.discrepant, tuple(by_record_time(heads)), "discrepant"))
        return View(tuple(readings), (self._finding(slot, ordered, heads),))

    def rank(self, statement: Statement) -> int:
        """0 for the strongest evidence; unknown evidence is weaker than all that is listed."""
        evidence = field_of(statement, self.evidence)
        for place, level in enumerate(self.ranks):
            if evidence == level or (isinstance(level, tuple) and evidence in level):
                return place
        return len(self.ranks)

    def _finding(
        self, slot: Slot, groups: Sequence[Sequence[Statement]], heads: Sequence[Statement]
    ) -> Finding:
        tied = self.rank(groups[0][0]) == self.rank(groups[1][0])
        return finding(
            "evidence-differs",
            Kind.HAZARD if self.discrepant or self.hazard else Kind.CONTRADICTION,
            Severity.MEDIUM if tied and self.severity is Severity.LOW else self.severity,
            slot.name,
            heads,
            f"{slot.plain}: {said(slot, by_record_time(heads))}",
            Closing(
                Act.CHOOSE, slot.name, "write one value with the best evidence, replacing these"
            ),
        )

    def _stands(self, one: Statement, history: History) -> bool:
        if one.void is not None:
            return False
        return not any(
            heir.void is not None or self.rank(heir) <= self.rank(one)
            for heir in history.superseded.get(one.id, ())
        )

    def _said(self, statement: Statement) -> str:
        return compared(statement, self.compared)
