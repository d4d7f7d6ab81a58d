"""The families of merge rules. Every rule is a function of a set of statements: order, grouping and
duplication do not matter, a hazard leaves only by a statement that names it, and every contradiction
becomes a finding. Clinical basis: CLINICAL.md §3. Causal means: reachable through `supersedes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from conflict.clinical_time import instants
from conflict.errors import BadTime
from conflict.finding import Finding, Kind, Severity, finding, who_when
from conflict.slot import History, Reading, Slot, View
from conflict.statement import Json, Statement, canonical

NEIGHBOURS_MAX = 8  # near-identical statements by others that one statement is compared with


def by_record_time(statements: Iterable[Statement]) -> list[Statement]:
    """The one order of display: record stamp, then id. It decides nothing clinical."""
    return sorted(statements, key=lambda one: (one.rec, one.id))


def grouped(
    statements: Iterable[Statement], key: Callable[[Statement], str]
) -> dict[str, list[Statement]]:
    """Statements by key, in display order within each."""
    groups: dict[str, list[Statement]] = {}
    for one in by_record_time(statements):
        groups.setdefault(key(one), []).append(one)
    return groups


def _value_key(statement: Statement) -> str:
    return canonical(statement.value)


def _said(slot: Slot, statements: Iterable[Statement]) -> str:
    return "; ".join(f"{who_when(one)} wrote {slot.words(one.value)}" for one in statements)


def field_of(statement: Statement, name: str) -> Json:
    """A field of a statement's value, None when a peer wrote something else there."""
    return statement.value.get(name) if isinstance(statement.value, dict) else None


@dataclass(frozen=True, slots=True)
class Events:
    """Every statement stands. `same` and `within_minutes` name near-identical ones by two writers."""

    same: tuple[str, ...] = ()
    within_minutes: int = 15
    family: str = "events"

    def view(self, slot: Slot, history: History) -> View:
        """See `Policy`."""
        standing = by_record_time(history.standing())
        findings = [*self._rival_corrections(slot, history, standing)]
        disputed = {one for found in findings for one in found.statements}
        if self.same:
            findings.extend(self._duplicates(slot, standing))
        readings = tuple(
            Reading(one.value, (one,), "disputed" if one.name in disputed else "stands")
            for one in standing
        )
        return View(readings, tuple(findings))

    def _rival_corrections(
        self, slot: Slot, history: History, standing: list[Statement]
    ) -> Iterable[Finding]:
        live = {one.id for one in standing}
        for one in by_record_time(history.statements):
            heirs = [heir for heir in history.superseded.get(one.id, ()) if heir.slot == slot.name]
            rivals = [
                heir
                for heir in heirs
                if heir.id in live or (heir.void is not None and heir.id not in history.superseded)
            ]
            if len({(heir.void is None, _value_key(heir)) for heir in rivals}) > 1:
                text = f"{slot.plain}: {who_when(one)} was corrected in different ways: "
                corrections = [heir for heir in rivals if heir.void is None]
                yield finding(
                    Kind.CONTRADICTION,
                    Severity.MEDIUM,
                    slot.name,
                    rivals,
                    text + (_said(slot, by_record_time(corrections)) or "marked as an error"),
                )

    def _duplicates(self, slot: Slot, standing: list[Statement]) -> Iterable[Finding]:
        near = timedelta(minutes=self.within_minutes)
        for group in grouped(standing, self._sameness).values():
            timed = sorted(
                ((instants(one.at or "").earliest, one.id, one) for one in group if _has_time(one)),
                key=lambda item: item[:2],
            )
            for place, (early, _, first) in enumerate(timed):
                others = (
                    second
                    for late, _, second in timed[place + 1 :]
                    if late - near <= early and second.id.split(".")[0] != first.id.split(".")[0]
                )
                for second in islice(others, NEIGHBOURS_MAX):
                    yield self._duplicate(slot, first, second)

    def _duplicate(self, slot: Slot, first: Statement, second: Statement) -> Finding:
        text = f"{slot.plain}: perhaps one, written twice: {_said(slot, (first, second))}"
        return finding(Kind.DUPLICATE, Severity.MEDIUM, slot.name, (first, second), text)

    def _sameness(self, statement: Statement) -> str:
        return canonical([_folded(field_of(statement, name)) for name in self.same])


def _folded(value: Json) -> Json:
    return value.strip().lower() if isinstance(value, str) else value


def _has_time(statement: Statement) -> bool:
    try:
        return bool(instants(statement.at or ""))
    except BadTime:
        return False


@dataclass(frozen=True, slots=True)
class Single:
    """One head is the value; several are a finding, shown as the safer reading, all listed.

    `field` holds the code, `safer` lists codes from the most to the least cautious.
    """

    field: str
    safer: tuple[str, ...] = ()
    severity: Severity = Severity.HIGH
    family: str = "single"

    def view(self, slot: Slot, history: History) -> View:
        """See `Policy`."""
        groups = sorted(
            grouped(history.standing(), _value_key).values(),
            key=lambda group: (self._caution(group[0]), _value_key(group[0])),
        )
        if len(groups) < 2:
            return View(tuple(Reading(group[0].value, tuple(group)) for group in groups))
        readings = tuple(
            Reading(group[0].value, tuple(group), "also" if place else "safer")
            for place, group in enumerate(groups)
        )
        heads = [one for group in groups for one in group]
        text = f"{slot.plain}: {_said(slot, by_record_time(heads))}"
        return View(readings, (finding(Kind.CONTRADICTION, self.severity, slot.name, heads, text),))

    def _caution(self, statement: Statement) -> int:
        code = field_of(statement, self.field)
        return self.safer.index(code) if code in self.safer else len(self.safer)


@dataclass(frozen=True, slots=True)
class Ranked:
    """Single whose evidence has rank: a lower rank never replaces a higher one.

    `ranks` lists evidence from strongest to weakest. With `discrepant`, any disagreement at any
    rank shows that value instead of either (blood type: universal products only).
    """

    evidence: str
    ranks: tuple[str, ...]
    compared: tuple[str, ...]
    discrepant: Json = None
    severity: Severity = Severity.LOW
    family: str = "ranked"

    def view(self, slot: Slot, history: History) -> View:
        """See `Policy`."""
        standing = [one for one in history.statements if self._stands(one, history)]
        groups = list(grouped(standing, self._compared).values())
        groups.sort(key=lambda group: (min(map(self._rank, group)), self._compared(group[0])))
        ordered = [
            sorted(group, key=lambda one: (self._rank(one), one.rec, one.id)) for group in groups
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

    def _finding(
        self, slot: Slot, groups: Sequence[Sequence[Statement]], heads: Sequence[Statement]
    ) -> Finding:
        tied = self._rank(groups[0][0]) == self._rank(groups[1][0])
        kind = Kind.HAZARD if self.discrepant else Kind.CONTRADICTION
        severity = Severity.MEDIUM if tied and self.severity is Severity.LOW else self.severity
        text = f"{slot.plain}: {_said(slot, by_record_time(heads))}"
        return finding(kind, severity, slot.name, heads, text)

    def _stands(self, one: Statement, history: History) -> bool:
        if one.void is not None:
            return False
        return not any(
            heir.void is not None or self._rank(heir) <= self._rank(one)
            for heir in history.superseded.get(one.id, ())
        )

    def _rank(self, statement: Statement) -> int:
        evidence = field_of(statement, self.evidence)
        return self.ranks.index(evidence) if evidence in self.ranks else len(self.ranks)

    def _compared(self, statement: Statement) -> str:
        return canonical([_folded(field_of(statement, name)) for name in self.compared])


@dataclass(frozen=True, slots=True)
class Keyed:
    """A register per natural key; add wins, and a negative never removes a positive.

    `key` names the field that identifies an item. `status` holds active or one of `negatives`;
    `none_known` statements (NKDA) speak of the whole list, or only of the items whose category is
    the one that `speaks_of` gives for their status. `union` fields are joined, `highest` fields take
    the first value of their order that anybody wrote; positives that differ in another field all
    stand and are a finding.
    """

    key: str
    status: str = "status"
    negatives: tuple[str, ...] = ()
    none_known: tuple[str, ...] = ()
    speaks_of: tuple[tuple[str, str], ...] = ()
    union: tuple[str, ...] = ()
    highest: tuple[tuple[str, tuple[str, ...]], ...] = ()
    severity: Severity = Severity.HIGH
    family: str = "keyed"

    def view(self, slot: Slot, history: History) -> View:
        """See `Policy`."""
        standing = history.standing()
        items = [one for one in standing if field_of(one, self.status) not in self.none_known]
        readings: list[Reading] = []
        findings: list[Finding] = []
        for group in dict(sorted(grouped(items, self._key).items())).values():
            shown, found = self._item(slot, group)
            readings.extend(shown)
            findings.extend(found)
        for status in self.none_known:
            blanket = [one for one in standing if field_of(one, self.status) == status]
            against = [one for one in items if self._contradicts(one, status)]
            if blanket:
                reading, found = self._blanket(slot, by_record_time(blanket), against)
                readings.append(reading)
                findings.extend(found)
        return View(tuple(readings), tuple(findings))

    def _item(self, slot: Slot, group: list[Statement]) -> tuple[list[Reading], list[Finding]]:
        positive = [one for one in reversed(group) if not self._negative(one)]
        negative = [one for one in reversed(group) if self._negative(one)]
        if not positive:
            return [Reading(negative[0].value, tuple(negative), "inactive")], []
        apart = self._apart(positive)
        if not negative and not apart:
            return [Reading(self._joined(positive), tuple(positive))], []
        severity = self.severity if negative else Severity.MEDIUM
        text = f"{slot.plain}: {_said(slot, group)}"
        found = [finding(Kind.CONTRADICTION, severity, slot.name, group, text)]
        if apart:
            return [Reading(one.value, (one,), "disputed") for one in (*positive, *negative)], found
        joined = Reading(self._joined(positive), (*positive, *negative), "disputed")
        return [joined], found

    def _apart(self, positive: Sequence[Statement]) -> bool:
        """Whether two of them say different things where neither a union nor an order decides."""
        values = [one.value for one in positive]
        if not all(isinstance(value, dict) for value in values):
            return len({canonical(value) for value in values}) > 1
        decided = {self.key, *self.union, *(name for name, _ in self.highest)}
        names = {name for value in values for name in value} - decided
        return any(
            len(
                {
                    canonical(_folded(said))
                    for value in values
                    if (said := value.get(name)) is not None
                }
            )
            > 1
            for name in names
        )

    def _contradicts(self, one: Statement, status: str) -> bool:
        """Whether an item is one that a none-known statement of this status denies."""
        category = dict(self.speaks_of).get(status)
        spoken_of = category is None or field_of(one, "category") in (None, category)
        return spoken_of and not self._negative(one)

    def _blanket(
        self, slot: Slot, blanket: list[Statement], against: list[Statement]
    ) -> tuple[Reading, list[Finding]]:
        shown = tuple(reversed(blanket))
        if not against:
            return Reading(shown[0].value, shown), []
        both = by_record_time([*blanket, *against])
        text = f"{slot.plain}: {_said(slot, both)}"
        found = finding(Kind.CONTRADICTION, self.severity, slot.name, both, text)
        return Reading(shown[0].value, shown, "inactive"), [found]

    def _joined(self, shown: Sequence[Statement]) -> Json:
        if len(shown) == 1 or not isinstance(shown[0].value, dict):
            return shown[0].value
        value = dict(shown[0].value)
        for name in self.union:
            lists = [given for one in shown if isinstance(given := field_of(one, name), list)]
            items = {canonical(item): item for given in lists for item in given}
            if items:
                value[name] = [items[key] for key in sorted(items)]
        for name, order in self.highest:
            codes = [
                field_of(one, name) for one in shown
            ]  # a list: a peer may write what has no hash
            if top := next((code for code in order if code in codes), None):
                value[name] = top
        return value

    def _negative(self, statement: Statement) -> bool:
        return field_of(statement, self.status) in self.negatives

    def _key(self, statement: Statement) -> str:
        key = _folded(field_of(statement, self.key))
        if key in (None, ""):  # an item without a name is no other item without a name
            return canonical([statement.value])
        return canonical(key)
